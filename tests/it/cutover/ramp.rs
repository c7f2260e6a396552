//! Ramps with real calls: one that reaches its goal, and those that go back by themselves.

use serde_json::{Value, json};
use waba_bridge::route::{Route, bucket};

use super::{PROFILE, ask, decided, done, history, order, shown, until, with_onprem};
use crate::harness::{Bridge, World};

const ONPREM_LOGIN: &str =
    "[every_number.onprem]\nusername = \"admin\"\npassword = \"Standin-1\"\n";

/// A first share that the only caller is in, and the whole.
fn steps() -> String {
    let first = bucket(Route::BusinessProfile, "admin") / 100 + 1;
    assert!(
        first < 100,
        "the caller's bucket leaves no room for two steps"
    );
    format!("{first},100")
}

async fn begin(bridge: &Bridge, more: &[&str]) {
    let steps = steps();
    let mut all = vec![
        "cutover",
        "ramp",
        "business_profile",
        "--steps",
        &steps,
        "--every",
        "1s",
        "--max-error-rate",
        "1%",
        "--min-samples",
        "3",
    ];
    all.extend(more);
    done(order(bridge, &all).await);
}

/// The ramp of the business profile, as `cutover show` has it.
async fn ramp(bridge: &Bridge) -> Value {
    let said = done(ask(bridge, &["cutover", "show", "--json"]).await).json();
    said["numbers"][0]["ramps"][0].clone()
}

/// Calls until the ramp stands like this.
async fn call_until(world: &World, token: &str, status: &str) {
    until(async || {
        decided(&world.bridge, PROFILE, token).await;
        ramp(&world.bridge).await["status"] == status
    })
    .await;
}

fn news(entries: &[Value]) -> Vec<&str> {
    let news = entries
        .iter()
        .rev()
        .map(|entry| entry["new"].as_str().unwrap());
    news.collect()
}

#[tokio::test]
async fn it_goes_on_while_all_is_well_and_ends_at_its_goal() {
    let world = with_onprem("").start().await;
    let token = world.login().await;
    begin(&world.bridge, &[]).await;
    let standing = ramp(&world.bridge).await;
    assert_eq!(
        (&standing["status"], &standing["step"], &standing["steps"]),
        (&json!("running"), &json!(1), &json!(2))
    );
    let (_, decision) = decided(&world.bridge, PROFILE, &token).await;
    assert!(decision.starts_with("cloud; reason=percent"), "{decision}");
    let again = [
        "cutover",
        "ramp",
        "business_profile",
        "--steps",
        "99",
        "--every",
        "1s",
        "--max-error-rate",
        "1%",
        "--min-samples",
        "3",
    ];
    let said = order(&world.bridge, &again).await;
    assert!(said.err.contains("running already"), "{}", said.err);

    call_until(&world, &token, "done").await;
    assert_eq!(
        shown(&world.bridge, "business_profile").await["flag"],
        "cloud"
    );
    let entries = history(&world.bridge, &["business_profile"]).await;
    let steps = steps();
    let first = steps.split(',').next().unwrap();
    let begun = format!("cloud {first}%, ramp {first}% 100% every 1s");
    assert_eq!(news(&entries), [begun.as_str(), "cloud", "cloud (done)"]);
    assert!(entries[0]["reason"].as_str().unwrap().contains("0 of "));
}

#[tokio::test]
async fn it_goes_back_when_cloud_fails() {
    let world = with_onprem("").start().await;
    let token = world.login().await;
    // What happened before a ramp is not the ramp's.
    done(
        order(
            &world.bridge,
            &["cutover", "set", "business_profile", "cloud"],
        )
        .await,
    );
    world
        .cloud
        .faults()
        .push_lines("profile:status=500")
        .unwrap();
    for _ in 0..5 {
        assert!(decided(&world.bridge, PROFILE, &token).await.0 >= 500);
    }
    world.cloud.faults().clear();
    done(order(&world.bridge, &["cutover", "reset", "business_profile"]).await);
    begin(&world.bridge, &[]).await;
    for _ in 0..3 {
        assert_eq!(decided(&world.bridge, PROFILE, &token).await.0, 200);
    }
    until(async || ramp(&world.bridge).await["step"] == 2).await;

    world
        .cloud
        .faults()
        .push_lines("profile:status=500")
        .unwrap();
    call_until(&world, &token, "went back").await;
    assert_eq!(
        shown(&world.bridge, "business_profile").await["flag"],
        "onprem"
    );
    assert_eq!(decided(&world.bridge, PROFILE, &token).await.0, 200);
    let entries = history(&world.bridge, &["business_profile"]).await;
    assert_eq!(entries[0]["new"], "onprem (went back)");
    let reason = entries[0]["reason"].as_str().unwrap();
    assert!(reason.contains("calls failed"), "{reason}");
    assert_eq!(entries[0]["who"], "ramp of anna");
}

#[tokio::test]
async fn it_goes_back_when_the_sides_differ() {
    let world = with_onprem("").top(ONPREM_LOGIN).start().await;
    let token = world.login().await;
    world
        .onprem
        .as_ref()
        .unwrap()
        .set_profile(&json!({"email": "old@example.com"}));
    world
        .cloud
        .set_profile(&json!({"email": "new@example.com"}));
    begin(&world.bridge, &["--max-mismatch-rate", "2%"]).await;
    let flag = shown(&world.bridge, "business_profile").await;
    assert_eq!(
        (&flag["mode"], &flag["answer"]),
        (&json!("compare"), &json!("cloud"))
    );
    call_until(&world, &token, "went back").await;
    let entries = history(&world.bridge, &["business_profile"]).await;
    let reason = entries[0]["reason"].as_str().unwrap();
    assert!(reason.contains("comparisons differed"), "{reason}");
}

#[tokio::test]
async fn it_goes_back_when_the_kill_switch_is_thrown_and_when_data_goes_missing() {
    let world = with_onprem("").start().await;
    let token = world.login().await;
    begin(&world.bridge, &[]).await;
    for _ in 0..3 {
        decided(&world.bridge, PROFILE, &token).await;
    }
    until(async || ramp(&world.bridge).await["step"] == 2).await;
    until(async || ramp(&world.bridge).await["status"] == "went back").await;
    let why = ramp(&world.bridge).await["why"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(why.contains("data went missing"), "{why}");

    begin(&world.bridge, &[]).await;
    done(order(&world.bridge, &["cutover", "kill"]).await);
    until(async || ramp(&world.bridge).await["status"] == "went back").await;
    let why = ramp(&world.bridge).await["why"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(why.contains("kill switch"), "{why}");
}

#[tokio::test]
async fn it_is_held_without_data_survives_a_crash_and_is_stopped_where_it_is() {
    let mut world = with_onprem("").start().await;
    begin(&world.bridge, &[]).await;
    world
        .bridge
        .logged("a ramp is held", |line| {
            line["why"] == "0 calls of 3 needed"
        })
        .await;
    world.bridge.crash_and_restart();
    let standing = ramp(&world.bridge).await;
    assert_eq!(
        (&standing["status"], &standing["step"]),
        (&json!("running"), &json!(1))
    );
    let flag = shown(&world.bridge, "business_profile").await["flag"].clone();
    let stop = ["cutover", "ramp", "business_profile", "--stop"];
    done(order(&world.bridge, &stop).await);
    assert_eq!(ramp(&world.bridge).await, Value::Null);
    assert_eq!(shown(&world.bridge, "business_profile").await["flag"], flag);
    let said = order(&world.bridge, &stop).await;
    assert!(
        said.err.contains("no ramp of business_profile is running"),
        "{}",
        said.err
    );
}

/// Retry downloads are accepted whatever Cloud does; what shows an outage is how they go on.
#[tokio::test]
async fn it_goes_back_while_accepted_downloads_meet_an_outage() {
    let world = with_onprem("").start().await;
    let token = world.login().await;
    world
        .cloud
        .faults()
        .push_lines("lookup:status=500:always")
        .unwrap();
    let begun = [
        "cutover",
        "ramp",
        "media_download",
        "--steps",
        "50,100",
        "--every",
        "600s",
        "--max-error-rate",
        "1%",
        "--min-samples",
        "3",
    ];
    done(order(&world.bridge, &begun).await);
    for number in 0..20 {
        let id = format!("17619917876700{number:02}");
        let path = format!("/v1/media/{id}/download");
        let answer = world.bridge.get(&path, &token).await;
        assert_eq!(answer.status(), 200);
    }
    until(async || ramp(&world.bridge).await["status"] == "went back").await;
    let entries = history(&world.bridge, &["media_download"]).await;
    let reason = entries[0]["reason"].as_str().unwrap();
    assert!(reason.contains("calls failed"), "{reason}");
}
