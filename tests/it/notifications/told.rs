//! Messages without media: the exact callback, once, one each.

use std::collections::HashSet;

use serde_json::{Value, json};
use waba_bridge::standin::cloud::{Signed, notify::merged};

use super::{KERRY, SHEENA, kept, of, taken_texts, text_of, with_id, with_raw_message};
use crate::harness::{Setting, World, within};

async fn world() -> World {
    let world = Setting::notified(60).start().await;
    world.subscribe().await;
    world
}

#[tokio::test]
async fn a_text_arrives_as_the_old_client_told_it() {
    let world = world().await;
    let wamid = "wamid.HBgLMTY1MDM5MTY5NjkVAgASGBQzQUI0NzcwRDk4RDhENzlBRTQ5RgA=";
    let mut value = world
        .cloud
        .inbound_text("16503916969", "gr\u{fc}\u{df}e / \u{1f600}");
    value["messages"][0]["timestamp"] = json!("1518694235");
    value["contacts"][0]["user_id"] = json!("US.13491208655302741918");
    world.notify(with_id(value, wamid)).await;
    let callback = world.callback().await;
    assert_eq!(callback.headers["content-type"], "application/json");
    assert!(!callback.headers.contains_key("x-hub-signature-256"));
    assert_eq!(
        callback.json(),
        json!({
            "contacts": [{"profile": {"name": "Kerry Fisher"}, "wa_id": "16503916969"}],
            "messages": [{
                "from": "16503916969",
                "id": "ABGGFlA5FpafAgo6tHcNmNjXmuSf",
                "text": {"body": "gr\u{fc}\u{df}e / \u{1f600}"},
                "timestamp": "1518694235",
                "type": "text",
            }],
        })
    );
}

#[tokio::test]
async fn a_reply_names_the_message_by_the_id_the_integration_knows() {
    let world = world().await;
    let mut value = world.cloud.inbound_text(KERRY, "an answer");
    value["messages"][0]["context"] = json!({
        "from": "15550934873",
        "id": "wamid.HBgLMTY1MDM4Nzk0MzkVAgARGBI0RTJEOTc2ODVERUY5RDlGNkYA",
    });
    world.notify(value).await;
    let told = world.message().await;
    assert_eq!(
        told["messages"][0]["context"],
        json!({"from": "15550934873", "id": "gBGGFlA4eUOfAglOLZdoXe-dn28"})
    );
}

#[tokio::test]
async fn an_error_of_the_account_is_told_by_its_old_code() {
    let world = world().await;
    world
        .notify(world.cloud.trouble(130_429, "Rate limit hit"))
        .await;
    let told = world.message().await;
    let error = &told["errors"][0];
    assert_eq!(
        (&error["code"], &error["title"]),
        (&json!(429), &json!("Rate limit hit"))
    );
    assert_eq!(error["details"], "Something is wrong with the account.");
    assert_eq!(told.as_object().unwrap().len(), 1, "{told}");
}

#[tokio::test]
async fn a_type_that_nobody_knows_yet_is_told_as_unknown_and_kept() {
    let world = world().await;
    let poll = json!({"type": "poll", "poll": {"question": "What is new?"}});
    world.notify(world.cloud.inbound(KERRY, poll)).await;
    let told = world.message().await;
    let message = &told["messages"][0];
    assert_eq!(message["type"], "unknown");
    assert_eq!(
        message["errors"],
        json!([{"code": 501, "details": "Message type is not currently supported", "title": "Unknown message type"}])
    );
    assert_eq!(message["poll"], Value::Null);
    assert_eq!(kept(&world).await.len(), 1);
}

#[tokio::test]
async fn what_meta_brings_again_is_told_once_even_after_a_restart() {
    let mut world = world().await;
    let faults = "notification:twice:next=1\nnotification:reset:next=1";
    world.cloud.faults().push_lines(faults).unwrap();
    let mut deliveries = Vec::new();
    for text in ["brought twice", "answer lost", "brought later"] {
        let value = world.cloud.inbound_text(KERRY, text);
        world.keep_private(&value);
        let delivery = world.cloud.notify(value);
        assert_eq!(within(delivery.ended()).await.last(), Some(&Some(200)));
        deliveries.push(delivery);
    }
    let status = world
        .cloud
        .status(&world.cloud.sent_id(KERRY), KERRY, "delivered");
    for _ in 0..3 {
        world.notify(status.clone()).await;
    }
    world.until_idle().await;
    world.bridge.crash_and_restart();
    world.subscribe().await;
    for delivery in &deliveries {
        let again = world
            .cloud
            .notify_raw(delivery.body().clone(), &Signed::Rightly);
        assert_eq!(within(again.ended()).await, [Some(200)]);
    }
    world.notify(status).await;
    world.until_idle().await;
    let texts = of(&taken_texts(&world), KERRY);
    assert_eq!(texts, ["brought twice", "answer lost", "brought later"]);
    assert_eq!(world.receiver.callbacks().len(), 4);
}

#[tokio::test]
async fn many_at_once_with_the_same_message_tell_it_once() {
    let world = world().await;
    let value = world.cloud.inbound_text(KERRY, "a storm of retries");
    world.keep_private(&value);
    let storm: Vec<_> = (0..100)
        .map(|_| world.cloud.notify(value.clone()))
        .collect();
    for delivery in &storm {
        assert_eq!(within(delivery.ended()).await, [Some(200)]);
    }
    world.until_idle().await;
    assert_eq!(world.receiver.callbacks().len(), 1);
}

#[tokio::test]
async fn each_of_a_thousand_in_one_notification_gets_its_own_callback_in_order() {
    let world = world().await;
    let senders: Vec<String> = (0..10).map(|one| format!("1631555{one:04}")).collect();
    let values = (0..1000).map(|index| {
        let sender = &senders[index % 10];
        world.cloud.inbound_text(sender, &format!("number {index}"))
    });
    let delivery = world.cloud.notify(merged(values.collect::<Vec<_>>()));
    assert_eq!(within(delivery.ended()).await, [Some(200)]);
    world.until_idle().await;
    let texts = taken_texts(&world);
    assert_eq!(texts.len(), 1000);
    for (index, sender) in senders.iter().enumerate() {
        let expected: Vec<String> = (0..100)
            .map(|round| format!("number {}", round * 10 + index))
            .collect();
        assert_eq!(of(&texts, sender), expected);
    }
    for callback in world.receiver.callbacks() {
        let callback = callback.json();
        assert_eq!(callback["contacts"].as_array().unwrap().len(), 1);
        assert_eq!(
            callback["contacts"][0]["wa_id"],
            callback["messages"][0]["from"]
        );
    }
}

#[tokio::test]
async fn what_cannot_be_read_takes_nothing_from_its_neighbours_and_is_kept() {
    let world = world().await;
    let unreadable = ["7", "\"\\ud83d\"", "{\"id\":[1]}", "null", "{\"a\":1e999}"];
    let mut expected = HashSet::new();
    for (round, raw) in unreadable.into_iter().enumerate() {
        let texts = [format!("before {round}"), format!("behind {round}")];
        let value = merged([
            world.cloud.inbound_text(KERRY, &texts[0]),
            world.cloud.inbound_text(SHEENA, &texts[1]),
        ]);
        world.keep_private(&value);
        let body = with_raw_message(&world.cloud, value, raw);
        let delivery = world.cloud.notify_raw(body, &Signed::Rightly);
        assert_eq!(within(delivery.ended()).await, [Some(200)], "{raw}");
        expected.extend(texts);
    }
    let mut told = HashSet::new();
    while told.len() < expected.len() {
        let text = text_of(&world.message().await);
        if !text.is_empty() {
            told.insert(text);
        }
    }
    assert_eq!(told, expected);
    assert_eq!(kept(&world).await.len(), unreadable.len());
}

#[tokio::test]
async fn several_entries_and_fields_in_one_notification_are_all_told() {
    let world = world().await;
    let status = world
        .cloud
        .status(&world.cloud.sent_id(SHEENA), SHEENA, "read");
    let values = vec![
        world.cloud.inbound_text(KERRY, "one of them"),
        status,
        world.cloud.inbound_text(SHEENA, "another of them"),
    ];
    values.iter().for_each(|value| world.keep_private(value));
    let delivery = world.cloud.notify_batch(values);
    assert_eq!(within(delivery.ended()).await, [Some(200)]);
    world.until_idle().await;
    let callbacks = world.receiver.callbacks();
    assert_eq!(callbacks.len(), 3);
    let statuses = callbacks
        .iter()
        .filter(|one| one.json()["statuses"].is_array());
    assert_eq!(statuses.count(), 1);
}
