//! `tests/fixtures/compare/<case>.json`: both sides, the rules, and what the comparison must be. A new case is a file
//! and no code. Each case is also compared with the sides swapped, and with on-prem recorded and read back.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use waba_bridge::compare::{
    Attempt, Comparison, Content, Equivalence, Outcome, Recorded, Redactor, Rules, compare,
    compare_recorded,
};

use super::{answered, swapped};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    route: String,
    rules: Option<RuleWords>,
    #[serde(default)]
    noise: Vec<String>,
    onprem: Side,
    cloud: Side,
    expected: Expected,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleWords {
    equivalences: Option<Vec<String>>,
    #[serde(default)]
    ignores: Vec<(Option<String>, String)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Side {
    status: Option<u16>,
    #[serde(default, deserialize_with = "some")]
    json: Option<Value>,
    bytes: Option<Bytes>,
    failed: Option<String>,
    not_comparable: Option<String>,
}

/// `null` is a body too.
fn some<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

#[derive(Deserialize)]
struct Bytes {
    media_type: Option<String>,
    length: u64,
    sha256: String,
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Expected {
    verdict: String,
    reason: Option<String>,
    #[serde(default)]
    differences: Vec<Place>,
    #[serde(default)]
    noise: Vec<String>,
    #[serde(default)]
    levelled: BTreeMap<String, u64>,
    #[serde(default)]
    ignored: BTreeMap<String, u64>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Place {
    path: String,
    #[serde(default, deserialize_with = "some")]
    onprem: Option<Value>,
    #[serde(default, deserialize_with = "some")]
    cloud: Option<Value>,
}

#[test]
fn every_case_comes_out_as_written_live_swapped_and_recorded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/compare");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 25, "no cases in {}", folder.display());
    let mut faults = Vec::new();
    for file in files {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&file).unwrap();
        let case: Case =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        check(&name, &case, &mut faults);
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

fn check(name: &str, case: &Case, faults: &mut Vec<String>) {
    let rules = rules(case.rules.as_ref());
    let (onprem, cloud) = (attempt(&case.onprem), attempt(&case.cloud));
    let is_noise = |field: &str| case.noise.iter().any(|noise| noise == field);
    let live = compare(&case.route, &onprem, &cloud, &rules, &is_noise);
    let found = expectation(&live);
    if found != case.expected {
        faults.push(format!(
            "{name}\n  expected {:?}\n  found    {found:?}",
            case.expected
        ));
    }
    let other_way = compare(&case.route, &cloud, &onprem, &rules, &is_noise);
    if other_way.verdict != swapped(live.verdict)
        || other_way.differences.len() != live.differences.len()
        || other_way.levelled != live.levelled
        || other_way.ignored != live.ignored
    {
        faults.push(format!("{name}: swapped {other_way:?}, live {live:?}"));
    }
    if let Attempt::Answered(outcome) = &onprem {
        let redactor = Redactor::new(&[7; 32]);
        let recorded = recorded(&redactor, &case.route, outcome, &rules);
        let later = compare_recorded(&case.route, &recorded, &cloud, &rules, &redactor, &is_noise);
        let live = live.redacted(&redactor);
        if later != live {
            faults.push(format!("{name}: recorded {later:?}\n  live {live:?}"));
        }
    }
}

/// Through text, as a baseline is kept.
fn recorded(redactor: &Redactor, route: &str, outcome: &Outcome, rules: &Rules) -> Recorded {
    let recorded = redactor.model(route, outcome, rules).unwrap();
    let text = serde_json::to_string(&recorded).unwrap();
    let back: Recorded = serde_json::from_str(&text).unwrap();
    assert_eq!(back, recorded);
    back
}

fn rules(words: Option<&RuleWords>) -> Rules {
    let Some(words) = words else {
        return Rules::default();
    };
    let all = || {
        Equivalence::ALL
            .map(|rule| rule.as_str().to_owned())
            .to_vec()
    };
    let equivalences = words.equivalences.clone().unwrap_or_else(all);
    Rules::parse(&equivalences, &words.ignores).unwrap()
}

fn attempt(side: &Side) -> Attempt {
    let leak = |text: &String| -> &'static str { text.clone().leak() };
    if let Some(reason) = &side.failed {
        return Attempt::Failed {
            reason: leak(reason),
            took: Duration::ZERO,
        };
    }
    if let Some(reason) = &side.not_comparable {
        return Attempt::NotComparable {
            reason: leak(reason),
        };
    }
    let content = match (&side.json, &side.bytes) {
        (Some(json), None) => Content::Json(json.clone()),
        (None, Some(bytes)) => Content::Bytes {
            media_type: bytes.media_type.clone(),
            length: bytes.length,
            sha256: waba_bridge::cloud::media::digest(&bytes.sha256).unwrap(),
        },
        (None, None) => Content::Empty,
        _ => panic!("two bodies"),
    };
    answered(side.status.unwrap(), content)
}

fn expectation(comparison: &Comparison) -> Expected {
    let levelled = comparison.levelled.iter();
    Expected {
        verdict: comparison.verdict.to_string(),
        reason: comparison.reason.map(str::to_owned),
        differences: comparison
            .differences
            .iter()
            .map(|difference| Place {
                path: difference.path.to_string(),
                onprem: difference.onprem.clone(),
                cloud: difference.cloud.clone(),
            })
            .collect(),
        noise: comparison
            .noise
            .iter()
            .map(|difference| difference.path.to_string())
            .collect(),
        levelled: levelled
            .map(|(rule, count)| ((*rule).to_owned(), *count))
            .collect(),
        ignored: comparison.ignored.clone(),
    }
}
