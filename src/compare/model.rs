//! One side's answer in the common model: a tree of values, each with its forms and the ignore rule that covers it.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

use super::forms::{self, Form};
use super::path::Keys;
use super::rules::Rules;
use super::{Attempt, Content, Outcome};

/// What one side came to, ready to be compared.
pub(super) enum Side {
    Answered(Answer),
    Failed(&'static str),
    NotComparable(&'static str),
}

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Body,
}

pub(super) enum Body {
    Empty,
    Json(Node),
    /// The digest as text, so that it can be a hash of itself.
    Bytes {
        media_type: Option<String>,
        length: u64,
        sha256: String,
    },
}

/// A value of a JSON body.
#[derive(Clone)]
pub(super) struct Node {
    /// The ignore rule that covers it, as written.
    pub(super) ignored: Option<String>,
    pub(super) kind: Kind,
}

#[derive(Clone)]
pub(super) enum Kind {
    Leaf { value: Value, forms: Vec<Form> },
    Array(Vec<Node>),
    Object(BTreeMap<String, Node>),
}

impl Side {
    pub(super) fn of(route: &str, attempt: &Attempt, rules: &Rules) -> Self {
        match attempt {
            Attempt::NotComparable { reason } => Self::NotComparable(reason),
            Attempt::Failed { reason, .. } => Self::Failed(reason),
            Attempt::Answered(outcome) if outcome.status >= 500 => Self::Failed("server_error"),
            Attempt::Answered(outcome) => Self::Answered(Answer::of(route, outcome, rules)),
        }
    }
}

impl Answer {
    pub(super) fn of(route: &str, outcome: &Outcome, rules: &Rules) -> Self {
        let body = match &outcome.content {
            Content::Empty => Body::Empty,
            Content::Json(value) => Body::Json(Node::of(route, value, rules)),
            Content::Bytes {
                media_type,
                length,
                sha256,
            } => Body::Bytes {
                media_type: media_type.as_deref().map(levelled_media_type),
                length: *length,
                sha256: forms::hex(sha256),
            },
        };
        Self {
            status: outcome.status,
            body,
        }
    }
}

/// Case and blanks mean nothing in a media type; its parameters do.
fn levelled_media_type(text: &str) -> String {
    let parts: Vec<String> = text
        .split(';')
        .map(|part| part.trim().to_ascii_lowercase())
        .collect();
    parts.join("; ")
}

impl Node {
    pub(super) fn of(route: &str, body: &Value, rules: &Rules) -> Self {
        Self::build(Keys::default(), body, &rules.ignored(route, body))
    }

    fn build(keys: Keys<'_>, value: &Value, ignored: &HashMap<*const Value, &str>) -> Self {
        let kind = match value {
            Value::Array(members) => Kind::Array(
                members
                    .iter()
                    .map(|member| Self::build(keys, member, ignored))
                    .collect(),
            ),
            Value::Object(members) => Kind::Object(
                members
                    .iter()
                    .map(|(key, member)| {
                        (key.clone(), Self::build(keys.under(key), member, ignored))
                    })
                    .collect(),
            ),
            scalar => Kind::Leaf {
                value: scalar.clone(),
                forms: forms::of(keys, scalar),
            },
        };
        Self {
            ignored: ignored
                .get(&std::ptr::from_ref(value))
                .map(|written| (*written).to_owned()),
            kind,
        }
    }

    /// The same value, whatever its marks.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (&self.kind, &other.kind) {
            (Kind::Leaf { value: one, .. }, Kind::Leaf { value: two, .. }) => one == two,
            (Kind::Array(one), Kind::Array(two)) => {
                one.len() == two.len() && one.iter().zip(two).all(|(one, two)| one.is_same(two))
            }
            (Kind::Object(one), Kind::Object(two)) => {
                one.len() == two.len()
                    && one
                        .iter()
                        .zip(two)
                        .all(|((key, one), (other, two))| key == other && one.is_same(two))
            }
            _ => false,
        }
    }

    /// The value without the parts that `hides` takes out; none when nothing is left of something.
    pub(super) fn remaining(&self, hides: &mut dyn FnMut(&Self) -> bool) -> Option<Value> {
        if hides(self) {
            return None;
        }
        match &self.kind {
            Kind::Leaf { value, .. } => Some(value.clone()),
            Kind::Array(members) => {
                let left: Vec<Value> = members
                    .iter()
                    .filter_map(|member| member.remaining(hides))
                    .collect();
                (members.is_empty() || !left.is_empty()).then_some(Value::Array(left))
            }
            Kind::Object(members) => {
                let left: Map<String, Value> = members
                    .iter()
                    .filter_map(|(key, member)| Some((key.clone(), member.remaining(hides)?)))
                    .collect();
                (members.is_empty() || !left.is_empty()).then_some(Value::Object(left))
            }
        }
    }
}
