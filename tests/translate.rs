//! The dictionary, by examples: `tests/fixtures/translate/<resource>/<case>.in.json` beside `<case>.out.json`.
//! A new case is two files and no code.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use waba_bridge::config::{Compat, DigestForm, MediaStatus};
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

fn error(word: &str) -> onprem::Error {
    match word {
        "unknown" => onprem::Error::MEDIA_UNKNOWN.with("Media not found in the datastore."),
        "download" => onprem::Error::MEDIA_DOWNLOAD,
        other => panic!("no such error: {other}"),
    }
}

fn compat(words: &CompatWords) -> Compat {
    Compat {
        version: "v2.57.2".to_owned(),
        sha256: match words.sha256.as_deref() {
            None | Some("hex") => DigestForm::Hex,
            Some("base64") => DigestForm::Base64,
            Some(other) => panic!("no such form: {other}"),
        },
        failed_media_status: match words.failed_media_status.as_deref() {
            None | Some("downloaded") => MediaStatus::Downloaded,
            Some("undownloaded") => MediaStatus::Undownloaded,
            Some(other) => panic!("no such status: {other}"),
        },
    }
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
