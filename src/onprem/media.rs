//! Media as the old client spoke of them: the acknowledgement of a retry download and its callback.

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use super::{Error, Meta};

/// The kinds of media. The name is both the `type` and the key of the object in a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A music or speech file sent as an attachment.
    Audio,
    /// Anything without a kind of its own.
    Document,
    /// JPEG or PNG.
    Image,
    /// WebP.
    Sticker,
    /// MP4 or 3GPP.
    Video,
    /// A recorded voice note; Cloud has no such kind.
    Voice,
}

impl Kind {
    /// Every kind, in alphabetical order.
    pub const ALL: [Self; 6] = [
        Self::Audio,
        Self::Document,
        Self::Image,
        Self::Sticker,
        Self::Video,
        Self::Voice,
    ];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Document => "document",
            Self::Image => "image",
            Self::Sticker => "sticker",
            Self::Video => "video",
            Self::Voice => "voice",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// The answer to `GET /v1/media/{id}/download`: accepted, nothing more.
#[derive(Debug, Serialize)]
pub struct Accepted<'a> {
    /// The one medium asked for.
    pub media_items: [AcceptedItem<'a>; 1],
    /// The closing block.
    pub meta: Meta<'a>,
}

/// The element of [`Accepted`].
#[derive(Debug, Serialize)]
pub struct AcceptedItem<'a> {
    /// The id as it was asked for.
    pub id: &'a str,
}

/// The callback that tells how a retry download ended. Nothing stands beside `media_items`, not even `meta`.
#[derive(Debug, Serialize)]
pub struct Callback {
    /// The one medium.
    pub media_items: [Item; 1],
}

/// The element of [`Callback`].
#[derive(Debug)]
pub struct Item {
    /// Which key holds the object.
    pub kind: Kind,
    /// The object.
    pub object: Object,
    /// Present only on failure; integrations decide by its presence.
    pub error: Option<Error>,
}

impl Serialize for Item {
    // Keys in alphabetical order, as the old client's callbacks were captured.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let mut keys = ["errors", "type", self.kind.as_str()];
        keys.sort_unstable();
        for key in keys {
            match (key, &self.error) {
                ("errors", Some(error)) => map.serialize_entry(key, &[error])?,
                ("errors", None) => {}
                ("type", _) => map.serialize_entry(key, &self.kind)?,
                (kind, _) => map.serialize_entry(kind, &self.object)?,
            }
        }
        map.end()
    }
}

/// The medium inside a callback. What is not known is left out, never invented.
#[derive(Debug, Serialize)]
pub struct Object {
    /// The id as the integration knows it.
    pub id: String,
    /// With its parameters, when they are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// Hex or base64, by `compat.sha256`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// `downloaded` or `undownloaded`.
    pub status: &'static str,
}
