//! All that was checked, as a table for people and as JSON for programs.

use std::time::Duration;

use comfy_table::{ContentArrangement, LineStyle, Table, TableStyle};
use serde::Serialize;

use super::check::Check;

/// Everything that was checked so far, by step.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Whether all of it was as it should be, to the end of the story.
    passed: bool,
    duration_ms: u64,
    checks: Vec<Row>,
    failure: Option<Failure>,
}

#[derive(Debug, Serialize)]
struct Row {
    step: String,
    #[serde(flatten)]
    check: Check,
}

/// Why the story broke off.
#[derive(Debug, Serialize)]
struct Failure {
    step: String,
    reason: String,
}

impl Report {
    /// Adds a check.
    pub fn add(&mut self, step: &str, check: Check) {
        self.checks.push(Row {
            step: step.to_owned(),
            check,
        });
    }

    /// The story broke off in this step.
    pub fn break_off(&mut self, step: &str, reason: String) {
        self.failure = Some(Failure {
            step: step.to_owned(),
            reason,
        });
    }

    /// The story is over, this way or that.
    pub fn close(&mut self, took: Duration) {
        self.duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.passed =
            self.failure.is_none() && !self.checks.is_empty() && self.failed_checks() == 0;
    }

    /// Whether all was well. False until [`Report::close`].
    pub fn passed(&self) -> bool {
        self.passed
    }

    /// How many checks there were.
    pub fn checks(&self) -> usize {
        self.checks.len()
    }

    /// How many of them failed.
    pub fn failed_checks(&self) -> usize {
        self.checks.iter().filter(|row| !row.check.passed).count()
    }

    /// One row per check.
    pub fn table(&self, width: u16) -> String {
        let mut table = Table::new();
        table
            .load_style(
                TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')),
            )
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width)
            .set_header(["what", "expected", "seen", ""]);
        for Row { check, .. } in &self.checks {
            let seen = match check.passed && check.seen == check.expected {
                true => "the same".to_owned(),
                false => shortened(&check.seen),
            };
            let verdict = if check.passed { "ok" } else { "FAILED" };
            table.add_row([&check.what, &shortened(&check.expected), &seen, verdict]);
        }
        table.to_string()
    }
}

/// Hashes by their beginning: a row has no room for 64 digits. Whether they are equal was decided on the whole.
pub fn shortened(text: &str) -> String {
    let words = text.split_inclusive([' ', ',', '"']);
    words
        .map(|word| {
            let digits = word.trim_end_matches([' ', ',', '"']);
            match digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                true => format!("{}..{}", &digits[..8], &word[64..]),
                false => word.to_owned(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed(report: impl FnOnce(&mut Report)) -> Report {
        let mut this = Report::default();
        this.add("one", Check::equal("first", 1, 1));
        report(&mut this);
        this.close(Duration::from_secs(1));
        this
    }

    #[test]
    fn one_failed_check_fails_the_whole() {
        assert!(closed(|_| {}).passed());
        let report = closed(|report| report.add("two", Check::equal("second", 1, 2)));
        assert!(!report.passed());
        assert!(report.table(120).contains("FAILED"));
    }

    #[test]
    fn a_story_that_breaks_off_has_failed_whatever_was_checked_before() {
        let report = closed(|report| report.break_off("two", "waited in vain".to_owned()));
        assert!(!report.passed());
        assert_eq!(report.failed_checks(), 0);
    }

    #[test]
    fn nothing_checked_is_nothing_proved() {
        let mut report = Report::default();
        report.close(Duration::ZERO);
        assert!(!report.passed());
    }

    #[test]
    fn only_hashes_are_shortened() {
        let hash = "a".repeat(64);
        assert_eq!(
            shortened(&format!("3 bytes, sha256 {hash}, downloaded")),
            "3 bytes, sha256 aaaaaaaa.., downloaded"
        );
        assert_eq!(shortened("id 1761991787669262"), "id 1761991787669262");
    }
}
