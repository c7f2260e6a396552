//! One number's figures, and what is counted in them.

use std::sync::OnceLock;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use super::Metrics;
use super::labels::{
    ComparisonLabels, DecisionLabels, EventLabels, Histograms, NumberLabels, RequestLabels,
    ResultLabels, RouteLabels,
};
use crate::ids::NumberName;
use crate::route::{Decision, Plan, Route};

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
    events: Family<EventLabels, Counter>,
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

impl Metrics {
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
            events: self.events.clone(),
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

    /// Counts one event of a notification. `kind` and `outcome` are words of fixed lists, never Meta's.
    pub fn event(&self, kind: &'static str, outcome: &'static str) {
        let labels = EventLabels {
            number: self.name.clone(),
            kind,
            outcome,
        };
        self.events.get_or_create(&labels).inc();
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
