//! `tests/fixtures/notification/<group>/<case>.in.json` beside `<case>.out.json`. A new case is two files and no code.
//!
//! What comes out is a list with an object for each event: `verdict` (left out: it is told), `identity`, `contact`,
//! `callback`, `medium`, `picture` and `aliases`, each left out if there is none; of `medium` and `picture` only the named
//! parts are looked at. `"*"` stands for anything, `kind` need not be there.
//!
//! Where the bridge makes a name up, the case has a word for it: `<picture>`, `<digits>`, `<conversation>`,
//! `<conversation 2>`. What it may look like is checked here.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use waba_bridge::standin::hex;
use waba_bridge::standin::receiver::objections;
use waba_bridge::translate::notification::{Inbound, Reading};

use super::case::{Case, each_event, translate, word};
use super::inputs;

#[test]
fn there_are_cases() {
    assert!(inputs().len() >= 110, "{} cases", inputs().len());
}

#[test]
fn every_notification_becomes_the_callbacks_that_are_written_beside_it() {
    let mut faults = Vec::new();
    for file in inputs() {
        let name = file.to_str().unwrap().replace(".in.json", "");
        let case = Case::load(&file);
        let text = std::fs::read_to_string(format!("{name}.out.json")).unwrap();
        let expected: Vec<Map<String, Value>> = serde_json::from_str(&text).unwrap();
        let name = name.rsplit("/fixtures/notification/").next().unwrap();
        check(name, &case, &expected, &mut faults);
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

fn check(name: &str, case: &Case, expected: &[Map<String, Value>], faults: &mut Vec<String>) {
    let number = case.number();
    let mut names = Names::default();
    let mut index = 0;
    each_event(&case.notification(), |event| {
        let (reading, callback) = translate(event, &number, &case.fates);
        let mut differences = match expected.get(index) {
            Some(expected) => names.compare(expected, &reading, callback.as_deref()),
            None => vec!["more events than expected".to_owned()],
        };
        if let Some(callback) = callback.filter(|_| case.by_default()) {
            let objections = objections(&callback).into_iter();
            differences.extend(objections.map(|objection| format!("strict receiver: {objection}")));
        }
        faults.extend(
            differences
                .into_iter()
                .map(|difference| format!("{name}[{index}] {difference}")),
        );
        index += 1;
    });
    if index < expected.len() {
        faults.push(format!(
            "{name}: {index} events instead of {}",
            expected.len()
        ));
    }
}

/// Made-up names of a case, by the words that stand for them.
#[derive(Default)]
struct Names(BTreeMap<String, String>);

impl Names {
    fn compare(
        &mut self,
        expected: &Map<String, Value>,
        reading: &Reading<'_>,
        callback: Option<&[u8]>,
    ) -> Vec<String> {
        let mut differences = Vec::new();
        let mut differ = |what: &str, expected: &Value, found: &Value| {
            if expected != "*" && expected != found {
                differences.push(format!("{what}\n  expected {expected}\n  found    {found}"));
            }
        };
        let wanted = |key: &str| expected.get(key).cloned().unwrap_or_default();
        if let Some(kind) = expected.get("kind") {
            differ("kind", kind, &reading.kind.into());
        }
        let verdict = expected.get("verdict").cloned();
        differ(
            "verdict",
            &verdict.unwrap_or("tell".into()),
            &word(reading.verdict).into(),
        );
        let identity = reading
            .identity
            .as_ref()
            .map(|identity| match &identity.status {
                Some(status) => json!([identity.id, status]),
                None => json!([identity.id]),
            });
        differ("identity", &wanted("identity"), &identity.into());
        let picture = reading.picture.as_ref();
        let picture_shown =
            picture.map(|picture| json!({"kind": picture.kind, "url": picture.url}));
        differ("picture", &wanted("picture"), &picture_shown.into());
        if let Some(picture) = picture {
            self.learn("<picture>", &picture.id.to_string());
        }
        // A name that is the same on both sides needs no alias; having one does no harm.
        let mut aliases = Vec::new();
        for alias in reading
            .aliases
            .iter()
            .filter(|alias| alias.told != alias.cloud)
        {
            if is_digits(&alias.told) {
                self.learn("<digits>", &alias.told);
            }
            aliases.push(json!([self.words(&alias.told), alias.cloud]));
        }
        let aliases = if aliases.is_empty() {
            Value::Null
        } else {
            aliases.into()
        };
        differ("aliases", &wanted("aliases"), &aliases);
        let contact = reading
            .contact
            .as_deref()
            .map(|contact| self.words(contact));
        differ("contact", &wanted("contact"), &contact.into());
        let wanted_text = expected.get("callback").map(Value::to_string);
        if wanted_text
            .as_ref()
            .is_some_and(|wanted| wanted.contains("<conversation"))
        {
            self.learn_conversation(callback);
        }
        let found = callback.map(|callback| self.words(std::str::from_utf8(callback).unwrap()));
        // As text: the keys of callbacks are in alphabetical order.
        if !matches!((&wanted_text, &found), (Some(wanted), Some(found)) if wanted == found) {
            differ("callback", &text(wanted_text), &text(found));
        }
        match (expected.get("medium"), &reading.medium) {
            (None, None) => {}
            (Some(Value::Object(wanted)), Some(medium)) => {
                let shown = shown(medium);
                for (key, wanted) in wanted {
                    differ(&format!("medium.{key}"), wanted, &shown[key]);
                }
            }
            (wanted, found) => differ("medium", &json!(wanted), &found.as_ref().map(shown).into()),
        }
        differences
    }

    /// The first name seen for a word stays.
    fn learn(&mut self, word: &str, name: &str) {
        self.0.entry(word.to_owned()).or_insert(name.to_owned());
    }

    fn learn_conversation(&mut self, callback: Option<&[u8]>) {
        let body: Value = serde_json::from_slice(callback.unwrap_or(b"null")).unwrap();
        let id = body
            .pointer("/statuses/0/conversation/id")
            .and_then(Value::as_str);
        let Some(id) = id.filter(|id| is_hex(id)) else {
            return;
        };
        if self.0.values().any(|name| name == id) {
            return;
        }
        let word = match self.0.contains_key("<conversation>") {
            false => "<conversation>",
            true => "<conversation 2>",
        };
        self.learn(word, id);
    }

    fn words(&self, text: &str) -> String {
        let names = self.0.iter();
        names.fold(text.to_owned(), |text, (word, name)| {
            text.replace(name, word)
        })
    }
}

fn text(text: Option<String>) -> Value {
    text.map_or(Value::Null, Value::String)
}

fn is_digits(text: &str) -> bool {
    text.len() == 15 && text.starts_with("999") && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_hex(text: &str) -> bool {
    text.len() == 32
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn shown(medium: &Inbound<'_>) -> Value {
    json!({
        "caption": medium.caption,
        "file_name": medium.file_name,
        "first": medium.first,
        "id": medium.id.as_str(),
        "kind": medium.kind,
        "message": medium.message,
        "mime_type": medium.mime_type,
        "sender": medium.sender,
        "sent_at": medium.sent_at,
        "sha256": medium.sha256.as_ref().map(|digest| hex(digest)),
        "url": medium.url,
    })
}
