//! What holds for any notification.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use waba_bridge::cloud::notification::{Event, Part, split};
use waba_bridge::config::Number;
use waba_bridge::standin::receiver::objections;
use waba_bridge::translate::notification::{Fates, Fetched, Verdict, read};

use super::case::{Case, number, rules};
use super::inputs;
use super::rubbish::{STOCK, apply, body, change, changed, part};

/// Nobody touched anything.
static DEFAULT: LazyLock<Number> = LazyLock::new(|| number(&Map::new(), &Map::new()));

/// Everything is other than by default.
static OTHER: LazyLock<Number> = LazyLock::new(|| {
    let compat = json!({
        "sha256": "base64", "media_ids": "cloud", "message_ids": "cloud", "media_status": false,
        "media_file_root": "/usr/local/wamedia", "root_recipient_id": false, "top_errors": false, "pricing_model": "CBP",
        "pricing_type": true, "conversations": "daily", "played": "read", "reactions": "pass", "edits": "text",
        "username_users": "digits", "undeliverable_code": "1013", "identity": true, "user_ids": true,
        "referral_extras": true,
    });
    let settings = json!({
        "auto_download": [], "sent": true, "show_security_notifications": true,
    });
    number(compat.as_object().unwrap(), settings.as_object().unwrap())
});

fn fates() -> impl Strategy<Value = Fates> {
    (
        prop::option::of(prop::option::of(any::<[u8; 32]>())),
        any::<bool>(),
    )
        .prop_map(|(medium, picture)| Fates {
            medium: medium.map(|sha256| Fetched { sha256 }),
            picture,
        })
}

fn raw(value: &Value) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).unwrap()
}

/// Translates twice, and checks what must be so whatever came in.
fn check(
    (part, body, contacts): &(Part, Value, Value),
    fates: &Fates,
    number: &Number,
    strict: bool,
) -> Result<(), TestCaseError> {
    let (body, contacts) = (raw(body), raw(contacts));
    let event = Event {
        part: *part,
        body: &body,
        contacts: Some(&contacts),
    };
    let reading = read(&event, rules(number));
    let callback = reading.callback(fates, rules(number));
    let tells = matches!(reading.verdict, Verdict::Tell | Verdict::TellUnknown);
    prop_assert_eq!(tells, callback.is_some(), "{:?}", reading.verdict);
    let again = read(&event, rules(number));
    prop_assert_eq!(format!("{reading:?}"), format!("{again:?}"));
    prop_assert_eq!(&again.callback(fates, rules(number)), &callback);
    let kept = event.write();
    let kept = Event::read(&kept).unwrap();
    let from_kept = read(&kept, rules(number)).callback(fates, rules(number));
    prop_assert_eq!(&from_kept, &callback);
    let Some(callback) = callback else {
        return Ok(());
    };
    let told: Value = serde_json::from_slice(&callback).unwrap();
    // Big numbers are handed through as they came, and look other when read and written.
    let order = |text: &str| text.replace(|c: char| c.is_ascii_digit() || "+-.e".contains(c), "");
    let in_order = order(&told.to_string());
    prop_assert_eq!(in_order, order(std::str::from_utf8(&callback).unwrap()));
    well_formed(&told)?;
    if strict {
        let found = objections(&callback);
        prop_assert!(found.is_empty(), "{:?} in {}", found, told);
    }
    Ok(())
}

/// What is so under any configuration.
fn well_formed(told: &Value) -> Result<(), TestCaseError> {
    let keys: Vec<_> = told
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let allowed: &[&[&str]] = &[
        &["contacts", "messages"],
        &["messages"],
        &["statuses"],
        &["errors", "statuses"],
        &["errors"],
    ];
    prop_assert!(allowed.contains(&&keys[..]), "{:?}", keys);
    for list in ["contacts", "messages", "statuses"] {
        let length = told.get(list).map(|list| list.as_array().unwrap().len());
        prop_assert!(
            length.is_none_or(|length| length == 1),
            "{}: {:?}",
            list,
            length
        );
    }
    // None of Cloud's codes, and none of Cloud's addresses that need a token.
    for place in ["/errors", "/messages/0/errors", "/statuses/0/errors"] {
        let errors = told.pointer(place).and_then(Value::as_array);
        for error in errors.into_iter().flatten() {
            prop_assert!(error["code"].as_u64().unwrap() < 10_000, "{}", error);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_json_has_a_reading(part in part(), body in body(), contacts in body(), fates in fates()) {
        let event = (part, body, contacts);
        check(&event, &fates, &DEFAULT, true)?;
        check(&event, &fates, &OTHER, false)?;
    }

    #[test]
    fn any_change_of_an_example_has_a_reading(event in changed(), fates in fates()) {
        check(&event, &fates, &DEFAULT, true)?;
        check(&event, &fates, &OTHER, false)?;
    }

    #[test]
    fn any_contacts_stand_beside_any_message(
        event in select(STOCK.clone()),
        contacts in prop::collection::vec(body(), 0..4),
        fates in fates(),
    ) {
        let event = (event.0, event.1, contacts.into());
        check(&event, &fates, &DEFAULT, true)?;
    }

    #[test]
    fn any_bytes_can_be_split(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = split(&bytes);
    }

    #[test]
    fn any_json_can_be_split(body in body(), entry in body(), value in body()) {
        let _ = split(body.to_string().as_bytes());
        for body in [
            json!({"object": "whatsapp_business_account", "entry": [entry, {"changes": [value]}]}),
            json!({"object": "whatsapp_business_account", "entry": [{"changes": [{"field": "messages", "value": value}]}]}),
        ] {
            let body = body.to_string();
            let batch = split(body.as_bytes()).unwrap();
            for event in batch.groups.iter().flat_map(|group| &group.events) {
                let reading = read(event, rules(&DEFAULT));
                let callback = reading.callback(&Fates::default(), rules(&DEFAULT));
                prop_assert!(callback.is_none_or(|callback| objections(&callback).is_empty()));
            }
        }
    }

    /// Where all is well notifications are cut up faster; it must come to the same.
    #[test]
    fn an_entry_that_cannot_be_read_changes_nothing_for_the_others(
        files in prop::collection::vec(select(inputs()), 1..3),
        changes in prop::collection::vec(change(), 0..3),
    ) {
        let bodies = files.iter().map(|file| Case::load(file).notification());
        let bodies = bodies.map(|body| serde_json::from_slice::<Value>(&body).unwrap());
        let entries: Vec<_> = bodies.map(|mut body| body["entry"][0].take()).collect();
        let mut body = json!({"object": "whatsapp_business_account", "entry": entries});
        apply(&mut body, changes);
        let Some(Value::Array(entries)) = body.get("entry").cloned() else {
            return Ok(());
        };
        let alone = body.to_string();
        let entries: Vec<_> = entries.into_iter().chain([json!(7)]).collect();
        body["entry"] = entries.into();
        let beside = body.to_string();
        let (Ok(alone), Ok(beside)) = (split(alone.as_bytes()), split(beside.as_bytes())) else {
            return Err(TestCaseError::fail("an object is always taken apart"));
        };
        prop_assert_eq!(format!("{:?}", alone.groups), format!("{:?}", beside.groups));
        prop_assert_eq!(alone.others, beside.others);
        if body["object"] == "whatsapp_business_account" {
            prop_assert_eq!(alone.unreadable.len() + 1, beside.unreadable.len());
        }
    }

    #[test]
    fn a_notification_that_is_cut_off_or_has_a_wrong_byte_can_be_split(
        file in select(inputs()),
        at in any::<prop::sample::Index>(),
        byte in prop::option::of(any::<u8>()),
    ) {
        let mut body = Case::load(&file).notification();
        let at = at.index(body.len());
        match byte {
            Some(byte) => body[at] = byte,
            None => body.truncate(at),
        }
        if let Ok(batch) = split(&body) {
            for event in batch.groups.iter().flat_map(|group| &group.events) {
                let reading = read(event, rules(&DEFAULT));
                let callback = reading.callback(&Fates::default(), rules(&DEFAULT));
                prop_assert!(callback.is_none_or(|callback| objections(&callback).is_empty()));
            }
        }
    }
}

/// What no JSON value can hold: half of a pair, a key that stands there twice, a number beyond all bounds.
#[test]
fn a_part_that_is_broken_takes_only_itself() {
    let good = r#"{"from":"16503879439","id":"wamid.HBgLMTY1MDM4Nzk0MzkVAgASGBQzQTRBNjU5OUFFRTAzODEwMTQ0RgA=",
        "timestamp":"1744344496","type":"text","text":{"body":"Hello"}}"#;
    let contacts = r#"[{"profile":{"name":"Sheena"},"wa_id":"16503879439"}]"#;
    let broken = [
        (good.replace("Hello", r"\ud83d"), contacts.to_owned()),
        (
            good.replace(r#""type""#, r#""errors":1e999,"type""#),
            contacts.to_owned(),
        ),
        (
            good.replace(r#""type""#, r#""context":{"id":"\udead"},"type""#),
            contacts.to_owned(),
        ),
        (
            good.replace(r#""type""#, r#""text":{},"type""#),
            contacts.to_owned(),
        ),
        (
            good.replace(
                r#""type""#,
                &format!(r#""x":{}1{},"type""#, "[".repeat(100), "]".repeat(100)),
            ),
            contacts.to_owned(),
        ),
        (good.to_owned(), contacts.replace("Sheena", r"\ud83d")),
        (
            good.to_owned(),
            contacts.replace(r#""wa_id""#, r#""wa_id":1e999,"wa_id""#),
        ),
    ];
    for (body, contacts) in broken {
        let notification = format!(
            r#"{{"object":"whatsapp_business_account","entry":[{{"changes":[{{"field":"messages","value":{{
                "metadata":{{"phone_number_id":"1"}},"contacts":{contacts},"messages":[{body},{good}]}}}}]}}]}}"#
        );
        let batch = split(notification.as_bytes()).unwrap();
        assert_eq!(batch.groups[0].events.len(), 2);
        for event in &batch.groups[0].events {
            let reading = read(event, rules(&DEFAULT));
            let callback = reading.callback(&Fates::default(), rules(&DEFAULT));
            let callback =
                callback.unwrap_or_else(|| panic!("{:?} of {body} {contacts}", reading.verdict));
            assert!(objections(&callback).is_empty());
        }
    }
}
