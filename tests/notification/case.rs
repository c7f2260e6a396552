//! One example: what Cloud says, under which configuration, and what becomes of its media.

use std::fmt::Write;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use waba_bridge::cloud::notification::{Event, split};
use waba_bridge::config::{self, Number};
use waba_bridge::translate::notification::{
    Fates, Fetched, Reading, Rules, Silence, Verdict, read,
};

/// `<case>.in.json`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    /// Cloud's `value`.
    pub(crate) value: Value,
    /// Keys of `[every_number.compat]`.
    #[serde(default)]
    pub(crate) compat: Map<String, Value>,
    /// Keys of `[every_number.settings]`.
    #[serde(default)]
    pub(crate) settings: Map<String, Value>,
    #[serde(default)]
    pub(crate) fates: FateWords,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FateWords {
    /// Left out: whatever a message waits for is there.
    downloaded: Option<bool>,
    /// Of the bytes.
    sha256: Option<String>,
    /// Left out: it is there.
    picture: Option<bool>,
}

impl FateWords {
    pub(crate) fn of(&self, reading: &Reading<'_>) -> Fates {
        let waited_for = reading.medium.as_ref().is_some_and(|medium| medium.first);
        let fetched = || Fetched {
            sha256: self.sha256.as_deref().map(digest),
        };
        Fates {
            medium: self.downloaded.unwrap_or(waited_for).then(fetched),
            picture: reading.picture.is_some() && self.picture.unwrap_or(true),
        }
    }
}

fn digest(text: &str) -> [u8; 32] {
    waba_bridge::cloud::media::digest(text).unwrap()
}

impl Case {
    pub(crate) fn load(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Whether the number is configured as if nobody had touched anything.
    pub(crate) fn by_default(&self) -> bool {
        self.compat.is_empty() && self.settings.is_empty()
    }

    /// As Meta posts it.
    pub(crate) fn notification(&self) -> Vec<u8> {
        notification(&self.value)
    }

    pub(crate) fn number(&self) -> Number {
        number(&self.compat, &self.settings)
    }
}

/// This `value`, as Meta posts it.
pub(crate) fn notification(value: &Value) -> Vec<u8> {
    let change = json!({"field": "messages", "value": value});
    let entry = json!({"changes": [change], "id": "102290129340398"});
    serde_json::to_vec(&json!({"entry": [entry], "object": "whatsapp_business_account"})).unwrap()
}

/// The number of the examples.
pub(crate) fn number(compat: &Map<String, Value>, settings: &Map<String, Value>) -> Number {
    let mut toml = String::from(
        "[[numbers]]\nname = \"support\"\n[numbers.onprem]\nurl = \"https://10.0.0.5:9090\"\n\
         [numbers.callback]\nurl = \"https://crm.example.internal/whatsapp\"\n",
    );
    if compat.contains_key("media_file_root") {
        toml.push_str("[media]\nlayout = \"wamedia\"\n");
    }
    for (section, keys) in [("compat", compat), ("settings", settings)] {
        writeln!(toml, "[every_number.{section}]").unwrap();
        for (key, value) in keys {
            // Words, flags and lists of words are the same in both.
            writeln!(toml, "{key} = {value}").unwrap();
        }
    }
    let config = config::parse(&toml, Path::new("/nonexistent"));
    let mut config = config.unwrap_or_else(|problems| panic!("{problems}"));
    config.numbers.remove(0)
}

pub(crate) fn rules(number: &Number) -> Rules<'_> {
    Rules {
        number: &number.name,
        compat: &number.compat,
        settings: &number.settings,
    }
}

/// Cuts a notification up and shows every event of it.
pub(crate) fn each_event(body: &[u8], mut look: impl FnMut(&Event<'_>)) {
    let batch = split(body).unwrap();
    for event in batch.groups.iter().flat_map(|group| &group.events) {
        look(event);
    }
}

/// Reads an event and writes its callback.
pub(crate) fn translate<'a>(
    event: &Event<'a>,
    number: &Number,
    fates: &FateWords,
) -> (Reading<'a>, Option<Vec<u8>>) {
    let reading = read(event, rules(number));
    let callback = reading.callback(&fates.of(&reading), rules(number));
    (reading, callback)
}

/// The word for a verdict in `<case>.out.json`.
pub(crate) fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Tell => "tell",
        Verdict::TellUnknown => "tell_unknown",
        Verdict::Silent(Silence::Setting) => "silent: setting",
        Verdict::Silent(Silence::NoCounterpart) => "silent: no counterpart",
        Verdict::Silent(Silence::Unheard) => "silent: unheard",
        Verdict::Unreadable => "unreadable",
    }
}
