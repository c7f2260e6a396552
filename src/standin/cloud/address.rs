//! The short-lived URLs: `mid` is the medium, `ext` the second in which the URL dies, `hash` the signature over both.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hyper::Uri;
use url::form_urlencoded;

use super::Scene;

const PATH: &str = "/whatsapp_business/attachments/";

/// Where the URL was handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Lookup,
    Notification,
}

/// What the media host reads from a URL.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reading {
    Good,
    Expired,
    Forged,
}

pub(super) fn make(scene: &Scene, id: &str, source: Source) -> String {
    let expiry = now(scene) + scene.behaviour().url_lifetime.as_secs();
    made(scene, id, source, expiry)
}

/// As in a notification that was long under way: it is dead.
pub(super) fn made_long_ago(scene: &Scene, id: &str) -> String {
    made(scene, id, Source::Notification, now(scene) - 60)
}

fn made(scene: &Scene, id: &str, source: Source, expiry: u64) -> String {
    let hash = signature(scene, id, expiry);
    let origin = &scene.media_origin;
    let source = match source {
        Source::Lookup => "",
        Source::Notification => "&source=webhook",
    };
    format!("{origin}{PATH}?mid={id}{source}&ext={expiry}&hash={hash}")
}

/// The medium that a URL names, whatever the rest of it is worth.
pub(super) fn medium(uri: &Uri) -> Option<String> {
    parameter(uri, "mid")
}

pub(super) fn read(scene: &Scene, uri: &Uri) -> Reading {
    let (Some(id), Some(expiry), Some(hash)) =
        (medium(uri), parameter(uri, "ext"), parameter(uri, "hash"))
    else {
        return Reading::Forged;
    };
    let Ok(expiry) = expiry.parse::<u64>() else {
        return Reading::Forged;
    };
    if uri.path() != PATH || hash != signature(scene, &id, expiry) {
        return Reading::Forged;
    }
    if now(scene) < expiry {
        Reading::Good
    } else {
        Reading::Expired
    }
}

pub(super) fn parameter(uri: &Uri, name: &str) -> Option<String> {
    form_urlencoded::parse(uri.query()?.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

fn signature(scene: &Scene, id: &str, expiry: u64) -> String {
    let account = scene.options.business_account_id.as_bytes();
    let key = hmac::Key::new(hmac::HMAC_SHA256, account);
    let tag = hmac::sign(&key, format!("{id}|{expiry}").as_bytes());
    // Meta's signatures begin like this.
    format!("ATt{}", BASE64_URL_SAFE_NO_PAD.encode(tag))
}

/// By Meta's clock, in Unix seconds.
pub(super) fn now(scene: &Scene) -> u64 {
    let here = SystemTime::now().duration_since(UNIX_EPOCH);
    let here = here.map_or(0, |since| since.as_secs());
    here.saturating_add_signed(scene.behaviour().clock_ahead_s)
}
