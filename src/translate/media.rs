//! Media: from what Cloud says of one to what the old client would have said.

use base64::Engine;
use serde::Deserialize;

use crate::config::{Compat, DigestForm, MediaStatus};
use crate::onprem;
use crate::onprem::media::{Callback, Item, Kind, Object};

/// What is known of a medium when its callback is made.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Facts {
    /// From what told us of the medium.
    #[serde(default)]
    pub kind: Option<Kind>,
    /// With parameters, where they are known.
    #[serde(default)]
    pub mime_type: Option<String>,
    /// Of the plain bytes.
    #[serde(default)]
    pub sha256: Option<[u8; 32]>,
}

/// The callback of a medium that is stored now.
pub fn stored(id: &str, facts: &Facts, compat: &Compat) -> Callback {
    callback(id, facts, compat, MediaStatus::Downloaded, None)
}

/// The callback of a medium that could not be fetched: `errors` stands beside the object, and the object keeps
/// the documented status unless the operator chose the other word.
pub fn failed(id: &str, facts: &Facts, error: onprem::Error, compat: &Compat) -> Callback {
    callback(id, facts, compat, compat.failed_media_status, Some(error))
}

/// The element of `media_items` that tells of a medium, as JSON.
pub fn item(
    id: &str,
    facts: &Facts,
    error: Option<&onprem::Error>,
    compat: &Compat,
) -> serde_json::Value {
    let callback = match error {
        None => stored(id, facts, compat),
        Some(error) => failed(id, facts, error.clone(), compat),
    };
    let [item] = &callback.media_items;
    // The wire types hold nothing that cannot be written as JSON.
    serde_json::to_value(item).unwrap_or_default()
}

fn callback(
    id: &str,
    facts: &Facts,
    compat: &Compat,
    status: MediaStatus,
    error: Option<onprem::Error>,
) -> Callback {
    let status = match status {
        MediaStatus::Downloaded => "downloaded",
        MediaStatus::Undownloaded => "undownloaded",
    };
    let object = Object {
        id: id.to_owned(),
        mime_type: facts.mime_type.clone(),
        sha256: facts.sha256.map(|sha256| digest(&sha256, compat.sha256)),
        status,
    };
    let kind = facts
        .kind
        .unwrap_or_else(|| kind_of(facts.mime_type.as_deref()));
    Callback {
        media_items: [Item {
            kind,
            object,
            error,
        }],
    }
}

const DIGITS: [u8; 16] = *b"0123456789abcdef";

/// A digest as the integration expects it.
pub fn digest(sha256: &[u8; 32], form: DigestForm) -> String {
    match form {
        DigestForm::Hex => {
            let mut hex = String::with_capacity(2 * sha256.len());
            for byte in sha256 {
                hex.push(char::from(DIGITS[usize::from(byte >> 4)]));
                hex.push(char::from(DIGITS[usize::from(byte & 0x0f)]));
            }
            hex
        }
        DigestForm::Base64 => base64::engine::general_purpose::STANDARD.encode(sha256),
    }
}

/// The kind a mime type speaks for, where nothing better is known.
///
/// A look-up does not tell a voice note from a music file; both WhatsApp's own notes and nothing else its clients
/// send arrive as Ogg. WebP arrives only as a sticker. Of a medium nothing at all is known of, the documented
/// sample's `image` is said.
pub fn kind_of(mime_type: Option<&str>) -> Kind {
    let Some(mime_type) = mime_type else {
        return Kind::Image;
    };
    let essence = mime_type
        .split(';')
        .next()
        .unwrap_or("")
        .trim()
        .to_ascii_lowercase();
    match essence.split_once('/') {
        Some(("image", "webp")) => Kind::Sticker,
        Some(("image", "jpeg" | "jpg" | "png")) => Kind::Image,
        Some(("video", "mp4" | "3gpp")) => Kind::Video,
        Some(("audio", "ogg" | "opus")) => Kind::Voice,
        Some(("audio", _)) => Kind::Audio,
        _ => Kind::Document,
    }
}
