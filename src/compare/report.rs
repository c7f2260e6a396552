//! What many comparisons say of a route: rates with their intervals, the worst fields, latencies, and whether the route
//! is ready to be switched over.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::readiness::Readiness;
use super::tally::Tally;
use super::{Comparison, Interval, Noise, Redacted, Verdict};

/// A comparison as it was kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The route's name.
    pub route: String,
    /// The verdict when it was made.
    pub verdict: Verdict,
    /// How long the old client took.
    pub onprem_ms: Option<u64>,
    /// How long Cloud took.
    pub cloud_ms: Option<u64>,
    /// One difference per field, those taken for noise included: the report judges noise by all comparisons.
    pub differences: Vec<Redacted>,
    /// As in the comparison.
    pub levelled: BTreeMap<String, u64>,
    /// As in the comparison.
    pub ignored: BTreeMap<String, u64>,
}

/// What a route has to reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// The least match rate of a route that is ready, such as 0.99.
    pub ready_match_rate: f64,
}

/// What is said of one route.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RouteReport {
    /// The route's name.
    pub route: String,
    /// Whether it may be switched over.
    #[serde(flatten)]
    pub readiness: Readiness,
    /// How many comparisons had which verdict when they were made.
    pub verdicts: BTreeMap<&'static str, u64>,
    /// How many count: matches, mismatches, and those only the old client answered.
    pub compared: u64,
    /// How many of them match, after noise.
    pub matched: u64,
    /// The match rate.
    pub match_rate: Interval,
    /// The fields that differ most often, the worst first.
    pub worst: Vec<Field>,
    /// How many further fields differ.
    pub further: usize,
    /// Fields that differ no more than noise explains.
    pub noise: Vec<Field>,
    /// How often one side was asked twice.
    pub noise_samples: u64,
    /// How long the old client took.
    pub onprem: Option<Latency>,
    /// How long Cloud took.
    pub cloud: Option<Latency>,
    /// What the equivalences levelled.
    pub levelled: Vec<Applied>,
    /// What the ignore rules hid.
    pub ignored: Vec<Applied>,
}

/// A field that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Field {
    /// See [`super::Path::field`].
    pub field: String,
    /// In how many comparisons.
    pub differed: u64,
    /// In which share of all that count.
    pub rate: Interval,
    /// The old client's value in one of them.
    pub onprem: Option<Value>,
    /// Cloud's value in the same.
    pub cloud: Option<Value>,
}

/// Milliseconds that so many percent of the answers did not exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[allow(missing_docs)] // the names are the documentation
pub struct Latency {
    pub p50_ms: u64,
    pub p95_ms: u64,
    pub p99_ms: u64,
}

/// How much a rule did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Applied {
    /// The equivalence, or the ignore rule as written.
    pub rule: String,
    /// In how many comparisons.
    pub comparisons: u64,
    /// How many values.
    pub values: u64,
    /// In which share of all that count.
    pub share: f64,
    /// In more than half of them: look whether it hides too much.
    pub suspicious: bool,
}

impl Row {
    /// The row of a comparison.
    pub fn of(
        route: &str,
        comparison: &Comparison<Redacted>,
        onprem_ms: Option<u64>,
        cloud_ms: Option<u64>,
    ) -> Self {
        let mut differences: Vec<Redacted> = Vec::new();
        for difference in comparison.differences.iter().chain(&comparison.noise) {
            if differences
                .iter()
                .all(|kept| kept.field != difference.field)
            {
                differences.push(difference.clone());
            }
        }
        let levelled = comparison.levelled.iter();
        Self {
            route: route.to_owned(),
            verdict: comparison.verdict,
            onprem_ms,
            cloud_ms,
            differences,
            levelled: levelled.map(|(rule, n)| ((*rule).to_owned(), *n)).collect(),
            ignored: comparison.ignored.clone(),
        }
    }
}

/// Reports on every route that has rows. `noise` is by route.
pub fn report(
    rows: impl IntoIterator<Item = Row>,
    noise: &BTreeMap<String, Noise>,
    thresholds: &Thresholds,
) -> Vec<RouteReport> {
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    for row in rows {
        tallies.entry(row.route.clone()).or_default().add(row);
    }
    let silence = Noise::default();
    tallies
        .into_iter()
        .map(|(route, tally)| {
            let noise = noise.get(&route).unwrap_or(&silence);
            tally.finish(route, noise, thresholds)
        })
        .collect()
}
