//! Looks at what the integration sent: typed access that knows its own path, so that every refusal can name it.
//!
//! `null` counts as absent everywhere, and one thing counts as a list of one: Meta's own collection of requests, which
//! clients were written from, has both.

use serde_json::{Map, Value};

use super::{Loss, Notes, Refusal};

/// One object, and where it stands in the body.
pub(super) struct Source<'a> {
    fields: &'a Map<String, Value>,
    path: String,
}

impl<'a> Source<'a> {
    pub(super) fn of(value: &'a Value, path: String) -> Result<Self, Refusal> {
        match value {
            Value::Object(fields) => Ok(Self { fields, path }),
            _ => Err(Refusal::invalid(path, "is not an object")),
        }
    }

    /// The path of a field in here.
    pub(super) fn at(&self, name: &str) -> String {
        match self.path.is_empty() {
            true => name.to_owned(),
            false => format!("{}.{name}", self.path),
        }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn need(&self, name: &str) -> Result<&'a Value, Refusal> {
        self.get(name)
            .ok_or_else(|| Refusal::missing(self.at(name)))
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, Refusal> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Refusal::invalid(self.at(name), "is not a text")),
        }
    }

    pub(super) fn need_text(&self, name: &str) -> Result<&'a str, Refusal> {
        self.text(name)?
            .ok_or_else(|| Refusal::missing(self.at(name)))
    }

    /// A yes or no, also in words.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(Value::String(word)) if word == "true" => Ok(Some(true)),
            Some(Value::String(word)) if word == "false" => Ok(Some(false)),
            Some(_) => Err(Refusal::invalid(self.at(name), "is not true or false")),
        }
    }

    pub(super) fn object(&self, name: &str) -> Result<Option<Source<'a>>, Refusal> {
        self.get(name)
            .map(|value| Source::of(value, self.at(name)))
            .transpose()
    }

    pub(super) fn need_object(&self, name: &str) -> Result<Source<'a>, Refusal> {
        Source::of(self.need(name)?, self.at(name))
    }

    /// The objects of a list; none when there is no list.
    pub(super) fn objects(&self, name: &str) -> Result<Option<Vec<Source<'a>>>, Refusal> {
        let list = match self.get(name) {
            None => return Ok(None),
            Some(Value::Array(list)) => list.as_slice(),
            Some(one) => std::slice::from_ref(one),
        };
        let path = self.at(name);
        let each = list
            .iter()
            .enumerate()
            .map(|(index, value)| Source::of(value, format!("{path}[{index}]")));
        each.collect::<Result<_, _>>().map(Some)
    }

    pub(super) fn need_objects(&self, name: &str) -> Result<Vec<Source<'a>>, Refusal> {
        self.objects(name)?
            .ok_or_else(|| Refusal::missing(self.at(name)))
    }

    /// Takes over texts that are the same on both sides.
    pub(super) fn copy_texts(
        &self,
        names: &[&str],
        into: &mut Map<String, Value>,
    ) -> Result<(), Refusal> {
        self.copy_as(names, into, str::to_owned)
    }

    /// The same without blanks around them, which only the old client put up with.
    pub(super) fn copy_trimmed(
        &self,
        names: &[&str],
        into: &mut Map<String, Value>,
    ) -> Result<(), Refusal> {
        self.copy_as(names, into, |text| text.trim().to_owned())
    }

    fn copy_as(
        &self,
        names: &[&str],
        into: &mut Map<String, Value>,
        change: impl Fn(&str) -> String,
    ) -> Result<(), Refusal> {
        for name in names {
            if let Some(text) = self.text(name)? {
                into.insert((*name).to_owned(), change(text).into());
            }
        }
        Ok(())
    }

    /// Notes that there were keys besides the known ones.
    pub(super) fn note_others(&self, known: &[&[&str]], notes: &mut Notes) {
        let is_known = |key: &String| known.iter().any(|list| list.contains(&key.as_str()));
        if !self.fields.keys().all(is_known) {
            notes.add(self.path.clone(), Loss::Ignored);
        }
    }
}
