//! `waba-bridge jobs` and `waba-bridge routes`, against a bridge that runs and against none.

use std::time::Duration;

use serde_json::json;

use crate::command::{Said, run};
use crate::harness::{Bridge, Setting, World, within};

const ID: &str = "1761991787669262";

/// Runs a command with the bridge's address.
async fn ask(bridge: &Bridge, arguments: &[&str]) -> Said {
    let url = format!("http://{}", bridge.admin);
    let mut all = arguments.to_vec();
    all.extend(["--admin", &url]);
    run(&all, &[]).await
}

/// A bridge that has given a callback up, because its receiver answers 500.
async fn with_a_buried_callback() -> World {
    let setting = Setting::alone()
        .top("[every_number.callback]\ngive_up_after_s = 1\ncallback_backoff_delay_ms = 300\n");
    let world = setting.start().await;
    world.receiver.answer_with(500);
    world.add_medium(ID, "image/png", 1000);
    let token = world.login().await;
    let answer = world
        .bridge
        .get(&format!("/v1/media/{ID}/download"), &token)
        .await;
    assert_eq!(answer.status(), 200);
    let bridge = world.bridge;
    let (bridge, _) = tokio::task::spawn_blocking(move || {
        let line = bridge.wait_for_line("callback given up and buried", |_| true);
        (bridge, line)
    })
    .await
    .unwrap();
    // The line comes before the commit that buries.
    let buried = async {
        while bridge.jobs("buried=true").await.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within(buried).await;
    World { bridge, ..world }
}

#[tokio::test]
async fn a_buried_callback_is_listed_and_delivered_once_it_is_redriven() {
    let world = with_a_buried_callback().await;
    let said = ask(&world.bridge, &["jobs", "--buried", "--json"]).await;
    assert_eq!(said.code, 0, "{}", said.err);
    let jobs = said.json();
    let job = &jobs[0];
    assert_eq!(
        (&job["queue"], &job["number"], &job["buried"]),
        (&json!("callback"), &json!("support"), &json!(true))
    );
    let id = job["id"].to_string();
    let said = ask(
        &world.bridge,
        &["jobs", "--queue", "callback", "--number", "support"],
    )
    .await;
    said.line(&[&id, "callback", "support", "buried"]);
    let said = ask(&world.bridge, &["jobs", "--queue", "fetch"]).await;
    assert_eq!((said.code, said.out.as_str()), (0, "no jobs\n"));

    let refused = world.receiver.callbacks().len();
    world.receiver.answer_with(200);
    let said = ask(&world.bridge, &["jobs", "redrive", &id]).await;
    assert_eq!(
        (said.code, said.out.as_str()),
        (0, "1 job is tried again\n")
    );
    for _ in 0..=refused {
        world.callback().await;
    }
    let said = ask(&world.bridge, &["jobs", "redrive", &id]).await;
    assert_eq!(said.code, 1);
    assert!(
        said.err.contains("no buried job has the id"),
        "{}",
        said.err
    );
}

#[tokio::test]
async fn all_buried_jobs_are_redriven_once_each_and_may_be_buried_again() {
    let world = with_a_buried_callback().await;
    let other = ask(
        &world.bridge,
        &["jobs", "redrive", "--all-buried", "--queue", "fetch"],
    )
    .await;
    assert_eq!(
        (other.code, other.out.as_str()),
        (0, "0 jobs are tried again\n")
    );
    let said = ask(
        &world.bridge,
        &["jobs", "redrive", "--all-buried", "--json"],
    )
    .await;
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(said.json()["redriven"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_would_redrive_more_than_was_meant_is_wrong_use() {
    for arguments in [
        &["jobs", "--queue", "fetch", "redrive", "--all-buried"][..],
        &["jobs", "--buried", "redrive", "1"],
        &["jobs", "redrive", "1", "--number", "support"],
        &["jobs", "redrive", "1", "--all-buried"],
        &["jobs", "redrive"],
        &["jobs", "--queue", "other"],
        &["jobs", "--limit", "0"],
    ] {
        assert_eq!(run(arguments, &[]).await.code, 2, "{arguments:?}");
    }
}

#[tokio::test]
async fn every_route_is_shown_with_its_mode() {
    let world = Setting::first_route().start().await;
    let said = ask(&world.bridge, &["routes"]).await;
    assert_eq!(said.code, 0, "{}", said.err);
    said.line(&["ROUTE", "support"]);
    said.line(&["media_download", "cloud"]);
    said.line(&["messages", "onprem"]);
    assert_eq!(said.out.lines().count(), 29);
    let said = ask(&world.bridge, &["routes", "--json"]).await;
    assert_eq!(said.json()[0]["routes"]["media_get"], "cloud");
}

#[tokio::test]
async fn the_admin_address_and_token_are_found_in_the_configuration() {
    let mut world = Setting::alone().start().await;
    world
        .bridge
        .reconfigure(|old| old.replace("[admin]\n", "[admin]\ntoken = \"admin-secret\"\n"));
    world.bridge.crash_and_restart();
    let file = world.bridge.folder.path().join("waba-bridge.toml");
    let address = world.bridge.admin.to_string();
    let listen = [("WABA_BRIDGE__ADMIN__LISTEN", address.as_str())];
    let found = ["jobs", "--config", file.to_str().unwrap()];
    let said = run(&found, &listen).await;
    assert_eq!(
        (said.code, said.out.as_str()),
        (0, "no jobs\n"),
        "{}",
        said.err
    );
    let everywhere = format!("0.0.0.0:{}", world.bridge.admin.port());
    let said = run(&found, &[("WABA_BRIDGE__ADMIN__LISTEN", &everywhere)]).await;
    assert_eq!(said.code, 0, "{}", said.err);

    let said = ask(&world.bridge, &["jobs"]).await;
    assert_eq!(said.code, 1);
    assert!(said.err.contains("--admin-token-file"), "{}", said.err);
    let token = world.bridge.folder.path().join("token");
    std::fs::write(&token, "admin-secret\n").unwrap();
    let said = ask(
        &world.bridge,
        &["jobs", "--admin-token-file", token.to_str().unwrap()],
    )
    .await;
    assert_eq!(said.code, 0, "{}", said.err);
}

#[tokio::test]
async fn a_bridge_that_does_not_run_is_said_not_to() {
    let mut world = Setting::alone().start().await;
    world.bridge.terminate();
    world.bridge.exit().await;
    let said = ask(&world.bridge, &["jobs"]).await;
    assert_eq!(said.code, 1);
    assert!(
        said.err
            .contains("no bridge is running at http://127.0.0.1"),
        "{}",
        said.err
    );
    let file = world.bridge.folder.path().join("waba-bridge.toml");
    let said = run(&["routes", "--config", file.to_str().unwrap()], &[]).await;
    assert_eq!(said.code, 1);
    assert!(said.err.contains("port 0"), "{}", said.err);
    let said = run(
        &["routes", "--config", "/nonexistent/waba-bridge.toml"],
        &[],
    )
    .await;
    assert_eq!(said.code, 78);
}
