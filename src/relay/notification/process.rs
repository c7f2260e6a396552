//! A message that waits for its medium: the medium is fetched, then the message is told. Whatever of the same contact
//! came after it waits here too, and passes through.
//!
//! Safe to run twice: a medium that is stored is not fetched again, and the callback follows in the commit that ends
//! the job.

use std::sync::Arc;
use std::time::Duration;

use crate::cloud::media::{LookUp, expires_at};
use crate::cloud::notification::Event;
use crate::config;
use crate::ids::{MediaId, NumberName};
use crate::jobs::runner::Step;
use crate::jobs::{self, FetchOrder, retry};
use crate::metrics::NumberMetrics;
use crate::onprem::media::Kind;
use crate::relay::fetch::{Fetch, Setback, Shelf};
use crate::state::{Fate, Job, Medium, Settlement, State, StateError, Timestamp};
use crate::telemetry::millis;
use crate::translate::notification::{self, Fates, Fetched, Inbound, Picture, Rules};

/// A URL this close to its death is not begun with.
const URL_MARGIN_S: i64 = 10;
/// What a notification's URL that says nothing of its death is good for.
const URL_LIFE: Duration = Duration::from_secs(240);
/// Longer than any URL of Meta's lives: then it is our clock that is wrong, and Graph is asked.
const LONGEST_LIFE_S: i64 = 3600;

/// Works on one number's notifications.
pub struct Process {
    /// Whose.
    pub number: NumberName,
    /// How closely the old client is imitated.
    pub compat: config::Compat,
    /// What it had been told.
    pub settings: config::Settings,
    /// Who fetches media.
    pub fetch: Arc<Fetch>,
    /// Where media are remembered.
    pub state: State,
    /// How long a message waits for its medium.
    pub media_wait: Duration,
    /// The number's figures.
    pub metrics: Arc<NumberMetrics>,
}

/// What became of a medium.
enum Outcome {
    /// It is there.
    There(Medium),
    /// The message is told without it; it is asked for again, or not.
    Without { order: bool },
    /// It is waited for.
    Wait(Settlement),
}

impl Step for Process {
    async fn run(&self, job: &Job) -> Settlement {
        let Some(event) = Event::read(&job.payload) else {
            return Settlement::Bury {
                reason: "unreadable notification".to_owned(),
            };
        };
        let rules = self.rules();
        let reading = notification::read(&event, rules);
        let mut fates = Fates::default();
        let mut follow_up = Vec::new();
        if let Some(inbound) = reading.medium.as_ref().filter(|inbound| inbound.first) {
            match self.medium(job, inbound).await {
                Outcome::There(there) => {
                    fates.medium = Some(Fetched {
                        sha256: there.sha256,
                    });
                }
                Outcome::Without { order } => {
                    if order {
                        let order = FetchOrder::quiet(&MediaId::Cloud(inbound.id.clone()));
                        follow_up.push(order.job(&self.number));
                    }
                }
                Outcome::Wait(settlement) => return settlement,
            }
        }
        if let Some(picture) = &reading.picture {
            fates.picture = self.picture(job, picture).await;
        }
        if let Some(body) = reading.callback(&fates, rules) {
            let contact = reading.contact.map(String::from);
            follow_up.push(jobs::callback(&self.number, body, contact));
        }
        Settlement::Done {
            follow_up,
            offer: None,
        }
    }

    fn not_before(&self) -> Timestamp {
        Timestamp(0)
    }

    fn at_a_time(&self) -> usize {
        usize::MAX
    }
}

impl Process {
    fn rules(&self) -> Rules<'_> {
        Rules {
            number: &self.number,
            compat: &self.compat,
            settings: &self.settings,
        }
    }

    /// Fetches the medium of a message, within what is left of the message's patience.
    async fn medium(&self, job: &Job, inbound: &Inbound<'_>) -> Outcome {
        let left = self
            .media_wait
            .saturating_sub(Timestamp::now().since(job.created_at));
        if left.is_zero() && self.fetch.is_in_vain() {
            // It came while Cloud is out of reach, and waited for others that waited in vain; so would those behind it.
            return Outcome::Without { order: true };
        }
        let attempt = self.try_medium(job, inbound);
        match tokio::time::timeout(left.max(Duration::from_secs(1)), attempt).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => Outcome::Wait(self.again(job, left, error.to_string())),
            Err(_) => {
                self.fetch.came_to_nothing();
                tracing::warn!(number = %self.number, job = job.id.0, "a message is told before its medium is there");
                Outcome::Without { order: true }
            }
        }
    }

    async fn try_medium(&self, job: &Job, inbound: &Inbound<'_>) -> Result<Outcome, StateError> {
        let id = MediaId::Cloud(inbound.id.clone());
        let Some(known) = self.state.medium(&self.number, &id).await? else {
            // It was written down with the event; somebody removed it since.
            return Ok(Outcome::Without { order: true });
        };
        let lock = self.fetch.in_flight.lock_of(known.id);
        let _alone = lock.lock().await;
        // Whoever had the lock before may have fetched it.
        let medium = self.state.medium(&self.number, &id).await?.unwrap_or(known);
        let left = self
            .media_wait
            .saturating_sub(Timestamp::now().since(job.created_at));
        match self.fetch.at_hand(&medium, Shelf::Public).await {
            Ok(Some(medium)) => return Ok(Outcome::There(medium)),
            Ok(None) => {}
            Err(error) => return Ok(self.later(job, left, error.to_string())),
        }
        if matches!(medium.fate, Fate::Failed { until, .. } if until > Timestamp::now()) {
            return Ok(Outcome::Without { order: false });
        }
        let notified = notified(inbound, job.created_at);
        let attempt = self
            .fetch
            .attempt(&medium, notified.as_ref(), Shelf::Public);
        Ok(match attempt.await {
            Ok(medium) => Outcome::There(medium),
            Err(Setback::Final(error)) => {
                self.metrics.fetched("failed");
                tracing::warn!(number = %self.number, medium = %medium.shown(), code = error.code, title = %error.title, "the medium of a message is given up");
                self.fetch.give_up(&medium, error).await?;
                Outcome::Without { order: false }
            }
            Err(Setback::Refused { reason, .. } | Setback::Passing { reason, .. }) => {
                self.metrics.fetched("retry");
                self.later(job, left, reason)
            }
            Err(Setback::Rest { pause, .. }) if pause < left => {
                let due_at = Timestamp::now().after(pause);
                Outcome::Wait(Settlement::Release { due_at })
            }
            Err(Setback::Rest { .. }) => Outcome::Without { order: true },
        })
    }

    fn later(&self, job: &Job, left: Duration, reason: String) -> Outcome {
        if left.is_zero() {
            tracing::warn!(number = %self.number, job = job.id.0, attempts = job.attempts + 1, reason, "a message is told without its medium");
            return Outcome::Without { order: true };
        }
        Outcome::Wait(self.again(job, left, reason))
    }

    fn again(&self, job: &Job, left: Duration, reason: String) -> Settlement {
        let delay = retry::listed(job.attempts + 1, &self.fetch.config.retry_delays);
        // The last attempt is made when patience ends, not after.
        let delay = delay.min(left.max(Duration::from_secs(1)));
        tracing::warn!(number = %self.number, job = job.id.0, attempts = job.attempts + 1, retry_in_ms = millis(delay), reason, "the medium of a message is not fetched yet");
        Settlement::Retry {
            due_at: Timestamp::now().after(delay),
            reason,
            payload: None,
        }
    }

    /// Fetches what an advertisement shows. Worth one attempt: the message says enough without it.
    async fn picture(&self, job: &Job, picture: &Picture<'_>) -> bool {
        let known = self
            .state
            .medium(&self.number, &MediaId::Uuid(picture.id))
            .await;
        if let Ok(Some(medium)) = known
            && matches!(
                self.fetch.at_hand(&medium, Shelf::Public).await,
                Ok(Some(_))
            )
        {
            return true;
        }
        let fetched = self.fetch.picture(picture.id, picture.kind, &picture.url);
        let fetched = match tokio::time::timeout(self.media_wait, fetched).await {
            Ok(Ok(medium)) => self
                .state
                .put_medium(medium)
                .await
                .map_err(|error| error.to_string()),
            Ok(Err(reason)) => Err(reason),
            Err(_) => Err("it took too long".to_owned()),
        };
        if let Err(reason) = &fetched {
            tracing::warn!(number = %self.number, job = job.id.0, kind = Kind::as_str(picture.kind), reason, "what an advertisement shows is left out");
        }
        fetched.is_ok()
    }
}

/// What a notification said, as a look-up, if its URL is still good.
fn notified(inbound: &Inbound<'_>, received: Timestamp) -> Option<LookUp> {
    let url = url::Url::parse(inbound.url.as_deref()?).ok()?;
    let now = Timestamp::now();
    let is_good = match expires_at(&url) {
        Some(expiry) => {
            let left = expiry.saturating_sub(now.0 / 1000);
            (URL_MARGIN_S..=LONGEST_LIFE_S).contains(&left)
        }
        None => now.since(received) < URL_LIFE,
    };
    is_good.then(|| LookUp {
        url,
        mime_type: inbound.mime_type.clone().map(String::from),
        sha256: inbound
            .sha256
            .map(|sha256| crate::translate::media::digest(&sha256, config::DigestForm::Hex)),
        file_size: None,
    })
}
