//! What becomes of messages that were sent.

use serde_json::{Value, json};
use waba_bridge::standin::cloud::Signed;

use super::{KERRY, SHEENA, text_of};
use crate::harness::{Setting, World, within};
use crate::raw::Upstream;

/// As in the reference: the id that Cloud has, and the one the integration was given.
const WAMID: &str = "wamid.HBgLMTY1MDM4Nzk0MzkVAgARGBI0RTJEOTc2ODVERUY5RDlGNkYA";
const TOLD: &str = "gBGGFlA4eUOfAglOLZdoXe-dn28";
const CUSTOMER: &str = "16503879439";

async fn world(top: &str) -> World {
    let world = Setting::notified(60).top(top).start().await;
    world.subscribe().await;
    world
}

fn status(world: &World, word: &str) -> Value {
    world.cloud.status(WAMID, CUSTOMER, word)
}

#[tokio::test]
async fn a_delivery_is_told_as_the_old_client_told_it() {
    let world = world("").await;
    let mut value = status(&world, "delivered");
    value["statuses"][0]["timestamp"] = json!("1629293084");
    world.notify(value).await;
    assert_eq!(
        world.message().await,
        json!({"statuses": [{
            "id": TOLD,
            "message": {"recipient_id": CUSTOMER},
            "pricing": {"billable": true, "category": "utility", "pricing_model": "PMP"},
            "recipient_id": CUSTOMER,
            "status": "delivered",
            "timestamp": "1629293084",
            "type": "message",
        }]})
    );
}

#[tokio::test]
async fn a_failure_is_told_by_its_old_code_in_both_places() {
    let world = world("").await;
    world.notify(status(&world, "failed")).await;
    let told = world.message().await;
    let error = &told["statuses"][0]["errors"][0];
    assert_eq!(
        (&error["code"], &error["title"]),
        (&json!(470), &json!("Re-engagement message"))
    );
    assert!(error["details"].is_string(), "{told}");
    assert_eq!(told["errors"], told["statuses"][0]["errors"]);
    assert_eq!(told["statuses"][0]["status"], "failed");
}

/// The words of the statuses that are told when each of Meta's words comes once.
async fn told_with(top: &str) -> Vec<String> {
    let world = world(top).await;
    for word in ["sent", "delivered", "read", "played", "failed"] {
        world.notify(status(&world, word)).await;
    }
    world.until_idle().await;
    let callbacks = world.receiver.callbacks().into_iter();
    let words = callbacks.map(|callback| {
        let callback = callback.json();
        callback["statuses"][0]["status"]
            .as_str()
            .unwrap()
            .to_owned()
    });
    words.collect()
}

#[tokio::test]
async fn the_operator_says_which_are_told() {
    assert_eq!(told_with("").await, ["delivered", "read", "failed"]);
    let none = "[every_number.settings]\nsent = false\ndelivered = false\nread = false\n";
    assert_eq!(told_with(none).await, ["failed"]);
    let all = "[every_number.settings]\nsent = true\n";
    assert_eq!(
        told_with(all).await,
        ["sent", "delivered", "read", "failed"]
    );
}

#[tokio::test]
async fn a_status_waits_for_the_send_that_is_under_way() {
    let client = Upstream::start().await;
    let mut setting = client.setting("response_timeout_s = 60");
    setting.top = Setting::notified(60).top + "status_wait_s = 60\n";
    let world = setting.routes("messages = \"onprem\"\n").start().await;
    world.subscribe().await;
    let send = world
        .bridge
        .request("POST", "/v1/messages")
        .bearer_auth("known-to-the-old-client")
        .json(&json!({"to": CUSTOMER, "type": "text", "text": {"body": "Hello"}}));
    let sending = tokio::spawn(async move { send.send().await.unwrap().text().await.unwrap() });
    let mut wire = client.accept().await;
    assert!(within(wire.message()).await.is_some());
    let early = world.cloud.notify(status(&world, "delivered"));
    assert_eq!(within(early.ended()).await, [Some(200)]);
    world
        .notify(
            world
                .cloud
                .inbound_text(SHEENA, "has nothing to do with it"),
        )
        .await;
    assert_eq!(text_of(&world.message().await), "has nothing to do with it");
    assert_eq!(world.receiver.callbacks().len(), 1);
    let body = format!("{{\"messages\":[{{\"id\":\"{TOLD}\"}}],\"meta\":{{}}}}");
    wire.send(format!(
        "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ))
    .await;
    assert_eq!(within(sending).await.unwrap(), body);
    let told = world.message().await;
    assert_eq!(told["statuses"][0]["id"], TOLD);
    // Nobody is being sent to any more, so the next one waits for nothing.
    world.notify(status(&world, "read")).await;
    assert_eq!(world.message().await["statuses"][0]["status"], "read");
}

#[tokio::test]
async fn a_status_does_not_wait_longer_than_it_was_told_to() {
    let client = Upstream::start().await;
    let mut setting = client.setting("response_timeout_s = 60");
    setting.top = Setting::notified(60).top + "status_wait_s = 1\n";
    let world = setting.routes("messages = \"onprem\"\n").start().await;
    world.subscribe().await;
    let send = world
        .bridge
        .request("POST", "/v1/messages")
        .bearer_auth("known-to-the-old-client")
        .json(&json!({"to": CUSTOMER, "type": "text", "text": {"body": "Hello"}}));
    let sending = tokio::spawn(send.send());
    let mut wire = client.accept().await;
    assert!(within(wire.message()).await.is_some());
    world.notify(status(&world, "delivered")).await;
    assert_eq!(world.message().await["statuses"][0]["status"], "delivered");
    assert!(!sending.is_finished());
    sending.abort();
}

#[tokio::test]
async fn a_customer_who_takes_a_message_back_is_told_as_a_deletion() {
    let world = world("").await;
    let theirs = "wamid.HBgLMTY1MDM4Nzk0MzkVAgASGBQzQTRBNjU5OUFFRTAzODEwMTQ0RgA=";
    let revoke = json!({"type": "revoke", "revoke": {"original_message_id": theirs}});
    let value = world.cloud.inbound(CUSTOMER, revoke);
    world.notify(value).await;
    let told = world.message().await;
    let status = &told["statuses"][0];
    assert_eq!(status["status"], "deleted", "{told}");
    assert_eq!(status["id"], "ABGGFlA4eUOfAgo6SmWZruA4EBRP");
    assert_eq!(status["recipient_id"], CUSTOMER);
}

#[tokio::test]
async fn the_same_message_may_have_every_status_once() {
    let world = world("").await;
    for _ in 0..2 {
        for word in ["delivered", "read"] {
            let delivery = world.cloud.notify(status(&world, word));
            let body = delivery.body().clone();
            within(delivery.ended()).await;
            let again = world.cloud.notify_raw(body, &Signed::Rightly);
            assert_eq!(within(again.ended()).await, [Some(200)]);
        }
    }
    world
        .notify(world.cloud.inbound_text(KERRY, "and a text besides"))
        .await;
    world.until_idle().await;
    assert_eq!(world.receiver.callbacks().len(), 3);
}
