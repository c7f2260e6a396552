//! The main job: a retry download from its acknowledgement to the stored bytes.

use serde_json::json;
use waba_bridge::standin::fault::Hop;

use crate::harness::{Setting, World, content_of, within};

const ID: &str = "1761991787669262";

#[tokio::test]
async fn a_medium_is_acknowledged_fetched_told_and_served() {
    let world = Setting::alone().start().await;
    let digest = world.add_medium(ID, "image/png", 300_000);
    let token = world.login().await;

    let answer = world
        .bridge
        .get(&format!("/v1/media/{ID}/download"), &token)
        .await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/json");
    let body = answer.text().await.unwrap();
    assert_eq!(
        body,
        format!(
            r#"{{"media_items":[{{"id":"{ID}"}}],"meta":{{"api_status":"stable","version":"v2.57.2"}}}}"#
        )
    );

    let callback = world.callback().await;
    assert_eq!(callback.headers["content-type"], "application/json");
    let expected = json!({"media_items": [{
        "image": {"id": ID, "mime_type": "image/png", "sha256": digest.sha256, "status": "downloaded"},
        "type": "image",
    }]});
    assert_eq!(callback.json(), expected);

    let answer = world.bridge.get(&format!("/v1/media/{ID}"), &token).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "image/png");
    assert_eq!(answer.headers()["content-length"], "300000");
    assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    assert_eq!(answer.bytes().await.unwrap(), content_of(ID, 300_000));
    assert_eq!((world.cloud.lookups(ID), world.cloud.downloads(ID)), (1, 1));
    within(world.cloud.wait_until(|log| log.count(Hop::Lookup) == 1)).await;
}

async fn world(fetch: &str) -> (World, String) {
    let world = Setting::alone().impatient(fetch).unlimited().start().await;
    world.add_medium(ID, "image/png", 300_000);
    let token = world.login().await;
    (world, token)
}

fn uuid_of(world: &World, id: &str) -> String {
    let file = world.bridge.stored_file(id);
    file.file_name().unwrap().to_str().unwrap().to_owned()
}

#[tokio::test]
async fn two_hundred_requests_for_one_medium_cost_one_fetch() {
    let (world, token) = world("").await;
    world
        .cloud
        .faults()
        .push_lines("download:slow=1000000:next=1")
        .unwrap();
    let requests = (0..200).map(|_| world.download(ID, &token));
    futures_util::future::join_all(requests).await;
    let acknowledged = std::time::Instant::now();
    world.download(ID, &token).await;
    world.until_idle().await;
    let callbacks = world.receiver.callbacks();
    assert!(callbacks.last().unwrap().arrived > acknowledged);
    assert_eq!((world.cloud.lookups(ID), world.cloud.downloads(ID)), (1, 1));
    assert_eq!(
        world
            .bridge
            .metric("waba_bridge_acks_total{number=\"support\",result=\"new\"} ")
            .await,
        callbacks.len() as f64
    );
}

#[tokio::test]
async fn a_medium_may_be_asked_for_by_either_of_its_names() {
    let (world, token) = world("").await;
    let uuid = uuid_of(&world, ID);
    let early = world
        .bridge
        .get(&format!("/v1/media/{uuid}/download"), &token)
        .await;
    assert_eq!(
        early.status(),
        404,
        "nobody can have heard of this name yet"
    );
    world.download(ID, &token).await;
    world.told().await.is_success_of(ID);
    world.download(&uuid, &token).await;
    world.told().await.is_success_of(&uuid);
    let answer = world.bridge.get(&format!("/v1/media/{uuid}"), &token).await;
    assert_eq!(answer.bytes().await.unwrap(), content_of(ID, 300_000));
    assert_eq!((world.cloud.lookups(ID), world.cloud.downloads(ID)), (1, 1));
}

#[tokio::test]
async fn both_names_of_a_lost_file_cost_one_fetch() {
    let (world, token) = world("").await;
    let uuid = uuid_of(&world, ID);
    world.download(ID, &token).await;
    world.told().await.is_success_of(ID);
    std::fs::remove_file(world.bridge.stored_file(ID)).unwrap();
    let lost = world.bridge.get(&format!("/v1/media/{ID}"), &token).await;
    assert_eq!(lost.status(), 404);
    world
        .cloud
        .faults()
        .push_lines("download:slow=600000:next=1")
        .unwrap();
    tokio::join!(world.download(ID, &token), world.download(&uuid, &token));
    let mut told = [world.told().await, world.told().await];
    told.sort_by_key(|told| told.id.len());
    told[0].is_success_of(ID);
    told[1].is_success_of(&uuid);
    assert_eq!((world.cloud.lookups(ID), world.cloud.downloads(ID)), (2, 2));
    assert!(world.bridge.stored_file(ID).exists());
}

#[tokio::test]
async fn a_stored_medium_is_told_again_without_asking_cloud() {
    let (mut world, token) = world("").await;
    world.download(ID, &token).await;
    let first = world.callback().await;
    world.until_idle().await;
    world.cloud.remove_medium(ID);
    world.bridge.crash_and_restart();
    world.download(ID, &token).await;
    assert_eq!(world.callback().await.body, first.body);
    assert_eq!((world.cloud.lookups(ID), world.cloud.downloads(ID)), (1, 1));
}

#[tokio::test]
async fn a_final_failure_is_remembered_and_forgotten() {
    let (mut world, token) = world("").await;
    world.cloud.remove_medium(ID);
    world.download(ID, &token).await;
    let first = world.callback().await;
    world.until_idle().await;
    world.bridge.crash_and_restart();
    for _ in 0..3 {
        world.download(ID, &token).await;
        assert_eq!(world.callback().await.body, first.body);
    }
    assert_eq!(world.cloud.lookups(ID), 1);
    world.until_idle().await;

    world.add_medium(ID, "image/png", 300_000);
    world
        .bridge
        .reconfigure(|toml| toml.replace("[fetch]\n", "[fetch]\nremember_failure_s = 1\n"));
    world.bridge.terminate();
    world.bridge.restart();
    let other = "1761991787669264";
    world.download(other, &token).await;
    world
        .told()
        .await
        .is_failure_of(other, 400, "Parameter not valid");
    world.add_medium(other, "image/png", 1000);
    let stored = async {
        loop {
            world.download(other, &token).await;
            if world.told().await.error.is_none() {
                break;
            }
        }
    };
    within(stored).await;
    assert_eq!(world.cloud.lookups(other), 2);
}

#[tokio::test]
async fn what_was_sent_arrives_as_the_kind_it_is() {
    use waba_bridge::standin::media::{KINDS, Kind};
    let (world, token) = world("").await;
    let small = KINDS.into_iter().filter(|kind| *kind != Kind::Document);
    for (index, kind) in small.enumerate() {
        let id = format!("30000{index}");
        let digest = world.cloud.add_medium(&id, kind.medium());
        world.download(&id, &token).await;
        let expected = json!({"media_items": [{
            kind.name(): {"id": id, "mime_type": kind.mime_type(), "sha256": digest.sha256, "status": "downloaded"},
            "type": kind.name(),
        }]});
        assert_eq!(world.callback().await.json(), expected);
    }
}
