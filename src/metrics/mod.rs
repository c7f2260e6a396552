//! Every figure the bridge keeps, as a named field, and their text form.
//!
//! What is counted on every request is a handle made once per number and route, so that counting is one atomic
//! addition. What is a state rather than an event (backlog, free space) is put in when the text is asked for.

mod labels;
mod notification;
mod number;

use std::fmt;
use std::time::Duration;

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

pub use notification::NotificationMetrics;
pub use number::NumberMetrics;

use crate::ids::NumberName;
use labels::{
    ComparisonLabels, DecisionLabels, EventLabels, Histograms, NumberLabels, QueueLabels,
    RequestLabels, ResultLabels, RouteLabels, Seconds,
};

/// All of them.
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Histograms<RouteLabels>,
    acks: Family<ResultLabels, Counter>,
    fetches: Family<ResultLabels, Counter>,
    fetched_bytes: Family<NumberLabels, Counter>,
    fetch_seconds: Histograms<NumberLabels>,
    cloud_fault: Family<NumberLabels, Gauge>,
    callbacks: Family<ResultLabels, Counter>,
    callback_seconds: Histograms<NumberLabels>,
    logins: Family<ResultLabels, Counter>,
    decisions: Family<DecisionLabels, Counter>,
    comparisons: Family<ComparisonLabels, Counter>,
    comparisons_skipped: Family<ComparisonLabels, Counter>,
    intake: Family<ResultLabels, Counter>,
    notifications: NotificationMetrics,
    events: Family<EventLabels, Counter>,
    kept_notifications: Gauge,
    jobs_waiting: Family<QueueLabels, Gauge>,
    jobs_buried: Family<QueueLabels, Gauge>,
    oldest_job_seconds: Family<QueueLabels, Gauge>,
    media_free_bytes: Gauge,
    /// Open connections on the public listeners.
    pub connections: Gauge,
}

/// How much work waits, for one number and queue.
pub struct Waiting<'a> {
    /// Whose.
    pub number: &'a NumberName,
    /// Which queue.
    pub queue: &'static str,
    /// Jobs that wait.
    pub waiting: u64,
    /// Jobs given up.
    pub buried: u64,
    /// How long the oldest has waited.
    pub oldest: Duration,
}

impl Metrics {
    /// All at zero.
    pub fn new() -> Self {
        let mut this = Self {
            registry: Registry::with_prefix("waba_bridge"),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(Seconds),
            acks: Family::default(),
            fetches: Family::default(),
            fetched_bytes: Family::default(),
            fetch_seconds: Family::new_with_constructor(Seconds),
            cloud_fault: Family::default(),
            callbacks: Family::default(),
            callback_seconds: Family::new_with_constructor(Seconds),
            logins: Family::default(),
            decisions: Family::default(),
            comparisons: Family::default(),
            comparisons_skipped: Family::default(),
            intake: Family::default(),
            notifications: NotificationMetrics::new(),
            events: Family::default(),
            kept_notifications: Gauge::default(),
            jobs_waiting: Family::default(),
            jobs_buried: Family::default(),
            oldest_job_seconds: Family::default(),
            media_free_bytes: Gauge::default(),
            connections: Gauge::default(),
        };
        this.register();
        this
    }

    fn register(&mut self) {
        let r = &mut self.registry;
        r.register(
            "requests",
            "Requests answered, by route, mode and class of status",
            self.requests.clone(),
        );
        r.register(
            "request_duration_seconds",
            "From a request's head to its answer's head",
            self.request_seconds.clone(),
        );
        r.register(
            "acks",
            "Retry downloads acknowledged; joined means that a job for the medium was waiting",
            self.acks.clone(),
        );
        r.register(
            "fetches",
            "Attempts to fetch a medium from Cloud, by result",
            self.fetches.clone(),
        );
        r.register(
            "fetched_bytes",
            "Bytes of media published",
            self.fetched_bytes.clone(),
        );
        r.register(
            "fetch_duration_seconds",
            "From the look-up to the published file",
            self.fetch_seconds.clone(),
        );
        r.register(
            "cloud_configuration_fault",
            "1 while Cloud refuses our token or its permissions",
            self.cloud_fault.clone(),
        );
        r.register(
            "callback_requests",
            "Callbacks posted, by result",
            self.callbacks.clone(),
        );
        r.register(
            "callback_duration_seconds",
            "From posting a callback to its answer",
            self.callback_seconds.clone(),
        );
        r.register(
            "logins",
            "Logins the bridge answered, by result",
            self.logins.clone(),
        );
        r.register(
            "decisions",
            "Calls whose side was decided by more than the flag's mode, by reason",
            self.decisions.clone(),
        );
        r.register(
            "comparisons",
            "Comparisons, by verdict",
            self.comparisons.clone(),
        );
        r.register(
            "comparisons_skipped",
            "Calls that were to be compared and were not, by reason",
            self.comparisons_skipped.clone(),
        );
        r.register(
            "intake",
            "Callbacks of the old client taken in, by result",
            self.intake.clone(),
        );
        self.notifications.register(r);
        r.register(
            "events",
            "Events of notifications, by kind and by what became of them",
            self.events.clone(),
        );
        r.register(
            "kept_notifications",
            "Notifications kept for an operator because they could not be told as they were",
            self.kept_notifications.clone(),
        );
        r.register(
            "jobs_waiting",
            "Jobs not finished",
            self.jobs_waiting.clone(),
        );
        r.register(
            "jobs_buried",
            "Jobs given up and kept for an operator",
            self.jobs_buried.clone(),
        );
        r.register(
            "oldest_job_age_seconds",
            "How long the oldest unfinished job has waited",
            self.oldest_job_seconds.clone(),
        );
        r.register(
            "media_free_bytes",
            "Free space of the media store",
            self.media_free_bytes.clone(),
        );
        r.register(
            "connections",
            "Open connections on the public listeners",
            self.connections.clone(),
        );
    }

    /// Puts in how many notifications are kept.
    pub fn kept(&self, count: u64) {
        self.kept_notifications
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// The handles of what Meta posts.
    pub fn notifications(&self) -> NotificationMetrics {
        self.notifications.clone()
    }

    /// Puts in how much work waits.
    pub fn waiting(&self, of: &Waiting<'_>) {
        let gauge = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let labels = QueueLabels {
            number: of.number.to_string(),
            queue: of.queue,
        };
        self.jobs_waiting
            .get_or_create(&labels)
            .set(gauge(of.waiting));
        self.jobs_buried
            .get_or_create(&labels)
            .set(gauge(of.buried));
        self.oldest_job_seconds
            .get_or_create(&labels)
            .set(gauge(of.oldest.as_secs()));
    }

    /// Puts in the free space.
    pub fn media_free(&self, bytes: u64) {
        self.media_free_bytes
            .set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// The text form (OpenMetrics).
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}
