//! An accepted retry download: from its order to a published file and the callback that tells of it; and the quiet
//! order, which nobody is told of.
//!
//! Safe to run twice: a medium that is stored is not fetched again, and one that Cloud refused for good is answered
//! from memory for a while.

use std::sync::Arc;

use super::{Fetch, Rest, Setback, Shelf, unknown_medium};
use crate::config;
use crate::cutover::Published;
use crate::ids::{CloudMediaId, MediaId, NumberName, media_uuid};
use crate::jobs::runner::Step;
use crate::jobs::{self, FetchOrder, PairOutcome, retry};
use crate::onprem;
use crate::relay::facts;
use crate::route::{Route, Side};
use crate::state::{Fate, Job, Medium, Offer, Settlement, Timestamp};
use crate::telemetry::millis;
use crate::translate;

/// Works on one number's orders.
pub struct Orders {
    /// Who fetches.
    pub fetch: Arc<Fetch>,
    /// How closely the old client is imitated.
    pub compat: config::Compat,
    /// The number's tally.
    pub published: Arc<Published>,
}

impl Step for Orders {
    async fn run(&self, job: &Job) -> Settlement {
        let Some((order, asked)) = FetchOrder::read(&job.payload).and_then(|order| {
            let asked = MediaId::parse(&order.id)?;
            Some((order, asked))
        }) else {
            return Settlement::Bury {
                reason: "unreadable order".to_owned(),
            };
        };
        let known = match self.fetch.state.medium(&job.number, &asked).await {
            Ok(known) => known,
            Err(error) => return self.again_later(job, error.to_string()),
        };
        let id = match (&asked, known) {
            (_, Some(medium)) => medium.id,
            (MediaId::Cloud(id), None) => media_uuid(&job.number, id),
            (MediaId::Uuid(_), None) => return self.told(job, &order, None, unknown_medium()),
        };
        let lock = self.fetch.in_flight.lock_of(id);
        let _alone = lock.lock().await;
        // Whoever had the lock before may have fetched it.
        let known = match self
            .fetch
            .state
            .medium(&job.number, &MediaId::Uuid(id))
            .await
        {
            Ok(known) => known,
            Err(error) => return self.again_later(job, error.to_string()),
        };
        let medium = match (known, asked) {
            (Some(medium), _) => medium,
            (None, MediaId::Cloud(cloud_id)) => first_heard_of(job, cloud_id),
            (None, MediaId::Uuid(_)) => return self.told(job, &order, None, unknown_medium()),
        };
        self.work_on(job, order, medium).await
    }

    fn not_before(&self) -> Timestamp {
        self.fetch.not_before()
    }

    fn at_a_time(&self) -> usize {
        self.fetch.at_a_time()
    }
}

impl Orders {
    /// Answers from what is known where that is enough, else fetches.
    async fn work_on(&self, job: &Job, order: FetchOrder, medium: Medium) -> Settlement {
        let metrics = &self.fetch.metrics;
        let shelf = match order.quiet {
            true => Shelf::Private,
            false => Shelf::Public,
        };
        match self.fetch.at_hand(&medium, shelf).await {
            Ok(Some(medium)) => {
                metrics.fetched("stored");
                return self.done(job, &order, &medium);
            }
            Ok(None) => {}
            Err(error) => return self.again_later(job, error.to_string()),
        }
        if let Fate::Failed { error, until } = &medium.fate
            && *until > Timestamp::now()
        {
            metrics.fetched("remembered");
            let error = error.clone();
            return self.told(job, &order, Some(&medium), error);
        }
        match self.fetch.attempt(&medium, None, shelf).await {
            Ok(medium) => self.done(job, &order, &medium),
            Err(setback) => self.set_back(job, order, &medium, setback).await,
        }
    }

    /// Whether it is tried again, or the integration is told.
    async fn set_back(
        &self,
        job: &Job,
        mut order: FetchOrder,
        medium: &Medium,
        setback: Setback,
    ) -> Settlement {
        let (error, reason) = match setback {
            Setback::Final(error) => return self.give_up(job, &order, medium, error).await,
            Setback::Refused { error, reason } => {
                order.refusals += 1;
                if order.refusals >= self.fetch.config.download_attempts {
                    return self.give_up(job, &order, medium, error).await;
                }
                let error = onprem::Error::MEDIA_DOWNLOAD
                    .with("The media could not be downloaded in time.");
                (error, reason)
            }
            Setback::Passing { error, reason } => (error, reason),
            Setback::Rest { pause, cause } => {
                if cause != Rest::Already {
                    self.count(job, &order, true);
                }
                if cause == Rest::Throttled && self.is_out_of_patience(job) {
                    let error = onprem::Error::RATE_LIMIT
                        .with("The media could not be downloaded in time.");
                    return self.give_up(job, &order, medium, error).await;
                }
                let due_at = Timestamp::now().after(pause);
                return Settlement::Release { due_at };
            }
        };
        if self.is_out_of_patience(job) {
            return self.give_up(job, &order, medium, error).await;
        }
        let delay = retry::listed(job.attempts + 1, &self.fetch.config.retry_delays);
        self.fetch.metrics.fetched("retry");
        self.count(job, &order, true);
        tracing::warn!(number = %job.number, medium = %medium.shown(), attempts = job.attempts + 1, retry_in_ms = millis(delay), reason, "medium not fetched yet");
        Settlement::Retry {
            due_at: Timestamp::now().after(delay),
            reason,
            payload: Some(order.payload()),
        }
    }

    /// Patience ends with the job's age, not with a count: an outage costs many attempts and no media. The whole list of
    /// delays must have been used up besides, so that a clock that jumps ahead gives nothing up.
    fn is_out_of_patience(&self, job: &Job) -> bool {
        let config = &self.fetch.config;
        let tried =
            usize::try_from(job.attempts).unwrap_or(usize::MAX) >= config.retry_delays.len();
        tried && Timestamp::now().since(job.created_at) >= config.give_up_after
    }

    /// One order counts once, by how its first attempt went: an outage shows while it lasts, not when patience ends.
    fn count(&self, job: &Job, order: &FetchOrder, failed: bool) {
        if job.attempts == 0 && !order.quiet {
            self.published.tally.answered(Route::MediaDownload, failed);
        }
    }

    fn done(&self, job: &Job, order: &FetchOrder, medium: &Medium) -> Settlement {
        self.count(job, order, false);
        let body = translate::media::stored(&order.id, &facts(medium), &self.compat);
        finished(&job.number, order, &body, medium.length)
    }

    async fn give_up(
        &self,
        job: &Job,
        order: &FetchOrder,
        medium: &Medium,
        error: onprem::Error,
    ) -> Settlement {
        if let Err(error) = self.fetch.give_up(medium, error.clone()).await {
            return self.again_later(job, error.to_string());
        }
        self.fetch.metrics.fetched("failed");
        tracing::warn!(number = %job.number, medium = %medium.shown(), attempts = job.attempts + 1, code = error.code, title = %error.title, "medium given up");
        self.told(job, order, Some(medium), error)
    }

    /// The end of an order for which there is no medium.
    fn told(
        &self,
        job: &Job,
        order: &FetchOrder,
        medium: Option<&Medium>,
        error: onprem::Error,
    ) -> Settlement {
        self.count(job, order, true);
        let known = medium.map(facts).unwrap_or_default();
        let body = translate::media::failed(&order.id, &known, error, &self.compat);
        finished(&job.number, order, &body, None)
    }

    fn again_later(&self, job: &Job, reason: String) -> Settlement {
        let delay = retry::listed(job.attempts + 1, &self.fetch.config.retry_delays);
        tracing::warn!(number = %job.number, job = job.id.0, reason, retry_in_ms = millis(delay), "order not worked on");
        Settlement::Retry {
            due_at: Timestamp::now().after(delay),
            reason,
            payload: None,
        }
    }
}

/// The end of an order: told by a callback, unless nobody asked, or the pair of a compared medium decides otherwise.
fn finished(
    number: &NumberName,
    order: &FetchOrder,
    body: &onprem::media::Callback,
    stored_bytes: Option<u64>,
) -> Settlement {
    let offer = (!order.quiet).then(|| {
        let [item] = &body.media_items;
        let outcome = PairOutcome::CalledBack {
            // The wire types hold nothing that cannot be written as JSON.
            item: serde_json::to_value(item).unwrap_or_default(),
            stored_bytes,
        };
        Box::new(Offer {
            number: number.clone(),
            medium: order.id.clone(),
            side: Side::Cloud,
            outcome: outcome.write(),
            callback: Some(jobs::callback(number, serialize(body), None)),
        })
    });
    Settlement::Done {
        follow_up: Vec::new(),
        offer,
    }
}

fn first_heard_of(job: &Job, cloud_id: CloudMediaId) -> Medium {
    Medium {
        number: job.number.clone(),
        id: media_uuid(&job.number, &cloud_id),
        cloud_id: Some(cloud_id),
        kind: None,
        mime_type: None,
        sha256: None,
        length: None,
        fate: Fate::Known,
        about: None,
    }
}

fn serialize(body: &onprem::media::Callback) -> Vec<u8> {
    // The wire types hold nothing that cannot be written as JSON.
    serde_json::to_vec(body).unwrap_or_default()
}
