//! What an advertisement shows is fetched before the message that it brought about.

use serde_json::{Value, json};
use waba_bridge::standin::fault::Hop;
use waba_bridge::standin::media::Kind;

use super::KERRY;
use crate::harness::{Setting, World};

const SHOWN: &str = "555";

async fn world(settings: &str) -> World {
    let world = Setting::notified(5).top(settings).start().await;
    world.subscribe().await;
    world.cloud.add_medium(SHOWN, Kind::Image.medium());
    world
}

fn advertised(world: &World, url: &str) -> Value {
    let mut value = world.cloud.inbound_text(KERRY, "about your advertisement");
    value["messages"][0]["referral"] = json!({
        "source_url": "https://fb.me/3cr4Wqqkv",
        "source_id": "120226305854810726",
        "source_type": "ad",
        "body": "Summer succulents are here!",
        "headline": "Chat with us",
        "media_type": "image",
        "image_url": url,
        "ctwa_clid": "Aff-n8ZTODiE79d22KtAwQKj9e",
    });
    value
}

/// What is left of the referral besides the picture.
fn assert_words(referral: &Value) {
    for (name, text) in [
        ("source_url", "https://fb.me/3cr4Wqqkv"),
        ("source_id", "120226305854810726"),
        ("source_type", "ad"),
        ("body", "Summer succulents are here!"),
        ("headline", "Chat with us"),
        ("ctwa_clid", "Aff-n8ZTODiE79d22KtAwQKj9e"),
    ] {
        assert_eq!(referral[name], text, "{referral}");
    }
    for name in ["image_url", "media_type"] {
        assert_eq!(referral[name], Value::Null, "{referral}");
    }
}

#[tokio::test]
async fn its_picture_is_a_medium_like_any_other_and_costs_no_token() {
    let world = world("").await;
    let token = world.login().await;
    world
        .notify(advertised(&world, &world.cloud.open_url(SHOWN)))
        .await;
    let told = world.message().await;
    let referral = &told["messages"][0]["referral"];
    assert_words(referral);
    let id = referral["image"]["id"].as_str().unwrap();
    let answer = world.bridge.get(&format!("/v1/media/{id}"), &token).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "image/jpeg");
    let picture = Kind::Image.medium().content;
    let expected: Vec<u8> = picture.chunks(0..picture.length()).flatten().collect();
    assert!(answer.bytes().await.unwrap() == expected, "other bytes");
    let shown = world.cloud.requests().into_iter();
    let mut shown = shown.filter(|seen| seen.hop == Hop::Picture);
    let request = shown.next().unwrap();
    assert_eq!(request.header("authorization"), None);
    assert!(shown.next().is_none());
}

#[tokio::test]
async fn what_cannot_be_fetched_is_left_out() {
    let world = world("").await;
    world
        .cloud
        .faults()
        .push_lines("picture:html:next=1\npicture:status=404:next=1\npicture:hang")
        .unwrap();
    let url = world.cloud.open_url(SHOWN);
    for url in [&url, &url, &url, "not a URL", "http://127.0.0.1:9/nobody"] {
        world.notify(advertised(&world, url)).await;
        let told = world.message().await;
        let message = &told["messages"][0];
        assert_words(&message["referral"]);
        assert_eq!(message["referral"]["image"], Value::Null, "{url}");
        assert_eq!(message["text"]["body"], "about your advertisement");
    }
}

#[tokio::test]
async fn it_is_left_alone_when_the_operator_says_so() {
    let world = world("[every_number.settings]\nskip_referral_media_download = true\n").await;
    world
        .notify(advertised(&world, &world.cloud.open_url(SHOWN)))
        .await;
    let told = world.message().await;
    let referral = &told["messages"][0]["referral"];
    assert_words(referral);
    assert_eq!(referral["image"], Value::Null);
    world.until_idle().await;
    assert_eq!(world.cloud.log(|log| log.count(Hop::Picture)), 0);
}
