//! Notifications: from one thing that happened at Cloud to the callback that the old client would have made.
//!
//! Two steps, because a message that has a medium is told only after the medium was fetched: [`read`] says what an
//! event is and what it needs, [`Reading::callback`] writes it once that is there.

mod cards;
mod content;
mod context;
mod error;
mod medium;
mod message;
mod people;
mod raw;
mod status;
mod system;
mod time;

use std::borrow::Cow;

use uuid::Uuid;

use crate::cloud::notification::{Event, Part};
use crate::config::{Compat, Settings};
use crate::ids::{CloudMediaId, NumberName};
use crate::onprem::callback::{Callback, Content};
use crate::onprem::media::Kind;

/// By what an event is translated.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// Whose event it is.
    pub number: &'a NumberName,
    /// How closely the old client is imitated.
    pub compat: &'a Compat,
    /// What it had been told.
    pub settings: &'a Settings,
}

/// What an event is.
#[derive(Debug)]
pub struct Reading<'a> {
    /// One of a fixed list of words, for figures and logs: `text`, `image`, `status_sent`, `errors`, `unknown`, ...
    pub kind: &'static str,
    /// By what a second delivery of the same event by Meta is known; `None`: it cannot be known.
    pub identity: Option<Identity<'a>>,
    /// Whom it is about, as callbacks name them; events of one contact are told in order.
    pub contact: Option<Cow<'a, str>>,
    /// What is to be done with it.
    pub verdict: Verdict,
    /// Its medium.
    pub medium: Option<Inbound<'a>>,
    /// The picture or video of the advertisement it came by.
    pub picture: Option<Picture<'a>>,
    /// Names that the callback has instead of Cloud's and that cannot be turned back by themselves.
    pub aliases: Vec<Alias<'a>>,
    /// Its callback, without what depends on what became of its media.
    body: Option<Callback<'a>>,
}

/// What Meta calls an event.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity<'a> {
    /// The id of the message.
    pub id: Cow<'a, str>,
    /// Which status of it; `None`: the message itself.
    pub status: Option<Cow<'a, str>>,
}

/// What is to be done with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is told.
    Tell,
    /// It is told in the form the old client had for what it did not know; a later version may know better.
    TellUnknown,
    /// Nobody is told, for this reason.
    Silent(Silence),
    /// It is not understood, and nobody can be told.
    Unreadable,
}

/// Why nobody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// The operator's settings say so.
    Setting,
    /// The old client had nothing like it.
    NoCounterpart,
    /// Nobody knows yet what it is; a later version may.
    Unheard,
}

/// The medium of a message.
#[derive(Debug)]
pub struct Inbound<'a> {
    /// Its id at Cloud.
    pub id: CloudMediaId,
    /// What the old client called it.
    pub kind: Kind,
    /// With parameters.
    pub mime_type: Option<Cow<'a, str>>,
    /// Where it can be read.
    pub sha256: Option<[u8; 32]>,
    /// Good for five minutes.
    pub url: Option<Cow<'a, str>>,
    /// As the sender named it.
    pub file_name: Option<Cow<'a, str>>,
    /// As the sender wrote it.
    pub caption: Option<Cow<'a, str>>,
    /// As callbacks name them.
    pub sender: Option<Cow<'a, str>>,
    /// As callbacks name it.
    pub message: Cow<'a, str>,
    /// When it was sent, in Unix seconds.
    pub sent_at: Option<i64>,
    /// Whether its message waits for it.
    pub first: bool,
}

/// The picture or video of an advertisement: not at Cloud, but anywhere.
#[derive(Debug)]
pub struct Picture<'a> {
    /// The id it is told by.
    pub id: Uuid,
    /// Image or video.
    pub kind: Kind,
    /// Where it is.
    pub url: Cow<'a, str>,
}

/// A name of the bridge's own making.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias<'a> {
    /// As callbacks say it.
    pub told: Cow<'a, str>,
    /// As Cloud says it.
    pub cloud: Cow<'a, str>,
}

/// What became of the media of an event.
#[derive(Clone, Debug, Default)]
pub struct Fates {
    /// Of its medium: whether its bytes are there, and what is known of them then.
    pub medium: Option<Fetched>,
    /// Whether the advertisement's picture is there.
    pub picture: bool,
}

/// A medium whose bytes are there.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Of the bytes.
    pub sha256: Option<[u8; 32]>,
}

/// Says what an event is. Total: whatever Meta sends has a reading.
pub fn read<'a>(event: &Event<'a>, rules: Rules<'_>) -> Reading<'a> {
    match event.part {
        Part::Message => message::read(event, rules),
        Part::Status => status::read(event, rules),
        Part::Errors => errors(event, rules),
    }
}

/// Errors that are of no message.
fn errors<'a>(event: &Event<'a>, rules: Rules<'_>) -> Reading<'a> {
    let errors = error::errors(Some(event.body), rules.compat);
    if errors.is_empty() {
        return Reading::new("errors", None, Verdict::Unreadable);
    }
    Reading {
        body: Some(Callback {
            errors,
            ..Callback::default()
        }),
        ..Reading::new("errors", None, Verdict::Tell)
    }
}

impl<'a> Reading<'a> {
    fn new(kind: &'static str, identity: Option<Identity<'a>>, verdict: Verdict) -> Self {
        Self {
            kind,
            identity,
            contact: None,
            verdict,
            medium: None,
            picture: None,
            aliases: Vec::new(),
            body: None,
        }
    }

    /// The body of its callback; `None` if nobody is told.
    pub fn callback(&self, fates: &Fates, rules: Rules<'_>) -> Option<Vec<u8>> {
        let body = self.body.as_ref()?;
        let picture = self.picture.as_ref().filter(|_| fates.picture);
        let settled = match (&self.medium, picture) {
            (None, None) => Cow::Borrowed(body),
            (medium, picture) => {
                let mut body = body.clone();
                if let Some([message]) = &mut body.messages {
                    if let (Content::Media(_, media), Some(medium)) = (&mut message.content, medium)
                    {
                        medium::settle(media, medium, fates, rules);
                    }
                    if let (Some(referral), Some(picture)) = (&mut message.referral, picture) {
                        context::show(referral, picture);
                    }
                }
                Cow::Owned(body)
            }
        };
        serde_json::to_vec(&*settled).ok()
    }
}
