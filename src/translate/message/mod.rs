//! Messages: the body of `POST /v1/messages` said in Cloud's words, and whether Cloud would take it.
//!
//! [`to_cloud`] builds a new body out of what it knows (`read` looks at what came, the other files build one kind each).
//! [`check`](check::check) then says what Cloud would refuse. Neither sends anything.

pub mod check;
mod contacts;
mod hsm;
mod interactive;
mod media;
mod note;
mod read;
mod template;

#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

use super::{Refusal, contact};
use crate::onprem::Error;
use note::Notes;
pub use note::{Loss, Note};
use read::Source;

/// The most characters a text may have, on both sides.
const TEXT: usize = 4096;

/// Top-level keys that are understood whatever the type is.
const ENVELOPE: [&str; 7] = [
    "to",
    "type",
    "recipient_type",
    "preview_url",
    "ttl",
    "context",
    // Of no meaning to the old client; here no more than a sign of a caller that already speaks both.
    "messaging_product",
];

/// A message in Cloud's words.
#[derive(Clone, Debug, PartialEq)]
pub struct Translated {
    /// The body of `POST /{version}/{phone-number-id}/messages`.
    pub body: Value,
    /// What the caller asked for and Cloud cannot be told.
    pub notes: Vec<Note>,
}

/// The body for Cloud, or what the old client would have said no to.
pub fn to_cloud(body: &Value) -> Result<Translated, Refusal> {
    let message = Source::of(body, String::new())?;
    let mut notes = Notes::default();
    let (kind, content) = content(&message, &mut notes)?;
    let mut built = Map::new();
    built.insert("messaging_product".to_owned(), "whatsapp".into());
    built.insert(
        "recipient_type".to_owned(),
        recipient_type(&message)?.into(),
    );
    built.insert("to".to_owned(), to(&message)?.into());
    built.insert("type".to_owned(), kind.into());
    if let Some(context) = context(&message, &mut notes)? {
        built.insert("context".to_owned(), context);
    }
    if message.get("ttl").is_some() {
        notes.add("ttl", Loss::Ttl);
    }
    built.insert(kind.to_owned(), content);
    Ok(Translated {
        body: Value::Object(built),
        notes: notes.into_vec(),
    })
}

/// Cloud's word for the type, and the object that goes with it.
fn content(message: &Source<'_>, notes: &mut Notes) -> Result<(&'static str, Value), Refusal> {
    let asked = message.text("type")?.unwrap_or("text");
    let object = |name| message.need_object(name);
    let (kind, key, content) = match asked {
        "text" => ("text", "text", text(message, notes)?),
        "image" => ("image", "image", media::image(&object("image")?, notes)?),
        "video" => ("video", "video", media::video(&object("video")?, notes)?),
        "audio" => ("audio", "audio", media::audio(&object("audio")?, notes)?),
        "voice" => ("audio", "voice", media::voice(&object("voice")?, notes)?),
        "document" => (
            "document",
            "document",
            media::document(&object("document")?, notes)?,
        ),
        "sticker" => (
            "sticker",
            "sticker",
            media::sticker(&object("sticker")?, notes)?,
        ),
        "location" => (
            "location",
            "location",
            location(&object("location")?, notes)?,
        ),
        "contacts" | "contact" => {
            // One page of the documentation names the type without the last letter.
            let key = match message.get("contacts") {
                Some(_) => "contacts",
                None if asked == "contact" => "contact",
                None => "contacts",
            };
            ("contacts", key, contacts::contacts(message, key, notes)?)
        }
        "interactive" => (
            "interactive",
            "interactive",
            interactive::interactive(&object("interactive")?, notes)?,
        ),
        "template" => (
            "template",
            "template",
            template::template(&object("template")?, notes)?,
        ),
        "hsm" => ("template", "hsm", hsm::template(&object("hsm")?, notes)?),
        "reaction" => (
            "reaction",
            "reaction",
            reaction(&object("reaction")?, notes)?,
        ),
        _ => return Err(Refusal::invalid("type", "is no type of message")),
    };
    message.note_others(&[&ENVELOPE, &[key]], notes);
    Ok((kind, content))
}

fn recipient_type(message: &Source<'_>) -> Result<&'static str, Refusal> {
    match message.text("recipient_type")? {
        None | Some("individual") => Ok("individual"),
        // Cloud's groups are others than the old client's.
        Some(_) => Err(Refusal::new(
            Error::RECIPIENT_TYPE,
            "recipient_type".into(),
            "is not individual",
        )),
    }
}

/// Without the plus Cloud may put the business's own country code in front.
fn to(message: &Source<'_>) -> Result<String, Refusal> {
    let to = match message.need("to")? {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => return Err(Refusal::invalid("to", "is not a text")),
    };
    let digits = contact::digits(&to);
    let digits = digits.ok_or_else(|| Refusal::invalid("to", "is not a phone number"))?;
    Ok(format!("+{digits}"))
}

/// No old document has replies; who sends one all the same means it.
fn context(message: &Source<'_>, notes: &mut Notes) -> Result<Option<Value>, Refusal> {
    let Some(context) = message.object("context")? else {
        return Ok(None);
    };
    let id = context.need_text("message_id")?;
    let id = message_id(id, context.at("message_id"), notes);
    context.note_others(&[&["message_id"]], notes);
    Ok(Some(json!({"message_id": id})))
}

/// Cloud's id for one that the integration keeps. Another one may stand for itself: Cloud knows better.
fn message_id(id: &str, field: String, notes: &mut Notes) -> String {
    crate::ids::message::to_cloud(id).unwrap_or_else(|| {
        if !id.starts_with("wamid.") {
            notes.add(field, Loss::MessageId);
        }
        id.to_owned()
    })
}

fn text(message: &Source<'_>, notes: &mut Notes) -> Result<Value, Refusal> {
    let text = message.need_object("text")?;
    let body = text.need_text("body")?;
    if body.chars().count() > TEXT {
        let what = format!("has more than {TEXT} characters");
        return Err(Refusal::new(Error::TOO_LONG, "text.body".into(), &what));
    }
    text.note_others(&[&["body"]], notes);
    let mut built = json!({"body": body});
    if let Some(preview) = message.flag("preview_url")? {
        built["preview_url"] = preview.into();
    }
    Ok(built)
}

/// Coordinates are texts in Meta's own contract, and were numbers or texts in the old one.
fn location(location: &Source<'_>, notes: &mut Notes) -> Result<Value, Refusal> {
    let mut built = Map::new();
    for name in ["latitude", "longitude"] {
        let text = match location.need(name)? {
            Value::Number(number) => number.to_string(),
            Value::String(text) => text.trim().to_owned(),
            _ => return Err(Refusal::invalid(location.at(name), "is not a number")),
        };
        built.insert(name.to_owned(), text.into());
    }
    location.copy_texts(&["name", "address"], &mut built)?;
    location.note_others(&[&["latitude", "longitude", "name", "address"]], notes);
    Ok(Value::Object(built))
}

fn reaction(reaction: &Source<'_>, notes: &mut Notes) -> Result<Value, Refusal> {
    let id = reaction.need_text("message_id")?;
    let id = message_id(id, reaction.at("message_id"), notes);
    reaction.note_others(&[&["message_id", "emoji"]], notes);
    Ok(json!({"message_id": id, "emoji": reaction.text("emoji")?.unwrap_or_default()}))
}
