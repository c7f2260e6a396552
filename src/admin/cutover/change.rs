//! `POST /api/cutover/change`: one change, or nothing of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::extract::rejection::BytesRejection;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::refusal::{self, Refusal};
use super::super::{Admin, route};
use super::text;
use crate::config::Against;
use crate::cutover::{Bounds, Expected, Request, Steps, Target};
use crate::ids::NumberName;
use crate::route::{Flag, KeyKind, Mode, Route, Side, usual_answer};
use crate::state::{ChangeId, Timestamp};

/// A change as it is asked for.
#[derive(Deserialize)]
struct Asked {
    number: Option<String>,
    #[serde(default)]
    who: String,
    #[serde(default)]
    reason: String,
    #[serde(flatten)]
    action: Action,
}

#[derive(Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
enum Action {
    Set {
        routes: Vec<String>,
        mode: String,
        answer: Option<String>,
        percent: Option<i64>,
        /// The change that set all of these routes last.
        revision: Option<i64>,
        /// The same, route by route.
        #[serde(default)]
        revisions: BTreeMap<String, i64>,
    },
    Reset {
        routes: Vec<String>,
        revision: Option<i64>,
        #[serde(default)]
        revisions: BTreeMap<String, i64>,
    },
    Pin {
        kind: String,
        key: String,
        side: String,
    },
    Unpin {
        kind: String,
        key: String,
    },
    Ramp {
        route: String,
        percents: Vec<i64>,
        every_s: f64,
        max_error_rate: f64,
        max_mismatch_rate: Option<f64>,
        min_samples: u64,
    },
    StopRamp {
        route: String,
    },
}

pub(super) async fn change(
    Shared(admin): Shared<Arc<Admin>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Refusal> {
    let asked: Asked = refusal::body(body)?;
    let number = admin.number(asked.number.as_deref())?.config.name.clone();
    let recorded = admin.cutover.compare().against == Against::Recorded;
    let request = Request {
        number: number.clone(),
        who: text("who", &asked.who)?,
        reason: text("reason", &asked.reason)?,
        target: target(asked.action, recorded)?,
    };
    let cutover = Arc::clone(&admin.cutover);
    let changed = async move { cutover.change(request, Timestamp::now()).await };
    let made = refusal::detached(changed).await??;
    Ok(Json(json!({
        "number": NumberName::as_str(&number),
        "change": made.change.0,
        "old": made.old,
        "new": made.new,
    })))
}

fn target(action: Action, recorded: bool) -> Result<Target, Refusal> {
    Ok(match action {
        Action::Set {
            routes,
            mode,
            answer,
            percent,
            revision,
            revisions,
        } => {
            let routes = all_routes(&routes)?;
            let flag = flag(&routes, &mode, answer.as_deref(), percent, recorded)?;
            Target::Set {
                expected: expected(&routes, revision, &revisions)?,
                routes,
                flag,
            }
        }
        Action::Reset {
            routes,
            revision,
            revisions,
        } => {
            let routes = all_routes(&routes)?;
            let expected = expected(&routes, revision, &revisions)?;
            Target::Reset { routes, expected }
        }
        Action::Pin { kind, key, side } => Target::Pin {
            kind: key_kind(&kind)?,
            key: text("key", &key)?,
            side: read_side("side", &side)?,
        },
        Action::Unpin { kind, key } => Target::Unpin {
            kind: key_kind(&kind)?,
            key: text("key", &key)?,
        },
        Action::Ramp {
            route: name,
            percents,
            every_s,
            max_error_rate,
            max_mismatch_rate,
            min_samples,
        } => {
            let percents = percents
                .into_iter()
                .map(percent)
                .collect::<Result<_, _>>()?;
            let every = Duration::try_from_secs_f64(every_s)
                .map_err(|_| Refusal::wrong("every_s is a number of seconds"))?;
            Target::Ramp {
                route: route(&name)?,
                steps: Steps {
                    percents,
                    every,
                    bounds: Bounds {
                        error_rate: max_error_rate,
                        mismatch_rate: max_mismatch_rate,
                        min_samples,
                    },
                },
            }
        }
        Action::StopRamp { route: name } => Target::StopRamp {
            route: route(&name)?,
        },
    })
}

fn all_routes(names: &[String]) -> Result<Vec<Route>, Refusal> {
    let mut routes: Vec<Route> = names
        .iter()
        .map(|name| route(name))
        .collect::<Result<_, _>>()?;
    routes.sort_unstable();
    routes.dedup();
    match routes.is_empty() {
        true => Err(Refusal::wrong("routes is empty; name at least one")),
        false => Ok(routes),
    }
}

fn flag(
    routes: &[Route],
    mode: &str,
    answer: Option<&str>,
    share: Option<i64>,
    recorded: bool,
) -> Result<Flag, Refusal> {
    let mode =
        Mode::parse(mode).ok_or_else(|| Refusal::wrong("mode is onprem, cloud, compare or off"))?;
    if share.is_some() && matches!(mode, Mode::OnPrem | Mode::Off) {
        return Err(Refusal::wrong(format!(
            "percent is the share of {mode}, of which there is none; it belongs to cloud and compare"
        )));
    }
    if answer.is_some() && mode != Mode::Compare {
        return Err(Refusal::wrong(format!(
            "answer belongs to compare; with {mode} it is clear who answers"
        )));
    }
    let answer = match answer {
        Some(answer) => read_side("answer", answer)?,
        None if mode == Mode::Compare => usual(routes, recorded)?,
        None => Side::OnPrem,
    };
    Ok(Flag {
        mode,
        answer,
        percent: percent(share.unwrap_or(100))?,
    })
}

fn usual(routes: &[Route], recorded: bool) -> Result<Side, Refusal> {
    let mut usual: Vec<Side> = routes
        .iter()
        .map(|route| usual_answer(*route, recorded))
        .collect();
    usual.dedup();
    match usual.as_slice() {
        [side] => Ok(*side),
        _ => Err(Refusal::wrong(
            "these routes are not usually answered by the same side; say answer, or change them one by one",
        )),
    }
}

fn percent(share: i64) -> Result<u8, Refusal> {
    u8::try_from(share)
        .ok()
        .filter(|share| *share <= 100)
        .ok_or_else(|| Refusal::wrong(format!("{share} is no share; percent is from 0 to 100")))
}

fn read_side(name: &str, word: &str) -> Result<Side, Refusal> {
    Side::parse(word).ok_or_else(|| Refusal::wrong(format!("{name} is onprem or cloud")))
}

fn key_kind(word: &str) -> Result<KeyKind, Refusal> {
    KeyKind::parse(word).ok_or_else(|| Refusal::wrong("kind is medium, contact or caller"))
}

fn expected(
    routes: &[Route],
    revision: Option<i64>,
    revisions: &BTreeMap<String, i64>,
) -> Result<Expected, Refusal> {
    let of_all = revision.into_iter().flat_map(|revision| {
        let routes = routes.iter();
        routes.map(move |route| (*route, ChangeId(revision)))
    });
    let mut expected: Expected = of_all.collect();
    for (name, revision) in revisions {
        expected.insert(route(name)?, ChangeId(*revision));
    }
    Ok(expected)
}
