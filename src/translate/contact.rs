//! The contacts check. Cloud has none, and since v2.43 the old client asked nobody either: whatever looks like a number
//! is valid. So it is answered here, at once, whether the caller wants to wait or not.

use serde_json::Value;

use super::Refusal;
use crate::onprem::contact::{Checked, Status};

/// A full number has at most 15 digits (E.164); the shortest in use have five.
const DIGITS: std::ops::RangeInclusive<usize> = 5..=15;

/// What people put between the digits.
const PUNCTUATION: [char; 6] = ['+', '-', '(', ')', ' ', '.'];

/// The answers to the body of `POST /v1/contacts`.
pub fn check(body: &Value) -> Result<Vec<Checked>, Refusal> {
    let fields = body.as_object().ok_or_else(Refusal::not_an_object)?;
    match fields.get("contacts") {
        None | Some(Value::Null) => Err(Refusal::missing("contacts")),
        Some(Value::Array(inputs)) => inputs.iter().map(checked).collect(),
        Some(_) => Err(Refusal::invalid("contacts", "is not a list")),
    }
}

fn checked(input: &Value) -> Result<Checked, Refusal> {
    let Value::String(input) = input else {
        return Err(Refusal::invalid("contacts", "is not a list of texts"));
    };
    let wa_id = digits(input);
    Ok(Checked {
        input: input.clone(),
        status: match wa_id {
            Some(_) => Status::Valid,
            None => Status::Invalid,
        },
        wa_id,
    })
}

/// The digits of a well-formed number.
///
/// The form alone counts. The old client's `wa_id` did not depend on whether such a number can exist, so no list of
/// numbering plans is asked: one that is behind the times would refuse customers.
pub fn digits(input: &str) -> Option<String> {
    let bare: String = input
        .chars()
        .filter(|letter| !PUNCTUATION.contains(letter))
        .collect();
    let well_formed =
        DIGITS.contains(&bare.len()) && bare.bytes().all(|byte| byte.is_ascii_digit());
    well_formed.then_some(bare)
}
