//! Points in time.

use std::borrow::Cow;

use super::raw::{self, Raw};

/// Seconds beyond this would be in the year 5138, so what is larger is counted in smaller units.
const LAST_SECOND: u64 = 100_000_000_000;

/// A point in time.
#[derive(Clone, Debug)]
pub(super) struct Time<'a> {
    /// As callbacks say it: whole seconds.
    pub(super) told: Cow<'a, str>,
    /// Since 1970.
    pub(super) seconds: i64,
}

/// Reads seconds; what is smaller than a second is cut off.
pub(super) fn time(raw: Raw<'_>) -> Option<Time<'_>> {
    let written = raw::word(raw)?;
    let mut seconds = match written.parse() {
        Ok(seconds) => seconds,
        Err(_) => whole(&written)?,
    };
    while seconds > LAST_SECOND {
        seconds /= 1000;
    }
    let plain = written.bytes().all(|byte| byte.is_ascii_digit())
        && !written.starts_with('0')
        && written.len() <= 11;
    Some(Time {
        told: match plain {
            true => written,
            false => Cow::Owned(seconds.to_string()),
        },
        seconds: i64::try_from(seconds).ok()?,
    })
}

/// The whole part of a number in any other notation.
fn whole(written: &str) -> Option<u64> {
    let number: f64 = written.trim().parse().ok()?;
    // A conversion of floats goes to the nearest number there is.
    (number.is_finite() && number >= 0.0).then_some(number as u64)
}
