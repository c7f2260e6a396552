//! What comparing leaves behind: results, noise, and recorded baselines. All bounded; none of it is accepted work, so
//! losing the last second of it in a crash is no loss of anything promised.

use super::Timestamp;
use crate::ids::NumberName;
use crate::route::{Route, Side};

/// One comparison. Holds nothing in clear that a log may not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComparisonRow {
    /// When.
    pub at: Timestamp,
    /// Whose.
    pub number: NumberName,
    /// Which route.
    pub route: Route,
    /// The key, hashed.
    pub key: String,
    /// `match`, `mismatch`, ...
    pub verdict: String,
    /// Why it could not be compared.
    pub reason: Option<String>,
    /// Whose answer the integration got.
    pub answer: Side,
    /// HTTP statuses, where there were answers.
    pub onprem_status: Option<u16>,
    /// See `onprem_status`.
    pub cloud_status: Option<u16>,
    /// Latencies.
    pub onprem_ms: Option<u64>,
    /// See `onprem_ms`.
    pub cloud_ms: Option<u64>,
    /// Differences and rules, as JSON; the state does not look inside.
    pub detail: String,
}

/// Which comparisons to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ComparisonQuery {
    /// One number's.
    pub number: Option<NumberName>,
    /// One route's.
    pub route: Option<Route>,
    /// Not before this moment.
    pub since: Option<Timestamp>,
}

/// Results as they are read, a page at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ComparisonPage {
    /// Oldest first.
    pub rows: Vec<ComparisonRow>,
    /// Where the next page begins; `None`: this was the last one.
    pub next: Option<ComparisonPlace>,
}

/// A place between two results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ComparisonPlace {
    /// When the result before it was.
    pub at: Timestamp,
    /// Which of that moment's it was.
    pub id: i64,
}

/// How often two answers of the same side differed at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoiseRow {
    /// Whose.
    pub number: NumberName,
    /// Which route.
    pub route: Route,
    /// Where; `None`: how often two answers were taken at all.
    pub path: Option<String>,
    /// How often.
    pub count: u64,
}

/// What on-prem answered to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaselineRow {
    /// Whose.
    pub number: NumberName,
    /// Which route.
    pub route: Route,
    /// Names the request: a keyed hash of method, path, query and body.
    pub key: String,
    /// When it was answered.
    pub at: Timestamp,
    /// The request that caused it, redacted, as JSON.
    pub request: String,
    /// The answer, redacted, as JSON.
    pub answer: String,
    /// How long on-prem took.
    pub took_ms: u64,
}

/// How many baselines there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaselineCount {
    /// Whose.
    pub number: NumberName,
    /// Which route.
    pub route: Route,
    /// How many requests.
    pub count: u64,
    /// The oldest answer.
    pub oldest: Timestamp,
    /// The newest answer.
    pub newest: Timestamp,
}
