//! Values with a form of their own: routes, sides, shares, rates, lengths of time.

use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use waba_bridge::operate::compare::Period;
use waba_bridge::route::{Mode, Route, Side};

/// One of the flags' names.
pub fn route() -> impl TypedValueParser<Value = Route> {
    let names = PossibleValuesParser::new(Route::ALL.map(Route::as_str));
    names.try_map(|name| Route::parse(&name).ok_or("no such route"))
}

/// `onprem`, `cloud`, `compare` or `off`.
pub fn mode() -> impl TypedValueParser<Value = Mode> {
    let words = [Mode::OnPrem, Mode::Cloud, Mode::Compare, Mode::Off].map(Mode::as_str);
    PossibleValuesParser::new(words).try_map(|word| Mode::parse(&word).ok_or("no such mode"))
}

/// `onprem` or `cloud`.
pub fn side() -> impl TypedValueParser<Value = Side> {
    let words = [Side::OnPrem, Side::Cloud].map(Side::as_str);
    PossibleValuesParser::new(words).try_map(|word| Side::parse(&word).ok_or("no such side"))
}

/// Shares that grow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shares(pub Vec<u8>);

/// `1,5,25,100`
pub fn shares(text: &str) -> Result<Shares, String> {
    let share = |word: &str| {
        let share = word.trim().parse::<u8>().ok();
        share
            .filter(|share| (1..=100).contains(share))
            .ok_or_else(|| format!("{word:?} is no share from 1 to 100"))
    };
    let shares = text.split(',').map(share).collect::<Result<Vec<u8>, _>>()?;
    match shares.is_sorted_by(|one, next| one < next) {
        true => Ok(Shares(shares)),
        false => Err("the shares must grow, as in 1,5,25,100".to_owned()),
    }
}

/// `0.01` or `1%`
pub fn rate(text: &str) -> Result<f64, String> {
    let (number, of) = match text.strip_suffix('%') {
        Some(number) => (number, 100.0),
        None => (text, 1.0),
    };
    let rate = number.trim().parse::<f64>().map(|number| number / of).ok();
    rate.filter(|rate| (0.0..=1.0).contains(rate))
        .ok_or_else(|| "a rate is from 0% to 100%, or from 0 to 1".to_owned())
}

/// `10m`, `90s`, `1h 30m`
pub fn length(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(length) if length.is_zero() => Err("some time is needed".to_owned()),
        Ok(length) => Ok(length),
        Err(error) => Err(format!("{error}; write 90s, 10m or 1h")),
    }
}

/// `24h`, or a moment.
pub fn period(text: &str) -> Result<Period, String> {
    if let Ok(length) = humantime::parse_duration(text) {
        return Ok(Period::Last(length));
    }
    let moment = OffsetDateTime::parse(text, &Rfc3339)
        .map_err(|_| "write a length of time, as 24h, or a moment, as 2026-01-31T12:00:00Z")?;
    let millis = moment.unix_timestamp_nanos() / 1_000_000;
    Ok(Period::Since(i64::try_from(millis).unwrap_or_default()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_written_in_two_ways() {
        for (text, expected) in [("1%", 0.01), ("0.01", 0.01), ("100%", 1.0), ("0", 0.0)] {
            assert!((rate(text).unwrap() - expected).abs() < 1e-12, "{text}");
        }
        for text in ["5", "101%", "-1%", "NaN", "x", ""] {
            assert!(rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn shares_grow() {
        assert_eq!(shares("1, 5,100").unwrap(), Shares(vec![1, 5, 100]));
        for text in ["", "0,5", "5,5", "25,5", "50,101", "a"] {
            assert!(shares(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_period_is_a_length_or_a_moment() {
        assert!(matches!(period("24h"), Ok(Period::Last(length)) if length.as_secs() == 86_400));
        assert!(matches!(
            period("1970-01-01T00:00:01Z"),
            Ok(Period::Since(1000))
        ));
        assert!(period("yesterday").is_err());
        assert!(length("0s").is_err() && length("10").is_err());
    }
}
