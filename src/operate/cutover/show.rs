//! `cutover show`: what is in force, and where it comes from.

use std::io::Write;

use anyhow::{Context, anyhow};

use super::super::table::{bare_table, moment, shown, span};
use super::super::{Failure, Place, UNWRITTEN, block_on};
use super::{Flag, Number, Ramp, Standing, standing};

/// Shows flags, pins, ramps and the kill switch. Without `all`, only the routes that somebody gave a flag.
pub fn show(
    place: &Place,
    number: Option<&str>,
    all: bool,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let admin = place.find()?;
    let (mut body, mut standing) = block_on(standing(&admin))?;
    if let Some(name) = number {
        standing.numbers.retain(|number| number.number == name);
        if standing.numbers.is_empty() {
            return Err(anyhow!("there is no number {name}").into());
        }
        if let Some(numbers) = body["numbers"].as_array_mut() {
            numbers.retain(|number| number["number"] == name);
        }
    }
    let text = match json {
        true => format!("{body:#}"),
        false => in_words(&standing, all),
    };
    Ok(writeln!(out, "{text}").context(UNWRITTEN)?)
}

fn in_words(standing: &Standing, all: bool) -> String {
    let numbers = standing.numbers.iter();
    let mut parts: Vec<String> = numbers.map(|number| number_in_words(number, all)).collect();
    let file = &standing.configuration;
    if let Some(refused) = &file.refused {
        parts.push(format!(
            "The configuration's last change is refused, the one before stays in force:\n{refused}"
        ));
    }
    if !file.needs_restart.is_empty() {
        let keys = file.needs_restart.join(", ");
        parts.push(format!(
            "Changes of the configuration that need a restart: {keys}"
        ));
    }
    parts.join("\n\n")
}

fn number_in_words(number: &Number, all: bool) -> String {
    let mut parts = vec![format!("NUMBER {}", number.number)];
    if number.killed {
        parts.push(match number.has_onprem {
            true => "The kill switch is thrown: every route that is not off goes to on-prem, whatever stands below.",
            false => "The kill switch is thrown, but there is no old client to go back to: only the comparing has ended.",
        }.to_owned());
    }
    if let Some(why) = &number.unfit {
        parts.push(format!(
            "The flags set at run time are not in force, the file's are: {why}"
        ));
    }
    let routes: Vec<&Flag> = number
        .routes
        .iter()
        .filter(|flag| all || flag.layer != "default")
        .collect();
    parts.push(match routes.is_empty() {
        true => "Every route has the default's flag; --all shows them.".to_owned(),
        false => flags(&routes),
    });
    if !number.ramps.is_empty() {
        parts.push(format!("\n{}", ramps(&number.ramps)));
    }
    if !number.pins.is_empty() {
        let mut table = bare_table();
        table.set_header(["PINNED", "KEY", "SIDE"]);
        for pin in &number.pins {
            table.add_row([&pin.kind, &pin.key, &pin.side]);
        }
        parts.push(format!("\n{}", shown(table)));
    }
    parts.join("\n")
}

fn flags(routes: &[&Flag]) -> String {
    let mut table = bare_table();
    table.set_header([
        "ROUTE", "FLAG", "LAYER", "REVISION", "SET BY", "SINCE", "REASON",
    ]);
    for flag in routes {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let set = flag.set.as_ref();
        table.add_row([
            flag.route.clone(),
            flag.flag.clone(),
            flag.layer.clone(),
            flag.revision.to_string(),
            or_dash(set.map(|set| set.by.clone())),
            or_dash(set.map(|set| moment(set.at))),
            or_dash(set.map(|set| set.reason.clone())),
        ]);
    }
    shown(table)
}

fn ramps(ramps: &[Ramp]) -> String {
    let mut table = bare_table();
    table.set_header([
        "RAMP", "STATUS", "STEP", "SHARES", "FOR", "CALLS", "FAILED", "COMPARED", "DIFFERED",
        "NEEDS", "WHY",
    ]);
    for ramp in ramps {
        let shares: Vec<String> = ramp.percents.iter().map(ToString::to_string).collect();
        table.add_row([
            ramp.route.clone(),
            ramp.status.clone(),
            format!("{} of {}", ramp.step, ramp.steps),
            shares.join(","),
            span(seconds_since(ramp.since)),
            ramp.answered.to_string(),
            ramp.failed.to_string(),
            ramp.compared.to_string(),
            ramp.differed.to_string(),
            ramp.min_samples.to_string(),
            ramp.why.clone().unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    shown(table)
}

fn seconds_since(millis: i64) -> u64 {
    let then = u64::try_from(millis).unwrap_or_default();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap_or_default()
        .as_secs()
        .saturating_sub(then / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn only_what_somebody_set_is_shown_unless_all_is_asked_for() {
        let body: Value = json!({
            "numbers": [{
                "number": "support", "has_onprem": true, "killed": true, "unfit": null,
                "routes": [
                    {"route": "media_download", "flag": "cloud 25%", "layer": "run time", "revision": 7,
                     "set": {"by": "anna", "at": 0, "reason": "trial"}},
                    {"route": "groups", "flag": "onprem", "layer": "default", "revision": 0, "set": null},
                ],
                "pins": [], "ramps": [],
            }],
            "configuration": {"read_at": 0, "refused": null, "needs_restart": ["server"]},
        });
        let standing: Standing = serde_json::from_value(body).unwrap();
        let text = in_words(&standing, false);
        assert!(text.contains("The kill switch is thrown"), "{text}");
        assert!(!text.contains("groups"), "{text}");
        assert!(text.ends_with("need a restart: server"), "{text}");
        let row = text.lines().find(|line| line.starts_with("media_download"));
        let words: Vec<&str> = row.unwrap().split_whitespace().collect();
        let expected = "media_download cloud 25% run time 7 anna 1970-01-01T00:00:00Z trial";
        assert_eq!(words.join(" "), expected);
        assert!(in_words(&standing, true).contains("groups"));
    }
}
