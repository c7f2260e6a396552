//! The dictionary between the two vocabularies. Pure: no clock, no I/O, no logging, and total: any input gives an answer.
//!
//! A request goes `to_cloud`, an answer `to_onprem`. Bodies for Cloud are built from known fields and never by editing what
//! the integration sent, because Cloud refuses what it does not know.

pub mod contact;
pub mod health;
pub mod media;
pub mod message;
pub mod notification;
pub mod profile;

use std::borrow::Cow;

use crate::onprem;

/// What the old client would have said no to, or what cannot be said at Cloud at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The documented code with its title, and details that name the field but never its value.
    pub error: onprem::Error,
    /// The field's path, such as `template.language.code`; empty for the body as a whole.
    pub field: Cow<'static, str>,
}

impl Refusal {
    fn new(error: onprem::Error, field: Cow<'static, str>, what: &str) -> Self {
        let details = match field.is_empty() {
            true => format!("The body {what}."),
            false => format!("Parameter '{field}' {what}."),
        };
        Self {
            error: error.with(details),
            field,
        }
    }

    fn not_an_object() -> Self {
        Self::invalid("", "is not an object")
    }

    fn missing(field: impl Into<Cow<'static, str>>) -> Self {
        Self::new(onprem::Error::MISSING, field.into(), "is mandatory")
    }

    fn invalid(field: impl Into<Cow<'static, str>>, what: &str) -> Self {
        Self::new(onprem::Error::INVALID_VALUE, field.into(), what)
    }

    fn too_long(field: impl Into<Cow<'static, str>>, most: usize) -> Self {
        let what = format!("has more than {most} characters");
        Self::invalid(field, &what)
    }
}
