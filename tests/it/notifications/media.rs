//! Media first, message second.

use serde_json::{Value, json};
use waba_bridge::standin::cloud::{Attachment, NotifiedUrl};
use waba_bridge::standin::media::Kind;

use super::{KERRY, SHEENA, of, taken_texts, text_of};
use crate::harness::{Setting, World, content_of, within};

const ID: &str = "1761991787669262";
const LENGTH: u64 = 300_000;

async fn world(media_wait_s: u64) -> World {
    let world = Setting::notified(media_wait_s).start().await;
    world.subscribe().await;
    world.add_medium(ID, "image/jpeg", LENGTH);
    world
}

/// What `GET /v1/media/{id}` says.
async fn got(world: &World, token: &str, id: &str) -> (u16, bytes::Bytes) {
    let answer = world.bridge.get(&format!("/v1/media/{id}"), token).await;
    (answer.status().as_u16(), answer.bytes().await.unwrap())
}

fn image(world: &World, attachment: &Attachment<'_>) -> Value {
    world.cloud.inbound_media(KERRY, Kind::Image, attachment)
}

/// Asserts that the next callback is the image, there and served.
async fn assert_told(world: &World) {
    let token = world.login().await;
    let told = world.message().await;
    let image = &told["messages"][0]["image"];
    assert_eq!(image["status"], "downloaded", "{told}");
    assert_eq!(image["id"], world.told_id(ID));
    let (status, bytes) = got(world, &token, image["id"].as_str().unwrap()).await;
    assert_eq!(status, 200);
    assert!(bytes == content_of(ID, LENGTH), "other bytes are served");
}

#[tokio::test]
async fn an_image_is_served_the_moment_its_message_arrives() {
    let world = world(60).await;
    let token = world.login().await;
    // The receiver answers nothing until it has the picture.
    world.receiver.hold();
    let attachment = Attachment {
        caption: Some("Look at this"),
        ..Attachment::of(ID)
    };
    let value = image(&world, &attachment);
    let hex = {
        let medium = waba_bridge::standin::Content::Pattern {
            length: LENGTH,
            seed: ID.parse().unwrap(),
        };
        medium.digest().sha256
    };
    let sent = value["messages"][0].clone();
    world.notify(value).await;
    let told = world.message().await;
    let id = world.told_id(ID);
    let message = &told["messages"][0];
    assert_eq!(
        message["image"],
        json!({"caption": "Look at this", "id": id, "mime_type": "image/jpeg", "sha256": hex, "status": "downloaded"})
    );
    assert_eq!(message["type"], "image");
    assert_eq!(message["from"], KERRY);
    assert_eq!(message["timestamp"], sent["timestamp"]);
    let (status, bytes) = got(&world, &token, &id).await;
    assert_eq!(status, 200);
    assert!(bytes == content_of(ID, LENGTH), "other bytes are served");
    world.receiver.release();
    world.until_idle().await;
    assert_eq!(world.receiver.callbacks().len(), 1);
}

#[tokio::test]
async fn a_voice_note_is_a_type_of_its_own() {
    let world = world(60).await;
    world.cloud.add_medium("77", Kind::Voice.medium());
    let token = world.login().await;
    world.receiver.hold();
    world.notify(world.cloud.inbound_voice(KERRY, "77")).await;
    let told = world.message().await;
    let message = &told["messages"][0];
    assert_eq!(message["type"], "voice");
    assert_eq!(message["voice"]["mime_type"], "audio/ogg; codecs=opus");
    assert_eq!(message["voice"]["status"], "downloaded");
    assert_eq!(message["voice"]["voice"], Value::Null);
    assert_eq!(message["audio"], Value::Null);
    let (status, bytes) = got(&world, &token, &world.told_id("77")).await;
    assert_eq!(status, 200);
    let medium = Kind::Voice.medium().content;
    let expected: Vec<u8> = medium.chunks(0..medium.length()).flatten().collect();
    assert!(bytes == expected, "other bytes are served");
    world.receiver.release();
}

#[tokio::test]
async fn a_document_without_a_caption_is_captioned_by_its_name() {
    let world = world(60).await;
    world.add_medium("78", "application/pdf", 1000);
    let named = Attachment {
        file_name: Some("4_641947.pdf"),
        ..Attachment::of("78")
    };
    let value = world.cloud.inbound_media(KERRY, Kind::Document, &named);
    world.notify(value).await;
    let told = world.message().await;
    let document = &told["messages"][0]["document"];
    assert_eq!(
        (&document["filename"], &document["caption"]),
        (&json!("4_641947.pdf"), &json!("4_641947.pdf"))
    );
}

#[tokio::test]
async fn the_notified_url_spares_the_lookup() {
    let world = world(60).await;
    world.notify(image(&world, &Attachment::of(ID))).await;
    assert_told(&world).await;
    assert_eq!((world.cloud.lookups(ID), world.cloud.downloads(ID)), (0, 1));
}

#[tokio::test]
async fn without_a_url_that_lives_the_medium_is_looked_up() {
    for url in [NotifiedUrl::Absent, NotifiedUrl::Over] {
        let world = world(60).await;
        let attachment = Attachment {
            url,
            ..Attachment::of(ID)
        };
        world.notify(image(&world, &attachment)).await;
        assert_told(&world).await;
        assert_eq!((world.cloud.lookups(ID), world.cloud.downloads(ID)), (1, 1));
    }
}

#[tokio::test]
async fn a_notified_url_that_is_refused_costs_a_lookup_only() {
    for refusal in ["status=404", "status=403", "reset", "wrong-bytes"] {
        let world = world(60).await;
        let rule = format!("/whatsapp_business/attachments/?mid={ID}&source=webhook:{refusal}");
        world.cloud.faults().push_lines(&rule).unwrap();
        world.notify(image(&world, &Attachment::of(ID))).await;
        assert_told(&world).await;
        assert_eq!(world.cloud.lookups(ID), 1, "{refusal}");
    }
}

#[tokio::test]
async fn a_url_that_only_our_clock_thinks_alive_costs_a_lookup_only() {
    let world = world(60).await;
    world
        .cloud
        .change(|behaviour| behaviour.clock_ahead_s = 120);
    // Dead for a minute by Meta's clock, good for another by ours.
    let attachment = Attachment {
        url: NotifiedUrl::Over,
        ..Attachment::of(ID)
    };
    world.notify(image(&world, &attachment)).await;
    assert_told(&world).await;
    world.add_medium("79", "image/jpeg", 1000);
    world.notify(image(&world, &Attachment::of("79"))).await;
    let told = world.message().await;
    assert_eq!(told["messages"][0]["image"]["status"], "downloaded");
}

#[tokio::test]
async fn a_hash_that_meta_spoiled_does_not_lose_the_medium() {
    let world = world(60).await;
    let attachment = Attachment {
        wrong_sha256: true,
        ..Attachment::of(ID)
    };
    world.notify(image(&world, &attachment)).await;
    assert_told(&world).await;
    let mut value = image(&world, &Attachment::of("80"));
    world.add_medium("80", "image/jpeg", 1000);
    value["messages"][0]["image"]["sha256"] = json!("scrambled");
    value["messages"][0]["image"]["mime_type"] = json!("image/jpeg");
    world.notify(value).await;
    let told = world.message().await;
    let image = &told["messages"][0]["image"];
    assert_eq!(image["status"], "downloaded", "{told}");
    assert_eq!(image["sha256"].as_str().map(str::len), Some(64), "{told}");
}

#[tokio::test]
async fn a_message_does_not_wait_for_ever_and_its_medium_comes_later() {
    let world = world(2).await;
    let token = world.login().await;
    world
        .cloud
        .faults()
        .push_lines("download:status=500\nlookup:status=500")
        .unwrap();
    world.notify(image(&world, &Attachment::of(ID))).await;
    let told = world.message().await;
    let image = &told["messages"][0]["image"];
    assert_eq!(image["status"], "undownloaded", "{told}");
    let id = world.told_id(ID);
    assert_eq!(image["id"], id);
    assert_eq!(got(&world, &token, &id).await, (404, bytes::Bytes::new()));
    world.cloud.faults().clear();
    world.download(&id, &token).await;
    world.told().await.is_success_of(&id);
    let (status, bytes) = got(&world, &token, &id).await;
    assert_eq!(status, 200);
    assert!(bytes == content_of(ID, LENGTH), "other bytes are served");
}

#[tokio::test]
async fn a_medium_that_cloud_has_forgotten_is_told_as_undownloaded() {
    let world = world(60).await;
    let token = world.login().await;
    let value = image(&world, &Attachment::of(ID));
    world.cloud.remove_medium(ID);
    world.notify(value).await;
    let told = world.message().await;
    let image = &told["messages"][0]["image"];
    assert_eq!(image["status"], "undownloaded", "{told}");
    let id = world.told_id(ID);
    assert_eq!(image["id"], id);
    assert_eq!(image["mime_type"], "image/jpeg");
    world.download(&id, &token).await;
    world
        .told()
        .await
        .is_failure_of(&id, 400, "Parameter not valid");
}

#[tokio::test]
async fn what_follows_a_slow_medium_waits_and_other_contacts_do_not() {
    let world = world(60).await;
    world.cloud.faults().push_lines("download:hang").unwrap();
    world.notify(image(&world, &Attachment::of(ID))).await;
    let follows = ["behind the picture", "and behind that"];
    for text in follows {
        world.notify(world.cloud.inbound_text(KERRY, text)).await;
    }
    let delivered = world
        .cloud
        .status(&world.cloud.sent_id(KERRY), KERRY, "delivered");
    world.notify(delivered).await;
    world
        .notify(world.cloud.inbound_text(SHEENA, "has nothing to wait for"))
        .await;
    assert_eq!(text_of(&world.message().await), "has nothing to wait for");
    assert_eq!(world.receiver.callbacks().len(), 1);
    world.cloud.faults().clear();
    assert_told(&world).await;
    world.until_idle().await;
    assert_eq!(
        of(&taken_texts(&world), KERRY),
        ["", follows[0], follows[1]]
    );
    let last = world.receiver.callbacks().pop().unwrap().json();
    assert_eq!(last["statuses"][0]["status"], "delivered");
}

#[tokio::test]
async fn a_medium_that_came_twice_is_fetched_once() {
    let world = world(60).await;
    world.notify(image(&world, &Attachment::of(ID))).await;
    world.notify(image(&world, &Attachment::of(ID))).await;
    for _ in 0..2 {
        let told = world.message().await;
        assert_eq!(told["messages"][0]["image"]["id"], world.told_id(ID));
    }
    within(world.until_idle()).await;
    assert_eq!(world.cloud.downloads(ID), 1);
}
