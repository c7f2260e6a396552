//! A baseline's answer: what the old client said, redacted, and still comparable.
//!
//! Each value carries its forms, hashed, whatever rules are in force, so equivalences may be switched afterwards.
//! Ignore rules are evaluated when it is recorded, because they may look at values; one that was written later still
//! works wherever Cloud's answer has the field.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::forms::Form;
use super::model::{Answer, Body, Kind, Node, Side};
use super::{Attempt, Comparison, Outcome, Redacted, Redactor, Rules, judge};

/// A body nested deeper is not recorded: with what is written around it, `serde_json` could not read it back.
const DEEPEST: usize = 100;

/// A recorded answer of the old client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    /// The HTTP status.
    pub status: u16,
    /// How long it took.
    pub took_ms: u64,
    /// The body.
    pub content: RecordedContent,
}

/// A recorded body.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordedContent {
    /// No bytes.
    Empty,
    /// JSON.
    Json {
        /// As [`Redactor::redact_all`] makes it.
        body: Value,
        /// What belongs to its values, by JSON pointer.
        marks: BTreeMap<String, Mark>,
    },
    /// Anything else.
    Bytes {
        /// `Content-Type`, hashed unless it is a common one.
        media_type: Option<String>,
        /// Bytes.
        length: u64,
        /// A hash of the digest.
        sha256: String,
    },
}

/// What is kept beside a value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    forms: Vec<Form>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ignored: Option<String>,
}

impl Redactor {
    /// What is kept of an answer; none when its body is nested too deeply to be kept.
    pub fn model(&self, route: &str, outcome: &Outcome, rules: &Rules) -> Option<Recorded> {
        let answer = self.answer(&Answer::of(route, outcome, rules));
        let content = match answer.body {
            Body::Empty => RecordedContent::Empty,
            Body::Json(node) => {
                let mut marks = BTreeMap::new();
                let body = write(&node, &mut String::new(), 0, &mut marks)?;
                RecordedContent::Json { body, marks }
            }
            Body::Bytes {
                media_type,
                length,
                sha256,
            } => RecordedContent::Bytes {
                media_type,
                length,
                sha256,
            },
        };
        Some(Recorded {
            status: answer.status,
            took_ms: u64::try_from(outcome.took.as_millis()).unwrap_or(u64::MAX),
            content,
        })
    }
}

/// Compares a recorded answer with what Cloud came to. The redactor must have the key of the recording.
pub fn compare_recorded(
    route: &str,
    recorded: &Recorded,
    cloud: &Attempt,
    rules: &Rules,
    redactor: &Redactor,
    is_noise: &dyn Fn(&str) -> bool,
) -> Comparison<Redacted> {
    let onprem = match recorded.status {
        500.. => Side::Failed("server_error"),
        _ => Side::Answered(recorded.answer()),
    };
    let cloud = redactor.side(&Side::of(route, cloud, rules));
    judge(route, &onprem, &cloud, rules, is_noise).redacted_already()
}

impl Recorded {
    fn answer(&self) -> Answer {
        let body = match &self.content {
            RecordedContent::Empty => Body::Empty,
            RecordedContent::Json { body, marks } => {
                Body::Json(read(body, &mut String::new(), marks))
            }
            RecordedContent::Bytes {
                media_type,
                length,
                sha256,
            } => Body::Bytes {
                media_type: media_type.clone(),
                length: *length,
                sha256: sha256.clone(),
            },
        };
        Answer {
            status: self.status,
            body,
        }
    }
}

fn write(
    node: &Node,
    pointer: &mut String,
    depth: usize,
    marks: &mut BTreeMap<String, Mark>,
) -> Option<Value> {
    if depth > DEEPEST {
        return None;
    }
    let mut mark = Mark {
        forms: Vec::new(),
        ignored: node.ignored.clone(),
    };
    let value = match &node.kind {
        Kind::Leaf { value, forms } => {
            mark.forms.clone_from(forms);
            value.clone()
        }
        Kind::Array(members) => {
            let mut written = Vec::with_capacity(members.len());
            for (index, member) in members.iter().enumerate() {
                let member = within(pointer, &index.to_string(), |pointer| {
                    write(member, pointer, depth + 1, marks)
                });
                written.push(member?);
            }
            Value::Array(written)
        }
        Kind::Object(members) => {
            let mut written = serde_json::Map::new();
            for (key, member) in members {
                let member = within(pointer, key, |pointer| {
                    write(member, pointer, depth + 1, marks)
                });
                written.insert(key.clone(), member?);
            }
            Value::Object(written)
        }
    };
    if mark != Mark::default() {
        marks.insert(pointer.clone(), mark);
    }
    Some(value)
}

fn read(value: &Value, pointer: &mut String, marks: &BTreeMap<String, Mark>) -> Node {
    let mark = marks.get(pointer.as_str());
    let kind = match value {
        Value::Array(members) => {
            let members = members.iter().enumerate().map(|(index, member)| {
                within(pointer, &index.to_string(), |pointer| {
                    read(member, pointer, marks)
                })
            });
            Kind::Array(members.collect())
        }
        Value::Object(members) => {
            let members = members.iter().map(|(key, member)| {
                let member = within(pointer, key, |pointer| read(member, pointer, marks));
                (key.clone(), member)
            });
            Kind::Object(members.collect())
        }
        scalar => Kind::Leaf {
            value: scalar.clone(),
            forms: mark.map(|mark| mark.forms.clone()).unwrap_or_default(),
        },
    };
    Node {
        ignored: mark.and_then(|mark| mark.ignored.clone()),
        kind,
    }
}

/// Redacted keys need no escaping in a pointer.
fn within<T>(pointer: &mut String, step: &str, inside: impl FnOnce(&mut String) -> T) -> T {
    let length = pointer.len();
    pointer.push('/');
    pointer.push_str(step);
    let result = inside(pointer);
    pointer.truncate(length);
    result
}
