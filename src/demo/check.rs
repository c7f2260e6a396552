//! What is checked, and how: what was expected beside what the stand-ins saw and sent.
//!
//! These functions decide whether the demo may say that all is well, so they compare whole answers, whole callbacks
//! and whole files; a description stands in the table only where the two are equal.

use std::fmt::Display;

use bytes::Bytes;
use indicatif::HumanCount;
use serde::Serialize;
use serde_json::{Value, json};

use crate::standin::media::Kind;
use crate::standin::{Answer, Callback, Digest};

/// One thing that was checked.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// What about.
    pub what: String,
    /// What should have been.
    pub expected: String,
    /// What was.
    pub seen: String,
    /// Whether that is the same.
    pub passed: bool,
}

impl Check {
    /// Two values that must be equal.
    pub fn equal<T: PartialEq + Display>(what: impl Into<String>, expected: T, seen: T) -> Self {
        Self {
            what: what.into(),
            passed: expected == seen,
            expected: expected.to_string(),
            seen: seen.to_string(),
        }
    }

    /// Two JSON documents that must be equal; in short if they are, in full if not.
    pub fn same_json(what: String, short: String, expected: &Value, seen: &Value) -> Self {
        let passed = expected == seen;
        let (expected, seen) = match passed {
            true => (short.clone(), short),
            false => (expected.to_string(), seen.to_string()),
        };
        Self {
            what,
            expected,
            seen,
            passed,
        }
    }
}

/// A medium as its sender has it: what every later copy is compared with.
#[derive(Debug, Clone)]
pub struct Original {
    /// Its id at Cloud.
    pub id: String,
    /// What the checks call it.
    pub label: String,
    /// Its kind.
    pub kind: Kind,
    /// Its type, as whoever tells of it says it.
    pub mime_type: String,
    /// Its length and hash.
    pub digest: Digest,
}

/// The documented acknowledgement of a retry download, and nothing else.
pub fn acknowledgement(label: &str, id: &str, version: &str, answer: &Answer) -> Check {
    let meta = json!({"api_status": "stable", "version": version});
    let expected = json!({"status": 200, "body": {"media_items": [{"id": id}], "meta": meta}});
    let seen = json!({"status": answer.status, "body": answer.json()});
    let short = format!("200, id {id}");
    Check::same_json(format!("{label}: acknowledgement"), short, &expected, &seen)
}

/// The documented callback of a medium that was fetched, and nothing else.
pub fn callback(original: &Original, seen: &Callback) -> Check {
    let kind = original.kind.name();
    let object = json!({
        "id": original.id,
        "mime_type": original.mime_type,
        "sha256": original.digest.sha256,
        "status": "downloaded",
    });
    let expected = json!({"media_items": [{kind: object, "type": kind}]});
    let short = format!("{kind}, sha256 {}, downloaded", original.digest.sha256);
    Check::same_json(
        format!("{}: callback", original.label),
        short,
        &expected,
        &seen.json(),
    )
}

/// The callback of a medium that Cloud does not know: the documented object, with `errors` beside it.
pub fn failure_callback(id: &str, seen: &Callback) -> Check {
    let json = seen.json();
    let item = &json["media_items"][0];
    let error = &item["errors"][0];
    // Cloud cannot say of what kind a medium is that it does not know; `image` is the documented sample's.
    let object = json!({"id": id, "status": "downloaded"});
    let passed = item["image"] == object
        && item["type"] == "image"
        && error["code"].is_u64()
        && error["title"]
            .as_str()
            .is_some_and(|title| !title.is_empty());
    let seen = match passed {
        true => format!("error {}", error["code"]),
        false => json.to_string(),
    };
    Check {
        what: "unknown: callback".to_owned(),
        expected: "an error, with code and title".to_owned(),
        seen,
        passed,
    }
}

/// The bytes that came back are those of the original, all of them, with the type of the original.
pub fn bytes(original: &Original, answer: &Answer) -> Check {
    let described = |status: u16, mime_type: &str, digest: &Digest| {
        let digest = size_and_hash(digest);
        json!({"status": status, "type": mime_type, "body": digest})
    };
    let mime_type = answer.content_type.as_deref().unwrap_or("none");
    let received = Digest::of([answer.body.clone()]);
    Check::same_json(
        format!("{}: bytes", original.label),
        format!("200, {}", size_and_hash(&original.digest)),
        &described(200, &original.mime_type, &original.digest),
        &described(answer.status, mime_type, &received),
    )
}

/// Two bodies that must be equal to the byte.
pub fn same_bytes(what: impl Into<String>, expected: &Bytes, seen: &Bytes) -> Check {
    let described = |bytes: &Bytes| size_and_hash(&Digest::of([bytes.clone()]));
    Check::equal(what, described(expected), described(seen))
}

fn size_and_hash(digest: &Digest) -> String {
    format!(
        "{} bytes, sha256 {}",
        HumanCount(digest.length),
        digest.sha256
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::{Duration, Instant};

    use super::*;

    const ID: &str = "1761991787669262";

    fn original() -> Original {
        Original {
            id: ID.to_owned(),
            label: "image".to_owned(),
            kind: Kind::Image,
            mime_type: "image/jpeg".to_owned(),
            digest: Digest::of([Bytes::from_static(b"a photo")]),
        }
    }

    fn received(json: &Value) -> Callback {
        Callback {
            path: "/callback".to_owned(),
            headers: hyper::HeaderMap::new(),
            body: json.to_string().into(),
            arrived: Instant::now(),
            status: Some(200),
        }
    }

    fn answer(status: u16, body: &[u8]) -> Answer {
        Answer {
            status,
            content_type: Some("image/jpeg".to_owned()),
            body: Bytes::copy_from_slice(body),
            took: Duration::ZERO,
        }
    }

    fn good_callback() -> Value {
        json!({"media_items": [{
            "type": "image",
            "image": {
                "id": ID,
                "mime_type": "image/jpeg",
                "sha256": original().digest.sha256,
                "status": "downloaded",
            },
        }]})
    }

    #[test]
    fn the_right_bytes_pass_and_no_others() {
        assert!(bytes(&original(), &answer(200, b"a photo")).passed);
        for wrong in [b"a phota".as_slice(), b"a phot", b"a photo ", b""] {
            let check = bytes(&original(), &answer(200, wrong));
            assert!(!check.passed, "{wrong:?}");
            assert_ne!(check.expected, check.seen);
        }
        assert!(!bytes(&original(), &answer(206, b"a photo")).passed);
        let mut untyped = answer(200, b"a photo");
        untyped.content_type = None;
        assert!(!bytes(&original(), &untyped).passed);
    }

    #[test]
    fn a_callback_passes_only_as_documented() {
        assert!(callback(&original(), &received(&good_callback())).passed);
        for (pointer, wrong) in [
            ("/media_items/0/type", json!("document")),
            ("/media_items/0/image/id", json!("1761991787669263")),
            ("/media_items/0/image/id", json!(1_761_991_787_669_262_u64)),
            ("/media_items/0/image/mime_type", json!("image/png")),
            ("/media_items/0/image/sha256", json!("00")),
            ("/media_items/0/image/status", json!("undownloaded")),
        ] {
            let mut json = good_callback();
            *json.pointer_mut(pointer).unwrap() = wrong;
            let check = callback(&original(), &received(&json));
            assert!(!check.passed, "{pointer}");
            assert!(check.seen.contains("media_items"), "the table shows it");
        }
        let mut more = good_callback();
        more["meta"] = json!({});
        assert!(!callback(&original(), &received(&more)).passed);
        let mut failed = good_callback();
        failed["media_items"][0]["errors"] = json!([{"code": 400}]);
        assert!(!callback(&original(), &received(&failed)).passed);
    }

    #[test]
    fn a_body_that_is_not_json_is_no_callback() {
        let mut callback = received(&json!({}));
        callback.body = Bytes::from_static(b"<html>");
        assert!(!super::callback(&original(), &callback).passed);
        assert!(!failure_callback(ID, &callback).passed);
    }

    #[test]
    fn a_failure_needs_its_error_and_must_not_look_like_a_medium() {
        let good = json!({"media_items": [{
            "errors": [{"code": 400, "title": "Media download error"}],
            "image": {"id": ID, "status": "downloaded"},
            "type": "image",
        }]});
        assert!(failure_callback(ID, &received(&good)).passed);
        assert!(!failure_callback("1", &received(&good)).passed);
        assert!(!failure_callback(ID, &received(&good_callback())).passed);
        let mut silent = good;
        silent["media_items"][0]["errors"] = json!([]);
        assert!(!failure_callback(ID, &received(&silent)).passed);
    }

    #[test]
    fn an_acknowledgement_passes_only_as_documented() {
        let good = json!({"media_items": [{"id": ID}], "meta": {"api_status": "stable", "version": "v2.57.2"}});
        let passes = |status, body: &Value| {
            let answer = answer(status, body.to_string().as_bytes());
            acknowledgement("image", ID, "v2.57.2", &answer).passed
        };
        assert!(passes(200, &good));
        assert!(!passes(202, &good));
        assert!(!passes(200, &json!({"media_items": [{"id": ID}]})));
        assert!(!passes(200, &json!({"errors": []})));
    }
}
