//! Delivering callbacks: until the receiver says 200, in the old client's rhythm.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use crate::backend::callback::Callback;
use crate::config;
use crate::jobs::retry;
use crate::jobs::runner::Step;
use crate::metrics::NumberMetrics;
use crate::state::{Job, Settlement, Timestamp};
use crate::telemetry::millis;

/// Delivers one number's callbacks.
pub struct Deliver {
    /// The webhook; without one callbacks are discarded, as the old client did without a URL.
    pub webhook: Option<(Callback, config::Callback)>,
    /// Its figures.
    pub metrics: Arc<NumberMetrics>,
}

/// Patience ends with the callback's age. Its pauses must have been waited for besides, so that neither a clock that
/// jumps ahead nor an age from before its burial takes a callback the attempts it is due.
fn is_out_of_patience(job: &Job, config: &config::Callback) -> bool {
    let (step, cap) = (config.backoff_delay, config.max_backoff_delay);
    let waited = retry::linear_sum(job.attempts, step, cap);
    let age = Timestamp::now().since(job.created_at);
    config
        .give_up_after
        .is_some_and(|limit| age >= limit && (waited >= limit || step.is_zero()))
}

impl Step for Deliver {
    async fn run(&self, job: &Job) -> Settlement {
        let done = Settlement::Done {
            follow_up: Vec::new(),
            offer: None,
        };
        let Some((webhook, config)) = &self.webhook else {
            tracing::warn!(number = %job.number, job = job.id.0, "callback discarded: the number has no callback URL");
            self.metrics
                .called_back("discarded", std::time::Duration::ZERO);
            return done;
        };
        let started = Instant::now();
        let result = webhook.post(Bytes::copy_from_slice(&job.payload)).await;
        let took = started.elapsed();
        let Err(error) = result else {
            self.metrics.called_back("success", took);
            tracing::info!(number = %job.number, job = job.id.0, attempts = job.attempts + 1, duration_ms = millis(took), "callback delivered");
            return done;
        };
        let reason = error.result();
        self.metrics.called_back(&reason, took);
        if is_out_of_patience(job, config) {
            tracing::error!(number = %job.number, job = job.id.0, attempts = job.attempts + 1, error = &error as &dyn std::error::Error, "callback given up and buried");
            return Settlement::Bury { reason };
        }
        let delay = retry::linear(
            job.attempts + 1,
            config.backoff_delay,
            config.max_backoff_delay,
        );
        tracing::warn!(number = %job.number, job = job.id.0, attempts = job.attempts + 1, retry_in_ms = millis(delay), error = &error as &dyn std::error::Error, "callback not delivered");
        Settlement::Retry {
            due_at: Timestamp::now().after(delay),
            reason,
            payload: None,
        }
    }

    fn not_before(&self) -> Timestamp {
        Timestamp(0)
    }

    fn at_a_time(&self) -> usize {
        usize::MAX
    }
}
