//! How things are shown: tables, spans, moments.

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

pub(super) fn bare_table() -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table
}

/// Flush left, and with nothing after the last word of a line, so that it can be cut and grepped.
pub(super) fn shown(mut table: Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

/// Two units are enough to act on.
pub(super) fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// Unix milliseconds, to the second.
pub(super) fn moment(millis: i64) -> String {
    let at = OffsetDateTime::from_unix_timestamp(millis.div_euclid(1000)).ok();
    let written = at.and_then(|at| at.format(&Rfc3339).ok());
    written.unwrap_or_else(|| "-".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_two_units_at_most() {
        assert_eq!(span(59), "59s");
        assert_eq!(span(61), "1m01s");
        assert_eq!(span(3720), "1h02m");
        assert_eq!(span(90_000), "1d01h");
    }

    #[test]
    fn moments_are_in_utc() {
        assert_eq!(moment(0), "1970-01-01T00:00:00Z");
        assert_eq!(moment(1_792_000_000_999), "2026-10-14T17:46:40Z");
    }
}
