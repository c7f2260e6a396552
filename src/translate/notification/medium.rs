//! Media: what Cloud says of one, and the object that the old client would have made of it.

use std::borrow::Cow;

use uuid::Uuid;

use super::raw::{self, shapes};
use super::{Fates, Fetched, Inbound, Rules};
use crate::cloud;
use crate::config::MediaIds;
use crate::ids::{self, CloudMediaId};
use crate::onprem::callback::{Content, Media};
use crate::onprem::media::Kind;
use crate::translate;

shapes! {
    /// The object under the key named by `type`.
    Medium {
        caption: b"caption",
        filename: b"filename",
        id: b"id",
        mime_type: b"mime_type",
        sha256: b"sha256",
        url: b"url",
        voice: b"voice",
    }
}

/// The type of bytes of which nothing is known.
const UNKNOWN_TYPE: &str = "application/octet-stream";

/// The kind of a medium: a voice note has no type of its own at Cloud.
pub(super) fn kind(medium: &Medium<'_>, kind: Kind) -> Kind {
    match (kind, raw::flag(medium.voice)) {
        (Kind::Audio, Some(true)) => Kind::Voice,
        _ => kind,
    }
}

/// What there is to be fetched, and the object that tells of it. `None`: it cannot be fetched by anybody.
pub(super) fn read<'a>(
    medium: &Medium<'a>,
    kind: Kind,
    rules: Rules<'_>,
) -> Option<(Content<'a>, Inbound<'a>)> {
    let id = CloudMediaId::parse(&raw::word(medium.id)?)?;
    let caption = raw::filled(medium.caption);
    let file_name = raw::filled(medium.filename);
    let mime_type = raw::filled(medium.mime_type);
    let sha256 = raw::text(medium.sha256).and_then(|text| cloud::media::digest(&text));
    let told = Media {
        caption: match kind {
            // The old client repeated the name where nothing was typed.
            Kind::Document => caption.clone().or_else(|| file_name.clone()),
            Kind::Image | Kind::Video => caption.clone(),
            Kind::Audio | Kind::Sticker | Kind::Voice => None,
        },
        file: None,
        filename: match kind {
            Kind::Document => file_name.clone(),
            _ => None,
        },
        id: Some(Cow::Owned(match rules.compat.media_ids {
            MediaIds::Uuid => ids::media_uuid(rules.number, &id).to_string(),
            MediaIds::Cloud => id.to_string(),
        })),
        // Readers exist that lose the whole message where this or the digest is missing.
        mime_type: Some(mime_type.clone().unwrap_or(Cow::Borrowed(UNKNOWN_TYPE))),
        sha256: None,
        status: None,
    };
    let inbound = Inbound {
        id,
        kind,
        mime_type,
        sha256,
        url: raw::filled(medium.url),
        file_name,
        caption,
        // Its message says the rest.
        sender: None,
        message: Cow::Borrowed(""),
        sent_at: None,
        first: rules.settings.auto_download.contains(&kind),
    };
    Some((Content::Media(kind, told), inbound))
}

/// Says in the object what became of the medium.
pub(super) fn settle(media: &mut Media<'_>, medium: &Inbound<'_>, fates: &Fates, rules: Rules<'_>) {
    let compat = rules.compat;
    let fetched = fates.medium.as_ref();
    let known = fetched.and_then(|Fetched { sha256 }| *sha256);
    let sha256 = known.or(medium.sha256);
    media.sha256 = Some(match sha256 {
        Some(sha256) => Cow::Owned(translate::media::digest(&sha256, compat.sha256)),
        None => Cow::Borrowed(""),
    });
    media.status = compat.media_status.then_some(Cow::Borrowed(match fetched {
        Some(_) => "downloaded",
        None => "undownloaded",
    }));
    media.file = match (&compat.media_file_root, fetched) {
        (Some(root), Some(_)) => Some(Cow::Owned(file(
            root,
            ids::media_uuid(rules.number, &medium.id),
        ))),
        _ => None,
    };
}

/// Where the old client kept a medium: its id, cut into folders.
fn file(root: &str, id: Uuid) -> String {
    let digits = id.simple().to_string();
    let (first, rest) = digits.split_at(4);
    let (second, rest) = rest.split_at(4);
    let root = root.trim_end_matches('/');
    format!("{root}/shared/{first}/{second}/{rest}")
}
