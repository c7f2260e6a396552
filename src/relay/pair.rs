//! The end of a pair: both outcomes of a compared retry download are put beside each other, or what is there of them
//! when the deadline has passed, and the integration is told by the other side if its own stayed silent.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use crate::compare::{Attempt, Content, Outcome};
use crate::comparisons::{About, Comparisons, OnPrem, Question};
use crate::config;
use crate::cutover::Published;
use crate::ids::{MediaId, NumberName};
use crate::jobs::PairOutcome;
use crate::jobs::retry;
use crate::jobs::runner::Step;
use crate::metrics::NumberMetrics;
use crate::route::{Route, Side};
use crate::state::{Fate, Job, Pair, PairId, PairSide, Settlement, State, StateError, Timestamp};
use crate::translate;

/// Between attempts while the state cannot be read. The job is never given up: a request may wait for its callback.
const DELAYS: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(10),
    Duration::from_secs(60),
];

/// How long a pair that is complete waits for its acknowledgements: a side can call back before it is written down what
/// it said when it was asked.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_millis(500);

/// Says how many bytes the old client has of a medium, if it says so.
pub type Measure = Arc<dyn Fn(MediaId) -> BoxFuture<'static, Option<u64>> + Send + Sync>;

/// Ends one number's pairs.
pub struct EndPair {
    /// Whose.
    pub number: NumberName,
    /// Where pairs are.
    pub state: State,
    /// Where comparisons go.
    pub comparisons: Arc<Comparisons>,
    /// The number's figures.
    pub metrics: Arc<NumberMetrics>,
    /// The number's tally.
    pub published: Arc<Published>,
    /// How closely the old client is imitated.
    pub compat: config::Compat,
    /// Asks the old client for the length of what it stored.
    pub measure: Measure,
}

impl Step for EndPair {
    async fn run(&self, job: &Job) -> Settlement {
        let Some(id) = PairId::read(&job.payload) else {
            return Settlement::Bury {
                reason: "unreadable pair".to_owned(),
            };
        };
        match self.end(id).await {
            Ok(settlement) => settlement,
            Err(error) => Settlement::Retry {
                due_at: Timestamp::now().after(retry::listed(job.attempts + 1, &DELAYS)),
                reason: error.to_string(),
                payload: None,
            },
        }
    }

    fn not_before(&self) -> Timestamp {
        Timestamp(0)
    }

    fn at_a_time(&self) -> usize {
        usize::MAX
    }
}

impl EndPair {
    async fn end(&self, id: PairId) -> Result<Settlement, StateError> {
        let Some(pair) = self.state.pair(id).await? else {
            return Ok(Settlement::Paired {
                pair: id,
                tell: None,
            });
        };
        if let Some(due_at) = awaits_acknowledgement(&pair) {
            return Ok(Settlement::Release { due_at });
        }
        let onprem = outcome(&pair.onprem);
        let cloud = match outcome(&pair.cloud) {
            Some(outcome) => Some(outcome),
            None => self.by_medium(&pair).await?,
        };
        // The side that was to tell has not: the other one does, if it has anything to tell.
        let silent = pair.told.is_none();
        let stands_in = match pair.answer {
            Side::OnPrem => &cloud,
            Side::Cloud => &onprem,
        };
        let tell = (silent && matches!(stands_in, Some(PairOutcome::CalledBack { .. })))
            .then_some(pair.answer.other());
        if let Some(side) = tell {
            tracing::warn!(number = %self.number, %side, "the side that answers a retry download has not called back in time; the other one's callback is delivered");
        }
        self.conclude(&pair, onprem, cloud).await?;
        Ok(Settlement::Paired { pair: id, tell })
    }

    async fn conclude(
        &self,
        pair: &Pair,
        onprem: Option<PairOutcome>,
        cloud: Option<PairOutcome>,
    ) -> Result<(), StateError> {
        let about = About {
            number: self.number.clone(),
            route: Route::MediaDownload,
            key: pair.medium.clone(),
            answer: pair.answer,
            metrics: Arc::clone(&self.metrics),
            published: Arc::clone(&self.published),
            notes: notes(pair),
        };
        if onprem == Some(PairOutcome::Recorded) {
            let question = Question::callback(&pair.medium);
            let recorded = self
                .comparisons
                .baseline(&self.number, Route::MediaDownload, &question)
                .await?;
            match recorded {
                Some(recorded) => {
                    let cloud = attempt(pair, &pair.cloud, cloud, None, None);
                    self.comparisons
                        .conclude(&about, &OnPrem::Recorded(&recorded), &cloud);
                }
                None => self.comparisons.skipped(&about, "no_baseline"),
            }
            return Ok(());
        }
        // Lengths are compared only where both are known: an old client that does not say how much it stored has not
        // stored something else.
        let theirs = match &onprem {
            Some(PairOutcome::CalledBack { item, .. }) if item.get("errors").is_none() => {
                self.measured(pair).await
            }
            _ => None,
        };
        let ours = match &cloud {
            Some(PairOutcome::CalledBack { stored_bytes, .. }) => *stored_bytes,
            _ => None,
        };
        let (theirs, ours) = theirs.zip(ours).unzip();
        let acks = acked(&pair.onprem).zip(acked(&pair.cloud));
        let (their_ack, our_ack) = acks.unzip();
        let onprem = match (&pair.onprem.ack, onprem) {
            // A crash came between, or on-prem is being asked still; it cannot be said to have stayed silent.
            (None, None) => Attempt::NotComparable {
                reason: "not_acknowledged",
            },
            (_, onprem) => attempt(pair, &pair.onprem, onprem, their_ack, theirs),
        };
        let cloud = attempt(pair, &pair.cloud, cloud, our_ack, ours);
        self.comparisons
            .conclude(&about, &OnPrem::Live(&onprem), &cloud);
        Ok(())
    }

    async fn measured(&self, pair: &Pair) -> Option<u64> {
        (self.measure)(MediaId::parse(&pair.medium)?).await
    }

    /// A fetch that was under way before the pair was opened ends without it; what became of it, the medium says.
    async fn by_medium(&self, pair: &Pair) -> Result<Option<PairOutcome>, StateError> {
        let Some(id) = MediaId::parse(&pair.medium) else {
            return Ok(None);
        };
        let medium = self.state.medium(&self.number, &id).await?;
        Ok(medium.and_then(|medium| match &medium.fate {
            Fate::Stored => Some(PairOutcome::CalledBack {
                item: translate::media::item(
                    &pair.medium,
                    &super::facts(&medium),
                    None,
                    &self.compat,
                ),
                stored_bytes: medium.length,
            }),
            Fate::Failed { error, .. } => Some(PairOutcome::CalledBack {
                item: translate::media::item(
                    &pair.medium,
                    &super::facts(&medium),
                    Some(error),
                    &self.compat,
                ),
                stored_bytes: None,
            }),
            Fate::Known | Fate::Held => None,
        }))
    }
}

fn outcome(side: &PairSide) -> Option<PairOutcome> {
    PairOutcome::read(side.outcome.as_deref()?)
}

/// Until when, if both sides have ended and an acknowledgement may still come.
fn awaits_acknowledgement(pair: &Pair) -> Option<Timestamp> {
    if pair.onprem.ack.is_some() && pair.cloud.ack.is_some() {
        return None;
    }
    let ended = pair.onprem.ended_at?.max(pair.cloud.ended_at?);
    let until = ended.after(ACKNOWLEDGED_WITHIN).min(pair.deadline);
    (until > Timestamp::now()).then_some(until)
}

/// The status a side acknowledged with.
fn acked(side: &PairSide) -> Option<u16> {
    side.ack.as_ref()?.status
}

/// A side as it is compared: how it acknowledged and how it ended, in the form of its callback, and how long that took.
fn attempt(
    pair: &Pair,
    side: &PairSide,
    outcome: Option<PairOutcome>,
    ack: Option<u16>,
    stored_bytes: Option<u64>,
) -> Attempt {
    let ended = side.ended_at.unwrap_or_else(Timestamp::now);
    let took = ended.since(pair.opened_at);
    let answered = |status, content| {
        Attempt::Answered(Outcome {
            status,
            content,
            took,
        })
    };
    match outcome {
        Some(PairOutcome::CalledBack { item, .. }) => {
            let mut body = json!({"media_items": [item]});
            if let Some(status) = ack {
                body["ack"] = json!({"status": status});
            }
            if let Some(length) = stored_bytes {
                body["length"] = Value::from(length);
            }
            answered(200, Content::Json(body))
        }
        Some(PairOutcome::Refused {
            status: Some(status),
        }) => answered(status, Content::Empty),
        Some(PairOutcome::Refused { status: None }) => Attempt::Failed {
            reason: "unreached",
            took,
        },
        Some(PairOutcome::Recorded) => Attempt::NotComparable { reason: "recorded" },
        None => Attempt::Failed {
            reason: "no_callback",
            took,
        },
    }
}

/// The two acknowledgements with their times, which are no part of the latencies.
fn notes(pair: &Pair) -> Vec<String> {
    let note = |name: &str, side: &PairSide| {
        let ack = side.ack.as_ref()?;
        let status = ack
            .status
            .map_or_else(|| "none".to_owned(), |status| status.to_string());
        Some(format!(
            "{name} acknowledged with {status} after {} ms",
            ack.took_ms
        ))
    };
    [note("onprem", &pair.onprem), note("cloud", &pair.cloud)]
        .into_iter()
        .flatten()
        .collect()
}
