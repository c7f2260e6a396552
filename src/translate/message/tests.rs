//! Whatever comes in, nothing panics, and what goes out holds nothing that Cloud does not know.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::check::check;
use super::{Refusal, Translated, to_cloud};

/// Words that lead deep into the translation.
const KEYS: &[&str] = &[
    "to",
    "type",
    "text",
    "body",
    "preview_url",
    "context",
    "message_id",
    "image",
    "document",
    "audio",
    "sticker",
    "id",
    "link",
    "provider",
    "caption",
    "filename",
    "location",
    "latitude",
    "longitude",
    "contacts",
    "name",
    "formatted_name",
    "phones",
    "phone",
    "interactive",
    "header",
    "footer",
    "action",
    "buttons",
    "reply",
    "title",
    "button",
    "sections",
    "rows",
    "product_items",
    "product_retailer_id",
    "catalog_id",
    "parameters",
    "template",
    "language",
    "code",
    "policy",
    "components",
    "sub_type",
    "index",
    "currency",
    "fallback_value",
    "amount_1000",
    "date_time",
    "timestamp",
    "hsm",
    "element_name",
    "localizable_params",
    "default",
    "reaction",
    "emoji",
    "ttl",
    "odd",
];

const WORDS: &[&str] = &[
    "",
    " x ",
    "16315551000",
    "text",
    "image",
    "document",
    "sticker",
    "voice",
    "location",
    "contact",
    "contacts",
    "interactive",
    "button",
    "list",
    "product",
    "product_list",
    "flow",
    "template",
    "hsm",
    "reaction",
    "header",
    "body",
    "quick_reply",
    "payload",
    "currency",
    "date_time",
    "https://a.example/b",
    "p1/https://a.example/b",
    "-181",
];

fn json_value() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(WORDS).prop_map(Value::from);
    let leaf = prop_oneof![
        4 => word,
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => ".{0,30}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 60, 6, |inner| {
        let key =
            prop_oneof![9 => prop::sample::select(KEYS).prop_map(str::to_owned), 1 => ".{0,5}"];
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            3 => prop::collection::btree_map(key, inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// One good message of each type.
fn good() -> Vec<Value> {
    let card = json!({"name": {"formatted_name": "A", "first_name": "A"}, "phones": [{"phone": "1"}], "birthday": "2000-01-01"});
    let contents = [
        ("text", json!({"body": "hi"})),
        (
            "image",
            json!({"link": "https://a.example/b", "caption": "c"}),
        ),
        (
            "document",
            json!({"id": "1", "filename": "f", "provider": {"name": "p"}}),
        ),
        ("location", json!({"latitude": 1.5, "longitude": "2"})),
        ("contacts", json!([card])),
        (
            "interactive",
            json!({"type": "list", "body": {"text": "b"}, "action": {"button": "b", "sections": [{"rows": [{"id": "1", "title": "t"}]}]}}),
        ),
        (
            "interactive",
            json!({"type": "button", "header": {"type": "image", "image": {"id": "1"}}, "body": {"text": "b"}, "action": {"buttons": [{"type": "reply", "reply": {"id": "1", "title": "t"}}]}}),
        ),
        (
            "interactive",
            json!({"type": "product_list", "header": {"type": "text", "text": "h"}, "body": {"text": "b"}, "action": {"catalog_id": "1", "sections": [{"title": "t", "product_items": [{"product_retailer_id": "1"}]}]}}),
        ),
        (
            "template",
            json!({"namespace": "n", "name": "t", "language": {"code": "en", "policy": "fallback"}, "components": [
            {"type": "header", "parameters": [{"type": "document", "document": {"link": "https://a.example/b"}}]},
            {"type": "body", "parameters": [{"type": "text", "text": "x"}, {"type": "currency", "currency": {"fallback_value": "1", "code": "USD", "amount_1000": 1000}}, {"type": "date_time", "date_time": {"fallback_value": "d", "year": 1977}}]},
            {"type": "button", "sub_type": "url", "parameters": [{"type": "text", "text": "x"}]}]}),
        ),
        (
            "hsm",
            json!({"element_name": "t", "language": {"code": "en"}, "localizable_params": [{"default": "x"}]}),
        ),
        ("reaction", json!({"message_id": "gBEG", "emoji": "x"})),
    ];
    let envelope = |(kind, content): (&str, Value)| {
        let mut message = json!({"to": "16315551000", "type": kind});
        message[kind] = content;
        message
    };
    contents.into_iter().map(envelope).collect()
}

/// Puts `graft` in place of the `at`th value of a tree, counted from the top.
fn grafted(value: &mut Value, at: &mut usize, graft: &Value) {
    if *at == 0 {
        *value = graft.clone();
    }
    *at = at.wrapping_sub(1);
    match value {
        Value::Array(list) => list.iter_mut().for_each(|one| grafted(one, at, graft)),
        Value::Object(map) => map.values_mut().for_each(|one| grafted(one, at, graft)),
        _ => {}
    }
}

/// Translates and checks; an answer holds nothing unknown.
fn held(message: &Value) -> Result<Translated, Refusal> {
    let translated = to_cloud(message)?;
    let objections = check(&translated.body);
    let unknown: Vec<_> = objections
        .iter()
        .filter(|objection| objection.what == "is unknown")
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    Ok(translated)
}

#[test]
fn good_messages_are_taken_without_objections() {
    for message in good() {
        let translated = held(&message).unwrap_or_else(|refusal| panic!("{message}: {refusal:?}"));
        assert_eq!(check(&translated.body), [], "{message}");
    }
}

proptest! {
    #[test]
    fn any_json_has_an_answer(message in json_value()) {
        let _ = held(&message);
        check(&message);
    }

    #[test]
    fn any_json_inside_a_good_message_has_an_answer(
        message in prop::sample::select(good()),
        at in 0_usize..60,
        graft in json_value(),
        others in prop::collection::btree_map("[a-z]{1,8}", json_value(), 0..2),
    ) {
        let mut message = message;
        grafted(&mut message, &mut { at }, &graft);
        if let Some(fields) = message.as_object_mut() {
            fields.extend(others.into_iter().collect::<Map<_, _>>());
        }
        let _ = held(&message);
        check(&message);
    }

    #[test]
    fn nothing_that_is_said_about_a_message_holds_a_value_of_it(
        message in prop::sample::select(good()),
        at in 0_usize..60,
        secret in "[a-z]{12}",
    ) {
        let mut message = message;
        grafted(&mut message, &mut { at }, &Value::from(secret.as_str()));
        let said = match to_cloud(&message) {
            Err(refusal) => format!("{refusal:?}"),
            Ok(translated) => format!("{:?} {:?}", translated.notes, check(&translated.body)),
        };
        prop_assert!(!said.contains(&secret), "{}", said);
    }
}
