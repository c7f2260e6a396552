//! Media that were fetched before anybody asked: nobody is told, nobody gets them, until they are asked for.

use std::path::PathBuf;

use waba_bridge::ids::{CloudMediaId, MediaId, NumberName, media_uuid};
use waba_bridge::jobs::FetchOrder;
use waba_bridge::onprem::media::Kind;
use waba_bridge::standin::fault::Hop;
use waba_bridge::state::{Fate, Medium, NewEvent, State, TakenIn};

use crate::harness::{Setting, World, content_of};

const ID: &str = "1761991787669262";
const LENGTH: u64 = 100_000;
const UNKNOWN: &str = "Parameter not valid";

/// On-prem answers wherever it can.
fn onprem_first() -> Setting {
    let setting = Setting {
        onprem: true,
        ..Setting::default()
    };
    setting.routes("media_download = \"onprem\"\nmedia_get = \"onprem\"\n")
}

fn uuid_of(id: &str) -> uuid::Uuid {
    let cloud_id = CloudMediaId::parse(id).unwrap();
    media_uuid(&NumberName::parse("support").unwrap(), &cloud_id)
}

fn medium(id: uuid::Uuid, cloud_id: Option<&str>) -> Medium {
    Medium {
        number: NumberName::parse("support").unwrap(),
        id,
        cloud_id: cloud_id.map(|id| CloudMediaId::parse(id).unwrap()),
        kind: Some(Kind::Document),
        mime_type: Some("application/pdf".to_owned()),
        sha256: None,
        length: None,
        fate: Fate::Known,
        about: None,
    }
}

/// Has the bridge know a medium as if a notification had told of it, and fetch it quietly if that is wanted.
async fn take_in(world: &mut World, medium: Medium, quietly: bool) {
    world.bridge.terminate();
    assert!(world.bridge.exit().await.success());
    let path = world.bridge.folder.path().join("state/bridge.db");
    let state = State::open(&path).unwrap();
    let order = FetchOrder::quiet(&MediaId::Uuid(medium.id)).job(&medium.number);
    let event = NewEvent {
        order: quietly.then_some(order),
        medium: Some(medium),
        ..NewEvent::default()
    };
    let taken = state.take_in(vec![event], 0).await.unwrap();
    assert_eq!(taken, [TakenIn::New { held: None }]);
    state.close().await;
    drop(state);
    world.bridge.restart();
    world.until_idle().await;
}

fn held_file(world: &World) -> PathBuf {
    let name = uuid_of(ID).to_string();
    world.bridge.media_folder().join(".held").join(name)
}

#[tokio::test]
async fn a_medium_nobody_asked_for_is_published_when_somebody_does() {
    let mut world = onprem_first().start().await;
    world.add_medium(ID, "application/pdf", LENGTH);
    let uuid = uuid_of(ID).to_string();
    take_in(&mut world, medium(uuid_of(ID), Some(ID)), true).await;
    assert!(held_file(&world).exists());
    assert!(!world.bridge.stored_file(ID).exists());
    let token = world.login().await;
    for id in [&uuid, ID] {
        let answer = world.bridge.get(&format!("/v1/media/{id}"), &token).await;
        assert_eq!(answer.status(), 404, "{id}");
        assert!(answer.bytes().await.unwrap().is_empty());
    }
    world.download(&uuid, &token).await;
    world.told().await.is_success_of(&uuid);
    assert!(!held_file(&world).exists());
    let answer = world.bridge.get(&format!("/v1/media/{uuid}"), &token).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/pdf");
    assert_eq!(answer.bytes().await.unwrap(), content_of(ID, LENGTH));
    assert_eq!(world.cloud.log(|log| log.count(Hop::Lookup)), 1);
    let onprem = world.onprem.as_ref().unwrap();
    assert_eq!(onprem.log(|log| log.count(Hop::Route)), 0);
    // Nobody was told before.
    assert_eq!(world.receiver.log(|log| log.count(Hop::Callback)), 1);
}

#[tokio::test]
async fn a_held_medium_that_is_gone_is_fetched_again() {
    let mut world = Setting::alone().start().await;
    world.add_medium(ID, "application/pdf", LENGTH);
    take_in(&mut world, medium(uuid_of(ID), Some(ID)), true).await;
    std::fs::remove_file(held_file(&world)).unwrap();
    let token = world.login().await;
    world.download(ID, &token).await;
    world.told().await.is_success_of(ID);
    assert!(world.bridge.stored_file(ID).exists());
    assert_eq!(world.cloud.log(|log| log.count(Hop::Lookup)), 2);
}

#[tokio::test]
async fn what_is_published_already_is_not_held_besides() {
    let mut world = Setting::alone().start().await;
    world.add_medium(ID, "application/pdf", LENGTH);
    let token = world.login().await;
    world.download(ID, &token).await;
    world.told().await.is_success_of(ID);
    take_in(&mut world, medium(uuid_of(ID), Some(ID)), true).await;
    assert!(!held_file(&world).exists());
    let token = world.login().await;
    let answer = world.bridge.get(&format!("/v1/media/{ID}"), &token).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(world.cloud.log(|log| log.count(Hop::Lookup)), 1);
}

#[tokio::test]
async fn a_medium_that_cannot_be_had_is_told_to_those_who_ask_alone() {
    let mut world = Setting::alone().start().await;
    take_in(&mut world, medium(uuid_of(ID), Some(ID)), true).await;
    let uuid = uuid_of(ID).to_string();
    let token = world.login().await;
    world.download(&uuid, &token).await;
    world.told().await.is_failure_of(&uuid, 400, UNKNOWN);
    assert_eq!(world.cloud.log(|log| log.count(Hop::Lookup)), 1);
    assert_eq!(world.receiver.log(|log| log.count(Hop::Callback)), 1);
}

#[tokio::test]
async fn a_medium_that_is_not_at_cloud_cannot_be_fetched_from_there() {
    let mut world = onprem_first().start().await;
    let linked = uuid::Uuid::from_u128(7);
    take_in(&mut world, medium(linked, None), false).await;
    let token = world.login().await;
    world.download(&linked.to_string(), &token).await;
    let told = world.told().await;
    told.is_failure_of(&linked.to_string(), 400, UNKNOWN);
    assert_eq!(world.cloud.log(|log| log.count(Hop::Lookup)), 0);
    let onprem = world.onprem.as_ref().unwrap();
    assert_eq!(onprem.log(|log| log.count(Hop::Route)), 0);
}
