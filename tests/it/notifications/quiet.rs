//! Media of kinds that the old client was told not to fetch: fetched all the same, shown on request.

use serde_json::Value;
use waba_bridge::standin::cloud::Attachment;
use waba_bridge::standin::fault::Hop;
use waba_bridge::standin::media::Kind;

use super::KERRY;
use crate::harness::{Setting, World, content_of, within};

const ID: &str = "1761991787669262";
const LENGTH: u64 = 300_000;

/// Only images are fetched at once.
async fn world() -> World {
    let setting = Setting::notified(60);
    let world = setting
        .top("[every_number.settings]\nauto_download = [\"image\"]\n")
        .start()
        .await;
    world.subscribe().await;
    world.add_medium(ID, "video/mp4", LENGTH);
    world
}

fn video(world: &World) -> Value {
    let attachment = Attachment::of(ID);
    world.cloud.inbound_media(KERRY, Kind::Video, &attachment)
}

/// The message was told without the medium, and the integration does not get it.
async fn assert_hidden(world: &World, token: &str) {
    let told = world.message().await;
    let video = &told["messages"][0]["video"];
    assert_eq!(video["status"], "undownloaded", "{told}");
    assert_eq!(video["id"], world.told_id(ID));
    let path = format!("/v1/media/{}", world.told_id(ID));
    let answer = world.bridge.get(&path, token).await;
    assert_eq!(answer.status(), 404);
    assert_eq!(answer.bytes().await.unwrap().len(), 0);
}

async fn assert_published(world: &World, token: &str) {
    let id = world.told_id(ID);
    world.download(&id, token).await;
    world.told().await.is_success_of(&id);
    let answer = world.bridge.get(&format!("/v1/media/{id}"), token).await;
    assert_eq!(answer.status(), 200);
    let bytes = answer.bytes().await.unwrap();
    assert!(bytes == content_of(ID, LENGTH), "other bytes are served");
}

#[tokio::test]
async fn it_is_there_after_cloud_forgot_it_but_only_for_who_asks() {
    let mut world = world().await;
    let token = world.login().await;
    world.notify(video(&world)).await;
    assert_hidden(&world, &token).await;
    world.until_idle().await;
    let before = (world.cloud.lookups(ID), world.cloud.downloads(ID));
    assert_eq!(before.1, 1);
    assert!(world.cloud.remove_medium(ID));
    world.bridge.crash_and_restart();
    let token = world.login().await;
    let path = format!("/v1/media/{}", world.told_id(ID));
    assert_eq!(world.bridge.get(&path, &token).await.status(), 404);
    assert_published(&world, &token).await;
    assert_eq!((world.cloud.lookups(ID), world.cloud.downloads(ID)), before);
}

#[tokio::test]
async fn its_message_waits_for_nothing() {
    let world = world().await;
    let token = world.login().await;
    world.cloud.faults().push_lines("download:hang").unwrap();
    world.notify(video(&world)).await;
    assert_hidden(&world, &token).await;
    world.cloud.faults().clear();
    assert_published(&world, &token).await;
}

#[tokio::test]
async fn a_request_while_it_is_fetched_is_answered_by_that_fetch() {
    let world = world().await;
    let token = world.login().await;
    let slow = "download:slow=300000:next=1";
    world.cloud.faults().push_lines(slow).unwrap();
    world.notify(video(&world)).await;
    assert_hidden(&world, &token).await;
    within(
        world
            .cloud
            .wait_until(|log| log.count_of(Hop::Download, ID) == 1),
    )
    .await;
    assert_published(&world, &token).await;
    assert_eq!(world.cloud.downloads(ID), 1);
}

#[tokio::test]
async fn the_kinds_that_are_wanted_are_fetched_first() {
    let world = world().await;
    world.add_medium("90", "image/jpeg", 1000);
    let attachment = Attachment::of("90");
    let value = world.cloud.inbound_media(KERRY, Kind::Image, &attachment);
    world.notify(value).await;
    let told = world.message().await;
    assert_eq!(told["messages"][0]["image"]["status"], "downloaded");
}
