//! Logs: their format and their filter, decided once.
//!
//! A line never holds a body, a token, a phone number, a file name or a URL with a query; ids of media and jobs,
//! numbers' names, routes and statuses are what it may hold.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config;

/// Starts logging to standard error. `RUST_LOG`, when set, wins over the configuration.
pub fn start(log: &config::Log) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(&log.filter));
    let compared = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .event_format(Verbatim)
        .with_filter(filter_fn(is_comparison));
    let registry = tracing_subscriber::registry().with(filter).with(compared);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(console::colors_enabled_stderr());
    let others = filter_fn(|metadata| !is_comparison(metadata));
    // A second start can only be a test's; the first one's settings stay.
    let _ = if log.json {
        registry
            .with(
                lines
                    .json()
                    .flatten_event(true)
                    .with_current_span(false)
                    .with_span_list(false)
                    .with_filter(others),
            )
            .try_init()
    } else {
        registry
            .with(lines.with_target(false).with_filter(others))
            .try_init()
    };
}

/// Comparisons are read by programs, so theirs are JSON whatever the others are.
fn is_comparison(metadata: &Metadata<'_>) -> bool {
    metadata.target() == COMPARE
}

/// The target of comparisons.
pub const COMPARE: &str = "compare";

/// Writes the field `line` as it is.
struct Verbatim;

impl<S, N> FormatEvent<S, N> for Verbatim
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = Line(String::new());
        event.record(&mut line);
        writeln!(writer, "{}", line.0)
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "line" {
            self.0 = format!("{value:?}");
        }
    }
}

/// A duration for a log line. `as_millis` alone is wider than JSON's numbers, and would be logged as text.
pub fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
