//! `waba-bridge routes`

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::Context;
use serde::Deserialize;

use super::table::{bare_table, shown};
use super::{Failure, NOT_A_BRIDGE, Place, UNWRITTEN, block_on, get};
use crate::route::Route;

/// A number's flags as the admin API shows them.
#[derive(Deserialize)]
struct Flags {
    number: String,
    routes: BTreeMap<String, String>,
}

/// Shows every route's flag, number by number.
pub fn routes(place: &Place, json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let admin = place.find()?;
    let body = block_on(get(&admin, "/api/routes", &[]))?;
    if json {
        return Ok(writeln!(out, "{body:#}").context(UNWRITTEN)?);
    }
    let numbers: Vec<Flags> = serde_json::from_value(body).context(NOT_A_BRIDGE)?;
    let mut table = bare_table();
    let names = numbers.iter().map(|flags| flags.number.as_str());
    table.set_header(std::iter::once("ROUTE").chain(names));
    for route in Route::ALL {
        let mode = |flags: &Flags| flags.routes.get(route.as_str()).cloned();
        let modes = numbers
            .iter()
            .map(|flags| mode(flags).unwrap_or_else(|| "-".to_owned()));
        table.add_row(std::iter::once(route.as_str().to_owned()).chain(modes));
    }
    Ok(writeln!(out, "{}", shown(table)).context(UNWRITTEN)?)
}
