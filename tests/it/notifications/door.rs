//! Who may notify: the handshake and the signature.

use serde_json::json;
use waba_bridge::standin::cloud::Signed;

use super::KERRY;
use crate::harness::{APP_SECRET, Setting, VERIFY_TOKEN, World, within};

async fn world() -> World {
    Setting::notified(60).start().await
}

async fn asked(world: &World, query: &str) -> (u16, String) {
    let mut url = world.notified_at();
    url.set_query(Some(query));
    let answer = within(reqwest::get(url)).await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn meta_is_told_that_it_is_wanted_when_it_knows_the_token() {
    let world = world().await;
    world.subscribe().await;
    let good =
        format!("hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={VERIFY_TOKEN}");
    assert_eq!(asked(&world, &good).await, (200, "1158201444".to_owned()));
    for bad in [
        "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=another",
        "hub.mode=subscribe&hub.challenge=1158201444",
        "hub.challenge=1158201444",
        "",
    ] {
        let (status, body) = asked(&world, bad).await;
        assert_eq!(status, 403, "{bad}");
        assert!(!body.contains("1158201444"), "{bad}: {body}");
    }
    let unsubscribing = good.replace("subscribe", "unsubscribe");
    assert_eq!(asked(&world, &unsubscribing).await.0, 403);
}

#[tokio::test]
async fn nothing_is_kept_of_what_is_not_signed_rightly() {
    let world = world().await;
    world.subscribe().await;
    let value = world.cloud.inbound_text(KERRY, "not to be told");
    world.keep_private(&value);
    world
        .cloud
        .change(|behaviour| behaviour.notifying.attempts = 1);
    let body = world.cloud.written(std::slice::from_ref(&value));
    let signed_elsewhere = Signed::With("another".to_owned());
    let signatures = [
        Signed::Not(None),
        signed_elsewhere,
        Signed::Not(Some(String::new())),
        Signed::Not(Some("sha256=".to_owned())),
        Signed::Not(Some("sha256=zz".to_owned())),
        Signed::Not(Some(format!("sha1={}", "0".repeat(40)))),
    ];
    for signed in &signatures {
        let delivery = world.cloud.notify_raw(body.clone(), signed);
        assert_eq!(within(delivery.ended()).await, [Some(401)], "{signed:?}");
    }
    // One space more, and the signature of the body without it.
    world
        .cloud
        .faults()
        .push_lines("notification:wrong-bytes:next=1")
        .unwrap();
    let delivery = world.cloud.notify(value);
    assert_eq!(within(delivery.ended()).await, [Some(401)]);
    assert!(world.bridge.jobs("").await.is_empty());
    world
        .notify(world.cloud.inbound_text(KERRY, "to be told"))
        .await;
    assert_eq!(super::text_of(&world.message().await), "to be told");
    world.until_idle().await;
    assert_eq!(world.receiver.callbacks().len(), 1);
}

#[tokio::test]
async fn each_of_several_secrets_is_good_while_one_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = Setting::notified(60).start_in(folder).await;
    let both = format!("app_secret = \"{APP_SECRET} the-next-secret\"");
    world
        .bridge
        .reconfigure(|toml| toml.replace(&format!("app_secret = \"{APP_SECRET}\""), &both));
    world.bridge.keep_secret("the-next-secret");
    world.bridge.crash_and_restart();
    world.subscribe().await;
    for (text, secret) in [
        ("the old one", APP_SECRET),
        ("the new one", "the-next-secret"),
    ] {
        let value = world.cloud.inbound_text(KERRY, text);
        world.keep_private(&value);
        let body = world.cloud.written(&[value]);
        let delivery = world
            .cloud
            .notify_raw(body, &Signed::With(secret.to_owned()));
        assert_eq!(within(delivery.ended()).await, [Some(200)]);
        assert_eq!(super::text_of(&world.message().await), text);
    }
}

#[tokio::test]
async fn a_number_that_nobody_here_has_is_acknowledged_and_counted() {
    let world = world().await;
    world.subscribe().await;
    let mut value = world.cloud.inbound_text(KERRY, "for somebody else");
    value["metadata"]["phone_number_id"] = json!("106540352242923");
    world.notify(value).await;
    let unknown = world
        .bridge
        .metric("waba_bridge_unknown_numbers_total ")
        .await;
    assert!((unknown - 1.0).abs() < f64::EPSILON, "{unknown}");
    world.until_idle().await;
    assert!(world.receiver.callbacks().is_empty());
}

#[tokio::test]
async fn what_is_no_notification_is_refused_or_acknowledged_but_harms_nobody() {
    let world = world().await;
    world.subscribe().await;
    world
        .cloud
        .change(|behaviour| behaviour.notifying.attempts = 1);
    for body in [
        "{}",
        "{\"object\":\"page\",\"entry\":[{\"id\":\"1\"}]}",
        "{\"object\":\"whatsapp_business_account\",\"entry\":[]}",
        "{\"object\":\"whatsapp_business_account\",\"entry\":[{\"id\":\"1\",\"changes\":[{\"field\":\"account_update\",\"value\":{}}]}]}",
    ] {
        let delivery = world.cloud.notify_raw(body, &Signed::Rightly);
        assert_eq!(within(delivery.ended()).await, [Some(200)], "{body}");
    }
    for body in ["", "7", "{\"object\":", "\u{0}"] {
        let delivery = world.cloud.notify_raw(body, &Signed::Rightly);
        let status = within(delivery.ended()).await[0];
        assert!(matches!(status, Some(200 | 400)), "{body:?}: {status:?}");
    }
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(3 << 20));
    let delivery = world.cloud.notify_raw(large, &Signed::Rightly);
    let status = within(delivery.ended()).await[0];
    // The connection may be closed before all of it was written.
    assert!(matches!(status, Some(413) | None), "{status:?}");
    world.until_idle().await;
    assert!(world.receiver.callbacks().is_empty());
}
