//! Every figure the bridge keeps, as a named field, and their text form.
//!
//! What is counted on every request is a handle made once per number and route, so that counting is one atomic
//! addition. What is a state rather than an event (backlog, free space) is put in when the text is asked for.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::ids::NumberName;
use crate::route::{Decision, Plan, Route};

type Histograms<L> = Family<L, Histogram, Seconds>;

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
    jobs_waiting: Family<QueueLabels, Gauge>,
    jobs_buried: Family<QueueLabels, Gauge>,
    oldest_job_seconds: Family<QueueLabels, Gauge>,
    media_free_bytes: Gauge,
    /// Open connections on the public listeners.
    pub connections: Gauge,
}

/// The labels of a request.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    number: String,
    route: &'static str,
    mode: &'static str,
    status: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RouteLabels {
    number: String,
    route: &'static str,
    mode: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct DecisionLabels {
    number: String,
    route: &'static str,
    mode: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ComparisonLabels {
    number: String,
    route: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ResultLabels {
    number: String,
    result: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct NumberLabels {
    number: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct QueueLabels {
    number: String,
    queue: &'static str,
}

/// Half a millisecond to about half an hour, for answers and for fetches alike.
#[derive(Clone)]
struct Seconds;

impl MetricConstructor<Histogram> for Seconds {
    fn new_metric(&self) -> Histogram {
        Histogram::new(exponential_buckets(0.0005, 3.0, 14))
    }
}

/// One number's handles.
pub struct NumberMetrics {
    /// By route and what was done with the call; made when they are first needed, since most never are.
    routes: Vec<[OnceLock<RouteMetrics>; PLANS]>,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Histograms<RouteLabels>,
    decisions: Family<DecisionLabels, Counter>,
    comparisons: Family<ComparisonLabels, Counter>,
    comparisons_skipped: Family<ComparisonLabels, Counter>,
    intake: Family<ResultLabels, Counter>,
    acks_new: Counter,
    acks_joined: Counter,
    name: String,
    fetches: Family<ResultLabels, Counter>,
    callbacks: Family<ResultLabels, Counter>,
    logins: Family<ResultLabels, Counter>,
    fetched_bytes: Counter,
    fetch_seconds: Histogram,
    callback_seconds: Histogram,
    cloud_fault: Gauge,
}

const PLANS: usize = 4;

struct RouteMetrics {
    by_class: [Counter; 5],
    seconds: Histogram,
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

    /// A number's handles.
    pub fn number(&self, number: &NumberName) -> NumberMetrics {
        let name = number.to_string();
        let labels = NumberLabels {
            number: name.clone(),
        };
        let ack = |result: &str| {
            self.acks
                .get_or_create(&ResultLabels {
                    number: name.clone(),
                    result: result.to_owned(),
                })
                .clone()
        };
        NumberMetrics {
            routes: Route::ALL
                .map(|_| [const { OnceLock::new() }; PLANS])
                .into(),
            requests: self.requests.clone(),
            request_seconds: self.request_seconds.clone(),
            decisions: self.decisions.clone(),
            comparisons: self.comparisons.clone(),
            comparisons_skipped: self.comparisons_skipped.clone(),
            intake: self.intake.clone(),
            acks_new: ack("new"),
            acks_joined: ack("joined"),
            fetches: self.fetches.clone(),
            callbacks: self.callbacks.clone(),
            logins: self.logins.clone(),
            fetched_bytes: self.fetched_bytes.get_or_create(&labels).clone(),
            fetch_seconds: self.fetch_seconds.get_or_create(&labels).clone(),
            callback_seconds: self.callback_seconds.get_or_create(&labels).clone(),
            cloud_fault: self.cloud_fault.get_or_create(&labels).clone(),
            name,
        }
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

impl NumberMetrics {
    /// Counts one answered request.
    pub fn answered(&self, route: Route, plan: Plan, status: u16, took: Duration) {
        let place = match plan {
            Plan::OnPrem => 0,
            Plan::Cloud => 1,
            Plan::Compare { .. } => 2,
            Plan::Off => 3,
        };
        let metrics =
            self.routes[route as usize][place].get_or_init(|| self.make(route, plan.as_str()));
        let class = usize::from(status / 100).clamp(1, 5) - 1;
        metrics.by_class[class].inc();
        metrics.seconds.observe(took.as_secs_f64());
    }

    fn make(&self, route: Route, mode: &'static str) -> RouteMetrics {
        let by_class = ["1xx", "2xx", "3xx", "4xx", "5xx"].map(|status| {
            let labels = RequestLabels {
                number: self.name.clone(),
                route: route.as_str(),
                mode,
                status,
            };
            self.requests.get_or_create(&labels).clone()
        });
        let labels = RouteLabels {
            number: self.name.clone(),
            route: route.as_str(),
            mode,
        };
        RouteMetrics {
            by_class,
            seconds: self.request_seconds.get_or_create(&labels).clone(),
        }
    }

    /// Counts one decision.
    pub fn decided(&self, route: Route, decision: Decision) {
        let labels = DecisionLabels {
            number: self.name.clone(),
            route: route.as_str(),
            mode: decision.plan.as_str(),
            reason: decision.reason.as_str(),
        };
        self.decisions.get_or_create(&labels).inc();
    }

    /// Counts one comparison.
    pub fn compared(&self, route: Route, verdict: &'static str) {
        let labels = self.comparison(route, verdict);
        self.comparisons.get_or_create(&labels).inc();
    }

    /// Counts one call that was to be compared and was not.
    pub fn not_compared(&self, route: Route, reason: &'static str) {
        let labels = self.comparison(route, reason);
        self.comparisons_skipped.get_or_create(&labels).inc();
    }

    fn comparison(&self, route: Route, result: &'static str) -> ComparisonLabels {
        ComparisonLabels {
            number: self.name.clone(),
            route: route.as_str(),
            result,
        }
    }

    /// Counts one POST to the intake.
    pub fn taken_in(&self, result: &str) {
        self.count(&self.intake, result);
    }

    /// Counts one acknowledged retry download.
    pub fn acknowledged(&self, joined: bool) {
        if joined {
            self.acks_joined.inc()
        } else {
            self.acks_new.inc()
        };
    }

    /// Counts one attempt to fetch a medium.
    pub fn fetched(&self, result: &str) {
        self.count(&self.fetches, result);
    }

    /// Counts a published medium.
    pub fn published(&self, bytes: u64, took: Duration) {
        self.fetched_bytes.inc_by(bytes);
        self.fetch_seconds.observe(took.as_secs_f64());
    }

    /// Counts one posted callback.
    pub fn called_back(&self, result: &str, took: Duration) {
        self.count(&self.callbacks, result);
        self.callback_seconds.observe(took.as_secs_f64());
    }

    /// Counts one login.
    pub fn logged_in(&self, result: &str) {
        self.count(&self.logins, result);
    }

    /// Raises or lowers the alarm about our token; tells whether that changed anything.
    pub fn cloud_fault(&self, present: bool) -> bool {
        self.cloud_fault.set(i64::from(present)) != i64::from(present)
    }

    /// Whether the alarm about our token is raised.
    pub fn has_cloud_fault(&self) -> bool {
        self.cloud_fault.get() != 0
    }

    fn count(&self, family: &Family<ResultLabels, Counter>, result: &str) {
        family
            .get_or_create(&ResultLabels {
                number: self.name.clone(),
                result: result.to_owned(),
            })
            .inc();
    }
}
