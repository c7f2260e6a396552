//! Notifications that nobody would send: rubbish where something is looked for, and examples with places changed.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use waba_bridge::cloud::notification::Part;

use super::case::Case;
use super::inputs;

/// What the examples are made of: messages with the contacts beside them, statuses, errors.
pub(crate) static STOCK: LazyLock<Vec<(Part, Value, Value)>> = LazyLock::new(|| {
    let mut stock = Vec::new();
    for file in inputs() {
        let value = Case::load(&file).value;
        let contacts = value.get("contacts").cloned().unwrap_or_default();
        for (part, list) in [(Part::Message, "messages"), (Part::Status, "statuses")] {
            let list = value.get(list).and_then(Value::as_array);
            for body in list.into_iter().flatten() {
                stock.push((part, body.clone(), contacts.clone()));
            }
        }
        if let Some(errors) = value.get("errors") {
            stock.push((Part::Errors, errors.clone(), Value::Null));
        }
    }
    stock
});

/// Every key of the examples, so that rubbish is met where something is looked for.
pub(crate) static KEYS: LazyLock<Vec<String>> = LazyLock::new(|| {
    fn collect(value: &Value, keys: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => members.iter().for_each(|(key, value)| {
                keys.insert(key.clone());
                collect(value, keys);
            }),
            Value::Array(members) => members.iter().for_each(|value| collect(value, keys)),
            _ => {}
        }
    }
    let mut keys = BTreeSet::new();
    for (_, body, contacts) in &*STOCK {
        collect(body, &mut keys);
        collect(contacts, &mut keys);
    }
    keys.into_iter().collect()
});

pub(crate) fn scalar() -> impl Strategy<Value = Value> {
    let words = select(vec![
        json!(null),
        json!(true),
        json!(""),
        json!(" "),
        json!("+"),
        json!("\u{0}"),
        json!("\u{202e}\u{5e9}\u{5dc}\u{5d5}\u{5dd}"),
        json!("\u{1f469}\u{200d}\u{1f467}"),
        json!("\u{661}\u{662}\u{663}"),
        json!("x".repeat(70_000)),
        json!("9".repeat(400)),
        json!("16503879439"),
        json!("+16503879439"),
        json!("US.13491208655302741918"),
        json!("US."),
        json!("wamid."),
        json!("wamid.HBgLMTY1MDM4Nzk0MzkVAgASGBQzQTRBNjU5OUFFRTAzODEwMTQ0RgA="),
        json!("ABGGFlA5Fpa"),
        json!("1744344496"),
        json!("-1744344496000"),
        json!("99999999999999999999"),
        json!(0),
        json!(-0.0),
        json!(1e300),
        json!(i64::MIN),
        json!(u64::MAX),
        json!("text"),
        json!("image"),
        json!("audio"),
        json!("interactive"),
        json!("system"),
        json!("delivered"),
        json!("failed"),
    ]);
    prop_oneof![
        3 => words,
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => "\\PC{0,12}".prop_map(Value::from),
    ]
}

pub(crate) fn body() -> impl Strategy<Value = Value> {
    let key = prop_oneof![8 => select(KEYS.clone()), 1 => "\\PC{0,6}"];
    scalar().prop_recursive(4, 40, 8, move |inner| {
        let members = prop::collection::btree_map(key.clone(), inner.clone(), 0..9);
        prop_oneof![
            1 => prop::collection::vec(inner, 0..4).prop_map(Value::Array),
            3 => members.prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

pub(crate) fn part() -> impl Strategy<Value = Part> {
    select(vec![Part::Message, Part::Status, Part::Errors])
}

/// One place in a body becomes something else, or goes away.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    place: prop::sample::Index,
    to: Option<Value>,
}

pub(crate) fn change() -> impl Strategy<Value = Change> {
    let to = prop_oneof![2 => Just(None), 3 => scalar().prop_map(Some), 1 => body().prop_map(Some)];
    (any::<prop::sample::Index>(), to).prop_map(|(place, to)| Change { place, to })
}

/// An example with some places changed.
pub(crate) fn changed() -> impl Strategy<Value = (Part, Value, Value)> {
    let changes = prop::collection::vec(change(), 1..4);
    (select(STOCK.clone()), changes).prop_map(|((part, body, contacts), changes)| {
        let mut both = json!({"body": body, "contacts": contacts});
        apply(&mut both, changes);
        let mut take = |key: &str| both.get_mut(key).map(Value::take).unwrap_or_default();
        (part, take("body"), take("contacts"))
    })
}

pub(crate) fn apply(body: &mut Value, changes: Vec<Change>) {
    for Change { place, to } in changes {
        let mut places = Vec::new();
        list("", body, &mut places);
        if places.is_empty() {
            break;
        }
        let place = places[place.index(places.len())].clone();
        let (parent, key) = place.rsplit_once('/').unwrap();
        match (body.pointer_mut(parent), to) {
            (Some(Value::Object(members)), Some(to)) => drop(members.insert(key.into(), to)),
            (Some(Value::Object(members)), None) => drop(members.remove(key)),
            (Some(Value::Array(members)), Some(to)) => members[key.parse::<usize>().unwrap()] = to,
            (Some(Value::Array(members)), None) => drop(members.remove(key.parse().unwrap())),
            _ => {}
        }
    }
}

/// All places of a body. Keys of the examples need no escapes, and those that do are not found again.
pub(crate) fn list(place: &str, value: &Value, places: &mut Vec<String>) {
    if !place.is_empty() {
        places.push(place.to_owned());
    }
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                list(&format!("{place}/{key}"), value, places);
            }
        }
        Value::Array(members) => {
            for (index, value) in members.iter().enumerate() {
                list(&format!("{place}/{index}"), value, places);
            }
        }
        _ => {}
    }
}
