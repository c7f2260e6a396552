//! `cutover set`, `reset`, `pin`, `unpin` and `ramp`: one request each.

use std::io::Write;

use anyhow::{Context, anyhow};
use serde_json::{Map, Value, json};

use super::super::{Failure, Place, UNWRITTEN, block_on, post};
use super::{Change, Order, Steps, standing};
use crate::backend::admin::Admin;
use crate::route::Route;

/// Makes one change.
pub fn change(
    place: &Place,
    order: &Order,
    change: &Change,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let admin = place.find()?;
    let made = block_on(async {
        let mut body = order.as_json();
        body.extend(asked(change));
        if let Some(routes) = unseen(change) {
            let seen = revisions(&admin, order.number.as_deref(), routes).await?;
            body.insert("revisions".to_owned(), seen);
        }
        post(&admin, "/api/cutover/change", &Value::Object(body)).await
    })?;
    let text = match json {
        true => format!("{made:#}"),
        false => {
            let word = |name: &str| made[name].as_str().unwrap_or_default().to_owned();
            format!(
                "{} of {}: {} -> {} (change {})",
                subject(change),
                word("number"),
                word("old"),
                word("new"),
                made["change"]
            )
        }
    };
    Ok(writeln!(out, "{text}").context(UNWRITTEN)?)
}

/// The routes of a change that says nothing of what its operator knows.
fn unseen(change: &Change) -> Option<&[Route]> {
    match change {
        Change::Set {
            routes,
            revision: None,
            ..
        }
        | Change::Reset {
            routes,
            revision: None,
        } => Some(routes),
        _ => None,
    }
}

/// What set these routes last, so that of two who change them at once the second one hears of the first.
async fn revisions(admin: &Admin, number: Option<&str>, routes: &[Route]) -> anyhow::Result<Value> {
    let (_, standing) = standing(admin).await?;
    let found = match (number, standing.numbers.as_slice()) {
        (None, [only]) => Some(only),
        (name, numbers) => numbers
            .iter()
            .find(|number| Some(number.number.as_str()) == name),
    };
    let names = standing.numbers.iter().map(|number| number.number.as_str());
    let number = found.ok_or_else(|| {
        let names = names.collect::<Vec<_>>().join(", ");
        match number {
            Some(name) => anyhow!("there is no number {name}; there are: {names}"),
            None => anyhow!("there are several numbers; say which with --number: {names}"),
        }
    })?;
    let of_these = number
        .routes
        .iter()
        .filter(|flag| routes.iter().any(|route| route.as_str() == flag.route));
    let seen: Map<String, Value> = of_these
        .map(|flag| (flag.route.clone(), flag.revision.into()))
        .collect();
    Ok(Value::Object(seen))
}

fn asked(change: &Change) -> Map<String, Value> {
    let names = |routes: &[Route]| -> Value { routes.iter().map(|route| route.as_str()).collect() };
    let body = match change {
        Change::Set {
            routes,
            mode,
            answer,
            percent,
            revision,
        } => json!({
            "action": "set",
            "routes": names(routes),
            "mode": mode.as_str(),
            "answer": answer.map(|side| side.as_str()),
            "percent": percent,
            "revision": revision,
        }),
        Change::Reset { routes, revision } => {
            json!({"action": "reset", "routes": names(routes), "revision": revision})
        }
        Change::Pin { kind, key, side } => {
            json!({"action": "pin", "kind": kind.as_str(), "key": key, "side": side.as_str()})
        }
        Change::Unpin { kind, key } => {
            json!({"action": "unpin", "kind": kind.as_str(), "key": key})
        }
        Change::Ramp { route, steps } => {
            let Steps {
                percents,
                every,
                max_error_rate,
                max_mismatch_rate,
                min_samples,
            } = steps;
            json!({
                "action": "ramp",
                "route": route.as_str(),
                "percents": percents,
                "every_s": every.as_secs_f64(),
                "max_error_rate": max_error_rate,
                "max_mismatch_rate": max_mismatch_rate,
                "min_samples": min_samples,
            })
        }
        Change::StopRamp { route } => json!({"action": "stop_ramp", "route": route.as_str()}),
    };
    match body {
        Value::Object(body) => body,
        _ => Map::new(),
    }
}

fn subject(change: &Change) -> String {
    match change {
        Change::Set { routes, .. } | Change::Reset { routes, .. } => {
            let names: Vec<&str> = routes.iter().map(|route| route.as_str()).collect();
            names.join(", ")
        }
        Change::Pin { kind, key, .. } | Change::Unpin { kind, key } => {
            format!("{} {key}", kind.as_str())
        }
        Change::Ramp { route, .. } | Change::StopRamp { route } => route.to_string(),
    }
}
