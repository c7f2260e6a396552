//! Our clock against those of the others. A medium's URL lives for five minutes, and the bridge decides by its own
//! clock whether one is dead.

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

use super::report::Finding;

/// The form of `Date` that every server of our days sends.
const DATE: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);
/// Whose clock counts most.
pub(super) const CLOUD: &str = "Cloud";
const WARN_S: i64 = 30;
const FAIL_S: i64 = 120;

/// Somebody's clock, seen at a moment of ours.
pub(super) struct Sighting {
    whose: &'static str,
    /// How many seconds ours is ahead.
    ahead_s: i64,
}

impl Sighting {
    /// Of an answer that has just come.
    pub fn now(whose: &'static str, date: Option<&str>) -> Option<Self> {
        let theirs = PrimitiveDateTime::parse(date?, DATE).ok()?.assume_utc();
        let ahead_s = (OffsetDateTime::now_utc() - theirs).whole_seconds();
        Some(Self { whose, ahead_s })
    }
}

/// Judges by Cloud's clock where it was seen, because a medium's URL dies by that one.
pub(super) fn check(sightings: &[Sighting]) -> Finding {
    let clouds = |seen: &&Sighting| seen.whose == CLOUD;
    let best = sightings.iter().find(clouds).or(sightings.first());
    let Some(Sighting { whose, ahead_s }) = best else {
        return Finding::warn(
            "clock",
            "nobody told the time, so ours could not be compared",
            "see to the connections above",
        );
    };
    let apart = ahead_s.abs();
    let found = match ahead_s {
        0 | 1 => format!("agrees with {whose}"),
        2.. => format!("{apart} s ahead of {whose}"),
        ..0 => format!("{apart} s behind {whose}"),
    };
    let remedy =
        "set this machine's clock (NTP): media URLs live for five minutes, judged by the clock";
    if apart > FAIL_S {
        Finding::fail("clock", found, remedy)
    } else if apart > WARN_S {
        Finding::warn("clock", found, remedy)
    } else {
        Finding::ok("clock", found)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::report::Verdict;
    use super::*;

    fn verdict(ahead_s: i64) -> Verdict {
        let whose = CLOUD;
        check(&[Sighting { whose, ahead_s }]).verdict
    }

    #[test]
    fn a_clock_is_judged_by_how_far_it_is_off_either_way() {
        for (ahead, expected) in [
            (0, Verdict::Ok),
            (30, Verdict::Ok),
            (-30, Verdict::Ok),
            (31, Verdict::Warn),
            (-120, Verdict::Warn),
            (121, Verdict::Fail),
            (-3600, Verdict::Fail),
        ] {
            assert_eq!(verdict(ahead), expected, "{ahead}");
        }
    }

    #[test]
    fn clouds_clock_outranks_the_old_clients() {
        let seen = |whose, ahead_s| Sighting { whose, ahead_s };
        let both = [seen("the on-prem client", 500), seen(CLOUD, 0)];
        assert_eq!(check(&both).verdict, Verdict::Ok);
        assert_eq!(check(&both[..1]).verdict, Verdict::Fail);
        assert_eq!(check(&[]).verdict, Verdict::Warn);
    }

    #[test]
    fn the_date_of_an_answer_is_read_and_anything_else_is_no_sighting() {
        let seen = Sighting::now("Cloud", Some("Sun, 06 Nov 1994 08:49:37 GMT")).unwrap();
        assert!(seen.ahead_s > 900_000_000);
        assert!(Sighting::now("Cloud", Some("yesterday")).is_none());
        assert!(Sighting::now("Cloud", None).is_none());
    }
}
