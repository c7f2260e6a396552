//! The dictionary, by examples: `tests/fixtures/translate/<resource>/<case>.in.json` beside `<case>.out.json`.
//! A new case is two files and no code.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use waba_bridge::config::{self, Compat, DigestForm, MediaStatus, Number};
use waba_bridge::translate::Refusal;
use waba_bridge::translate::message::Note;
use waba_bridge::translate::message::check::Objection;
use waba_bridge::{cloud, onprem, translate};

#[derive(Deserialize)]
struct Medium {
    id: String,
    facts: Facts,
    compat: CompatWords,
    /// `unknown` or `download`; none when the medium is stored.
    error: Option<String>,
}

/// [`translate::media::Facts`], with the digest as text.
#[derive(Deserialize)]
struct Facts {
    kind: Option<onprem::media::Kind>,
    mime_type: Option<String>,
    sha256: Option<String>,
}

#[derive(Deserialize)]
struct CompatWords {
    sha256: Option<String>,
    failed_media_status: Option<String>,
}

#[test]
fn media_become_callbacks() {
    each_case("media", |case| {
        let medium: Medium = serde_json::from_value(case).unwrap();
        let compat = compat(&medium.compat);
        let facts = translate::media::Facts {
            kind: medium.facts.kind,
            mime_type: medium.facts.mime_type,
            sha256: medium
                .facts
                .sha256
                .map(|text| cloud::media::digest(&text).unwrap()),
        };
        let callback = match medium.error.as_deref() {
            None => translate::media::stored(&medium.id, &facts, &compat),
            Some(word) => translate::media::failed(&medium.id, &facts, error(word), &compat),
        };
        serde_json::to_string(&callback).unwrap()
    });
}

#[test]
fn profiles_are_read() {
    each_case("profile/read", |case| {
        let profile = answered(case);
        let settings =
            onprem::profile::BusinessSettings::from(translate::profile::to_onprem(profile));
        in_order(&settings)
    });
}

#[test]
fn profiles_are_changed() {
    each_case("profile/write", |case| {
        told(translate::profile::to_cloud(&case))
    });
}

#[test]
fn abouts_are_read() {
    each_case("about/read", |case| {
        let about = translate::profile::about_to_onprem(answered(case));
        in_order(&onprem::profile::AboutSettings::from(about))
    });
}

#[test]
fn abouts_are_changed() {
    each_case("about/write", |case| {
        told(translate::profile::about_to_cloud(&case))
    });
}

#[test]
fn contacts_are_checked() {
    each_case("contact", |case| match translate::contact::check(&case) {
        Ok(contacts) => in_order(&contacts),
        Err(refusal) => refused(&refusal).to_string(),
    });
}

#[test]
fn messages_are_said_in_words_of_cloud() {
    each_case("message", |case| {
        let translated = match translate::message::to_cloud(&case) {
            Ok(translated) => translated,
            Err(refusal) => return refused(&refusal).to_string(),
        };
        let objections = translate::message::check::check(&translated.body);
        let mut told = json!({"body": translated.body});
        if !translated.notes.is_empty() {
            let note = |note: &Note| json!([note.field, note.loss.as_str()]);
            told["notes"] = translated.notes.iter().map(note).collect();
        }
        if !objections.is_empty() {
            let objection = |found: &Objection| json!([found.path, found.what]);
            told["objections"] = objections.iter().map(objection).collect();
        }
        told.to_string()
    });
}

#[test]
fn health_is_the_state_of_the_token() {
    let said = |in_trouble| {
        let answer = onprem::health::Answer {
            health: translate::health::health(in_trouble),
            meta: onprem::Meta::stable("v2.57.2"),
        };
        serde_json::to_string(&answer).unwrap()
    };
    let meta = r#""meta":{"api_status":"stable","version":"v2.57.2"}"#;
    let connected = format!(r#"{{"health":{{"gateway_status":"connected"}},{meta}}}"#);
    assert_eq!(said(false), connected);
    assert_eq!(said(true), connected.replace("connected", "disconnected"));
}

fn answered(case: Value) -> cloud::profile::Profile {
    let answer: cloud::profile::Answer = serde_json::from_value(case).unwrap();
    answer.into_profile()
}

/// For the integration: in the very order in which it goes out.
fn in_order(answer: &impl Serialize) -> String {
    serde_json::to_string(answer).unwrap()
}

/// For Cloud, to which the order of keys means nothing.
fn told<T: Serialize>(translated: Result<T, Refusal>) -> String {
    let value = match translated {
        Ok(body) => serde_json::to_value(body).unwrap(),
        Err(refusal) => refused(&refusal),
    };
    value.to_string()
}

fn refused(refusal: &Refusal) -> Value {
    json!({"refused": {
        "code": refusal.error.code,
        "title": refusal.error.title,
        "details": refusal.error.details,
        "field": refusal.field,
    }})
}

fn error(word: &str) -> onprem::Error {
    match word {
        "unknown" => onprem::Error::MEDIA_UNKNOWN.with("Media not found in the datastore."),
        "download" => onprem::Error::MEDIA_DOWNLOAD,
        other => panic!("no such error: {other}"),
    }
}

fn compat(words: &CompatWords) -> Compat {
    let mut compat = defaults().compat;
    match words.sha256.as_deref() {
        None | Some("hex") => {}
        Some("base64") => compat.sha256 = DigestForm::Base64,
        Some(other) => panic!("no such form: {other}"),
    }
    match words.failed_media_status.as_deref() {
        None | Some("downloaded") => {}
        Some("undownloaded") => compat.failed_media_status = MediaStatus::Undownloaded,
        Some(other) => panic!("no such status: {other}"),
    }
    compat
}

/// A number about which nothing was said.
fn defaults() -> Number {
    let toml = "[routes]\ndefault = \"off\"\n[[numbers]]\nname = \"support\"\n";
    let config = config::parse(toml, Path::new("")).unwrap();
    config.numbers.into_iter().next().unwrap()
}

/// Runs every case of a resource and names those that fail. Compared as text, because the old client's keys were in
/// alphabetical order, which is how `serde_json` writes what it has read.
fn each_case(resource: &str, translate: impl Fn(Value) -> String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/translate")
        .join(resource);
    let mut inputs: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().ends_with(".in.json"))
        .collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "no cases in {}", folder.display());
    let mut failures = Vec::new();
    for input in &inputs {
        let output = PathBuf::from(input.to_str().unwrap().replace(".in.json", ".out.json"));
        let (expected, found) = (read(&output).to_string(), translate(read(input)));
        if found != expected {
            failures.push(format!(
                "{}\n  expected {expected}\n  found    {found}",
                input.display()
            ));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn read(path: &Path) -> Value {
    let text =
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
