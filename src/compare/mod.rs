//! Comparing what both sides answered: the verdict, where they differ, and what that says of a route.
//!
//! Both bodies are brought into one model ([`Rules`] say what is the same there), and the models are compared value by
//! value. What comes out holds what the answers held; [`Comparison::redacted`] makes it fit for logs and the state.
//! Bodies may be nested as deeply as `serde_json` parses them, which is 128 levels; everything here recurses so deep.

mod diff;
mod forms;
mod interval;
mod model;
mod noise;
mod path;
mod readiness;
mod recorded;
mod redact;
mod report;
mod rules;
mod spaces;
mod tally;
mod words;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use interval::{Interval, wilson};
pub use noise::Noise;
pub use path::{Path, Segment};
pub use readiness::Readiness;
pub use recorded::{Mark, Recorded, RecordedContent, compare_recorded};
pub use redact::{Redacted, Redactor};
pub use report::{Applied, Field, Latency, RouteReport, Row, Thresholds, report};
pub use rules::{Equivalence, Rules};

use model::Side;

/// An answer, read to its end.
#[derive(Clone)]
pub struct Outcome {
    /// The HTTP status.
    pub status: u16,
    /// What the body was.
    pub content: Content,
    /// From the question to the body's last byte.
    pub took: Duration,
}

/// The body of an answer.
#[derive(Clone)]
pub enum Content {
    /// No bytes.
    Empty,
    /// JSON, in the old shape on both sides.
    Json(Value),
    /// Anything else, of which only this is kept.
    Bytes {
        /// `Content-Type`.
        media_type: Option<String>,
        /// Bytes.
        length: u64,
        /// Of the bytes.
        sha256: [u8; 32],
    },
}

/// What asking one side came to.
#[derive(Clone)]
pub enum Attempt {
    /// It answered. A 5xx counts as a failure.
    Answered(Outcome),
    /// It did not: timeout, unreached, broke off, deadline.
    Failed {
        /// A word for logs and metrics.
        reason: &'static str,
        /// Until that was clear.
        took: Duration,
    },
    /// It may have, but we cannot say what: too large, no budget, the caller left.
    NotComparable {
        /// A word for logs and metrics.
        reason: &'static str,
    },
}

/// What a comparison says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Both answered, and the same.
    Match,
    /// Both answered, and not the same.
    Mismatch,
    /// Only the old client answered.
    #[serde(rename = "only_onprem")]
    OnlyOnPrem,
    /// Only Cloud answered.
    OnlyCloud,
    /// Neither answered.
    BothFailed,
    /// At least one side cannot be judged.
    NotComparable,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 6] = [
        Self::Match,
        Self::Mismatch,
        Self::OnlyOnPrem,
        Self::OnlyCloud,
        Self::BothFailed,
        Self::NotComparable,
    ];

    /// Its word in logs, metrics and the state.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::Mismatch => "mismatch",
            Self::OnlyOnPrem => "only_onprem",
            Self::OnlyCloud => "only_cloud",
            Self::BothFailed => "both_failed",
            Self::NotComparable => "not_comparable",
        }
    }

    /// Reads a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|verdict| verdict.as_str() == word)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A place where the answers differ. Not for logs: see [`Redactor`].
#[derive(Clone, PartialEq)]
pub struct Difference {
    /// Where.
    pub path: Path,
    /// What the old client said there; none when it said nothing.
    pub onprem: Option<Value>,
    /// What Cloud said there; none when it said nothing.
    pub cloud: Option<Value>,
}

/// Without the values.
impl fmt::Debug for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.fmt(f)
    }
}

/// What comparing two attempts found. Only the redacted form can be serialized.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison<D = Difference> {
    /// The verdict.
    pub verdict: Verdict,
    /// Why a side was not there, or could not be judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// Where the answers differ.
    pub differences: Vec<D>,
    /// Where they differ as two answers of the same side do.
    pub noise: Vec<D>,
    /// How many different values each equivalence made equal.
    pub levelled: BTreeMap<&'static str, u64>,
    /// How many different values each ignore rule, as written, hid.
    pub ignored: BTreeMap<String, u64>,
}

/// Compares what the two sides came to. `is_noise` is asked with [`Path::field`].
pub fn compare(
    route: &str,
    onprem: &Attempt,
    cloud: &Attempt,
    rules: &Rules,
    is_noise: &dyn Fn(&str) -> bool,
) -> Comparison {
    let onprem = Side::of(route, onprem, rules);
    judge(
        route,
        &onprem,
        &Side::of(route, cloud, rules),
        rules,
        is_noise,
    )
}

fn judge(
    route: &str,
    onprem: &Side,
    cloud: &Side,
    rules: &Rules,
    is_noise: &dyn Fn(&str) -> bool,
) -> Comparison {
    match (onprem, cloud) {
        (Side::NotComparable(reason), _) | (_, Side::NotComparable(reason)) => {
            Comparison::bare(Verdict::NotComparable, reason)
        }
        (Side::Failed(reason), Side::Failed(_)) => Comparison::bare(Verdict::BothFailed, reason),
        (Side::Answered(_), Side::Failed(reason)) => Comparison::bare(Verdict::OnlyOnPrem, reason),
        (Side::Failed(reason), Side::Answered(_)) => Comparison::bare(Verdict::OnlyCloud, reason),
        (Side::Answered(onprem), Side::Answered(cloud)) => {
            let found = diff::answers(route, onprem, cloud, rules);
            let (noise, differences): (Vec<_>, Vec<_>) = found
                .differences
                .into_iter()
                .partition(|difference| is_noise(&difference.path.field()));
            Comparison {
                verdict: match differences.is_empty() {
                    true => Verdict::Match,
                    false => Verdict::Mismatch,
                },
                reason: None,
                differences,
                noise,
                levelled: found.levelled,
                ignored: found.ignored,
            }
        }
    }
}

impl<D> Comparison<D> {
    const fn bare(verdict: Verdict, reason: &'static str) -> Self {
        Self {
            verdict,
            reason: Some(reason),
            differences: Vec::new(),
            noise: Vec::new(),
            levelled: BTreeMap::new(),
            ignored: BTreeMap::new(),
        }
    }
}
