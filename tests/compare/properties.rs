//! What holds for any two bodies.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};
use waba_bridge::compare::{
    Attempt, Content, Path, Redactor, Rules, Verdict, compare, compare_recorded,
};

use super::{answered, swapped};

/// Keys of the protocol, so that rules apply, and some that are none.
fn key() -> impl Strategy<Value = String> {
    let known = select(vec![
        "id",
        "sha256",
        "hash",
        "timestamp",
        "wa_id",
        "type",
        "voice",
        "audio",
        "status",
        "errors",
        "code",
        "title",
        "mime_type",
        "version",
        "auto_download",
        "meta",
        "vertical",
        "contacts",
        "length",
    ]);
    prop_oneof![4 => known.prop_map(str::to_owned), 1 => "\\PC{0,6}"]
}

/// Values out of a small stock, so that two bodies meet often.
fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        select(vec![
            json!(null),
            json!(true),
            json!(""),
            json!(0),
            json!(-0.0),
            json!(0.0),
            json!("0"),
            json!(1_600_132_094),
            json!("1600132094000"),
            json!("2020-09-15 01:08:14+00:00"),
            json!("+1 631 555 1001"),
            json!(16_315_551_001_u64),
            json!("voice"),
            json!("audio"),
            json!("image"),
            json!("f043afd0-f0ae-4b9c-ab3d-696fb4c8cd68"),
            json!("1761991787669262"),
            json!("ABGGFlA4eUOfAgo6SmWZruA4EBRP"),
            json!("wamid.HBgLMTY1MDM4Nzk0MzkVAgASGBQzQTRBNjU5OUFFRTAzODEwMTQ0RgA="),
            json!("SfInY0gGKTsJlUWbwxC1k+FAD0FZHvzwfpvO0zX0GUI="),
            json!("49f227634806293b0995459bc310b593e1400f41591efcf07e9bced335f41942"),
            json!(1e300),
            json!(u64::MAX),
            json!("#0123456789abcdef"),
        ]),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
    ]
}

fn body() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map(key(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn rules() -> impl Strategy<Value = Rules> {
    let names = prop::sample::subsequence(
        waba_bridge::compare::Equivalence::ALL.to_vec(),
        0..=waba_bridge::compare::Equivalence::ALL.len(),
    );
    let paths = prop::sample::subsequence(
        vec![
            "$.meta.version",
            "$..id",
            "$[*]",
            "$..[?@.type=='voice']",
            "$.contacts[0]",
        ],
        0..=3,
    );
    (names, paths).prop_map(|(names, paths)| {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let paths: Vec<_> = paths
            .iter()
            .map(|path| (None, (*path).to_owned()))
            .collect();
        Rules::parse(&names, &paths).unwrap()
    })
}

fn attempt() -> impl Strategy<Value = (u16, Value)> {
    (select(vec![200_u16, 200, 201, 404, 500]), body())
}

/// Two answers that are alike in most places: what is compared is rarely unrelated.
fn alike() -> impl Strategy<Value = ((u16, Value), (u16, Value))> {
    let changes = prop::collection::vec(prop_oneof![Just(None), scalar().prop_map(Some)], 1..20);
    (attempt(), changes).prop_map(|(one, changes)| {
        let mut two = one.clone();
        change(&mut two.1, &mut changes.into_iter().cycle());
        (one, two)
    })
}

fn pair() -> impl Strategy<Value = ((u16, Value), (u16, Value))> {
    prop_oneof![3 => alike(), 1 => (attempt(), attempt())]
}

/// Replaces scalars, and now and then turns `voice` into `audio` and drops a member.
fn change(value: &mut Value, changes: &mut impl Iterator<Item = Option<Value>>) {
    match value {
        Value::Array(members) => {
            members
                .iter_mut()
                .for_each(|member| change(member, changes));
            if changes
                .next()
                .flatten()
                .is_some_and(|value| value.is_null())
            {
                members.pop();
            }
        }
        Value::Object(members) => {
            members
                .values_mut()
                .for_each(|member| change(member, changes));
            if changes.next().flatten().is_some()
                && let Some(voice) = members.remove("voice")
            {
                members.insert("audio".to_owned(), voice);
            }
        }
        scalar => {
            if let Some(Some(other)) = changes.next() {
                *scalar = other;
            }
        }
    }
}

fn of((status, body): &(u16, Value)) -> Attempt {
    answered(*status, Content::Json(body.clone()))
}

const QUIET: &dyn Fn(&str) -> bool = &|_| false;

proptest! {
    #[test]
    fn an_answer_matches_itself(side in attempt(), rules in rules()) {
        let found = compare("health", &of(&side), &of(&side), &rules, QUIET);
        let expected = if side.0 == 500 { Verdict::BothFailed } else { Verdict::Match };
        prop_assert_eq!(found.verdict, expected);
        prop_assert!(found.levelled.is_empty() && found.ignored.is_empty());
    }

    #[test]
    fn swapping_the_sides_swaps_the_verdict((one, two) in pair(), rules in rules()) {
        let there = compare("health", &of(&one), &of(&two), &rules, QUIET);
        let back = compare("health", &of(&two), &of(&one), &rules, QUIET);
        prop_assert_eq!(back.verdict, swapped(there.verdict));
        prop_assert_eq!(back.levelled, there.levelled);
        prop_assert_eq!(back.ignored, there.ignored);
        prop_assert_eq!(back.differences.len(), there.differences.len());
        for (back, there) in back.differences.iter().zip(&there.differences) {
            prop_assert_eq!(back.path.to_string(), there.path.to_string());
            prop_assert_eq!(&back.onprem, &there.cloud);
        }
    }

    #[test]
    fn a_recorded_answer_compares_as_the_live_one_did(
        (one, two) in pair(),
        rules in rules(),
    ) {
        let redactor = Redactor::new(&[1; 32]);
        let Attempt::Answered(outcome) = of(&one) else { unreachable!() };
        let recorded = redactor.model("health", &outcome, &rules).unwrap();
        let text = serde_json::to_string(&recorded).unwrap();
        let recorded = serde_json::from_str(&text).unwrap();
        let live = compare("health", &of(&one), &of(&two), &rules, QUIET).redacted(&redactor);
        let later = compare_recorded("health", &recorded, &of(&two), &rules, &redactor, QUIET);
        prop_assert_eq!(later, live);
    }

    /// A secret anywhere in the body, as text, as a number or as a key, is nowhere in what is kept.
    #[test]
    fn redaction_never_leaks(
        body in body(),
        steps in prop::collection::vec((key(), 0..4_usize), 0..6),
        other in body(),
        number in 1_000_000_000_u64..=u64::MAX,
        text in "[A-Za-z]{4} [a-zA-Z0-9@.]{8,20}",
        form in 0..4_u8,
    ) {
        let secret = match form {
            0 => number.to_string(),
            _ => text.clone(),
        };
        let mut body = body;
        plant(&mut body, &steps, match form {
            0 => Planted::Value(number.into()),
            1 => Planted::Value(text.as_str().into()),
            2 => Planted::Value(json!(format!("v2.57.2 {text}"))),
            _ => Planted::Key(text),
        });
        let redactor = Redactor::new(&[2; 32]);
        let rules = Rules::default();
        let safe = |shown: String| !shown.contains(&secret);
        prop_assert!(safe(redactor.redact_all(&body).to_string()));
        let side = of(&(200, body));
        let Attempt::Answered(outcome) = &side else { unreachable!() };
        let recorded = redactor.model("health", outcome, &rules).unwrap();
        prop_assert!(safe(serde_json::to_string(&recorded).unwrap()));
        let live = compare("health", &side, &of(&(200, other)), &rules, QUIET);
        let shown = format!("{live:?}");
        prop_assert!(safe(shown));
        for difference in &live.differences {
            prop_assert!(safe(difference.path.field()));
            prop_assert!(safe(redactor.path(&difference.path)));
        }
        let redacted = serde_json::to_string(&live.redacted(&redactor)).unwrap();
        prop_assert!(safe(redacted));
    }

    #[test]
    fn equal_values_have_equal_hashes_and_different_ones_do_not(one in scalar(), two in scalar()) {
        let redactor = Redactor::new(&[3; 32]);
        let path = Path::Part("sha256");
        let (hashed_one, hashed_two) = (redactor.redact(&path, &one), redactor.redact(&path, &two));
        prop_assert_eq!(one == two, hashed_one == hashed_two);
    }
}

enum Planted {
    Value(Value),
    Key(String),
}

/// Follows the steps through the body, makes the way where there is none, and puts the secret at its end.
fn plant(body: &mut Value, steps: &[(String, usize)], secret: Planted) {
    if let Some(((key, index), rest)) = steps.split_first() {
        let next = match body {
            Value::Array(members) if !members.is_empty() => {
                let index = index % members.len();
                &mut members[index]
            }
            Value::Object(members) => members.entry(key.clone()).or_insert(Value::Null),
            other => {
                *other = Value::Object(Map::new());
                other
                    .as_object_mut()
                    .unwrap()
                    .entry(key.clone())
                    .or_insert(Value::Null)
            }
        };
        return plant(next, rest, secret);
    }
    match (secret, body) {
        (Planted::Value(value), body) => *body = value,
        (Planted::Key(key), Value::Object(members)) => {
            members.insert(key, json!({"status": "valid"}));
        }
        (Planted::Key(key), body) => *body = json!({ key: 1 }),
    }
}

#[test]
fn hashes_depend_on_the_key_and_the_value_alone() {
    let (one, two) = (Redactor::new(&[1; 32]), Redactor::new(&[2; 32]));
    assert_ne!(one.hash("16315551234"), two.hash("16315551234"));
    assert_eq!(one.hash("16315551234").len(), 17);
    let (zero, negative) = (json!([0.0]), json!([-0.0]));
    assert_eq!(zero, negative);
    assert_eq!(one.redact_all(&zero), one.redact_all(&negative));
    assert_eq!(
        one.redact_all(&json!({"wa_id": "16315551234"}))["wa_id"],
        one.hash("16315551234")
    );
}

/// As deep as a body can be parsed.
#[test]
fn the_deepest_body_is_compared_and_one_too_deep_to_be_kept_is_not_recorded() {
    let deep = |leaf: &str| -> Value {
        let text = format!("{}\"{leaf}\"{}", "[".repeat(127), "]".repeat(127));
        serde_json::from_str(&text).unwrap()
    };
    assert!(serde_json::from_str::<Value>(&"[".repeat(128)).is_err());
    let (one, two) = (of(&(200, deep("a"))), of(&(200, deep("b"))));
    let rules = Rules::parse(&[], &[(None, "$..x".to_owned())]).unwrap();
    let found = compare("health", &one, &two, &rules, QUIET);
    assert_eq!(found.verdict, Verdict::Mismatch);
    assert_eq!(found.differences.len(), 1);
    let Attempt::Answered(outcome) = &one else {
        unreachable!()
    };
    let redactor = Redactor::new(&[1; 32]);
    assert!(redactor.model("health", outcome, &rules).is_none());
}
