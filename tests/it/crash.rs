//! kill -9 and SIGTERM at every stage of the main job: whatever was acknowledged is done in the end.

use std::collections::HashSet;

use waba_bridge::standin::fault::Hop;

use crate::harness::{Setting, Told, World, content_of, within};

const ID: &str = "1761991787669262";
const LENGTH: u64 = 1_000_000;

async fn world() -> (World, String) {
    let setting = Setting::alone().impatient("").unlimited();
    let world = setting
        .callback("callback_backoff_delay_ms = 100")
        .start()
        .await;
    world.add_medium(ID, "image/png", LENGTH);
    let token = world.login().await;
    (world, token)
}

fn assert_stored(world: &World, id: &str, length: u64) {
    let stored = std::fs::read(world.bridge.stored_file(id)).unwrap();
    assert!(
        stored == content_of(id, length),
        "other bytes are stored for {id}"
    );
}

#[tokio::test]
async fn a_crash_right_after_the_acknowledgement_loses_nothing() {
    let (mut world, token) = world().await;
    world
        .cloud
        .faults()
        .push_lines("lookup:hang:next=1")
        .unwrap();
    world.download(ID, &token).await;
    world.bridge.crash_and_restart();
    world.told().await.is_success_of(ID);
    assert_stored(&world, ID, LENGTH);
}

#[tokio::test]
async fn a_crash_in_a_download_costs_only_what_is_missing() {
    let (mut world, token) = world().await;
    world
        .cloud
        .faults()
        .push_lines("download:slow=300000:next=1")
        .unwrap();
    world.download(ID, &token).await;
    within(partial_of(&world, 100_000)).await;
    world.bridge.crash_and_restart();
    world.told().await.is_success_of(ID);
    assert_stored(&world, ID, LENGTH);
    let ranges: Vec<_> = world.cloud.log(|log| {
        let downloads = log.iter().filter(|seen| seen.hop == Hop::Download);
        downloads
            .map(|seen| seen.header("range").map(str::to_owned))
            .collect()
    });
    assert_eq!(ranges.len(), 2);
    let from: u64 = ranges[1]
        .as_deref()
        .unwrap()
        .trim_matches(|c: char| !c.is_ascii_digit())
        .parse()
        .unwrap();
    assert!((100_000..LENGTH).contains(&from), "{ranges:?}");
}

/// Waits until the only partial file has at least so many bytes, and names it.
async fn partial_of(world: &World, length: u64) -> std::path::PathBuf {
    loop {
        for entry in std::fs::read_dir(world.bridge.media_folder().join(".partial")).unwrap() {
            let path = entry.unwrap().path();
            if path
                .metadata()
                .is_ok_and(|metadata| metadata.len() >= length)
            {
                return path;
            }
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_partial_file_that_the_crash_damaged_is_noticed() {
    let (mut world, token) = world().await;
    world
        .cloud
        .faults()
        .push_lines("download:slow=300000:next=1")
        .unwrap();
    world.download(ID, &token).await;
    let path = within(partial_of(&world, 100_000)).await;
    world.bridge.signal("KILL");
    world.bridge.exit().await;
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[50_000..60_000].fill(0);
    std::fs::write(&path, bytes).unwrap();
    world.bridge.restart();
    world.told().await.is_success_of(ID);
    assert_stored(&world, ID, LENGTH);
}

#[tokio::test]
async fn a_crash_between_the_file_and_its_callback_tells_it_later() {
    let (mut world, token) = world().await;
    world.receiver.hold();
    world.download(ID, &token).await;
    world.told().await.is_success_of(ID);
    world.bridge.crash_and_restart();
    world.receiver.release();
    world.told().await.is_success_of(ID);
    world.until_idle().await;
    assert_eq!((world.cloud.lookups(ID), world.cloud.downloads(ID)), (1, 1));
}

#[tokio::test]
async fn a_waiting_retry_survives_a_crash_and_keeps_its_count() {
    let (mut world, token) = world().await;
    world.receiver.answer_with(500);
    world.download(ID, &token).await;
    world
        .bridge
        .logged("callback not delivered", |line| line["attempts"] == 2)
        .await;
    world.bridge.crash_and_restart();
    world
        .bridge
        .logged("callback not delivered", |line| {
            line["attempts"].as_u64() >= Some(2)
        })
        .await;
    world.receiver.answer_with(200);
    world.until_idle().await;
    let callbacks = world.receiver.callbacks();
    assert!(
        callbacks
            .iter()
            .all(|callback| callback.body == callbacks[0].body)
    );
}

#[tokio::test]
async fn twenty_crashes_while_downloads_come_in_lose_no_medium_and_no_callback() {
    let (mut world, _) = world().await;
    world.cloud.faults().push_lines("download:truncate=3000:every=7\nlookup:status=503:every=11\ncallback:status=500:every=5").unwrap();
    let ids: Vec<String> = (0..200)
        .map(|index| format!("{}", 700_000 + index))
        .collect();
    for id in &ids {
        world.add_medium(id, "image/png", 20_000);
    }
    // Not random in a test: how far each life of the bridge comes is spread over its stages by these prime steps.
    for (round, batch) in ids.chunks(10).enumerate() {
        let token = world.login().await;
        for id in batch {
            world.download(id, &token).await;
        }
        let seen = world.cloud.log(|log| log.total()) + world.receiver.log(|log| log.total());
        let more = (round as u64 * 7) % 23;
        let reached = async {
            while world.cloud.log(|log| log.total()) + world.receiver.log(|log| log.total())
                < seen + more
                && !world.bridge.jobs("").await.is_empty()
            {
                tokio::task::yield_now().await;
            }
        };
        within(reached).await;
        world.bridge.crash_and_restart();
    }
    world.cloud.faults().clear();
    world.until_idle().await;
    let told: HashSet<String> = world
        .receiver
        .callbacks()
        .iter()
        .filter(|callback| callback.status == Some(200))
        .map(Told::read)
        .filter(|told| told.error.is_none())
        .map(|told| told.id)
        .collect();
    for id in &ids {
        assert!(told.contains(id), "{id} was never told");
        assert_stored(&world, id, 20_000);
    }
    let left = std::fs::read_dir(world.bridge.media_folder().join(".partial"))
        .unwrap()
        .count();
    assert_eq!(left, 0, "partial files are left");
}

#[tokio::test]
async fn a_download_in_flight_does_not_hold_up_the_end_and_is_done_after_the_restart() {
    let (mut world, token) = world().await;
    world
        .bridge
        .reconfigure(|toml| toml.replace("shutdown_grace_s = 10", "shutdown_grace_s = 1"));
    world.bridge.crash_and_restart();
    world
        .cloud
        .faults()
        .push_lines("download:slow=100000:next=1")
        .unwrap();
    world.download(ID, &token).await;
    within(partial_of(&world, 10_000)).await;
    world.bridge.terminate();
    assert_eq!(world.bridge.exit().await.code(), Some(0));
    assert!(world.receiver.callbacks().is_empty());
    world.bridge.restart();
    world.told().await.is_success_of(ID);
    assert_stored(&world, ID, LENGTH);
}

#[tokio::test]
async fn a_short_download_in_flight_is_finished_before_the_end() {
    let (mut world, token) = world().await;
    world
        .cloud
        .faults()
        .push_lines("download:slow=2000000:next=1")
        .unwrap();
    world.download(ID, &token).await;
    within(world.cloud.wait_until(|log| log.count(Hop::Download) == 1)).await;
    world.bridge.terminate();
    assert_eq!(world.bridge.exit().await.code(), Some(0));
    assert_stored(&world, ID, LENGTH);
}
