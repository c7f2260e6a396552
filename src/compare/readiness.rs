//! Whether a match rate is good enough, and how many comparisons are missing to know.

use serde::Serialize;

use super::interval::{around, wilson};

/// No route is compared as often; past it the rate lies at the threshold for all practical purposes.
const MOST: u64 = 1_000_000_000;

/// Whether a route may be switched over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Readiness {
    /// Even the lower end of the interval reaches the threshold.
    Ready,
    /// Even the upper end does not.
    NotReady {
        /// In words, the most important first.
        why: Vec<String>,
    },
    /// The threshold lies within the interval.
    NotEnoughData {
        /// How many more comparisons decide, if the rate stays as it is; none when it lies so close to the threshold
        /// that no number will.
        more: Option<u64>,
    },
}

/// Judges `matched` out of `compared`; `explain` adds to the reasons.
pub(super) fn readiness(
    matched: u64,
    compared: u64,
    threshold: f64,
    explain: impl FnOnce(&mut Vec<String>),
) -> Readiness {
    let found = wilson(matched, compared);
    if compared > 0 && found.low >= threshold {
        return Readiness::Ready;
    }
    if found.high < threshold {
        let mut why = vec![format!(
            "{matched} of {compared} match: {:.2} % (95 %: {:.2} to {:.2}), {:.2} % are needed",
            found.rate * 100.0,
            found.low * 100.0,
            found.high * 100.0,
            threshold * 100.0
        )];
        explain(&mut why);
        return Readiness::NotReady { why };
    }
    // Of nothing, the best is assumed: at least so many are needed.
    let rate = if compared == 0 { 1.0 } else { found.rate };
    Readiness::NotEnoughData {
        more: needed(rate, threshold).map(|needed| needed.saturating_sub(compared).max(1)),
    }
}

/// The fewest comparisons with which the interval around `rate` lies on one side of the threshold.
#[allow(clippy::cast_precision_loss)] // up to [`MOST`] nothing is lost
fn needed(rate: f64, threshold: f64) -> Option<u64> {
    let decides = |of: u64| {
        let found = around(rate, of as f64);
        found.low >= threshold || found.high < threshold
    };
    if !decides(MOST) {
        return None;
    }
    let (mut few, mut enough) = (0, MOST);
    while enough - few > 1 {
        let middle = few + (enough - few) / 2;
        match decides(middle) {
            true => enough = middle,
            false => few = middle,
        }
    }
    Some(enough)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(matched: u64, compared: u64, threshold: f64) -> Readiness {
        readiness(matched, compared, threshold, |_| {})
    }

    #[test]
    fn the_interval_decides_and_not_the_rate() {
        assert_eq!(judge(381, 381, 0.99), Readiness::Ready);
        assert_eq!(
            judge(380, 380, 0.99),
            Readiness::NotEnoughData { more: Some(1) }
        );
        assert_eq!(
            judge(0, 0, 0.99),
            Readiness::NotEnoughData { more: Some(381) }
        );
        assert!(matches!(judge(90, 100, 0.99), Readiness::NotReady { .. }));
        assert_eq!(
            judge(99, 100, 0.99),
            Readiness::NotEnoughData { more: None }
        );
        assert!(matches!(
            judge(98, 100, 0.99),
            Readiness::NotEnoughData { more: Some(_) }
        ));
    }

    #[test]
    fn as_many_more_as_announced_decide() {
        for (matched, compared) in [(98_u64, 100_u64), (995, 1000), (19, 20), (399, 400)] {
            let Readiness::NotEnoughData { more: Some(more) } = judge(matched, compared, 0.99)
            else {
                continue;
            };
            #[allow(clippy::cast_precision_loss)]
            let (rate, all) = (matched as f64 / compared as f64, (compared + more) as f64);
            let found = around(rate, all);
            assert!(
                found.low >= 0.99 || found.high < 0.99,
                "{matched}/{compared}"
            );
            let before = around(rate, all - 1.0);
            assert!(
                before.low < 0.99 && before.high >= 0.99,
                "{matched}/{compared}"
            );
        }
    }

    #[test]
    fn a_threshold_of_one_is_never_reached_but_can_be_missed() {
        assert_eq!(
            judge(1000, 1000, 1.0),
            Readiness::NotEnoughData { more: None }
        );
        assert!(matches!(judge(9, 10, 1.0), Readiness::NotReady { .. }));
        assert_eq!(judge(0, 1, 0.0), Readiness::Ready);
    }
}
