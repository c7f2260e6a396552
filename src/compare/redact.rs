//! What may be written down of an answer: the protocol's own words in clear, a keyed hash of everything else.
//!
//! Equal values have equal hashes, so that a reader sees what is the same without seeing what it is. Keys outside the
//! protocol are hashed too, because some bodies have ids or names as keys.

use std::collections::BTreeMap;

use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::forms::{Form, hex};
use super::model::{Answer, Body, Kind, Node, Side};
use super::path::{Keys, Path, Segment};
use super::words;
use super::{Comparison, Difference};

/// Hashes under one key.
pub struct Redactor {
    key: hmac::Key,
}

/// A difference that may be logged and kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Redacted {
    /// Where, with keys outside the protocol hashed.
    pub path: String,
    /// Where, as statistics name it: see [`Path::field`].
    pub field: String,
    /// The old client's value, redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onprem: Option<Value>,
    /// Cloud's value, redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloud: Option<Value>,
}

impl Redactor {
    /// A redactor. Hashes of different keys cannot be compared.
    pub fn new(key: &[u8; 32]) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, key),
        }
    }

    /// `#` and the first 16 hex digits of HMAC-SHA256, as a string with this text is redacted anywhere.
    pub fn hash(&self, text: &str) -> String {
        self.hash_of(&Value::from(text))
    }

    /// The redacted form of a value that stands at `path`.
    pub fn redact(&self, path: &Path, value: &Value) -> Value {
        self.value(Keys::at(path), value)
    }

    /// The redacted form of a whole body.
    pub fn redact_all(&self, body: &Value) -> Value {
        self.value(Keys::default(), body)
    }

    /// A path whose keys outside the protocol are hashed.
    pub fn path(&self, path: &Path) -> String {
        match path {
            Path::Part(part) => (*part).to_owned(),
            Path::Json(segments) => {
                let hashed = segments.iter().map(|segment| match segment {
                    Segment::Key(key) => Segment::Key(self.object_key(key)),
                    Segment::Index(index) => Segment::Index(*index),
                });
                Path::Json(hashed.collect()).to_string()
            }
        }
    }

    fn difference(&self, difference: &Difference) -> Redacted {
        let value = |side: &Option<Value>| {
            side.as_ref()
                .map(|value| self.redact(&difference.path, value))
        };
        Redacted {
            path: self.path(&difference.path),
            field: difference.path.field(),
            onprem: value(&difference.onprem),
            cloud: value(&difference.cloud),
        }
    }

    fn value(&self, keys: Keys<'_>, value: &Value) -> Value {
        match value {
            Value::Array(members) => members
                .iter()
                .map(|member| self.value(keys, member))
                .collect(),
            Value::Object(members) => members
                .iter()
                .map(|(key, member)| (self.object_key(key), self.value(keys.under(key), member)))
                .collect(),
            scalar if words::is_clear(keys, scalar) => scalar.clone(),
            scalar => self.hash_of(scalar).into(),
        }
    }

    fn object_key(&self, key: &str) -> String {
        if words::is_key(key) {
            key.to_owned()
        } else {
            self.hash(key)
        }
    }

    fn hash_of(&self, scalar: &Value) -> String {
        let text = match scalar {
            // Equal to its positive twin, but spelled differently.
            Value::Number(number) if number.is_f64() && number.as_f64() == Some(0.0) => {
                "0.0".to_owned()
            }
            other => other.to_string(),
        };
        let tag = hmac::sign(&self.key, text.as_bytes());
        format!("#{}", hex(tag.as_ref().get(..8).unwrap_or_default()))
    }

    pub(super) fn side(&self, side: &Side) -> Side {
        match side {
            Side::Answered(answer) => Side::Answered(self.answer(answer)),
            Side::Failed(reason) => Side::Failed(reason),
            Side::NotComparable(reason) => Side::NotComparable(reason),
        }
    }

    pub(super) fn answer(&self, answer: &Answer) -> Answer {
        let body = match &answer.body {
            Body::Empty => Body::Empty,
            Body::Json(node) => Body::Json(self.node(Keys::default(), node)),
            Body::Bytes {
                media_type,
                length,
                sha256,
            } => Body::Bytes {
                media_type: media_type.as_deref().map(|text| self.media_type(text)),
                length: *length,
                sha256: self.hash(sha256),
            },
        };
        Answer {
            status: answer.status,
            body,
        }
    }

    fn media_type(&self, text: &str) -> String {
        match words::is_clear(Keys::default().under("content_type"), &text.into()) {
            true => text.to_owned(),
            false => self.hash(text),
        }
    }

    fn node(&self, keys: Keys<'_>, node: &Node) -> Node {
        let kind = match &node.kind {
            Kind::Leaf { value, forms } => Kind::Leaf {
                value: self.value(keys, value),
                forms: forms.iter().map(|form| self.form(form)).collect(),
            },
            Kind::Array(members) => Kind::Array(
                members
                    .iter()
                    .map(|member| self.node(keys, member))
                    .collect(),
            ),
            Kind::Object(members) => Kind::Object(
                members
                    .iter()
                    .map(|(key, member)| (self.object_key(key), self.node(keys.under(key), member)))
                    .collect::<BTreeMap<_, _>>(),
            ),
        };
        Node {
            ignored: node.ignored.clone(),
            kind,
        }
    }

    fn form(&self, form: &Form) -> Form {
        Form {
            same: form.same.as_deref().map(|same| self.hash(same)),
            ..*form
        }
    }
}

impl Comparison {
    /// The comparison as it may be logged and kept.
    pub fn redacted(&self, redactor: &Redactor) -> Comparison<Redacted> {
        self.map(|difference| redactor.difference(difference))
    }

    /// The same for a comparison of sides that were redacted before.
    pub(super) fn redacted_already(&self) -> Comparison<Redacted> {
        self.map(|difference| Redacted {
            path: difference.path.to_string(),
            field: difference.path.field(),
            onprem: difference.onprem.clone(),
            cloud: difference.cloud.clone(),
        })
    }

    fn map(&self, redact: impl Fn(&Difference) -> Redacted) -> Comparison<Redacted> {
        let all = |differences: &[Difference]| {
            let mut all: Vec<Redacted> = differences.iter().map(&redact).collect();
            // Hashed keys sort differently; a recorded side and a live one must not.
            all.sort_by(|one, two| one.path.cmp(&two.path));
            all
        };
        Comparison {
            verdict: self.verdict,
            reason: self.reason,
            differences: all(&self.differences),
            noise: all(&self.noise),
            levelled: self.levelled.clone(),
            ignored: self.ignored.clone(),
        }
    }
}
