//! The declared rules: which differences of form are none, and which fields are left out.

use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json_path::JsonPath;

use crate::route::Route;

/// A named way in which two different values mean the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Equivalence {
    /// One thing's id in two id spaces: an on-prem UUID, a UUID the bridge made and a Cloud media id; an on-prem
    /// message id and a wamid (if both can be read, they must name the same message).
    Ids,
    /// Hex and base64 of the same 32 bytes.
    Digests,
    /// The same moment: Unix seconds or milliseconds as number or text, RFC 3339, `YYYY-MM-DD HH:MM:SS+00:00`.
    Times,
    /// The same digits, in the spellings of a phone number.
    Phones,
    /// `voice` and `audio`, as a `type` and as the key that goes with it.
    VoiceAudio,
    /// A number, and the same number as text.
    Numbers,
    /// Arrays that are sets.
    Order,
    /// Successes without a payload: `null`, `{}` and `{"meta": ...}`.
    Absent,
}

impl Equivalence {
    /// Every one; where several fit, the first is counted.
    pub const ALL: [Self; 8] = [
        Self::Ids,
        Self::Digests,
        Self::Times,
        Self::Phones,
        Self::VoiceAudio,
        Self::Numbers,
        Self::Order,
        Self::Absent,
    ];

    /// Its name in the configuration and in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ids => "ids",
            Self::Digests => "digests",
            Self::Times => "times",
            Self::Phones => "phones",
            Self::VoiceAudio => "voice_audio",
            Self::Numbers => "numbers",
            Self::Order => "order",
            Self::Absent => "absent",
        }
    }

    /// Reads a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.as_str() == name)
    }
}

impl fmt::Display for Equivalence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Clone, Debug)]
struct Ignore {
    route: Option<String>,
    written: String,
    path: JsonPath,
}

/// The rules in force.
#[derive(Clone, Debug)]
pub struct Rules {
    equivalences: Vec<Equivalence>,
    ignores: Vec<Ignore>,
}

impl Rules {
    /// The rules with these names, and these ignore rules: a route or none for all of them, and a JSON path (RFC 9535).
    ///
    /// # Errors
    /// Every problem, in words.
    pub fn parse(
        equivalences: &[String],
        ignores: &[(Option<String>, String)],
    ) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let mut rules = Self {
            equivalences: Vec::new(),
            ignores: Vec::new(),
        };
        for name in equivalences {
            match Equivalence::parse(name) {
                Some(rule) => rules.equivalences.push(rule),
                None => problems.push(format!(
                    "unknown equivalence {name:?}; there are {}",
                    Equivalence::ALL.map(Equivalence::as_str).join(", ")
                )),
            }
        }
        for (route, written) in ignores {
            if let Some(route) = route
                && Route::parse(route).is_none()
            {
                problems.push(format!("{written:?}: there is no route {route:?}"));
            }
            match JsonPath::parse(written) {
                Ok(path) => rules.ignores.push(Ignore {
                    route: route.clone(),
                    written: written.clone(),
                    path,
                }),
                Err(error) => problems.push(format!(
                    "{written:?} is no JSON path (RFC 9535), such as \"$.meta.version\": {error}"
                )),
            }
        }
        if problems.is_empty() {
            Ok(rules)
        } else {
            Err(problems)
        }
    }

    /// Whether an equivalence is switched on.
    pub fn has(&self, rule: Equivalence) -> bool {
        self.equivalences.contains(&rule)
    }

    /// Whether an ignore rule, as written, is in force for a route.
    pub(super) fn ignores(&self, route: &str, written: &str) -> bool {
        self.of(route).any(|ignore| ignore.written == written)
    }

    /// The values inside `body` that are ignored, by where they lie in memory, each with its rule.
    pub(super) fn ignored<'a>(
        &'a self,
        route: &str,
        body: &Value,
    ) -> HashMap<*const Value, &'a str> {
        let mut found = HashMap::new();
        for ignore in self.of(route) {
            for value in ignore.path.query(body) {
                found
                    .entry(std::ptr::from_ref(value))
                    .or_insert(ignore.written.as_str());
            }
        }
        found
    }

    fn of(&self, route: &str) -> impl Iterator<Item = &Ignore> {
        self.ignores
            .iter()
            .filter(move |ignore| ignore.route.as_deref().is_none_or(|of| of == route))
    }
}

impl Default for Rules {
    /// Every equivalence, and the version left out.
    fn default() -> Self {
        let all = Equivalence::ALL.map(|rule| rule.as_str().to_owned());
        Self::parse(&all, &[(None, "$.meta.version".to_owned())]).unwrap_or(Self {
            equivalences: Equivalence::ALL.to_vec(),
            ignores: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_named() {
        let problems = Rules::parse(
            &["ids".to_owned(), "idz".to_owned()],
            &[
                (None, "meta.version".to_owned()),
                (Some("media".to_owned()), "$.x".to_owned()),
                (
                    Some("contacts".to_owned()),
                    "$.contacts[?@.status=='x']".to_owned(),
                ),
            ],
        )
        .unwrap_err();
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(problems[0].contains("\"idz\"") && problems[0].contains("voice_audio"));
        assert!(problems[1].contains("RFC 9535"));
        assert!(problems[2].contains("no route \"media\""));
    }

    #[test]
    fn the_default_has_every_rule_and_leaves_the_version_out() {
        let rules = Rules::default();
        for rule in Equivalence::ALL {
            assert!(rules.has(rule));
            assert_eq!(Equivalence::parse(rule.as_str()), Some(rule));
        }
        assert!(rules.ignores("health", "$.meta.version"));
    }
}
