//! `cutover kill` and `revive`: through the bridge where it answers, by the kill file alone where it does not.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow};
use hyper::StatusCode;
use serde_json::{Value, json};

use super::super::{Failure, Place, UNWRITTEN, accepted, block_on};
use super::Order;
use crate::backend::admin::Answer;
use crate::config::{self, Config};
use crate::cutover::{KillFile, Scope};
use crate::ids::NumberName;

/// In an emergency nobody waits longer for a bridge that may be hung.
const PATIENCE: Duration = Duration::from_secs(6);

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// Everything back to the old client.
    Throw,
    /// The flags again.
    TakeBack,
}

/// Throws the kill switch.
pub fn kill(place: &Place, order: &Order, json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    turn(place, order, Switch::Throw, json, out)
}

/// Takes the kill switch back.
pub fn revive(
    place: &Place,
    order: &Order,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    turn(place, order, Switch::TakeBack, json, out)
}

fn turn(
    place: &Place,
    order: &Order,
    switch: Switch,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let done = match through_the_bridge(place, order, switch)? {
        Ok(answer) => answer,
        Err(why) => by_the_file(place, order, switch, &why)?,
    };
    let text = match json {
        true => format!("{done:#}"),
        false => in_words(switch, &done),
    };
    Ok(writeln!(out, "{text}").context(UNWRITTEN)?)
}

/// What the bridge said, or why it cannot be asked.
fn through_the_bridge(
    place: &Place,
    order: &Order,
    switch: Switch,
) -> Result<Result<Value, anyhow::Error>, Failure> {
    let admin = match place.find() {
        Ok(admin) => admin.patient(PATIENCE),
        Err(Failure::Other(why)) if place.admin.is_none() => return Ok(Err(why)),
        Err(failure) => return Err(failure),
    };
    let path = match switch {
        Switch::Throw => "/api/cutover/kill",
        Switch::TakeBack => "/api/cutover/revive",
    };
    let body = serde_json::to_vec(&Value::Object(order.as_json())).context(UNWRITTEN)?;
    let answer = block_on(async { Ok(admin.send(path, body).await) })?;
    // A bridge that understands and says no is not overruled.
    let is_no = |answer: &Answer| {
        matches!(
            answer.status,
            StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND
        )
    };
    let refuses = answer.as_ref().is_ok_and(is_no);
    match accepted(&admin, answer) {
        Err(why) if refuses || place.admin.is_some() => Err(why.into()),
        result => Ok(result),
    }
}

fn by_the_file(
    place: &Place,
    order: &Order,
    switch: Switch,
    why: &anyhow::Error,
) -> Result<Value, Failure> {
    let config = config::load(Some(&place.config))?;
    let known: Vec<NumberName> = config
        .numbers
        .iter()
        .map(|number| number.name.clone())
        .collect();
    let scope = match &order.number {
        None => Scope::All,
        Some(name) => {
            let found = known.iter().find(|number| number.as_str() == name);
            let unknown = || anyhow!("there is no number {name} in {}", place.config.display());
            Scope::Number(found.cloned().ok_or_else(unknown)?)
        }
    };
    let path = std::path::absolute(&config.cutover.kill_file)
        .unwrap_or_else(|_| config.cutover.kill_file.clone());
    let file = KillFile::new(path.clone());
    let result = match switch {
        Switch::Throw => file.throw(&scope, &known),
        Switch::TakeBack => file.revive(&scope, &known),
    };
    result.with_context(|| {
        format!(
            "{why:#}; and the kill file {} cannot be changed",
            path.display()
        )
    })?;
    Ok(told(&config, &scope, switch, &path, why))
}

fn told(
    config: &Config,
    scope: &Scope,
    switch: Switch,
    path: &PathBuf,
    why: &anyhow::Error,
) -> Value {
    let concerned = config.numbers.iter().filter(|number| match scope {
        Scope::All => true,
        Scope::Number(name) => number.name == *name,
    });
    let deserted = concerned.filter(|number| number.onprem.is_none());
    let deserted: Vec<String> = deserted.map(|number| number.name.to_string()).collect();
    json!({
        "bridge": format!("{why:#}"),
        "file": path,
        "in_file": true,
        "in_history": false,
        "without_onprem": match switch {
            Switch::Throw => deserted,
            Switch::TakeBack => Vec::new(),
        },
    })
}

fn in_words(switch: Switch, done: &Value) -> String {
    let list = |name: &str| {
        let names = done[name].as_array().into_iter().flatten();
        names
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let mut lines = Vec::new();
    match (switch, done["bridge"].as_str()) {
        (Switch::Throw, Some(why)) => lines.push(format!(
            "The bridge was not asked ({why}). The kill file {} is written; a bridge that runs in this folder goes back to on-prem within a second, and one that is started does so at once. The history does not have it.",
            done["file"].as_str().unwrap_or_default()
        )),
        (Switch::TakeBack, Some(why)) => lines.push(format!(
            "The bridge was not asked ({why}). The kill file {} says so no more; the flags hold again within a second, unless the switch was thrown in the bridge's memory alone. The history does not have it.",
            done["file"].as_str().unwrap_or_default()
        )),
        (Switch::Throw, None) => {
            lines.push(format!("The kill switch is thrown for: {}", list("killed")));
            match done["not_in_file_because"].as_str() {
                None => lines.push("It is kept in the kill file and survives a restart.".to_owned()),
                Some(why) => lines.push(format!(
                    "It is NOT kept in the kill file ({why}): it holds until the bridge is restarted."
                )),
            }
        }
        (Switch::TakeBack, None) => lines.push(match list("killed").as_str() {
            "" => "The flags hold again; the kill switch is thrown for no number.".to_owned(),
            others => format!("The flags hold again; the kill switch stays thrown for: {others}"),
        }),
    }
    if done["bridge"].is_null() && done["in_history"] == false {
        lines.push("The history does not have it: the state cannot be written.".to_owned());
    }
    match list("without_onprem").as_str() {
        "" => {}
        names => lines.push(format!(
            "There is no old client to go back to for: {names}; there only the comparing ends."
        )),
    }
    lines.join("\n")
}
