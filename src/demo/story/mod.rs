//! The steps, in order. A check that fails does not end the story; a wait in vain does.

mod compare;
mod crash;
mod cutover;
mod inbound;
mod media;
mod passthrough;
mod trouble;

use std::time::Duration;

use indicatif::HumanCount;

use super::check::{Check, Original};
use super::report::{Report, shortened};
use super::screen::Screen;
use super::trouble::Trouble;
use super::world::World;
use crate::standin::media::Kind;
use crate::standin::{Fault, Hop, Medium, Seen};

/// Teller and bookkeeper.
pub(super) struct Story {
    screen: Screen,
    report: Report,
    steps: usize,
    step: String,
    media: u64,
}

impl Story {
    /// A story on this screen.
    pub(super) fn new(screen: Screen) -> Self {
        Self {
            screen,
            report: Report::default(),
            steps: 0,
            step: "start".to_owned(),
            media: 0,
        }
    }

    /// All steps.
    pub(super) async fn tell(&mut self, world: &mut World) -> Result<(), Trouble> {
        self.introduce(world);
        self.log_in(world).await?;
        self.pass_through(world).await?;
        self.fetch_every_kind(world).await?;
        self.ask_for_the_unknown(world).await?;
        self.survive_trouble(world).await?;
        self.survive_a_crash(world).await?;
        self.change_sides(world).await?;
        self.hear_from_a_customer(world).await?;
        self.count(world);
        Ok(())
    }

    /// The story could not go on. The bridge's last words are for whoever has to find out why.
    pub(super) fn break_off(&mut self, trouble: &Trouble, log: &[String]) {
        let reason = trouble.to_string();
        eprintln!("\nFailed in step \"{}\": {reason}", self.step);
        if !log.is_empty() {
            eprintln!("The last lines of the bridge's log:");
        }
        for line in log {
            eprintln!("  {line}");
        }
        self.report.break_off(&self.step, reason);
    }

    /// The table and the last word. Whether all was well.
    pub(super) fn end(&mut self, took: Duration) -> bool {
        self.report.close(took);
        let (all, failed) = (self.report.checks(), self.report.failed_checks());
        if all > 0 {
            self.screen.title("What was checked");
            let table = self.report.table(self.screen.width());
            self.screen.table(&table);
        }
        let seconds = took.as_secs_f64();
        let last = match (self.report.passed(), failed) {
            (true, _) => format!("All {all} checks passed, in {seconds:.1} s."),
            (false, 0) => format!("The demo broke off after {all} checks, in {seconds:.1} s."),
            (false, _) => format!("{failed} of {all} checks FAILED, in {seconds:.1} s."),
        };
        self.screen.title(&last);
        self.report.passed()
    }

    /// What was checked.
    pub(super) fn report(&self) -> &Report {
        &self.report
    }

    fn begin(&mut self, title: &str) {
        self.steps += 1;
        title.clone_into(&mut self.step);
        self.screen.title(&format!("{}. {title}", self.steps));
    }

    /// Books a check and shows it.
    fn check(&mut self, check: Check) {
        let line = match check.passed {
            true => format!("{}: {}", check.what, shortened(&check.seen)),
            false => format!(
                "{}: expected {}, seen {}",
                check.what, check.expected, check.seen
            ),
        };
        self.screen.verdict(check.passed, &line);
        self.report.add(&self.step, check);
    }

    /// Puts a file of this kind at Cloud, under an id of which nobody has heard yet.
    fn sent_to_the_number(&mut self, world: &World, kind: Kind, label: &str) -> (Original, Medium) {
        let id = self.next_id();
        self.sent_as(world, id, kind, label)
    }

    /// The same under this id.
    fn sent_as(&self, world: &World, id: String, kind: Kind, label: &str) -> (Original, Medium) {
        let medium = kind.medium();
        let digest = world.cloud.add_medium(&id, medium.clone());
        let original = Original {
            id,
            label: label.to_owned(),
            kind,
            mime_type: kind.mime_type().to_owned(),
            digest,
        };
        (original, medium)
    }

    /// Ids as Cloud gives them: sixteen digits.
    fn next_id(&mut self) -> String {
        self.media += 1;
        format!("{}", 1_761_991_787_669_200 + self.media)
    }

    /// What Cloud was asked about a medium and how it answered, told from Cloud's side.
    fn tell_what_cloud_saw(&mut self, requests: &[Seen]) {
        let Some(first) = requests.first() else {
            return;
        };
        let start = first.arrived;
        for seen in requests {
            let after = seen.arrived.duration_since(start).as_secs_f64();
            let what = match seen.hop {
                Hop::Lookup => "look-up ",
                _ => "download",
            };
            let from = match seen.header("range") {
                Some(range) => format!(", asked for {}", range.replace('=', " ")),
                None => String::new(),
            };
            let status = seen
                .status
                .map_or("no answer".to_owned(), |status| status.to_string());
            let fault = match &seen.fault {
                Some(Fault::Reset(Some(bytes))) => {
                    format!(", connection reset after {} bytes", HumanCount(*bytes))
                }
                Some(Fault::Slow { bytes_per_second }) => {
                    format!(", slow: {} bytes per second", HumanCount(*bytes_per_second))
                }
                // The status says it.
                Some(Fault::Status(_)) | None => String::new(),
                Some(fault) => format!(" ({fault})"),
            };
            self.screen
                .detail(&format!("{after:6.2} s  {what}  {status}{from}{fault}"));
        }
    }
}

/// A duration as people say it.
fn spoken(duration: Duration) -> String {
    let ms = duration.as_secs_f64() * 1000.0;
    match ms {
        ..10.0 => format!("{ms:.1} ms"),
        ..1000.0 => format!("{ms:.0} ms"),
        _ => format!("{:.1} s", duration.as_secs_f64()),
    }
}
