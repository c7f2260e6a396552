//! The forms under which a value can be the same as another that is spelled differently.
//!
//! They are computed for each side alone, so that a recorded side can carry them hashed.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use super::path::Keys;
use super::rules::Equivalence;
use super::spaces::{self, Space};
use crate::cloud;

/// Keys that hold ids of media or messages.
const IDS: &[&str] = &["id", "message_id", "image_data_id"];
/// Keys that hold digests. An identity's `hash` is shorter than 32 bytes and stays as it is.
const DIGESTS: &[&str] = &["sha256", "hash"];
/// Keys that hold moments.
const TIMES: &[&str] = &[
    "timestamp",
    "expires_after",
    "created_timestamp",
    "expiration_timestamp",
    "creation_time",
    "expire_timestamp",
];
/// Keys that hold phone numbers. Not `input`: the contact check echoes it byte for byte, and callers match by it.
const PHONES: &[&str] = &[
    "wa_id",
    "wa_ids",
    "new_wa_id",
    "phone",
    "phone_number",
    "display_phone_number",
    "from",
    "to",
    "recipient_id",
    "participants",
    "admins",
    "creator",
    "operator",
    "landline_number",
    "mobile_number",
];
/// Arrays that are sets: the same client has shown their members in different orders.
const SETS: &[&str] = &["auto_download"];

/// Above it a number of seconds would lie in the year 5138: such a number counts milliseconds.
const LAST_SECOND: i128 = 100_000_000_000;

const SPACED: &[BorrowedFormatItem<'_>] = format_description!(
    "[year]-[month]-[day] [hour]:[minute]:[second][offset_hour sign:mandatory]:[offset_minute]"
);

/// What tells two forms of the same rule apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Class {
    /// An id of this space.
    Id(Space),
    /// A JSON number.
    Number,
    /// A number as text.
    Text,
}

/// One form of a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Form {
    pub(super) rule: Equivalence,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) class: Option<Class>,
    /// Equal for equal values; hashed where the side is recorded. None where the class alone counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) same: Option<String>,
}

impl Form {
    /// Whether the rule of the two makes their values equal.
    pub(super) fn meets(&self, other: &Self) -> bool {
        if self.rule != other.rule {
            return false;
        }
        let equal = self.same == other.same;
        match (self.class, other.class) {
            (Some(Class::Id(one)), Some(Class::Id(two))) => {
                one.meets(two) && (equal || self.same.is_none() || other.same.is_none())
            }
            (Some(Class::Text), Some(Class::Text)) => false,
            _ => equal && self.same.is_some(),
        }
    }
}

/// Whether an array is a set.
pub(super) fn is_set(key: &str) -> bool {
    SETS.contains(&key)
}

/// Every form a scalar has at its place, in the order of [`Equivalence::ALL`].
pub(super) fn of(keys: Keys<'_>, value: &Value) -> Vec<Form> {
    let (text, class) = match value {
        Value::String(text) => (text.clone(), Class::Text),
        Value::Number(number) => (number.to_string(), Class::Number),
        _ => return Vec::new(),
    };
    let plain = |rule, same: Option<String>| {
        same.map(|same| Form {
            rule,
            class: None,
            same: Some(same),
        })
    };
    let at = |keys_of: &[&str]| keys_of.contains(&keys.own);
    let id = match class {
        Class::Text if at(IDS) => spaces::of(&text).map(|(space, same)| Form {
            rule: Equivalence::Ids,
            class: Some(Class::Id(space)),
            same,
        }),
        _ => None,
    };
    let audio = keys.own == "type" && ["voice", "audio"].contains(&text.as_str());
    [
        id,
        plain(
            Equivalence::Digests,
            at(DIGESTS).then(|| digest(&text)).flatten(),
        ),
        plain(Equivalence::Times, at(TIMES).then(|| time(&text)).flatten()),
        plain(
            Equivalence::Phones,
            at(PHONES).then(|| phone(&text)).flatten(),
        ),
        plain(Equivalence::VoiceAudio, audio.then(|| "audio".to_owned())),
        decimal(&text).map(|same| Form {
            rule: Equivalence::Numbers,
            class: Some(class),
            same: Some(same),
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn digest(text: &str) -> Option<String> {
    cloud::media::digest(text).map(|bytes| hex(&bytes))
}

/// Lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// 5 to 15 digits, as E.164 allows, with what people put between them.
fn phone(text: &str) -> Option<String> {
    let rest = text.strip_prefix('+').unwrap_or(text);
    let allowed = |letter: char| letter.is_ascii_digit() || " -().".contains(letter);
    let digits: String = rest.chars().filter(char::is_ascii_digit).collect();
    (rest.chars().all(allowed) && (5..=15).contains(&digits.len())).then_some(digits)
}

/// Milliseconds since 1970.
fn time(text: &str) -> Option<String> {
    if !text.is_empty() && text.len() <= 16 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let number: i128 = text.parse().ok()?;
        let scale = if number > LAST_SECOND { 1 } else { 1000 };
        return Some((number * scale).to_string());
    }
    let moment = OffsetDateTime::parse(text, &Rfc3339)
        .or_else(|_| OffsetDateTime::parse(text, SPACED))
        .ok()?;
    Some((moment.unix_timestamp_nanos() / 1_000_000).to_string())
}

/// A JSON number as digits and exponent, exactly: `1.50` and `15e-1` are both `15e-1`.
fn decimal(text: &str) -> Option<String> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text),
    };
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent_of(exponent)?),
        None => (rest, 0),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (mantissa, ""),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let padded = whole.len() > 1 && whole.starts_with('0');
    if whole.is_empty() || padded || !digits(whole) || !digits(fraction) {
        return None;
    }
    let all = format!("{whole}{fraction}");
    let significant = all.trim_start_matches('0');
    if significant.is_empty() {
        return Some("0".to_owned());
    }
    let kept = significant.trim_end_matches('0');
    let dropped = i64::try_from(significant.len() - kept.len()).ok()?;
    let exponent = exponent
        .checked_sub(i64::try_from(fraction.len()).ok()?)?
        .checked_add(dropped)?;
    Some(format!("{sign}{kept}e{exponent}"))
}

fn exponent_of(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let all = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_by_value_and_only_numbers_are() {
        for (one, two, same) in [
            ("1.50", "15e-1", true),
            ("-0", "0.00", true),
            ("1e22", "10000000000000000000000", true),
            ("12345678901234567890123", "12345678901234567890124", false),
            ("100", "1E+2", true),
        ] {
            assert_eq!(decimal(one) == decimal(two), same, "{one} {two}");
            assert!(decimal(one).is_some(), "{one}");
        }
        for text in [
            "", "-", "007", "+1", " 1", "1.", ".5", "0x1", "1e", "NaN", "١", "1_0",
        ] {
            assert_eq!(decimal(text), None, "{text}");
        }
    }

    #[test]
    fn times_meet_in_milliseconds() {
        for text in [
            "1600132094",
            "1600132094000",
            "2020-09-15T01:08:14Z",
            "2020-09-15 01:08:14+00:00",
            "2020-09-15T03:08:14.000+02:00",
        ] {
            assert_eq!(time(text).as_deref(), Some("1600132094000"), "{text}");
        }
        for text in [
            "",
            "tomorrow",
            "-5",
            "2020-09-15",
            "16001320940001600132094",
        ] {
            assert_eq!(time(text), None, "{text}");
        }
    }

    #[test]
    fn phone_numbers_are_their_digits() {
        for text in ["16315551234", "+1 631 555-1234", "1 (631) 555.1234"] {
            assert_eq!(phone(text).as_deref(), Some("16315551234"), "{text}");
        }
        for text in [
            "",
            "+",
            "1234",
            "call 16315551234",
            "1631555123415000",
            "US.1349120865",
            "１２３４５",
        ] {
            assert_eq!(phone(text), None, "{text}");
        }
    }
}
