//! A progressive cutover: a share that grows step by step, and goes back by itself.
//!
//! What to do next is a pure function of the ramp, the time and the figures since the step began, so that it is tested
//! without waiting. With a bound on mismatches the share is answered by Cloud and compared with on-prem; the mode
//! becomes `cloud` only when the last step has held.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::compare::wilson;
use crate::route::{Flag, Mode, Side};
use crate::state::Timestamp;

/// What an operator asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Steps {
    /// Shares, ascending, the last one at most 100.
    pub percents: Vec<u8>,
    /// How long each is held at least.
    pub every: Duration,
    /// What must not be exceeded.
    pub bounds: Bounds,
}

/// What must not be exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bounds {
    /// Of calls that Cloud answered, how many may fail; 0 to 1.
    pub error_rate: f64,
    /// Of comparisons, how many may differ; 0 to 1. None: nothing is compared.
    pub mismatch_rate: Option<f64>,
    /// With fewer calls (and comparisons) than this a step is held.
    pub min_samples: u64,
}

/// What calls came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Answered by Cloud.
    pub answered: u64,
    /// Of these, failed.
    pub failed: u64,
    /// Compared.
    pub compared: u64,
    /// Of these, with a difference.
    pub differed: u64,
}

impl Figures {
    /// What came since an earlier moment.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            answered: self.answered.saturating_sub(earlier.answered),
            failed: self.failed.saturating_sub(earlier.failed),
            compared: self.compared.saturating_sub(earlier.compared),
            differed: self.differed.saturating_sub(earlier.differed),
        }
    }
}

/// How a ramp stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RampStatus {
    /// On its way.
    Running,
    /// At its goal.
    Done,
    /// Gone back, for this reason.
    WentBack(String),
}

/// A ramp as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Ramp {
    kept: Kept,
    /// The figures when the step began. A restart begins the step's time anew.
    base: Figures,
    since: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Kept {
    steps: Steps,
    step: usize,
    before: KeptFlag,
    who: String,
    status: RampStatus,
    /// Whether an earlier step had enough data.
    had_data: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct KeptFlag {
    compare: Option<bool>,
    percent: u8,
    cloud: bool,
}

/// What is to be done with a ramp.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing yet.
    Wait,
    /// Its time is over but there is not enough data; says how much there is.
    Hold(String),
    /// The next share.
    Advance,
    /// The goal is reached.
    Finish,
    /// Back to what was before, for this reason.
    GoBack(String),
}

impl Ramp {
    /// A ramp at its first step; or what is wrong with it.
    pub(super) fn begin(
        steps: Steps,
        now_in_force: Flag,
        who: &str,
        now: Timestamp,
    ) -> Result<Self, String> {
        check(&steps, now_in_force)?;
        let kept = Kept {
            steps,
            step: 0,
            before: KeptFlag::of(now_in_force),
            who: who.to_owned(),
            status: RampStatus::Running,
            had_data: false,
        };
        Ok(Self {
            kept,
            base: Figures::default(),
            since: now,
        })
    }

    /// Reads what [`Ramp::write`] wrote. Its step begins anew.
    pub(super) fn read(bytes: &[u8], now: Timestamp) -> Option<Self> {
        let kept: Kept = serde_json::from_slice(bytes).ok()?;
        (kept.step < kept.steps.percents.len()).then_some(Self {
            kept,
            base: Figures::default(),
            since: now,
        })
    }

    pub(super) fn write(&self) -> Vec<u8> {
        // Numbers, words and booleans always serialize.
        serde_json::to_vec(&self.kept).unwrap_or_default()
    }

    /// Whether it is on its way.
    pub fn is_running(&self) -> bool {
        self.kept.status == RampStatus::Running
    }

    /// How it stands.
    pub fn status(&self) -> &RampStatus {
        &self.kept.status
    }

    /// Which step it is at, counted from 1, and how many there are.
    pub fn place(&self) -> (usize, usize) {
        (self.kept.step + 1, self.kept.steps.percents.len())
    }

    /// What was asked for.
    pub fn steps(&self) -> &Steps {
        &self.kept.steps
    }

    /// Who began it.
    pub fn who(&self) -> &str {
        &self.kept.who
    }

    /// When its step began.
    pub fn since(&self) -> Timestamp {
        self.since
    }

    /// What came since the step began.
    pub fn figures(&self, now: Figures) -> Figures {
        now.since(self.base)
    }

    pub(super) fn steps_in_words(&self) -> String {
        let shares: Vec<String> = self
            .kept
            .steps
            .percents
            .iter()
            .map(|share| format!("{share}%"))
            .collect();
        format!(
            "{} every {}s",
            shares.join(" "),
            self.kept.steps.every.as_secs()
        )
    }

    /// The flag that belongs to where it stands.
    pub(super) fn flag(&self) -> Flag {
        match self.kept.status {
            RampStatus::Running => self.flag_at(self.kept.step),
            RampStatus::Done => self.goal(),
            RampStatus::WentBack(_) => self.kept.before.flag(),
        }
    }

    pub(super) fn last_flag(&self) -> Flag {
        self.goal()
    }

    fn goal(&self) -> Flag {
        let last = self.kept.steps.percents.last().copied().unwrap_or(100);
        Flag::all(Mode::Cloud).share(last)
    }

    fn flag_at(&self, step: usize) -> Flag {
        let share = self.kept.steps.percents.get(step).copied().unwrap_or(0);
        match self.kept.steps.bounds.mismatch_rate {
            Some(_) => Flag::compare(Side::Cloud).share(share),
            None => Flag::all(Mode::Cloud).share(share),
        }
    }

    /// Begins a step's measuring.
    pub(super) fn measure_from(&mut self, base: Figures, now: Timestamp) {
        self.base = base;
        self.since = now;
    }

    /// What is to be done now. `figures` is what came since the step began; none if that cannot be told.
    pub(super) fn next(&self, now: Timestamp, figures: Option<Figures>) -> Next {
        let bounds = self.kept.steps.bounds;
        let is_over = now.since(self.since) >= self.kept.steps.every;
        let Some(figures) = figures else {
            return match is_over {
                true => Next::GoBack("there are no figures to go by".to_owned()),
                false => Next::Wait,
            };
        };
        if let Some(broken) = broken(bounds, figures) {
            return Next::GoBack(broken);
        }
        if !is_over {
            return Next::Wait;
        }
        let (what, samples) = match bounds.mismatch_rate {
            Some(_) if figures.compared < figures.answered => ("comparisons", figures.compared),
            _ => ("calls", figures.answered),
        };
        if samples == 0 && self.kept.had_data {
            return Next::GoBack(format!(
                "data went missing: no {what} at all since the step began"
            ));
        }
        if samples < bounds.min_samples {
            return Next::Hold(format!("{samples} {what} of {} needed", bounds.min_samples));
        }
        match self.kept.step + 1 < self.kept.steps.percents.len() {
            true => Next::Advance,
            false => Next::Finish,
        }
    }

    /// The ramp after a decision.
    pub(super) fn after(&self, next: &Next) -> Self {
        let mut ramp = self.clone();
        match next {
            Next::Advance => {
                ramp.kept.step += 1;
                ramp.kept.had_data = true;
            }
            Next::Finish => ramp.kept.status = RampStatus::Done,
            Next::GoBack(why) => ramp.kept.status = RampStatus::WentBack(why.clone()),
            Next::Wait | Next::Hold(_) => {}
        }
        ramp
    }
}

impl KeptFlag {
    fn of(flag: Flag) -> Self {
        Self {
            compare: (flag.mode == Mode::Compare).then_some(flag.answer == Side::Cloud),
            percent: flag.percent,
            cloud: flag.mode == Mode::Cloud,
        }
    }

    fn flag(self) -> Flag {
        match (self.compare, self.cloud) {
            (Some(true), _) => Flag::compare(Side::Cloud).share(self.percent),
            (Some(false), _) => Flag::compare(Side::OnPrem).share(self.percent),
            (None, true) => Flag::all(Mode::Cloud).share(self.percent),
            (None, false) => Flag::all(Mode::OnPrem),
        }
    }
}

/// A bound that is broken for sure: by the rate itself once there are enough samples, before that only if even the
/// interval's kind end is above it.
fn broken(bounds: Bounds, figures: Figures) -> Option<String> {
    let over = |what: &str, bad: u64, of: u64, bound: f64| {
        if of == 0 || bad == 0 {
            return None;
        }
        #[allow(clippy::cast_precision_loss)] // counts of calls
        let rate = bad as f64 / of as f64;
        let is_broken = (of >= bounds.min_samples && rate > bound) || wilson(bad, of).low > bound;
        is_broken.then(|| {
            format!(
                "{bad} of {of} {what} ({:.2}%), more than {:.2}%",
                rate * 100.0,
                bound * 100.0
            )
        })
    };
    over(
        "calls failed",
        figures.failed,
        figures.answered,
        bounds.error_rate,
    )
    .or_else(|| {
        let bound = bounds.mismatch_rate?;
        over(
            "comparisons differed",
            figures.differed,
            figures.compared,
            bound,
        )
    })
}

fn check(steps: &Steps, now_in_force: Flag) -> Result<(), String> {
    let Steps {
        percents,
        every,
        bounds,
    } = steps;
    let Some(first) = percents.first() else {
        return Err("a ramp needs steps, as in --steps 1,5,25,100".to_owned());
    };
    if percents.iter().any(|share| !(1..=100).contains(share)) {
        return Err("a step is a share from 1 to 100".to_owned());
    }
    if !percents.is_sorted_by(|a, b| a < b) {
        return Err(
            "steps must grow: nobody may be moved back by one, and none may come twice".to_owned(),
        );
    }
    let share_now = match now_in_force.mode {
        Mode::OnPrem => 0,
        Mode::Cloud => now_in_force.percent,
        Mode::Compare if now_in_force.answer == Side::Cloud => now_in_force.percent,
        Mode::Compare => 0,
        Mode::Off => return Err("the route is off; set it to onprem first".to_owned()),
    };
    if share_now >= *first && share_now > 0 {
        return Err(format!(
            "the route stands at \"{now_in_force}\" already, so a first step of {first}% would move keys back or change nothing; begin above {share_now}%"
        ));
    }
    if every.is_zero() {
        return Err("every step needs some time".to_owned());
    }
    let is_rate = |rate: f64| (0.0..=1.0).contains(&rate);
    if !is_rate(bounds.error_rate) || !bounds.mismatch_rate.is_none_or(is_rate) {
        return Err("a rate is from 0 to 1, or with % from 0% to 100%".to_owned());
    }
    if bounds.min_samples == 0 {
        return Err(
            "--min-samples must be at least 1: without data nothing can be judged".to_owned(),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn steps(percents: &[u8]) -> Steps {
        Steps {
            percents: percents.to_vec(),
            every: 10 * MINUTE,
            bounds: Bounds {
                error_rate: 0.05,
                mismatch_rate: None,
                min_samples: 100,
            },
        }
    }

    fn begun(steps: Steps) -> Ramp {
        Ramp::begin(steps, Flag::all(Mode::OnPrem), "anna", Timestamp(0)).unwrap()
    }

    fn minute(minutes: u32) -> Timestamp {
        Timestamp(0).after(minutes * MINUTE)
    }

    fn answered(answered: u64, failed: u64) -> Option<Figures> {
        Some(Figures {
            answered,
            failed,
            ..Figures::default()
        })
    }

    #[test]
    fn it_advances_by_time_and_data_and_ends_at_its_goal() {
        let mut ramp = begun(steps(&[1, 5, 100]));
        let shares = [1, 5, 100];
        for (step, share) in shares.into_iter().enumerate() {
            assert_eq!(ramp.flag(), Flag::all(Mode::Cloud).share(share));
            let from = minute(10 * u32::try_from(step).unwrap());
            ramp.measure_from(Figures::default(), from);
            assert_eq!(
                ramp.next(from.after(9 * MINUTE), answered(1000, 0)),
                Next::Wait
            );
            assert!(matches!(
                ramp.next(from.after(10 * MINUTE), answered(99, 0)),
                Next::Hold(_)
            ));
            let next = ramp.next(from.after(10 * MINUTE), answered(100, 5));
            let expected = if step < 2 {
                Next::Advance
            } else {
                Next::Finish
            };
            assert_eq!(next, expected);
            ramp = ramp.after(&next);
        }
        assert_eq!(
            (ramp.status(), ramp.flag()),
            (&RampStatus::Done, Flag::all(Mode::Cloud))
        );
    }

    #[test]
    fn a_broken_bound_goes_back_at_once() {
        let ramp = begun(steps(&[1, 5]));
        assert!(matches!(
            ramp.next(minute(1), answered(100, 6)),
            Next::GoBack(_)
        ));
        // Ten of ten are above any doubt long before there are a hundred; one of ten is not.
        assert!(matches!(
            ramp.next(minute(1), answered(10, 10)),
            Next::GoBack(_)
        ));
        assert_eq!(ramp.next(minute(1), answered(10, 1)), Next::Wait);
        let back = ramp.after(&Next::GoBack("x".to_owned()));
        assert_eq!(back.flag(), Flag::all(Mode::OnPrem));
    }

    #[test]
    fn data_that_goes_missing_is_no_good_news() {
        let ramp = begun(steps(&[1, 5, 25]));
        assert!(matches!(
            ramp.next(minute(600), answered(0, 0)),
            Next::Hold(_)
        ));
        assert!(matches!(ramp.next(minute(600), None), Next::GoBack(_)));
        let mut second = ramp.after(&Next::Advance);
        second.measure_from(Figures::default(), minute(0));
        assert_eq!(second.next(minute(9), answered(0, 0)), Next::Wait);
        assert!(matches!(
            second.next(minute(10), answered(0, 0)),
            Next::GoBack(_)
        ));
        assert!(matches!(
            second.next(minute(10), answered(3, 0)),
            Next::Hold(_)
        ));
    }

    #[test]
    fn with_a_bound_on_mismatches_it_compares_until_it_is_done() {
        let mut with_bound = steps(&[10, 100]);
        with_bound.bounds.mismatch_rate = Some(0.02);
        let ramp = begun(with_bound);
        assert_eq!(ramp.flag(), Flag::compare(Side::Cloud).share(10));
        let figures = |compared, differed| {
            Some(Figures {
                answered: 200,
                failed: 0,
                compared,
                differed,
            })
        };
        assert!(matches!(
            ramp.next(minute(10), figures(99, 0)),
            Next::Hold(_)
        ));
        assert_eq!(ramp.next(minute(10), figures(150, 3)), Next::Advance);
        assert!(matches!(
            ramp.next(minute(2), figures(150, 4)),
            Next::GoBack(_)
        ));
        let second = ramp.after(&Next::Advance);
        assert!(matches!(
            second.next(minute(10), figures(0, 0)),
            Next::GoBack(_)
        ));
    }

    #[test]
    fn what_cannot_be_a_ramp_is_refused_with_the_reason() {
        let begin =
            |percents: &[u8], flag| Ramp::begin(steps(percents), flag, "anna", Timestamp(0));
        let onprem = Flag::all(Mode::OnPrem);
        for bad in [&[][..], &[0, 5], &[5, 5], &[25, 5], &[50, 101]] {
            assert!(begin(bad, onprem).is_err(), "{bad:?}");
        }
        let quarter = Flag::all(Mode::Cloud).share(25);
        assert!(begin(&[5, 100], quarter).unwrap_err().contains("above 25%"));
        assert!(begin(&[50, 100], quarter).is_ok());
        assert!(begin(&[1], Flag::all(Mode::Off)).is_err());
        let mut rate = steps(&[1]);
        rate.bounds.error_rate = 5.0;
        assert!(Ramp::begin(rate, onprem, "anna", Timestamp(0)).is_err());
    }

    #[test]
    fn it_survives_being_written_down() {
        let ramp = begun(steps(&[1, 5])).after(&Next::Advance);
        let read = Ramp::read(&ramp.write(), minute(3)).unwrap();
        assert_eq!(
            (read.flag(), read.place(), read.since()),
            (ramp.flag(), (2, 2), minute(3))
        );
        assert!(Ramp::read(b"{}", minute(0)).is_none());
    }
}
