//! Logs: their format and their filter, decided once.
//!
//! A line never holds a body, a token, a phone number, a file name or a URL with a query; ids of media and jobs,
//! numbers' names, routes and statuses are what it may hold.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config;

/// Starts logging to standard error. `RUST_LOG`, when set, wins over the configuration.
pub fn start(log: &config::Log) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(&log.filter));
    let registry = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(console::colors_enabled_stderr());
    // A second start can only be a test's; the first one's settings stay.
    let _ = if log.json {
        registry
            .with(
                lines
                    .json()
                    .flatten_event(true)
                    .with_current_span(false)
                    .with_span_list(false),
            )
            .try_init()
    } else {
        registry.with(lines.with_target(false)).try_init()
    };
}

/// A duration for a log line. `as_millis` alone is wider than JSON's numbers, and would be logged as text.
pub fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
