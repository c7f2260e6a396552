//! What the old client posted of messages, statuses and errors. Keys are in alphabetical order, as its callbacks were
//! captured; what is not known is left out.

mod content;
mod message;
mod status;

use std::borrow::Cow;

use serde::Serialize;

pub use content::{
    Address, Button, Card, Choice, Content, Email, FormAnswer, Interactive, Item, Location, Media,
    Name, Order, Organization, Phone, Reaction, System, Text, Url,
};
pub use message::{Context, Identity, Message, Object, Product, Referral, Welcome};
pub use status::{Conversation, Origin, Pricing, Recipient, Status};

/// Where the old client's errors were explained; it said so in each of them.
pub const HREF: &str = "https://developers.facebook.com/docs/whatsapp/api/errors/";

/// One event.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Callback<'a> {
    /// Who sent the message.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<Contact<'a>>,
    /// Beside a status, or alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Error<'a>>,
    /// What a customer sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages: Option<[Message<'a>; 1]>,
    /// What became of a message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statuses: Option<[Status<'a>; 1]>,
}

/// The sender of a message.
#[derive(Clone, Debug, Serialize)]
pub struct Contact<'a> {
    /// Cloud's own, which the old client did not have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_user_id: Option<Cow<'a, str>>,
    /// The name.
    pub profile: Profile<'a>,
    /// Cloud's own, which the old client did not have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<Cow<'a, str>>,
    /// The phone number's digits.
    pub wa_id: Cow<'a, str>,
}

/// What a customer calls himself.
#[derive(Clone, Debug, Serialize)]
pub struct Profile<'a> {
    /// Free text.
    pub name: Cow<'a, str>,
    /// Cloud's own, which the old client did not have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<Cow<'a, str>>,
}

/// An error as callbacks have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Error<'a> {
    /// The documented number.
    pub code: u32,
    /// Free text for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Cow<'a, str>>,
    /// [`HREF`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub href: Option<&'static str>,
    /// The short name of the code.
    pub title: Cow<'a, str>,
}

impl Error<'_> {
    /// 501: the whole of what the old client said of a message it did not know.
    pub const UNKNOWN_MESSAGE: Error<'static> = Error {
        code: 501,
        details: Some(Cow::Borrowed("Message type is not currently supported")),
        href: None,
        title: Cow::Borrowed("Unknown message type"),
    };
}
