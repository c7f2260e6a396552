//! Fetching one medium: from an accepted order to a published file and the callback that tells of it.
//!
//! Safe to run twice: a medium that is stored is not fetched again, and one that Cloud refused for good is answered
//! from memory for a while. What a failure means is decided here, by the table in [`crate::cloud::error`] and the rules for
//! the second hop below; how often and how far apart is the configuration's.

mod download;

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::facts;
use crate::backend::cloud::{Cloud, ForbiddenUrl, LookUpError};
use crate::cloud::error::Class;
use crate::config;
use crate::cutover::Published;
use crate::ids::{CloudMediaId, MediaId, NumberName, media_uuid};
use crate::jobs::runner::Step;
use crate::jobs::{self, FetchOrder, PairOutcome, retry};
use crate::media::Store;
use crate::metrics::NumberMetrics;
use crate::onprem;
use crate::route::{Route, Side};
use crate::state::{Fate, Job, Medium, Offer, Settlement, State, Timestamp};
use crate::telemetry::millis;
use crate::translate;
use download::Trouble;

/// How long a number rests when Cloud asks to slow down without saying for how long.
const THROTTLED_PAUSE: Duration = Duration::from_secs(60);
/// How long it rests at least, even if Cloud says "no time at all".
const SHORTEST_REST: Duration = Duration::from_secs(1);

/// Fetches one number's media.
pub struct Fetch {
    /// `None`: the number has no Cloud identity (any more); its orders wait for one.
    pub cloud: Option<Cloud>,
    /// How.
    pub config: config::Fetch,
    /// How closely the old client is imitated.
    pub compat: config::Compat,
    /// What is known of media.
    pub state: State,
    /// Where their bytes go.
    pub store: Store,
    /// The number's figures.
    pub metrics: Arc<NumberMetrics>,
    /// One fetch at a time for each medium, by whatever id it was asked for.
    pub in_flight: InFlight,
    /// Until when the number rests, in Unix milliseconds.
    pub rests_until: AtomicI64,
    /// Its tally.
    pub published: Arc<Published>,
}

/// A lock for each medium that is being fetched.
#[derive(Default)]
pub struct InFlight(Mutex<HashMap<CloudMediaId, Weak<tokio::sync::Mutex<()>>>>);

impl InFlight {
    fn lock_of(&self, id: &CloudMediaId) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        locks.retain(|_, lock| lock.strong_count() > 0);
        if let Some(lock) = locks.get(id).and_then(Weak::upgrade) {
            return lock;
        }
        let lock = Arc::new(tokio::sync::Mutex::new(()));
        locks.insert(id.clone(), Arc::downgrade(&lock));
        lock
    }
}

/// How one attempt ended without a medium.
enum Setback {
    /// For good; the integration is told.
    Final(onprem::Error),
    /// To be tried again with this much patience spent.
    Again {
        delay: Duration,
        reason: String,
        order: FetchOrder,
    },
    /// Not this medium's fault; the number rests.
    Rest { pause: Duration },
}

impl Step for Fetch {
    async fn run(&self, job: &Job) -> Settlement {
        let Some((order, asked)) = FetchOrder::read(&job.payload).and_then(|order| {
            let asked = MediaId::parse(&order.id)?;
            Some((order, asked))
        }) else {
            return Settlement::Bury {
                reason: "unreadable order".to_owned(),
            };
        };
        let known = match self.state.medium(&job.number, &asked).await {
            Ok(known) => known,
            Err(error) => return self.again_later(job, error.to_string(), None),
        };
        let cloud_id = match (&asked, known) {
            (_, Some(medium)) => medium.cloud_id,
            (MediaId::Cloud(id), None) => id.clone(),
            (MediaId::Uuid(_), None) => return self.failed(job, &order, None, unknown_medium()),
        };
        let lock = self.in_flight.lock_of(&cloud_id);
        let _alone = lock.lock().await;
        // Whoever had the lock before may have fetched it.
        let medium = match self
            .state
            .medium(&job.number, &MediaId::Cloud(cloud_id.clone()))
            .await
        {
            Ok(known) => known.unwrap_or_else(|| first_heard_of(job, cloud_id)),
            Err(error) => return self.again_later(job, error.to_string(), None),
        };
        self.settle(job, order, medium).await
    }

    fn not_before(&self) -> Timestamp {
        Timestamp(self.rests_until.load(Ordering::Relaxed))
    }

    fn at_a_time(&self) -> usize {
        // While our token is refused, one job at a time finds out whether it still is.
        if self.metrics.has_cloud_fault() {
            1
        } else {
            usize::MAX
        }
    }
}

impl Fetch {
    /// Answers from what is known where that is enough, else fetches.
    async fn settle(&self, job: &Job, order: FetchOrder, medium: Medium) -> Settlement {
        match &medium.fate {
            Fate::Stored if self.is_there(&medium).await => {
                self.metrics.fetched("stored");
                return self.done(job, &order, medium);
            }
            Fate::Failed { error, until } if *until > Timestamp::now() => {
                self.metrics.fetched("remembered");
                let error = error.clone();
                return self.failed(job, &order, Some(medium), error);
            }
            Fate::Stored | Fate::Failed { .. } | Fate::Known => {}
        }
        let Some(cloud) = &self.cloud else {
            return self.again_later(job, "no Cloud identity configured".to_owned(), None);
        };
        let started = Instant::now();
        match self.fetch(cloud, job, order.clone(), &medium).await {
            Ok(medium) => {
                let length = medium.length.unwrap_or_default();
                self.metrics.fetched("success");
                self.metrics.published(length, started.elapsed());
                tracing::info!(number = %job.number, medium = %medium.cloud_id, bytes = length, attempts = job.attempts + 1, duration_ms = millis(started.elapsed()), "medium stored");
                self.done(job, &order, medium)
            }
            Err(Setback::Final(error)) => {
                self.metrics.fetched("failed");
                tracing::warn!(number = %job.number, medium = %medium.cloud_id, attempts = job.attempts + 1, code = error.code, title = %error.title, "medium given up");
                self.failed(job, &order, Some(medium), error)
            }
            Err(Setback::Again {
                delay,
                reason,
                order,
            }) => {
                self.metrics.fetched("retry");
                self.count(job, true);
                tracing::warn!(number = %job.number, medium = %medium.cloud_id, attempts = job.attempts + 1, retry_in_ms = millis(delay), reason, "medium not fetched yet");
                let due_at = Timestamp::now().after(delay);
                Settlement::Retry {
                    due_at,
                    reason,
                    payload: Some(order.payload()),
                }
            }
            Err(Setback::Rest { pause }) => {
                let due_at = Timestamp::now().after(pause);
                self.rests_until.fetch_max(due_at.0, Ordering::Relaxed);
                Settlement::Release { due_at }
            }
        }
    }

    /// Both hops, with one fresh look-up when the second one fails.
    async fn fetch(
        &self,
        cloud: &Cloud,
        job: &Job,
        order: FetchOrder,
        medium: &Medium,
    ) -> Result<Medium, Setback> {
        let mut trouble = None;
        for _ in 0..2 {
            // Others may have been told to slow down since this job was taken.
            let rest = self.not_before().since(Timestamp::now());
            if rest > Duration::ZERO {
                return Err(Setback::Rest { pause: rest });
            }
            let look_up = match cloud.look_up(&medium.cloud_id).await {
                Ok(look_up) => look_up,
                Err(error) => return Err(self.look_up_failed(job, order, error)),
            };
            self.all_is_well(job);
            match self.download(cloud, medium, &look_up, Instant::now()).await {
                Ok(medium) => return Ok(medium),
                Err(found) => {
                    let hopeless = !found.wants_fresh_look_up();
                    tracing::debug!(number = %job.number, medium = %medium.cloud_id, reason = %found, "download failed");
                    trouble = Some(found);
                    if hopeless {
                        break;
                    }
                }
            }
        }
        Err(self.download_failed(
            job,
            order,
            trouble.unwrap_or(Trouble::Damaged("nothing came".to_owned())),
        ))
    }

    /// The decision table's first half: the look-up.
    fn look_up_failed(&self, job: &Job, order: FetchOrder, error: LookUpError) -> Setback {
        let reason = error.to_string();
        match error {
            LookUpError::Refused {
                class: Class::Permanent,
                ..
            } => {
                self.all_is_well(job);
                Setback::Final(unknown_medium())
            }
            LookUpError::Refused {
                class: Class::Throttled(wait),
                ..
            } => self.throttled(job, wait),
            LookUpError::Refused {
                class: Class::Configuration,
                ..
            } => self.token_fault(job, &reason),
            LookUpError::Refused {
                class: Class::Transient,
                ..
            } => self.transient(job, order, reason),
            LookUpError::Unreached(source) => {
                self.transient(job, order, format!("{reason}: {}", causes(&*source)))
            }
            LookUpError::Forbidden(forbidden) => self.forbidden(job, order, &forbidden),
        }
    }

    /// The decision table's second half: the download, after its fresh look-up failed too.
    fn download_failed(&self, job: &Job, mut order: FetchOrder, trouble: Trouble) -> Setback {
        let reason = trouble.to_string();
        match trouble {
            Trouble::Throttled(wait) => self.throttled(job, wait),
            Trouble::Broken(_) => self.transient(job, order, reason),
            Trouble::Storage(_) => {
                tracing::error!(number = %job.number, reason, "a medium cannot be stored");
                self.or_give_up(
                    job,
                    order,
                    reason,
                    onprem::Error::INTERNAL.with("The media store cannot be written."),
                )
            }
            Trouble::Forbidden(forbidden) => self.forbidden(job, order, &forbidden),
            Trouble::TooLarge => Setback::Final(
                onprem::Error::MEDIA_DOWNLOAD.with("The media is larger than this client takes."),
            ),
            Trouble::Refused(_) | Trouble::Damaged(_) => {
                order.refusals += 1;
                if order.refusals >= self.config.download_attempts {
                    return Setback::Final(match trouble {
                        Trouble::Refused(_) => {
                            onprem::Error::MEDIA_DOWNLOAD.with("The media could not be downloaded.")
                        }
                        _ => onprem::Error::INTERNAL.with("The media arrived damaged every time."),
                    });
                }
                self.transient(job, order, reason)
            }
        }
    }

    fn transient(&self, job: &Job, order: FetchOrder, reason: String) -> Setback {
        let error =
            onprem::Error::MEDIA_DOWNLOAD.with("The media could not be downloaded in time.");
        self.or_give_up(job, order, reason, error)
    }

    fn or_give_up(
        &self,
        job: &Job,
        order: FetchOrder,
        reason: String,
        error: onprem::Error,
    ) -> Setback {
        if self.is_out_of_patience(job) {
            return Setback::Final(error);
        }
        Setback::Again {
            delay: retry::listed(job.attempts + 1, &self.config.retry_delays),
            reason,
            order,
        }
    }

    /// Patience ends with the job's age, not with a count: an outage costs many attempts and no media. The whole list of
    /// delays must have been used up besides, so that a clock that jumps ahead gives nothing up.
    fn is_out_of_patience(&self, job: &Job) -> bool {
        let tried =
            usize::try_from(job.attempts).unwrap_or(usize::MAX) >= self.config.retry_delays.len();
        tried && Timestamp::now().since(job.created_at) >= self.config.give_up_after
    }

    fn throttled(&self, job: &Job, wait: Option<Duration>) -> Setback {
        self.metrics.fetched("throttled");
        self.count(job, true);
        if self.is_out_of_patience(job) {
            return Setback::Final(
                onprem::Error::RATE_LIMIT.with("The media could not be downloaded in time."),
            );
        }
        let pause = wait.unwrap_or(THROTTLED_PAUSE).max(SHORTEST_REST);
        tracing::warn!(number = %job.number, pause_s = pause.as_secs(), "Cloud asks to slow down; this number's fetches rest");
        Setback::Rest { pause }
    }

    /// Our token or its permissions: no medium's fault, so no integration hears of it, and no job is lost over it.
    fn token_fault(&self, job: &Job, reason: &str) -> Setback {
        self.metrics.fetched("configuration");
        self.count(job, true);
        self.metrics.cloud_fault(true);
        let pause = self.config.token_fault_pause;
        tracing::error!(number = %job.number, reason, pause_s = pause.as_secs(), "Cloud refuses our token or its permissions; fetches wait until it is mended");
        Setback::Rest { pause }
    }

    /// Not followed, and not the medium's fault either: it may be `media_hosts`, or somebody playing Meta.
    fn forbidden(&self, job: &Job, order: FetchOrder, forbidden: &ForbiddenUrl) -> Setback {
        tracing::error!(number = %job.number, reason = %forbidden, "a media URL was not followed; see media_hosts");
        self.transient(job, order, forbidden.to_string())
    }

    fn all_is_well(&self, job: &Job) {
        if self.metrics.cloud_fault(false) {
            tracing::info!(number = %job.number, "Cloud accepts our token again");
        }
    }

    async fn is_there(&self, medium: &Medium) -> bool {
        let (store, id, length) = (
            self.store.clone(),
            medium.id,
            medium.length.unwrap_or_default(),
        );
        tokio::task::spawn_blocking(move || store.holds(id, length))
            .await
            .unwrap_or(false)
    }

    /// One order counts once, by how its first attempt went: an outage shows while it lasts, not when patience ends.
    fn count(&self, job: &Job, failed: bool) {
        if job.attempts == 0 {
            self.published.tally.answered(Route::MediaDownload, failed);
        }
    }

    fn done(&self, job: &Job, order: &FetchOrder, medium: Medium) -> Settlement {
        self.count(job, false);
        let body = translate::media::stored(&order.id, &facts(&medium), &self.compat);
        let stored_bytes = medium.length;
        self.finished(
            &medium.number.clone(),
            order,
            Some(medium),
            &body,
            stored_bytes,
        )
    }

    fn failed(
        &self,
        job: &Job,
        order: &FetchOrder,
        medium: Option<Medium>,
        error: onprem::Error,
    ) -> Settlement {
        self.count(job, true);
        let known = medium.as_ref().map(facts).unwrap_or_default();
        let body = translate::media::failed(&order.id, &known, error.clone(), &self.compat);
        let medium = medium.map(|mut medium| {
            // A memory is not renewed by being used, or a polling integration would never see the medium come back.
            if !matches!(medium.fate, Fate::Failed { until, .. } if until > Timestamp::now()) {
                medium.fate = Fate::Failed {
                    error,
                    until: Timestamp::now().after(self.config.remember_failure),
                };
            }
            medium
        });
        self.finished(&job.number, order, medium, &body, None)
    }

    /// The end of an order: told by a callback, unless the pair of a compared medium decides otherwise.
    fn finished(
        &self,
        number: &NumberName,
        order: &FetchOrder,
        medium: Option<Medium>,
        body: &onprem::media::Callback,
        stored_bytes: Option<u64>,
    ) -> Settlement {
        let callback = jobs::callback(number, serialize(body), None);
        let [item] = &body.media_items;
        let outcome = PairOutcome::CalledBack {
            // The wire types hold nothing that cannot be written as JSON.
            item: serde_json::to_value(item).unwrap_or_default(),
            stored_bytes,
        };
        let offer = Offer {
            number: number.clone(),
            medium: order.id.clone(),
            side: Side::Cloud,
            outcome: outcome.write(),
            callback: Some(callback),
        };
        Settlement::Done {
            medium,
            follow_up: Vec::new(),
            offer: Some(Box::new(offer)),
        }
    }

    fn again_later(&self, job: &Job, reason: String, payload: Option<Vec<u8>>) -> Settlement {
        let delay = retry::listed(job.attempts + 1, &self.config.retry_delays);
        tracing::warn!(number = %job.number, job = job.id.0, reason, retry_in_ms = millis(delay), "order not worked on");
        Settlement::Retry {
            due_at: Timestamp::now().after(delay),
            reason,
            payload,
        }
    }
}

/// What the documentation says of a medium that does not exist (any more).
fn unknown_medium() -> onprem::Error {
    onprem::Error::MEDIA_UNKNOWN.with("Media not found in the datastore.")
}

fn first_heard_of(job: &Job, cloud_id: CloudMediaId) -> Medium {
    Medium {
        number: job.number.clone(),
        id: media_uuid(&job.number, &cloud_id),
        cloud_id,
        kind: None,
        mime_type: None,
        sha256: None,
        length: None,
        fate: Fate::Known,
    }
}

fn serialize(body: &onprem::media::Callback) -> Vec<u8> {
    // The wire types hold nothing that cannot be written as JSON.
    serde_json::to_vec(body).unwrap_or_default()
}

fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
