//! Disks that are full, read-only or emptied behind the bridge's back.
//!
//! These tests mount small file systems, for which they must be root; where they may not, they fail and say so.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::harness::{Setting, World, content_of, within};

const ID: &str = "1761991787669262";
const LENGTH: u64 = 2_000_000;
const CANNOT_STORE: &str = "a medium cannot be stored";

/// A small file system of its own, unmounted when it goes.
pub struct Tmpfs(PathBuf);

impl Tmpfs {
    pub fn mount(at: &Path, size: &str) -> Self {
        std::fs::create_dir_all(at).unwrap();
        run(Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(at));
        Self(at.to_owned())
    }

    fn remount(&self, option: &str) {
        run(Command::new("mount")
            .args(["-o", &format!("remount,{option}")])
            .arg(&self.0));
    }

    /// Takes all the space there is; what this returns gives it back.
    pub fn fill(&self) -> PathBuf {
        use std::io::Write;
        let path = self.0.join("ballast");
        let mut file = std::fs::File::create(&path).unwrap();
        for size in [65_536, 4096] {
            while file
                .write(&vec![7; size])
                .is_ok_and(|written| written == size)
            {}
        }
        path
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "this test must be allowed to mount file systems (run it as root): {said}"
    );
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Lazily, because a bridge that is about to be killed may still have files open in it.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// A world whose bridge has the folder `name` on a file system of this size. The file system goes first, while the
/// folder it is mounted in is still there.
async fn world_on(name: &str, size: &str) -> (Tmpfs, World, String) {
    let folder = tempfile::tempdir().unwrap();
    let tmpfs = Tmpfs::mount(&folder.path().join(name), size);
    let world = Setting::alone()
        .impatient("")
        .unlimited()
        .start_in(folder)
        .await;
    world.add_medium(ID, "image/png", LENGTH);
    let token = world.login().await;
    (tmpfs, world, token)
}

async fn assert_stored(world: &World) {
    world.told().await.is_success_of(ID);
    let stored = std::fs::read(world.bridge.stored_file(ID)).unwrap();
    assert!(stored == content_of(ID, LENGTH), "other bytes are stored");
}

async fn ready(world: &World) -> (u16, Value) {
    let answer = world.bridge.admin("/readyz").await;
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn a_medium_waits_until_there_is_room_for_it() {
    let (tmpfs, world, token) = world_on("media", "4m").await;
    let ballast = tmpfs.fill();
    world.download(ID, &token).await;
    world.bridge.logged(CANNOT_STORE, |_| true).await;
    assert!(world.receiver.callbacks().is_empty());
    assert_eq!(ready(&world).await.0, 503);
    std::fs::remove_file(ballast).unwrap();
    assert_stored(&world).await;
    assert_eq!(ready(&world).await.0, 200);
}

#[tokio::test]
async fn a_disk_that_fills_up_in_the_middle_costs_only_time() {
    let (tmpfs, world, token) = world_on("media", "4m").await;
    world
        .cloud
        .faults()
        .push_lines("download:slow=1000000:next=1")
        .unwrap();
    world.download(ID, &token).await;
    within(
        world
            .cloud
            .wait_until(|log| log.count_of(waba_bridge::standin::fault::Hop::Download, ID) == 1),
    )
    .await;
    let ballast = tmpfs.fill();
    world.bridge.logged(CANNOT_STORE, |_| true).await;
    assert!(world.receiver.callbacks().is_empty());
    std::fs::remove_file(ballast).unwrap();
    assert_stored(&world).await;
}

#[tokio::test]
async fn what_is_there_already_needs_no_room_a_second_time() {
    // 2 MB, of which 1 MB arrived before the connection broke; 2 MB more are free, 1 MB of them in reserve.
    let (tmpfs, world, token) = world_on("media", "4m").await;
    std::fs::write(tmpfs.0.join("ballast"), vec![7; 500_000]).unwrap();
    world
        .cloud
        .faults()
        .push_lines("download:truncate=1500000:next=1")
        .unwrap();
    world.download(ID, &token).await;
    assert_stored(&world).await;
}

#[tokio::test]
async fn a_read_only_media_folder_costs_only_time() {
    let (tmpfs, world, token) = world_on("media", "8m").await;
    tmpfs.remount("ro");
    world.download(ID, &token).await;
    world.bridge.logged(CANNOT_STORE, |_| true).await;
    assert!(world.receiver.callbacks().is_empty());
    let (status, checks) = ready(&world).await;
    assert_eq!(
        (status, &checks["status"]),
        (503, &"not ready".into()),
        "{checks}"
    );
    tmpfs.remount("rw");
    assert_stored(&world).await;
}

#[tokio::test]
async fn an_emptied_media_folder_is_filled_again() {
    let world = Setting::alone().impatient("").start().await;
    world.add_medium(ID, "image/png", LENGTH);
    let token = world.login().await;
    world.download(ID, &token).await;
    assert_stored(&world).await;
    std::fs::remove_dir_all(world.bridge.media_folder()).unwrap();
    std::fs::create_dir(world.bridge.media_folder()).unwrap();
    world.download(ID, &token).await;
    assert_stored(&world).await;
}

#[tokio::test]
async fn without_room_for_the_state_nothing_is_acknowledged_and_nothing_acknowledged_is_lost() {
    let (tmpfs, mut world, token) = world_on("state", "4m").await;
    world.receiver.hold();
    world.download(ID, &token).await;
    world.callback().await;
    let ballast = tmpfs.fill();
    let mut acknowledged = Vec::new();
    let refusal = async {
        for index in 0.. {
            let id = format!("{}", 800_000 + index);
            world.add_medium(&id, "image/png", 100);
            let answer = world
                .bridge
                .get(&format!("/v1/media/{id}/download"), &token)
                .await;
            if answer.status() != 200 {
                return answer;
            }
            acknowledged.push(id);
        }
        unreachable!()
    };
    let refusal = within(refusal).await;
    assert_eq!(refusal.status(), 503);
    let body: Value = refusal.json().await.unwrap();
    assert_eq!(body["errors"][0]["code"], 1016, "{body}");
    assert_eq!(body["meta"]["api_status"], "stable");
    assert_eq!(ready(&world).await.0, 503);
    world.receiver.release();
    world
        .bridge
        .logged("a job's outcome cannot be written down", |_| true)
        .await;

    world
        .bridge
        .crash_and_restart_with(|| std::fs::remove_file(ballast).unwrap());
    world.until_idle().await;
    let callbacks = world.receiver.callbacks();
    let told: Vec<String> = callbacks
        .iter()
        .map(|callback| crate::harness::Told::read(callback).id)
        .collect();
    assert!(
        acknowledged.iter().all(|id| told.contains(id)),
        "{acknowledged:?} {told:?}"
    );
    assert_eq!(ready(&world).await.0, 200);
}

#[tokio::test]
async fn the_state_recovers_by_itself_when_there_is_room_again() {
    let (tmpfs, world, token) = world_on("state", "4m").await;
    let ballast = tmpfs.fill();
    let refused = async {
        for index in 0.. {
            let id = format!("{}", 800_000 + index);
            world.add_medium(&id, "image/png", 100);
            if world
                .bridge
                .get(&format!("/v1/media/{id}/download"), &token)
                .await
                .status()
                == 503
            {
                return;
            }
        }
    };
    within(refused).await;
    std::fs::remove_file(ballast).unwrap();
    world.download(ID, &token).await;
    let told = async { while world.told().await.id != ID {} };
    within(told).await;
    world.until_idle().await;
}

#[tokio::test]
async fn readiness_may_be_asked_for_by_many_at_once() {
    let world = Setting::alone().start().await;
    let asked = (0..200).map(|_| ready(&world));
    for (status, checks) in futures_util::future::join_all(asked).await {
        assert_eq!(status, 200, "{checks}");
    }
}

#[tokio::test]
async fn without_room_for_the_state_no_callback_of_the_old_client_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let tmpfs = Tmpfs::mount(&folder.path().join("state"), "4m");
    let mut world = Setting::alone()
        .number("[numbers.onprem]\nurl = \"http://127.0.0.1:9\"\n")
        .start_in(folder)
        .await;
    let ballast = tmpfs.fill();
    let callback = |n: usize| format!("{{\"n\":{n},\"x\":\"{}\"}}", "x".repeat(5000));
    let http = reqwest::Client::new();
    let mut taken = Vec::new();
    let refused = async {
        for n in 0.. {
            let posted = http.post(world.intake()).body(callback(n));
            let answer = posted.send().await.unwrap();
            if answer.status() != 200 {
                return answer;
            }
            taken.push(callback(n));
        }
        unreachable!()
    };
    let refused = within(refused).await;
    assert_eq!(refused.status(), 503);
    let body: Value = refused.json().await.unwrap();
    assert_eq!(body["errors"][0]["code"], 1016, "{body}");
    world
        .bridge
        .crash_and_restart_with(|| std::fs::remove_file(ballast).unwrap());
    world.until_idle().await;
    let told: Vec<_> = world.receiver.callbacks();
    // Each that was taken, and none that was not.
    assert!(
        taken
            .iter()
            .all(|body| told.iter().any(|told| told.body == body.as_bytes()))
    );
    assert!(
        told.iter()
            .all(|told| taken.iter().any(|body| told.body == body.as_bytes()))
    );
}
