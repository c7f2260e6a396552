//! The old client's error object and the codes the bridge sends.
//!
//! Titles are those of the documentation; one of them ("Resource not found") is compared by a real client.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::Meta;

/// One entry of `errors`, in an HTTP answer as in a callback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Error {
    /// The documented number; despite their looks, the 4xx codes are not HTTP statuses.
    pub code: u32,
    /// Free text for a person.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub details: Option<Cow<'static, str>>,
    /// The short name of the code.
    pub title: Cow<'static, str>,
}

impl Error {
    const fn new(code: u32, title: &'static str) -> Self {
        Self {
            code,
            details: None,
            title: Cow::Borrowed(title),
        }
    }

    /// The same error with an explanation.
    pub fn with(mut self, details: impl Into<Cow<'static, str>>) -> Self {
        self.details = Some(details.into());
        self
    }

    /// 1001: more characters than a message may have.
    pub const TOO_LONG: Self = Self::new(1001, "Message too long");
    /// 1002: neither a person nor anything else that can be written to.
    pub const RECIPIENT_TYPE: Self = Self::new(1002, "Invalid recipient type");
    /// 1005: bad credentials, or not allowed.
    pub const ACCESS_DENIED: Self = Self::new(1005, "Access denied");
    /// 1006: unknown path, medium or user.
    pub const NOT_FOUND: Self = Self::new(1006, "Resource not found");
    /// 1008: something is not there.
    pub const MISSING: Self = Self::new(1008, "Required parameter is missing");
    /// 1009: a value that cannot be.
    pub const INVALID_VALUE: Self = Self::new(1009, "Parameter value is not valid");
    /// 1010: something too much, such as a second place to find the medium.
    pub const SUPERFLUOUS: Self = Self::new(1010, "Parameter is not required");
    /// 1014: something behind the API failed.
    pub const INTERNAL: Self = Self::new(1014, "Internal error");
    /// 1015: the caller is too fast.
    pub const TOO_MANY_REQUESTS: Self = Self::new(1015, "Too many requests");
    /// 1016: a queue is full.
    pub const OVERLOADED: Self = Self::new(1016, "System overloaded");
    /// 1024: the first login has to bring a new password.
    pub const PASSWORD_CHANGE: Self = Self::new(1024, "Password change required");
    /// 1025: not JSON, or not understandable.
    pub const INVALID_REQUEST: Self = Self::new(1025, "Request is not valid");
    /// 400: the medium could not be fetched (asynchronous).
    pub const MEDIA_DOWNLOAD: Self = Self::new(400, "Media download error");
    /// 400 with the title documented for a medium that does not exist any more (asynchronous).
    pub const MEDIA_UNKNOWN: Self = Self::new(400, "Parameter not valid");
    /// 429: Cloud asked us to slow down for longer than the job could wait (asynchronous).
    pub const RATE_LIMIT: Self = Self::new(429, "Rate limit hit");
}

/// The body of every failed answer.
#[derive(Debug, Serialize)]
pub struct Failure<'a> {
    /// Never empty: a real client reads `errors[0]` without looking.
    pub errors: &'a [Error],
    /// The closing block.
    pub meta: Meta<'a>,
}
