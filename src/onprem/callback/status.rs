//! What became of a message.

use std::borrow::Cow;

use serde::Serialize;

use super::Error;

/// What became of a message.
#[derive(Clone, Debug, Serialize)]
pub struct Status<'a> {
    /// Cloud's own, which the old client did not have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub biz_opaque_callback_data: Option<Cow<'a, str>>,
    /// What is paid for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation: Option<Conversation<'a>>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Error<'a>>,
    /// The message's id.
    pub id: Cow<'a, str>,
    /// Whom it was for.
    pub message: Recipient<'a>,
    /// What is paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pricing: Option<Pricing<'a>>,
    /// Whom it was for, where it stood before v2.45.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient_id: Option<Cow<'a, str>>,
    /// What became of it.
    pub status: &'static str,
    /// Unix seconds.
    pub timestamp: Cow<'a, str>,
    /// Always `message`.
    #[serde(rename = "type")]
    pub kind: &'static str,
}

/// Whom a message was for.
#[derive(Clone, Debug, Serialize)]
pub struct Recipient<'a> {
    /// The phone number's digits.
    pub recipient_id: Cow<'a, str>,
}

/// What is paid for.
#[derive(Clone, Debug, Serialize)]
pub struct Conversation<'a> {
    /// Unix seconds; only with `sent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiration_timestamp: Option<i64>,
    /// 32 hexadecimal digits.
    pub id: Cow<'a, str>,
    /// Who began it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin<'a>>,
}

/// Who began a conversation.
#[derive(Clone, Debug, Serialize)]
pub struct Origin<'a> {
    /// A word such as `user_initiated`.
    #[serde(rename = "type")]
    pub kind: Cow<'a, str>,
}

/// What is paid.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pricing<'a> {
    /// Whether it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billable: Option<bool>,
    /// For what kind of message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<Cow<'a, str>>,
    /// By which rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pricing_model: Option<Cow<'a, str>>,
    /// Cloud's own, which the old client did not have.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<Cow<'a, str>>,
}
