//! `waba-bridge notifications`: what a running bridge keeps because it could not be told as it was.

use std::io::Write;

use anyhow::Context;
use serde::Deserialize;
use serde_json::Value;

use super::table::{bare_table, moment, shown};
use super::{Failure, NOT_A_BRIDGE, Place, UNWRITTEN, accepted, block_on, get};

const KEPT: &str = "/api/notifications/kept";

/// A kept notification as the admin API shows it.
#[derive(Deserialize)]
struct Row {
    id: i64,
    at_ms: i64,
    number: Option<String>,
    kind: String,
    reason: String,
    form: String,
}

/// What became of it.
#[derive(Deserialize)]
struct Redriven {
    events: u64,
}

/// Lists them.
pub fn kept(place: &Place, limit: u16, json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let admin = place.find()?;
    let limit_word = limit.to_string();
    let body = block_on(get(&admin, KEPT, &[("limit", limit_word.as_str())]))?;
    if json {
        return Ok(writeln!(out, "{body:#}").context(UNWRITTEN)?);
    }
    let rows: Vec<Row> = serde_json::from_value(body).context(NOT_A_BRIDGE)?;
    let text = match rows.len() {
        0 => "no notification is kept".to_owned(),
        count if count == usize::from(limit) => {
            format!("{}\n\nthe newest {count}; --limit shows more", table(&rows))
        }
        _ => table(&rows),
    };
    Ok(writeln!(out, "{text}").context(UNWRITTEN)?)
}

/// Prints one: by itself, or with what is known of it.
pub fn show(place: &Place, id: i64, json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let admin = place.find()?;
    let body = block_on(get(&admin, &format!("{KEPT}/{id}"), &[]))?;
    let text = match (json, &body["body"]) {
        (true, _) => format!("{body:#}"),
        // What is no JSON is told as a text.
        (false, Value::String(text)) => text.clone(),
        (false, event) => format!("{event:#}"),
    };
    Ok(writeln!(out, "{text}").context(UNWRITTEN)?)
}

/// Has one told after all.
pub fn redrive(place: &Place, id: i64, json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let admin = place.find()?;
    let path = format!("{KEPT}/{id}/redrive");
    let body = block_on(async { accepted(&admin, admin.post(&path).await) })?;
    if json {
        return Ok(writeln!(out, "{body:#}").context(UNWRITTEN)?);
    }
    let Redriven { events } = serde_json::from_value(body).context(NOT_A_BRIDGE)?;
    let text = match events {
        1 => "1 event is taken in again".to_owned(),
        _ => format!("{events} events are taken in again"),
    };
    Ok(writeln!(out, "{text}").context(UNWRITTEN)?)
}

/// Forgets one.
pub fn forget(place: &Place, id: i64, json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let admin = place.find()?;
    let path = format!("{KEPT}/{id}");
    let body = block_on(async { accepted(&admin, admin.delete(&path).await) })?;
    let text = match json {
        true => format!("{body:#}"),
        false => format!("{id} is forgotten"),
    };
    Ok(writeln!(out, "{text}").context(UNWRITTEN)?)
}

fn table(rows: &[Row]) -> String {
    let mut table = bare_table();
    table.set_header(["ID", "TAKEN IN", "NUMBER", "KIND", "FORM", "REASON"]);
    for row in rows {
        table.add_row([
            row.id.to_string(),
            moment(row.at_ms),
            row.number.clone().unwrap_or_else(|| "-".to_owned()),
            row.kind.clone(),
            row.form.clone(),
            row.reason.clone(),
        ]);
    }
    shown(table)
}
