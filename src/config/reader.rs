//! A section that is consumed key by key. A key that cannot be read is noted and a stand-in value is returned, so that
//! reading goes on; the whole configuration is then refused, so no stand-in is ever used. What nobody took is unknown.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use figment::value::{Dict, Value};

use super::problems::Findings;
use super::unknown;

/// Longer than any bridge runs, and far from every overflow.
pub(super) const LONGEST_S: u64 = 10 * 365 * 86_400;

/// What every section is read with.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    /// Where problems go.
    pub findings: &'a Findings,
    /// Where relative paths of files that are read begin.
    pub base: &'a Path,
    /// `server.allow_insecure_upstreams`
    pub insecure: bool,
}

/// One section.
pub(super) struct Reader<'a> {
    pub context: Context<'a>,
    pub path: String,
    pub values: Dict,
    /// Keys that `[every_number]` gave to a number's section, and the path they have there.
    inherited: Option<(String, BTreeSet<String>)>,
    known: Vec<String>,
}

impl<'a> Reader<'a> {
    pub fn new(context: Context<'a>, path: impl Into<String>, values: Dict) -> Self {
        Self {
            context,
            path: path.into(),
            values,
            inherited: None,
            known: Vec::new(),
        }
    }

    /// Makes problems with these keys point to where the operator wrote them.
    pub fn inheriting(mut self, path: String, keys: BTreeSet<String>) -> Self {
        self.inherited = Some((path, keys));
        self
    }

    /// The full path of a key.
    pub fn key(&self, name: &str) -> String {
        match &self.inherited {
            Some((path, keys)) if keys.contains(name) => join(path, name),
            _ => join(&self.path, name),
        }
    }

    pub fn problem(&self, name: &str, what: impl Into<String>) {
        self.context.findings.problem(self.key(name), what);
    }

    /// Gives a key that need not be written its default.
    pub fn or_default(&mut self, name: &str, value: impl Into<Value>) {
        let value = value.into();
        self.values.entry(name.to_owned()).or_insert(value);
    }

    /// Whether a key is there and not an empty text.
    pub fn is_set(&self, name: &str) -> bool {
        self.values
            .get(name)
            .is_some_and(|value| value.as_str() != Some(""))
    }

    /// Whether a section stands there.
    pub fn is_section(&self, name: &str) -> bool {
        let value = self.values.get(name);
        value.is_some_and(|value| reread(value.clone()).as_dict().is_some())
    }

    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.known.push(name.to_owned());
        self.values.remove(name)
    }

    fn typed<T>(
        &mut self,
        name: &str,
        expected: &str,
        convert: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        let Some(value) = self.take(name) else {
            self.problem(name, format!("is missing; expected {expected}"));
            return None;
        };
        let value = reread(value);
        let converted = convert(&value);
        if converted.is_none() {
            self.problem(name, format!("is {}; expected {expected}", kind(&value)));
        }
        converted
    }

    /// A text, empty if it cannot be read.
    pub fn text(&mut self, name: &str) -> String {
        self.optional_text(name).unwrap_or_default()
    }

    /// A text; `None` if it is empty or missing.
    pub fn optional_text(&mut self, name: &str) -> Option<String> {
        let value = self.take(name)?;
        let Some(text) = value.as_str() else {
            self.problem(
                name,
                format!("is {}; expected text in quotes", kind(&value)),
            );
            return None;
        };
        Some(text.to_owned()).filter(|text| !text.is_empty())
    }

    pub fn flag(&mut self, name: &str) -> bool {
        self.typed(name, "true or false", Value::to_bool)
            .unwrap_or_default()
    }

    /// A whole number; the smallest allowed one if it cannot be read.
    pub fn number(&mut self, name: &str, unit: &str, range: RangeInclusive<u64>) -> u64 {
        let (least, most) = (*range.start(), *range.end());
        let expected = format!("a whole number{unit} from {least} to {most}");
        self.typed(name, &expected, |value| {
            whole(value).filter(|number| range.contains(number))
        })
        .unwrap_or(least)
    }

    /// [`Reader::number`] as the type the program counts with.
    pub fn count(&mut self, name: &str, range: RangeInclusive<u32>) -> u32 {
        let least = *range.start();
        u32::try_from(self.number(name, "", u64::from(least)..=u64::from(*range.end())))
            .unwrap_or(least)
    }

    /// [`Reader::count`] for sizes of things in memory.
    pub fn size(&mut self, name: &str, range: RangeInclusive<u32>) -> usize {
        usize::try_from(self.count(name, range)).unwrap_or(usize::MAX)
    }

    pub fn seconds(&mut self, name: &str, least: u64) -> Duration {
        Duration::from_secs(self.number(name, " of seconds", least..=LONGEST_S))
    }

    pub fn milliseconds(&mut self, name: &str) -> Duration {
        Duration::from_millis(self.number(name, " of milliseconds", 1..=LONGEST_S * 1000))
    }

    pub fn texts(&mut self, name: &str) -> Vec<String> {
        let convert = |value: &Value| {
            value
                .as_array()?
                .iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect::<Option<Vec<_>>>()
        };
        self.typed(name, "a list of texts: [\"...\", \"...\"]", convert)
            .unwrap_or_default()
    }

    pub fn numbers(&mut self, name: &str, range: RangeInclusive<u64>) -> Vec<u64> {
        let expected = format!(
            "a list of whole numbers from {} to {}, not empty",
            range.start(),
            range.end()
        );
        let convert = |value: &Value| {
            let items = value
                .as_array()?
                .iter()
                .map(|item| whole(item).filter(|number| range.contains(number)));
            items
                .collect::<Option<Vec<_>>>()
                .filter(|items| !items.is_empty())
        };
        self.typed(name, &expected, convert).unwrap_or_default()
    }

    /// One of a few words.
    pub fn word<T: Copy>(&mut self, name: &str, words: &[(&str, T)]) -> Option<T> {
        let expected = words
            .iter()
            .map(|(word, _)| format!("\"{word}\""))
            .collect::<Vec<_>>()
            .join(" or ");
        let find = |text: &str| {
            words
                .iter()
                .find(|(word, _)| *word == text)
                .map(|(_, meaning)| *meaning)
        };
        self.typed(name, &expected, |value| value.as_str().and_then(find))
    }

    /// Sections of one kind, `[[heading]]` each. `None` if something else stands in their place.
    pub fn sections(&mut self, name: &str, heading: &str) -> Option<Vec<Dict>> {
        let convert = |value: &Value| {
            let items = value.as_array()?.iter().map(|item| item.as_dict().cloned());
            items.collect::<Option<Vec<_>>>()
        };
        self.typed(name, &format!("one [[{heading}]] for each"), convert)
    }

    /// A section inside of this one. `None` if something else stands in its place.
    pub fn section<T>(&mut self, name: &str, read: impl FnOnce(&mut Reader<'a>) -> T) -> Option<T> {
        let values = self.typed(name, "a section", |value| value.as_dict().cloned())?;
        let mut reader = Reader::new(self.context, self.key(name), values);
        let read = read(&mut reader);
        reader.finish();
        Some(read)
    }

    /// A path of a file that is only read, from the folder of the operator's file on.
    pub fn file(&mut self, name: &str) -> Option<PathBuf> {
        self.optional_text(name)
            .map(|path| self.context.base.join(path))
    }

    /// Refuses the keys that nobody took.
    pub fn finish(self) {
        for name in self.values.keys() {
            let known = self.known.iter().map(String::as_str);
            self.problem(name, unknown::what_is_wrong_with(name, known));
        }
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// Values of the environment are texts (and the only ones without a tag); they become what they look like only where
/// something else than text is wanted, so that a number's id or a token keeps every digit.
fn reread(value: Value) -> Value {
    match &value {
        Value::String(tag, text) if tag.is_default() => match Value::from_str(text) {
            Ok(Value::String(..) | Value::Char(..)) | Err(_) => value,
            Ok(other) => other,
        },
        _ => value,
    }
}

fn whole(value: &Value) -> Option<u64> {
    match value.to_i128() {
        Some(signed) => u64::try_from(signed).ok(),
        None => value
            .to_u128()
            .and_then(|unsigned| u64::try_from(unsigned).ok()),
    }
}

/// Names a value without showing it: a text may be a secret in the wrong place.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_, text) if text.is_empty() => "an empty text",
        Value::String(..) | Value::Char(..) => "a text that does not fit",
        Value::Bool(_, true) => "true",
        Value::Bool(_, false) => "false",
        Value::Num(..) => "a number that does not fit",
        Value::Empty(..) => "nothing",
        Value::Dict(..) => "a section",
        Value::Array(_, items) if items.is_empty() => "an empty list",
        Value::Array(..) => "a list that does not fit",
    }
}
