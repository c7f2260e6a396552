//! Two sides in the common model, value by value: where they differ, and what levelled or hid a difference.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Difference;
use super::forms;
use super::model::{Answer, Body, Kind, Node};
use super::path::{Path, Segment};
use super::rules::{Equivalence, Rules};

/// What a comparison of two answers found.
pub(super) struct Found<'a> {
    route: &'a str,
    rules: &'a Rules,
    pub(super) differences: Vec<Difference>,
    pub(super) levelled: BTreeMap<&'static str, u64>,
    pub(super) ignored: BTreeMap<String, u64>,
}

/// Compares two answers.
pub(super) fn answers<'a>(
    route: &'a str,
    onprem: &Answer,
    cloud: &Answer,
    rules: &'a Rules,
) -> Found<'a> {
    let mut found = Found {
        route,
        rules,
        differences: Vec::new(),
        levelled: BTreeMap::new(),
        ignored: BTreeMap::new(),
    };
    found.part(
        "status",
        Some(onprem.status.into()),
        Some(cloud.status.into()),
    );
    let succeeded = (200..300).contains(&onprem.status) && (200..300).contains(&cloud.status);
    found.bodies(&onprem.body, &cloud.body, succeeded);
    found
}

impl Found<'_> {
    fn bodies(&mut self, onprem: &Body, cloud: &Body, succeeded: bool) {
        match (onprem, cloud) {
            (Body::Empty, Body::Empty) => {}
            (Body::Json(one), Body::Json(two)) => {
                if succeeded && self.are_bare(one, two) {
                    self.level(Equivalence::Absent);
                } else {
                    self.nodes(&mut Vec::new(), "", Some(one), Some(two));
                }
            }
            (
                Body::Bytes {
                    media_type: type_one,
                    length: length_one,
                    sha256: digest_one,
                },
                Body::Bytes {
                    media_type: type_two,
                    length: length_two,
                    sha256: digest_two,
                },
            ) => {
                let word = |text: &Option<String>| text.clone().map(Value::from);
                self.part("content_type", word(type_one), word(type_two));
                self.part(
                    "length",
                    Some((*length_one).into()),
                    Some((*length_two).into()),
                );
                self.part(
                    "sha256",
                    Some(digest_one.as_str().into()),
                    Some(digest_two.as_str().into()),
                );
            }
            _ => self.part(
                "content",
                Some(word_of(onprem).into()),
                Some(word_of(cloud).into()),
            ),
        }
    }

    /// Two different forms of a success without a payload.
    fn are_bare(&self, one: &Node, two: &Node) -> bool {
        let (one, two) = (bareness(one), bareness(two));
        self.rules.has(Equivalence::Absent) && one.is_some() && two.is_some() && one != two
    }

    fn part(&mut self, part: &'static str, onprem: Option<Value>, cloud: Option<Value>) {
        if onprem != cloud {
            self.differences.push(Difference {
                path: Path::Part(part),
                onprem,
                cloud,
            });
        }
    }

    fn level(&mut self, rule: Equivalence) {
        *self.levelled.entry(rule.as_str()).or_default() += 1;
    }

    fn nodes(
        &mut self,
        path: &mut Vec<Segment>,
        key: &str,
        onprem: Option<&Node>,
        cloud: Option<&Node>,
    ) {
        match (onprem, cloud) {
            (None, None) => {}
            (Some(one), Some(two)) if one.is_same(two) => {}
            (Some(one), Some(two)) => match self.rule_over(one).or_else(|| self.rule_over(two)) {
                Some(written) => *self.ignored.entry(written).or_default() += 1,
                None => self.both(path, key, one, two),
            },
            (one, two) => self.apart(path, one, two),
        }
    }

    fn rule_over(&self, node: &Node) -> Option<String> {
        let written = node.ignored.as_ref()?;
        self.rules
            .ignores(self.route, written)
            .then(|| written.clone())
    }

    fn both(&mut self, path: &mut Vec<Segment>, key: &str, one: &Node, two: &Node) {
        match (&one.kind, &two.kind) {
            (Kind::Object(one), Kind::Object(two)) => self.objects(path, one, two),
            (Kind::Array(one), Kind::Array(two)) => {
                if self.rules.has(Equivalence::Order) && forms::is_set(key) && are_one_set(one, two)
                {
                    self.level(Equivalence::Order);
                    return;
                }
                for index in 0..one.len().max(two.len()) {
                    path.push(Segment::Index(index));
                    self.nodes(path, key, one.get(index), two.get(index));
                    path.pop();
                }
            }
            (
                Kind::Leaf {
                    forms: one_forms, ..
                },
                Kind::Leaf {
                    forms: two_forms, ..
                },
            ) => {
                let meets = |form: &&forms::Form| {
                    self.rules.has(form.rule) && two_forms.iter().any(|other| form.meets(other))
                };
                match one_forms.iter().find(meets).map(|form| form.rule) {
                    Some(rule) => self.level(rule),
                    None => self.apart(path, Some(one), Some(two)),
                }
            }
            _ => self.apart(path, Some(one), Some(two)),
        }
    }

    fn objects(
        &mut self,
        path: &mut Vec<Segment>,
        one: &BTreeMap<String, Node>,
        two: &BTreeMap<String, Node>,
    ) {
        let crossed = self.rules.has(Equivalence::VoiceAudio)
            && (only_has(one, "voice", "audio") && only_has(two, "audio", "voice")
                || only_has(one, "audio", "voice") && only_has(two, "voice", "audio"));
        let either = |members: &BTreeMap<String, Node>| {
            members
                .get("audio")
                .or_else(|| members.get("voice"))
                .cloned()
        };
        if crossed {
            self.level(Equivalence::VoiceAudio);
            path.push(Segment::Key("audio".to_owned()));
            self.nodes(path, "audio", either(one).as_ref(), either(two).as_ref());
            path.pop();
        }
        let keys: BTreeSet<&String> = one.keys().chain(two.keys()).collect();
        for key in keys {
            if crossed && ["voice", "audio"].contains(&key.as_str()) {
                continue;
            }
            path.push(Segment::Key(key.clone()));
            self.nodes(path, key, one.get(key), two.get(key));
            path.pop();
        }
    }

    /// Values that have nothing to be compared by, or only one of which is there: a difference, unless ignore rules
    /// cover everything that is there.
    fn apart(&mut self, path: &[Segment], one: Option<&Node>, two: Option<&Node>) {
        let (onprem, cloud) = (self.left(one), self.left(two));
        if onprem.is_some() || cloud.is_some() {
            self.differences.push(Difference {
                path: Path::Json(path.to_vec()),
                onprem,
                cloud,
            });
        }
    }

    fn left(&mut self, node: Option<&Node>) -> Option<Value> {
        let mut hidden = Vec::new();
        let left = node?.remaining(&mut |node| {
            let rule = self.rule_over(node);
            hidden.extend(rule.clone());
            rule.is_some()
        });
        for written in hidden {
            *self.ignored.entry(written).or_default() += 1;
        }
        left
    }
}

fn word_of(body: &Body) -> &'static str {
    match body {
        Body::Empty => "empty",
        Body::Json(_) => "json",
        Body::Bytes { .. } => "bytes",
    }
}

/// Which form of a success without a payload this is, if it is one.
fn bareness(node: &Node) -> Option<&'static str> {
    match &node.kind {
        Kind::Leaf { value, .. } => value.is_null().then_some("null"),
        Kind::Object(members) if members.is_empty() => Some("{}"),
        Kind::Object(members) => (members.keys().eq(["meta"])).then_some("meta"),
        Kind::Array(_) => None,
    }
}

fn only_has(members: &BTreeMap<String, Node>, one: &str, not: &str) -> bool {
    members.contains_key(one) && !members.contains_key(not)
}

fn are_one_set(one: &[Node], two: &[Node]) -> bool {
    let members = |nodes: &[Node]| {
        let mut texts: Vec<Option<String>> = nodes
            .iter()
            .map(|node| match &node.kind {
                Kind::Leaf { value, .. } => Some(value.to_string()),
                Kind::Array(_) | Kind::Object(_) => None,
            })
            .collect();
        texts.sort();
        texts
    };
    let (one, two) = (members(one), members(two));
    one == two && !one.contains(&None)
}
