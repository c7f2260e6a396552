//! Messages: taken, counted, and refused when they hold what Meta does not know.

use bytes::Bytes;
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::super::body::Body;
use super::super::fault::Hop;
use super::super::log::Log;
use super::super::refusal;
use super::wamid::{self, Author};

pub(super) const EDGE: &str = "messages";

/// The keys of a message beside the one that its type names.
const ENVELOPE: [&str; 7] = [
    "messaging_product",
    "recipient_type",
    "to",
    "type",
    "context",
    "biz_opaque_callback_data",
    "recipient_identity_key_hash",
];

const MEDIUM: [&str; 5] = ["id", "link", "caption", "filename", "voice"];

/// The keys of the object that a type names. A list of contacts is taken as it comes.
const CONTENTS: [(&str, &[&str]); 11] = [
    ("text", &["body", "preview_url"]),
    ("image", &MEDIUM),
    ("video", &MEDIUM),
    ("audio", &MEDIUM),
    ("document", &MEDIUM),
    ("sticker", &MEDIUM),
    ("location", &["latitude", "longitude", "name", "address"]),
    ("contacts", &[]),
    (
        "interactive",
        &["type", "header", "body", "footer", "action"],
    ),
    ("template", &["name", "language", "components"]),
    ("reaction", &["message_id", "emoji"]),
];

pub(super) fn take(body: &Bytes) -> Response<Body> {
    let message: Value = serde_json::from_slice(body).unwrap_or_default();
    if let Some(details) = wrong(&message) {
        return invalid(&details);
    }
    if is_mark(&message) {
        return refusal::graph_json(StatusCode::OK, &json!({"success": true}));
    }
    // A number is taken for a text, and told back as one.
    let to = match &message["to"] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let wa_id: String = to.chars().filter(char::is_ascii_digit).collect();
    refusal::graph_json(
        StatusCode::OK,
        &json!({
            "messaging_product": "whatsapp",
            "contacts": [{"input": to, "wa_id": wa_id}],
            "messages": [{"id": wamid::fresh(&wa_id, Author::Business)}],
        }),
    )
}

/// The bodies of the messages that may have gone out.
pub(super) fn sent(log: &Log) -> Vec<Bytes> {
    let is_message = |body: &Bytes| !is_mark(&serde_json::from_slice(body).unwrap_or_default());
    log.iter()
        .filter(|seen| seen.hop == Hop::Message && seen.may_be_done(200) && is_message(&seen.body))
        .map(|seen| seen.body.clone())
        .collect()
}

/// Graph's word for whatever is wrong with a call.
pub(super) fn invalid(details: &str) -> Response<Body> {
    refusal::graph_error(
        StatusCode::BAD_REQUEST,
        &json!({
            "message": "(#100) Invalid parameter",
            "type": "OAuthException",
            "code": 100,
            "error_data": {"messaging_product": "whatsapp", "details": details},
        }),
    )
}

/// Whether it only says that a message was read.
fn is_mark(message: &Value) -> bool {
    message["status"] == "read"
}

/// Why Graph would not take it.
fn wrong(message: &Value) -> Option<String> {
    if message["messaging_product"] != "whatsapp" {
        return Some("The parameter messaging_product is required.".to_owned());
    }
    if is_mark(message) {
        let missing = message["message_id"].is_null();
        return missing.then(|| "The parameter message_id is required.".to_owned());
    }
    if message["to"].is_null() {
        return Some("The parameter to is required.".to_owned());
    }
    let kind = message["type"].as_str().unwrap_or("text");
    let Some((_, known)) = CONTENTS.iter().find(|(name, _)| *name == kind) else {
        return Some("Param type must be one of the known types".to_owned());
    };
    let content = &message[kind];
    if content.is_null() {
        return Some(format!("The parameter {kind} is required."));
    }
    unknown(message, |key| ENVELOPE.contains(&key) || key == kind)
        .or_else(|| unknown(content, |key| known.contains(&key)))
        .or_else(|| {
            unknown(&content["language"], |key| {
                ["code", "policy"].contains(&key)
            })
        })
}

fn unknown(object: &Value, is_known: impl Fn(&str) -> bool) -> Option<String> {
    let mut keys = object.as_object()?.keys();
    let odd = keys.find(|key| !is_known(key))?;
    Some(format!("Unexpected key \"{odd}\""))
}
