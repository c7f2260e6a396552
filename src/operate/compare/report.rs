//! `compare report`: may this route be switched over now?

use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use serde::Deserialize;
use serde_json::Value;

use super::super::table::{bare_table, shown};
use super::super::{Failure, NOT_A_BRIDGE, Place, UNWRITTEN, block_on, get};

/// Millions of comparisons take a while to read.
const PATIENCE: Duration = Duration::from_secs(600);
/// As many fields and rules as a reader takes in; `--json` has all.
const MOST_LINES: usize = 5;

/// From when on comparisons count.
#[derive(Clone, Copy, Debug)]
pub enum Period {
    /// So long ago.
    Last(Duration),
    /// A moment, in Unix milliseconds.
    Since(i64),
}

/// What to report on.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// One number.
    pub number: Option<String>,
    /// One route.
    pub route: Option<String>,
    /// None: all that is kept.
    pub since: Option<Period>,
}

/// What a report comes to, for exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Every route shown is ready.
    Ready,
    /// Some route is not.
    NotReady,
    /// None is known not to be, and some route has not enough comparisons, or there are none at all.
    NotEnoughData,
}

#[derive(Deserialize)]
struct Report {
    numbers: Vec<Number>,
    ready_match_rate: f64,
}

#[derive(Deserialize)]
struct Number {
    number: String,
    routes: Vec<Route>,
    skipped: Vec<Skipped>,
}

#[derive(Deserialize)]
struct Skipped {
    route: String,
    reason: String,
    count: u64,
}

#[derive(Deserialize)]
struct Route {
    route: String,
    #[serde(flatten)]
    verdict: Verdict,
    verdicts: BTreeMap<String, u64>,
    compared: u64,
    matched: u64,
    match_rate: Interval,
    worst: Vec<Field>,
    further: usize,
    noise: Vec<Field>,
    noise_samples: u64,
    onprem: Option<Latency>,
    cloud: Option<Latency>,
    levelled: Vec<Applied>,
    ignored: Vec<Applied>,
}

#[derive(Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
enum Verdict {
    Ready,
    NotReady { why: Vec<String> },
    NotEnoughData { more: Option<u64> },
}

#[derive(Deserialize)]
struct Interval {
    rate: f64,
    low: f64,
    high: f64,
}

#[derive(Deserialize)]
struct Field {
    field: String,
    differed: u64,
    onprem: Option<Value>,
    cloud: Option<Value>,
}

#[derive(Deserialize)]
struct Latency {
    p50_ms: u64,
    p95_ms: u64,
    p99_ms: u64,
}

#[derive(Deserialize)]
struct Applied {
    rule: String,
    comparisons: u64,
    values: u64,
    share: f64,
    suspicious: bool,
}

/// Shows what the comparisons say, and what that comes to.
pub fn report(
    place: &Place,
    wanted: &Wanted,
    json: bool,
    out: &mut dyn Write,
) -> Result<Readiness, Failure> {
    let admin = place.find()?.patient(PATIENCE);
    let since = wanted.since.map(|period| period.start().to_string());
    let mut query = Vec::new();
    query.extend(wanted.number.as_deref().map(|number| ("number", number)));
    query.extend(wanted.route.as_deref().map(|route| ("route", route)));
    query.extend(since.as_deref().map(|since| ("since", since)));
    let body = block_on(get(&admin, "/api/compare/report", &query))?;
    let report: Report = serde_json::from_value(body.clone()).context(NOT_A_BRIDGE)?;
    let text = match json {
        true => format!("{body:#}"),
        false => in_words(&report),
    };
    writeln!(out, "{text}").context(UNWRITTEN)?;
    Ok(readiness(&report))
}

impl Period {
    fn start(self) -> i64 {
        match self {
            Self::Since(millis) => millis,
            Self::Last(length) => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH);
                let start = now.unwrap_or_default().saturating_sub(length);
                i64::try_from(start.as_millis()).unwrap_or(i64::MAX)
            }
        }
    }
}

fn readiness(report: &Report) -> Readiness {
    let routes = || report.numbers.iter().flat_map(|number| &number.routes);
    let some = |test: fn(&Verdict) -> bool| routes().any(|route| test(&route.verdict));
    if some(|verdict| matches!(verdict, Verdict::NotReady { .. })) {
        return Readiness::NotReady;
    }
    let open = some(|verdict| matches!(verdict, Verdict::NotEnoughData { .. }));
    match open || routes().next().is_none() {
        true => Readiness::NotEnoughData,
        false => Readiness::Ready,
    }
}

fn in_words(report: &Report) -> String {
    let mut parts = Vec::new();
    for number in &report.numbers {
        for route in &number.routes {
            parts.push(route_in_words(&number.number, route));
        }
        if !number.skipped.is_empty() {
            parts.push(skipped(number));
        }
    }
    if report.numbers.iter().all(|number| number.routes.is_empty()) {
        parts.insert(
            0,
            "NOT ENOUGH DATA: nothing was compared. Set a route to compare: waba-bridge cutover set ROUTE compare --reason \"...\"".to_owned(),
        );
    }
    parts.push(format!(
        "A route is ready when at least {} of its comparisons match for sure (compare.ready_match_permille).",
        percent(report.ready_match_rate)
    ));
    parts.join("\n\n")
}

fn route_in_words(number: &str, route: &Route) -> String {
    let Route {
        route: name,
        compared,
        matched,
        match_rate: rate,
        ..
    } = route;
    let mut lines = vec![format!("{name} of {number}: {}", verdict(&route.verdict))];
    let counts = route.verdicts.iter().filter(|(_, count)| **count > 0);
    let counts: Vec<String> = counts
        .map(|(word, count)| format!("{count} {word}"))
        .collect();
    lines.push(format!("  {}", counts.join(", ")));
    lines.push(format!(
        "  {matched} of {compared} match: {} (95 %: {} to {})",
        percent(rate.rate),
        percent(rate.low),
        percent(rate.high)
    ));
    for (side, latency) in [("on-prem", &route.onprem), ("Cloud", &route.cloud)] {
        if let Some(Latency {
            p50_ms,
            p95_ms,
            p99_ms,
        }) = latency
        {
            lines.push(format!(
                "  {side} took {p50_ms} ms (median), {p95_ms} ms (95 %), {p99_ms} ms (99 %)"
            ));
        }
    }
    lines.extend(worst(route));
    lines.extend(noise(route));
    lines.extend(rules("levelled by", &route.levelled));
    lines.extend(rules("ignored by", &route.ignored));
    lines.join("\n")
}

fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Ready => "READY".to_owned(),
        Verdict::NotReady { why } => format!("NOT READY: {}", why.join("; ")),
        Verdict::NotEnoughData { more: Some(more) } => {
            format!("NOT ENOUGH DATA: about {more} more comparisons decide")
        }
        Verdict::NotEnoughData { more: None } => {
            "NOT ENOUGH DATA: the match rate lies so close to what is needed that no number of comparisons decides".to_owned()
        }
    }
}

fn worst(route: &Route) -> Vec<String> {
    if route.worst.is_empty() {
        return Vec::new();
    }
    let mut table = bare_table();
    table.set_header(["  FIELD", "DIFFERS IN", "ON-PREM, FOR EXAMPLE", "CLOUD"]);
    for field in route.worst.iter().take(MOST_LINES) {
        table.add_row([
            format!("  {}", field.field),
            format!("{} of {}", field.differed, route.compared),
            value(field.onprem.as_ref()),
            value(field.cloud.as_ref()),
        ]);
    }
    let mut lines = vec![shown(table)];
    let further = route.worst.len().saturating_sub(MOST_LINES) + route.further;
    if further > 0 {
        lines.push(format!("  and {further} more fields; --json has them"));
    }
    lines
}

fn value(value: Option<&Value>) -> String {
    value.map_or_else(|| "(not there)".to_owned(), Value::to_string)
}

fn noise(route: &Route) -> Option<String> {
    let fields: Vec<&str> = route
        .noise
        .iter()
        .map(|field| field.field.as_str())
        .collect();
    (!fields.is_empty()).then(|| {
        format!(
            "  noise, not counted (on-prem was asked twice {} times): {}",
            route.noise_samples,
            fields.join(", ")
        )
    })
}

fn rules(what: &str, rules: &[Applied]) -> Vec<String> {
    let line = |rule: &Applied| {
        let look = match rule.suspicious {
            true => "; LOOK whether it hides too much",
            false => "",
        };
        format!(
            "  {what} {}: {} values in {} comparisons ({}){look}",
            rule.rule,
            rule.values,
            rule.comparisons,
            percent(rule.share)
        )
    };
    rules.iter().map(line).collect()
}

fn skipped(number: &Number) -> String {
    let skips = number.skipped.iter();
    let words = skips.map(|skip| format!("{} {} ({})", skip.count, skip.route, skip.reason));
    format!(
        "Not compared at {} since the bridge's start: {}",
        number.number,
        words.collect::<Vec<_>>().join(", ")
    )
}

fn percent(rate: f64) -> String {
    format!("{:.2} %", rate * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::{Noise, Redacted, Row, Thresholds, Verdict as Each};
    use serde_json::json;

    fn row(route: &str, verdict: Each) -> Row {
        let differences: Vec<Redacted> = match verdict {
            Each::Mismatch => vec![
                serde_json::from_value(
                    json!({"path": "$.about", "field": "$.about", "onprem": "#1", "cloud": null}),
                )
                .unwrap(),
            ],
            _ => Vec::new(),
        };
        Row {
            route: route.to_owned(),
            verdict,
            onprem_ms: Some(3),
            cloud_ms: Some(40),
            differences,
            levelled: BTreeMap::new(),
            ignored: [("$.meta".to_owned(), 1)].into(),
        }
    }

    /// What the bridge says of these comparisons.
    fn of(rows: Vec<Row>) -> Report {
        let thresholds = Thresholds {
            ready_match_rate: 0.9,
        };
        let noise: BTreeMap<String, Noise> = BTreeMap::new();
        let routes = crate::compare::report(rows, &noise, &thresholds);
        let body = json!({
            "numbers": [{"number": "support", "routes": routes, "skipped": []}],
            "ready_match_rate": 0.9,
        });
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn the_verdict_comes_first_and_decides_the_exit_code() {
        let many = |route, verdict, count| (0..count).map(move |_| row(route, verdict));
        let good = || many("contacts", Each::Match, 100);
        for (rows, expected, words) in [
            (
                good().collect::<Vec<_>>(),
                Readiness::Ready,
                "contacts of support: READY",
            ),
            (
                good().chain(many("health", Each::Match, 3)).collect(),
                Readiness::NotEnoughData,
                "health of support: NOT ENOUGH DATA: about",
            ),
            (
                good()
                    .chain(many("health", Each::Match, 3))
                    .chain(many("media_get", Each::Mismatch, 100))
                    .collect(),
                Readiness::NotReady,
                "media_get of support: NOT READY: 0 of 100 match",
            ),
            (
                Vec::new(),
                Readiness::NotEnoughData,
                "NOT ENOUGH DATA: nothing was compared",
            ),
        ] {
            let report = of(rows);
            let text = in_words(&report);
            assert_eq!(readiness(&report), expected, "{text}");
            assert!(text.contains(words), "{text}");
        }
        let text = in_words(&of(many("media_get", Each::Mismatch, 100).collect()));
        for part in ["$.about", "100 of 100", "LOOK whether", "40 ms (median)"] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    }
}
