//! Where comparisons go: a log line, the figures, the ramp's tally, and the state; all of it redacted.
//!
//! Nothing here is accepted work. What cannot be kept in time is counted and dropped, so that comparing never holds up
//! what it compares.

mod baseline;
mod keep;
mod report;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::mpsc;

use crate::compare::{
    self, Attempt, Comparison, Noise, Recorded, Redacted, Redactor, Row, Verdict,
};
use crate::cutover::{Cutover, Published};
use crate::ids::NumberName;
use crate::metrics::NumberMetrics;
use crate::route::{Route, Side};
use crate::state::{ComparisonRow, NoiseRow, State, StateError, Timestamp};
use crate::telemetry::{COMPARE, millis};

pub use baseline::{ImportError, Question, Recording, exported, read_export};
pub use keep::Keeper;
pub use report::Skips;

/// The state's name of the key that values are hashed with.
const KEY: &str = "compare-key";

/// All numbers' comparisons.
pub struct Comparisons {
    state: State,
    cutover: Arc<Cutover>,
    redactor: ArcSwap<Redactor>,
    noise: Mutex<HashMap<(NumberName, Route), Noise>>,
    keep: mpsc::Sender<keep::Item>,
    recording: baseline::Switches,
    /// Calls that were to be compared and were not, by their reason.
    skips: Mutex<HashMap<Skipped, u64>>,
}

type Skipped = (NumberName, Route, &'static str);

/// What is compared.
#[derive(Clone)]
pub struct About {
    /// Whose.
    pub number: NumberName,
    /// Which route.
    pub route: Route,
    /// What the call was about: the medium, the contact, the caller.
    pub key: String,
    /// Whose answer the integration got.
    pub answer: Side,
    /// The number's figures.
    pub metrics: Arc<NumberMetrics>,
    /// The number's tally.
    pub published: Arc<Published>,
    /// What is worth knowing besides; shown in the log line, compared with nothing.
    pub notes: Vec<String>,
}

/// The old client's side.
pub enum OnPrem<'a> {
    /// Asked now.
    Live(&'a Attempt),
    /// As it was recorded.
    Recorded(&'a Recorded),
}

impl Comparisons {
    /// Reads what the state has. The keeper must be run, or nothing is kept.
    pub async fn load(
        state: State,
        cutover: Arc<Cutover>,
    ) -> Result<(Arc<Self>, Keeper), StateError> {
        let key = state.secret(KEY, 32).await?;
        let mut noise: HashMap<_, (u64, BTreeMap<String, u64>)> = HashMap::new();
        for row in state.noise().await? {
            let (samples, differed) = noise.entry((row.number, row.route)).or_default();
            match row.path {
                None => *samples += row.count,
                Some(path) => *differed.entry(path).or_default() += row.count,
            }
        }
        let noise = noise
            .into_iter()
            .map(|(of, (samples, differed))| (of, Noise::of(samples, differed)));
        let (keep, items) = keep::channel();
        let this = Arc::new(Self {
            redactor: ArcSwap::from_pointee(redactor(&key)),
            noise: Mutex::new(noise.collect()),
            keep,
            recording: baseline::Switches::default(),
            skips: Mutex::default(),
            state: state.clone(),
            cutover: Arc::clone(&cutover),
        });
        Ok((this, Keeper::new(state, cutover, items)))
    }

    /// A text's keyed hash.
    pub fn hash(&self, text: &str) -> String {
        self.redactor.load().hash(text)
    }

    /// Compares two attempts and puts the result where it belongs.
    pub fn conclude(&self, about: &About, onprem: &OnPrem<'_>, cloud: &Attempt) {
        let config = self.cutover.compare();
        let redactor = self.redactor.load();
        let noise = self.noise_of(&about.number, about.route);
        let is_noise = |field: &str| noise.is_noise(field);
        let route = about.route.as_str();
        let comparison = match onprem {
            OnPrem::Live(onprem) => {
                compare::compare(route, onprem, cloud, &config.rules, &is_noise).redacted(&redactor)
            }
            OnPrem::Recorded(recorded) => compare::compare_recorded(
                route,
                recorded,
                cloud,
                &config.rules,
                &redactor,
                &is_noise,
            ),
        };
        let (onprem_status, onprem_ms) = match onprem {
            OnPrem::Live(attempt) => seen(attempt),
            OnPrem::Recorded(recorded) => (Some(recorded.status), Some(recorded.took_ms)),
        };
        let (cloud_status, cloud_ms) = seen(cloud);
        about
            .metrics
            .compared(about.route, comparison.verdict.as_str());
        if matches!(
            comparison.verdict,
            Verdict::Match | Verdict::Mismatch | Verdict::OnlyOnPrem
        ) {
            let differed = comparison.verdict != Verdict::Match;
            about.published.tally.compared(about.route, differed);
        }
        let row = Row::of(route, &comparison, onprem_ms, cloud_ms);
        let key = redactor.hash(&about.key);
        let row = ComparisonRow {
            at: Timestamp::now(),
            number: about.number.clone(),
            route: about.route,
            key: key.clone(),
            verdict: comparison.verdict.to_string(),
            reason: comparison.reason.map(str::to_owned),
            answer: about.answer,
            onprem_status,
            cloud_status,
            onprem_ms,
            cloud_ms,
            detail: serde_json::to_string(&row).unwrap_or_default(),
        };
        log(about, &row, &comparison);
        self.keep(keep::Item::Comparison(row), about);
    }

    /// Takes in two answers of the old client to one question.
    pub fn observe_noise(&self, about: &About, one: &Attempt, other: &Attempt) {
        let config = self.cutover.compare();
        let twice = compare::compare(about.route.as_str(), one, other, &config.rules, &|_| false);
        let mut observed = Noise::default();
        observed.observe(&twice);
        let (samples, fields) = observed.counts();
        let row = |path: Option<String>, count| NoiseRow {
            number: about.number.clone(),
            route: about.route,
            path,
            count,
        };
        let mut rows = vec![row(None, samples)];
        rows.extend(fields.map(|(field, count)| row(Some(field.to_owned()), count)));
        let of = (about.number.clone(), about.route);
        self.all_noise().entry(of).or_default().merge(&observed);
        if samples > 0 {
            self.keep(keep::Item::Noise(rows), about);
        }
    }

    /// Counts a call that was to be compared and was not.
    pub fn skipped(&self, about: &About, reason: &'static str) {
        about.metrics.not_compared(about.route, reason);
        let skipped = (about.number.clone(), about.route, reason);
        *self.all_skips().entry(skipped).or_default() += 1;
    }

    /// What is known of a route's noise.
    pub fn noise_of(&self, number: &NumberName, route: Route) -> Noise {
        let of = (number.clone(), route);
        self.all_noise().get(&of).cloned().unwrap_or_default()
    }

    fn keep(&self, item: keep::Item, about: &About) {
        if self.keep.try_send(item).is_err() {
            self.skipped(about, "not_kept");
        }
    }

    fn all_skips(&self) -> MutexGuard<'_, HashMap<Skipped, u64>> {
        self.skips.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn all_noise(&self) -> MutexGuard<'_, HashMap<(NumberName, Route), Noise>> {
        self.noise.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn redactor(key: &[u8]) -> Redactor {
    let mut bytes = [0; 32];
    for (byte, of_key) in bytes.iter_mut().zip(key) {
        *byte = *of_key;
    }
    Redactor::new(&bytes)
}

fn seen(attempt: &Attempt) -> (Option<u16>, Option<u64>) {
    let ms = |took: Duration| Some(millis(took));
    match attempt {
        Attempt::Answered(outcome) => (Some(outcome.status), ms(outcome.took)),
        Attempt::Failed { took, .. } => (None, ms(*took)),
        Attempt::NotComparable { .. } => (None, None),
    }
}

fn timestamp(at: Timestamp) -> Option<String> {
    let nanos = i128::from(at.0) * 1_000_000;
    let at = OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()?;
    at.format(&Rfc3339).ok()
}

/// One line of JSON, whatever the log's format is.
fn log(about: &About, row: &ComparisonRow, comparison: &Comparison<Redacted>) {
    if !tracing::enabled!(target: COMPARE, tracing::Level::INFO) {
        return;
    }
    let fields: Vec<&str> = comparison
        .noise
        .iter()
        .map(|noise| noise.field.as_str())
        .collect();
    let differences: Vec<Value> = comparison
        .differences
        .iter()
        .map(|difference| {
            json!({"path": difference.path, "onprem": difference.onprem, "cloud": difference.cloud})
        })
        .collect();
    let line = json!({
        "timestamp": timestamp(row.at),
        "level": "INFO",
        "target": COMPARE,
        "message": "compared",
        "number": row.number.as_str(),
        "route": row.route.as_str(),
        "key": row.key,
        "answer": row.answer.as_str(),
        "verdict": row.verdict,
        "reason": row.reason,
        "onprem_status": row.onprem_status,
        "cloud_status": row.cloud_status,
        "onprem_ms": row.onprem_ms,
        "cloud_ms": row.cloud_ms,
        "differences": differences,
        "noise": fields,
        "levelled": comparison.levelled,
        "ignored": comparison.ignored,
        "notes": about.notes,
    });
    tracing::info!(target: COMPARE, line = %line);
}
