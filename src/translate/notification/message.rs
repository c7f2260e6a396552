//! Messages: what they are, from whom, and what the old client would have said of them.

use std::borrow::Cow;

use super::people::{self, Contact, Names};
use super::raw::{self, shapes};
use super::time::time;
use super::{
    Identity, Inbound, Reading, Rules, Silence, Verdict, cards, content, context, error, medium,
    status, system,
};
use crate::cloud::notification::Event;
use crate::config::{Edits, Reactions};
use crate::onprem::callback::{self, Callback, Content, Error, Text};
use crate::onprem::media::Kind;

shapes! {
    /// An element of `messages`.
    Message {
        audio: b"audio",
        button: b"button",
        contacts: b"contacts",
        context: b"context",
        document: b"document",
        edit: b"edit",
        errors: b"errors",
        from: b"from",
        from_user_id: b"from_user_id",
        group_id: b"group_id",
        id: b"id",
        image: b"image",
        interactive: b"interactive",
        kind: b"type",
        location: b"location",
        order: b"order",
        reaction: b"reaction",
        referral: b"referral",
        revoke: b"revoke",
        sticker: b"sticker",
        system: b"system",
        text: b"text",
        timestamp: b"timestamp",
        video: b"video",
        voice: b"voice",
    }
    /// `reaction`
    CloudReaction {
        emoji: b"emoji",
        message_id: b"message_id",
    }
    /// `revoke`
    Revoke {
        original_message_id: b"original_message_id",
    }
    /// `edit`
    Edit {
        message: b"message",
    }
}

/// What a message means to the old client.
#[allow(clippy::large_enum_variant)] // handed over once, and never kept
enum Meaning<'a> {
    /// It is told as it is.
    Is(Content<'a>),
    /// It is told with its medium.
    Has(Content<'a>, Inbound<'a>),
    /// Another one was deleted.
    Deletes(Cow<'a, str>),
    /// It is told in the form for what is not known.
    Strange(Verdict),
    /// Nobody is told.
    Silent(Silence),
}

pub(super) fn read<'a>(event: &Event<'a>, rules: Rules<'_>) -> Reading<'a> {
    let message: Message<'_> = raw::object(Some(event.body)).unwrap_or_default();
    let Some(id) = raw::filled(message.id) else {
        return Reading::new("unknown", None, Verdict::Unreadable);
    };
    let identity = Some(Identity {
        id: id.clone(),
        status: None,
    });
    let mut names = Names {
        rules,
        aliases: Vec::new(),
    };
    let (kind, meaning) = meaning(&message, &mut names);
    if let Meaning::Silent(silence) = meaning {
        return Reading::new(kind, identity, Verdict::Silent(silence));
    }
    let contact = contact(&message, event);
    let (Some(sender), Some(time)) = (sender(&message, contact), time(message.timestamp)) else {
        return Reading::new(kind, identity, Verdict::Unreadable);
    };
    let from = names.person(sender);
    let (verdict, content, medium) = match meaning {
        Meaning::Is(content) => (Verdict::Tell, content, None),
        Meaning::Has(content, medium) => (Verdict::Tell, content, Some(medium)),
        Meaning::Strange(verdict) => (verdict, Content::Unknown, None),
        Meaning::Silent(silence) => (Verdict::Silent(silence), Content::Unknown, None),
        Meaning::Deletes(original) => {
            let original = names.message(original);
            return Reading {
                body: Some(status::deleted(original, &from, time.told, rules.compat)),
                contact: Some(from),
                aliases: names.aliases,
                ..Reading::new(kind, identity, Verdict::Tell)
            };
        }
    };
    let (referral, picture) = context::referral(message.referral, &id, rules);
    let contacts = match content {
        Content::System(_) => Vec::new(),
        _ => vec![names.contact(contact, &from)],
    };
    let told = callback::Message {
        context: context::context(message.context, &mut names),
        errors: errors(&message, &content, rules),
        from: from.clone(),
        from_user_id: raw::filled(message.from_user_id).filter(|_| rules.compat.user_ids),
        group_id: raw::filled(message.group_id),
        id: names.message(id),
        identity: identity_hash(contact, rules).map(|hash| callback::Identity { hash }),
        referral,
        timestamp: time.told,
        content,
    };
    let medium = medium.map(|medium| Inbound {
        sender: Some(from.clone()),
        message: told.id.clone(),
        sent_at: Some(time.seconds),
        ..medium
    });
    Reading {
        contact: Some(from),
        medium,
        picture,
        aliases: names.aliases,
        body: Some(Callback {
            contacts,
            messages: Some([told]),
            ..Callback::default()
        }),
        ..Reading::new(kind, identity, verdict)
    }
}

fn contact<'a>(message: &Message<'_>, event: &Event<'a>) -> Option<Contact<'a>> {
    let from = people::said(message.from);
    let user_id = people::said(message.from_user_id);
    people::choose(event.contacts, from.as_deref(), user_id.as_deref())
}

/// Who sent a message; what it does not say itself, its contact may.
fn sender<'a>(message: &Message<'a>, contact: Option<Contact<'a>>) -> Option<Cow<'a, str>> {
    people::said(message.from)
        .or_else(|| people::said(message.from_user_id))
        .or_else(|| people::said(contact?.wa_id))
        .or_else(|| people::said(contact?.user_id))
}

fn identity_hash<'a>(contact: Option<Contact<'a>>, rules: Rules<'_>) -> Option<Cow<'a, str>> {
    rules.compat.identity.then_some(())?;
    raw::text(contact?.identity_key_hash)
}

/// The word for figures, and what it stands for.
fn meaning<'a>(message: &Message<'a>, names: &mut Names<'_, 'a>) -> (&'static str, Meaning<'a>) {
    let rules = names.rules;
    let is = |content: Option<Content<'a>>| {
        content.map_or(Meaning::Strange(Verdict::TellUnknown), Meaning::Is)
    };
    match raw::text(message.kind).as_deref() {
        Some("text") => ("text", is(content::text(message.text))),
        Some("image") => has(message.image, Kind::Image, rules),
        Some("video") => has(message.video, Kind::Video, rules),
        Some("audio") => has(message.audio, Kind::Audio, rules),
        Some("voice") => has(message.voice, Kind::Voice, rules),
        Some("document") => has(message.document, Kind::Document, rules),
        Some("sticker") => has(message.sticker, Kind::Sticker, rules),
        Some("location") => ("location", is(content::location(message.location))),
        Some("contacts") => ("contacts", is(cards::cards(message.contacts))),
        Some("button") => ("button", is(content::button(message.button))),
        Some("interactive") => ("interactive", is(content::interactive(message.interactive))),
        Some("order") => ("order", is(content::order(message.order))),
        Some("system") => (
            "system",
            match system::silence(message.system, rules) {
                Some(silence) => Meaning::Silent(silence),
                None => is(system::system(message.system, names)),
            },
        ),
        Some("reaction") => (
            "reaction",
            match rules.compat.reactions {
                Reactions::Unknown => Meaning::Strange(Verdict::Tell),
                Reactions::Drop => Meaning::Silent(Silence::Setting),
                Reactions::Pass => is(reaction(message, names)),
            },
        ),
        Some("edit") => (
            "edit",
            match rules.compat.edits {
                Edits::Unknown => Meaning::Strange(Verdict::Tell),
                Edits::Text => is(edited(message)),
            },
        ),
        Some("revoke") => ("revoke", deletes(message)),
        Some("request_welcome") => ("request_welcome", Meaning::Silent(Silence::NoCounterpart)),
        // Cloud itself does not know more.
        Some("unsupported" | "unknown") => ("unsupported", Meaning::Strange(Verdict::Tell)),
        _ => ("unknown", Meaning::Strange(Verdict::TellUnknown)),
    }
}

fn has<'a>(raw: raw::Raw<'a>, kind: Kind, rules: Rules<'_>) -> (&'static str, Meaning<'a>) {
    let Some(object) = raw::object::<medium::Medium<'_>>(raw) else {
        return (kind.as_str(), Meaning::Strange(Verdict::TellUnknown));
    };
    let kind = medium::kind(&object, kind);
    let meaning = match medium::read(&object, kind, rules) {
        Some((content, medium)) => Meaning::Has(content, medium),
        None => Meaning::Strange(Verdict::TellUnknown),
    };
    (kind.as_str(), meaning)
}

fn reaction<'a>(message: &Message<'a>, names: &mut Names<'_, 'a>) -> Option<Content<'a>> {
    let reaction: CloudReaction<'_> = raw::object(message.reaction)?;
    Some(Content::Reaction(callback::Reaction {
        emoji: raw::text(reaction.emoji),
        message_id: names.message(raw::filled(reaction.message_id)?),
    }))
}

/// The new text of a message; of a medium, its caption.
fn edited<'a>(message: &Message<'a>) -> Option<Content<'a>> {
    let edit: Edit<'_> = raw::object(message.edit)?;
    let new: Message<'_> = raw::object(edit.message)?;
    let captioned = [new.image, new.video, new.document].into_iter().flatten();
    content::text(new.text).or_else(|| {
        let medium: medium::Medium<'_> = captioned
            .into_iter()
            .find_map(|object| raw::object(Some(object)))?;
        let body = raw::text(medium.caption)?;
        Some(Content::Text(Text { body }))
    })
}

fn deletes<'a>(message: &Message<'a>) -> Meaning<'a> {
    let revoke: Option<Revoke<'_>> = raw::object(message.revoke);
    match revoke.and_then(|revoke| raw::filled(revoke.original_message_id)) {
        Some(original) => Meaning::Deletes(original),
        None => Meaning::Strange(Verdict::TellUnknown),
    }
}

/// What is wrong with a message. Of one that is not known, that comes first; what Cloud says besides may be more than
/// that, as of a medium that is too large.
fn errors<'a>(message: &Message<'a>, content: &Content<'_>, rules: Rules<'_>) -> Vec<Error<'a>> {
    let said = message
        .errors
        .map(|said| error::errors(Some(said), rules.compat));
    let mut said = said.unwrap_or_default();
    if matches!(content, Content::Unknown) {
        said.retain(|error| error.code != Error::UNKNOWN_MESSAGE.code);
        said.insert(0, Error::UNKNOWN_MESSAGE);
    }
    said
}
