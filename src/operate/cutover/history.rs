//! `cutover history`: who changed what, when, and why.

use std::io::Write;

use anyhow::Context;
use serde::Deserialize;

use super::super::table::{bare_table, moment, shown};
use super::super::{Failure, NOT_A_BRIDGE, Place, UNWRITTEN, block_on, get};

/// Which part of the history.
#[derive(Clone, Debug)]
pub struct Past {
    /// One number's.
    pub number: Option<String>,
    /// One route's, or one other thing's.
    pub what: Option<String>,
    /// At most so many, the newest first.
    pub limit: usize,
}

#[derive(Deserialize)]
struct Entry {
    change: i64,
    at: i64,
    who: String,
    number: Option<String>,
    what: String,
    old: String,
    new: String,
    reason: String,
}

/// Lists changes, newest first.
pub fn history(place: &Place, past: &Past, json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let admin = place.find()?;
    let limit = past.limit.to_string();
    let mut query = vec![("limit", limit.as_str())];
    query.extend(past.number.as_deref().map(|number| ("number", number)));
    query.extend(past.what.as_deref().map(|what| ("what", what)));
    let body = block_on(get(&admin, "/api/cutover/history", &query))?;
    if json {
        return Ok(writeln!(out, "{body:#}").context(UNWRITTEN)?);
    }
    let entries: Vec<Entry> = serde_json::from_value(body).context(NOT_A_BRIDGE)?;
    let text = match entries.is_empty() {
        true => "nothing was changed".to_owned(),
        false => listed(&entries),
    };
    Ok(writeln!(out, "{text}").context(UNWRITTEN)?)
}

fn listed(entries: &[Entry]) -> String {
    let mut table = bare_table();
    table.set_header([
        "CHANGE", "WHEN", "NUMBER", "WHAT", "OLD", "NEW", "BY", "REASON",
    ]);
    for entry in entries {
        let or_dash = |text: &str| match text.is_empty() {
            true => "-".to_owned(),
            false => text.to_owned(),
        };
        table.add_row([
            entry.change.to_string(),
            moment(entry.at),
            entry.number.clone().unwrap_or_else(|| "all".to_owned()),
            entry.what.clone(),
            or_dash(&entry.old),
            or_dash(&entry.new),
            entry.who.clone(),
            or_dash(&entry.reason),
        ]);
    }
    shown(table)
}
