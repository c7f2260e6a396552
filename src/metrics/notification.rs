//! What is counted of notifications before anybody knows whose they are.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::labels::{NotificationLabels, Seconds};

/// The figures of the endpoint that Meta posts to.
#[derive(Clone)]
pub struct NotificationMetrics {
    notifications: Family<NotificationLabels, Counter>,
    seconds: Histogram,
    unknown_numbers: Counter,
}

impl NotificationMetrics {
    pub(super) fn new() -> Self {
        Self {
            notifications: Family::default(),
            seconds: Seconds.new_metric(),
            unknown_numbers: Counter::default(),
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "notifications",
            "Notifications and handshakes, by result",
            self.notifications.clone(),
        );
        registry.register(
            "notification_duration_seconds",
            "From the head of a notification that is taken to its answer",
            self.seconds.clone(),
        );
        registry.register(
            "unknown_numbers",
            "Parts of notifications that are about a number nobody here has",
            self.unknown_numbers.clone(),
        );
    }

    /// Counts one notification or handshake.
    pub fn notified(&self, result: &'static str) {
        let labels = NotificationLabels { result };
        self.notifications.get_or_create(&labels).inc();
    }

    /// Counts one notification that is answered as taken.
    pub fn taken(&self, result: &'static str, took: Duration) {
        self.notified(result);
        self.seconds.observe(took.as_secs_f64());
    }

    /// Counts what is about a number that nobody here has.
    pub fn unknown_number(&self) {
        self.unknown_numbers.inc();
    }
}
