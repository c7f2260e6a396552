//! The kill switch: by command, by its file alone, without the bridge, and without a state.

use serde_json::json;

use super::{PROFILE, ask, decided, done, history, order, readiness, until_decided, with_onprem};
use crate::command::run;
use crate::harness::Setting;
use crate::storage::Tmpfs;

const KILLED: &str = "onprem; reason=killed";
const CLOUD: &str = "business_profile = \"cloud\"";

#[tokio::test]
async fn it_beats_everything_survives_a_crash_and_is_taken_back() {
    let mut world = with_onprem(CLOUD).start().await;
    let token = world.login().await;
    done(
        order(
            &world.bridge,
            &["cutover", "pin", "--caller", "admin", "cloud"],
        )
        .await,
    );
    let said = done(order(&world.bridge, &["cutover", "kill"]).await);
    said.line(&["The kill switch is thrown for: support"]);
    said.line(&["survives a restart"]);
    let (_, decision) = decided(&world.bridge, PROFILE, &token).await;
    assert!(decision.starts_with(KILLED), "{decision}");
    let (status, check) = readiness(&world.bridge, "kill switch of support").await;
    assert_eq!(
        (status.as_str(), &check.unwrap()["ok"]),
        ("degraded", &json!(false))
    );
    done(ask(&world.bridge, &["cutover", "show"]).await).line(&["The kill switch is thrown"]);

    world.bridge.crash_and_restart();
    let (_, decision) = decided(&world.bridge, PROFILE, &token).await;
    assert!(decision.starts_with(KILLED), "{decision}");
    done(order(&world.bridge, &["cutover", "revive"]).await).line(&["thrown for no number"]);
    let (_, decision) = decided(&world.bridge, PROFILE, &token).await;
    assert!(decision.starts_with("cloud"), "{decision}");
    let entries = history(&world.bridge, &[]).await;
    let news: Vec<&str> = entries
        .iter()
        .filter(|entry| entry["what"] == "kill switch")
        .map(|entry| entry["new"].as_str().unwrap())
        .collect();
    assert_eq!(news, ["not thrown", "thrown"]);
}

#[tokio::test]
async fn its_file_alone_throws_it_and_its_absence_takes_it_back() {
    let world = with_onprem(CLOUD).start().await;
    let token = world.login().await;
    let file = world.bridge.folder.path().join("kill");
    std::fs::write(&file, "").unwrap();
    until_decided(&world, &token, KILLED).await;
    std::fs::remove_file(&file).unwrap();
    until_decided(&world, &token, "cloud").await;
}

#[tokio::test]
async fn without_a_bridge_to_ask_the_command_writes_the_file() {
    let mut world = with_onprem(CLOUD).start().await;
    let token = world.login().await;
    let config = world.bridge.folder.path().join("waba-bridge.toml");
    let file = world.bridge.folder.path().join("kill");
    let listen = world.bridge.admin.to_string();
    let here = [("WABA_BRIDGE__ADMIN__LISTEN", listen.as_str())];
    let command = |word, number| {
        [
            "cutover",
            word,
            "--reason",
            "x",
            "--number",
            number,
            "--config",
            config.to_str().unwrap(),
        ]
    };
    world.bridge.terminate();
    world.bridge.exit().await;

    let said = run(&command("kill", "sales"), &here).await;
    assert_eq!(said.code, 1, "{}", said.out);
    assert!(!file.exists());
    let said = done(run(&command("kill", "support"), &here).await);
    assert!(said.out.contains("no bridge is running"), "{}", said.out);
    assert!(said.out.contains(file.to_str().unwrap()), "{}", said.out);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "support\n");
    world.bridge.restart();
    let (_, decision) = decided(&world.bridge, PROFILE, &token).await;
    assert!(decision.starts_with(KILLED), "{decision}");

    let said = ask(
        &world.bridge,
        &["cutover", "kill", "--reason", "x", "--number", "sales"],
    )
    .await;
    assert!(said.err.contains("there are: support"), "{}", said.err);
    // The bridge that runs listens elsewhere by now.
    done(run(&command("revive", "support"), &here).await);
    assert!(!file.exists());
    until_decided(&world, &token, "cloud").await;

    let elsewhere = [
        "cutover",
        "kill",
        "--reason",
        "x",
        "--admin",
        "http://127.0.0.1:1",
    ];
    let said = run(&elsewhere, &[]).await;
    assert_eq!(said.code, 1, "{}", said.out);
    assert!(said.err.contains("no bridge is running"), "{}", said.err);
}

#[tokio::test]
async fn a_state_that_takes_nothing_does_not_keep_it_from_working() {
    let folder = tempfile::tempdir().unwrap();
    let tmpfs = Tmpfs::mount(&folder.path().join("state"), "4m");
    let world = with_onprem(CLOUD).start_in(folder).await;
    let token = world.login().await;
    let ballast = tmpfs.fill();
    let refusal = loop {
        let pin = ["cutover", "pin", "--contact", &"4".repeat(400), "cloud"];
        let said = order(&world.bridge, &pin).await;
        if said.code != 0 {
            break said.err;
        }
    };
    assert!(refusal.contains("cannot be written down"), "{refusal}");
    let said = done(order(&world.bridge, &["cutover", "kill"]).await);
    said.line(&["survives a restart"]);
    said.line(&["The history does not have it"]);
    let (_, decision) = decided(&world.bridge, PROFILE, &token).await;
    assert!(decision.starts_with(KILLED), "{decision}");
    done(order(&world.bridge, &["cutover", "revive"]).await);
    let (_, decision) = decided(&world.bridge, PROFILE, &token).await;
    assert!(decision.starts_with("cloud"), "{decision}");
    std::fs::remove_file(ballast).unwrap();
}

#[tokio::test]
async fn where_its_file_cannot_be_written_it_holds_in_memory_and_says_so() {
    let world = with_onprem(CLOUD).start().await;
    let token = world.login().await;
    // Nobody, not even root, replaces a folder by a file.
    let file = world.bridge.folder.path().join("kill");
    std::fs::create_dir(&file).unwrap();
    std::fs::write(file.join("in the way"), "").unwrap();
    let said = done(order(&world.bridge, &["cutover", "kill"]).await);
    said.line(&["NOT kept in the kill file"]);
    let (_, decision) = decided(&world.bridge, PROFILE, &token).await;
    assert!(decision.starts_with(KILLED), "{decision}");
    let said = order(&world.bridge, &["cutover", "revive"]).await;
    assert_eq!(said.code, 1);
    std::fs::remove_dir_all(&file).unwrap();
    done(order(&world.bridge, &["cutover", "revive"]).await);
    until_decided(&world, &token, "cloud").await;
}

#[tokio::test]
async fn a_number_without_an_old_client_is_named() {
    let world = Setting::alone().start().await;
    let said = done(order(&world.bridge, &["cutover", "kill"]).await);
    said.line(&["There is no old client to go back to for: support"]);
    let pin = ["cutover", "pin", "--medium", "1", "onprem"];
    let said = order(&world.bridge, &pin).await;
    assert!(said.err.contains("no [numbers.onprem]"), "{}", said.err);
}
