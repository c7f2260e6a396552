//! The contacts check as the old client answered it.

use serde::Serialize;

use super::Meta;

/// The answer to `POST /v1/contacts`.
#[derive(Clone, Debug, Serialize)]
pub struct Answer<'a> {
    /// One per input, in the order of the inputs.
    pub contacts: Vec<Checked>,
    /// The closing block.
    pub meta: Meta<'a>,
}

/// What became of one input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// As it was sent, byte for byte: callers match by it.
    pub input: String,
    /// The word.
    pub status: Status,
    /// Digits only; with `valid` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wa_id: Option<String>,
}

/// What can be said of a number without asking anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It looks like a number.
    Valid,
    /// It does not.
    Invalid,
}
