//! The file's layer: reread when it changes, refused as a whole, under what is set at run time.

use std::collections::BTreeSet;

use futures_util::StreamExt;
use serde_json::{Value, json};

use super::{
    PROFILE, decided, done, history, order, readiness, shown, until, until_decided, with_onprem,
};

const REFUSED: &str = "the changed configuration is refused; the last good one stays in force";

/// Another flag of the business profile.
fn profile(flag: &str) -> impl FnOnce(String) -> String {
    let line = format!("[routes]\nbusiness_profile = {flag}\n");
    move |old| {
        let rest = old.split_once("[routes]\n").unwrap();
        let kept = rest
            .1
            .lines()
            .filter(|line| !line.starts_with("business_profile"));
        let kept: Vec<&str> = kept.collect();
        format!("{}{line}{}\n", rest.0, kept.join("\n"))
    }
}

#[tokio::test]
async fn the_file_is_reread_on_sighup_and_when_it_changes() {
    let world = with_onprem("").start().await;
    let token = world.login().await;
    until_decided(&world, &token, "onprem").await;
    world.bridge.reconfigure(profile("\"cloud\""));
    world.bridge.signal("HUP");
    until_decided(
        &world,
        &token,
        "cloud; reason=mode; flag=\"cloud\"; layer=\"file [routes]\"",
    )
    .await;
    world.bridge.reconfigure(profile("\"onprem\""));
    until_decided(
        &world,
        &token,
        "onprem; reason=mode; flag=\"onprem\"; layer=\"file [routes]\"",
    )
    .await;
    let entries = history(&world.bridge, &["business_profile"]).await;
    assert_eq!(entries.len(), 2);
    assert!(entries.iter().all(|entry| entry["who"] == "file"));
}

#[tokio::test]
async fn a_file_with_a_fault_is_refused_as_a_whole_and_the_last_good_one_stays() {
    let world = with_onprem("").start().await;
    let token = world.login().await;
    let good = |old: String| profile("\"cloud\"")(old);
    world.bridge.reconfigure(|old| {
        good(old).replace(
            "[routes]\n",
            "[routes]\nnix = \"cloud\"\ngroups = \"cloud\"\n",
        )
    });
    world.bridge.signal("HUP");
    let line = world.bridge.logged(REFUSED, |_| true).await;
    assert!(
        line["why"].as_str().unwrap().contains("routes.nix"),
        "{line}"
    );
    let (status, check) = readiness(&world.bridge, "configuration").await;
    let check = check.unwrap();
    assert_eq!((status.as_str(), &check["ok"]), ("degraded", &json!(false)));
    assert!(
        check["detail"].as_str().unwrap().contains(" more)"),
        "{check}"
    );
    let (_, decision) = decided(&world.bridge, PROFILE, &token).await;
    assert!(decision.starts_with("onprem"), "{decision}");

    world
        .bridge
        .reconfigure(|old| old.replace("nix = \"cloud\"\ngroups = \"cloud\"\n", ""));
    until_decided(&world, &token, "cloud").await;
    let (_, check) = readiness(&world.bridge, "configuration").await;
    assert_eq!(check.unwrap()["ok"], true);
}

#[tokio::test]
async fn what_only_a_restart_brings_into_force_is_said() {
    let world = with_onprem("").start().await;
    world
        .bridge
        .reconfigure(|old| old.replace("min_free_mb = 1", "min_free_mb = 2"));
    until(async || {
        let (_, check) = readiness(&world.bridge, "configuration").await;
        check.unwrap()["detail"] == "a restart is needed for: media"
    })
    .await;
}

#[tokio::test]
async fn a_flag_of_run_time_stays_over_what_the_file_comes_to_say() {
    let world = with_onprem("").start().await;
    done(
        order(
            &world.bridge,
            &["cutover", "set", "business_profile", "cloud"],
        )
        .await,
    );
    world.bridge.reconfigure(profile("\"off\""));
    until(async || shown(&world.bridge, "business_profile").await["file"] == "off").await;
    let flag = shown(&world.bridge, "business_profile").await;
    assert_eq!(
        (&flag["flag"], &flag["layer"]),
        (&json!("cloud"), &json!("run time"))
    );
    let entry = &history(&world.bridge, &["business_profile"]).await[0];
    let new = entry["new"].as_str().unwrap();
    assert!(new.contains("cloud of run time stays in force"), "{entry}");
    done(order(&world.bridge, &["cutover", "reset", "business_profile"]).await);
    assert_eq!(
        shown(&world.bridge, "business_profile").await["flag"],
        "off"
    );
}

#[tokio::test]
async fn a_file_that_does_not_fit_what_is_set_at_run_time_is_refused_and_at_a_start_laid_under_nothing()
 {
    let mut world = with_onprem("").start().await;
    done(
        order(
            &world.bridge,
            &["cutover", "set", "business_profile", "compare"],
        )
        .await,
    );
    // A baseline cannot answer.
    world
        .bridge
        .reconfigure(|old| format!("[compare]\nagainst = \"recorded\"\n{old}"));
    let line = world.bridge.logged(REFUSED, |_| true).await;
    let why = line["why"].as_str().unwrap();
    assert!(
        why.contains("numbers.support.routes.business_profile"),
        "{why}"
    );
    let flag = shown(&world.bridge, "business_profile").await;
    assert_eq!(flag["flag"], "compare, onprem answers");

    world.bridge.crash_and_restart();
    let flag = shown(&world.bridge, "business_profile").await;
    assert_eq!(
        (&flag["flag"], &flag["layer"]),
        (&json!("onprem"), &json!("default"))
    );
    let (status, check) = readiness(&world.bridge, "flags of support").await;
    assert_eq!(status, "degraded");
    let check = check.unwrap();
    assert!(
        check["detail"].as_str().unwrap().contains("not in force"),
        "{check}"
    );
    done(order(&world.bridge, &["cutover", "reset", "business_profile"]).await);
    assert_eq!(readiness(&world.bridge, "flags of support").await.1, None);
}

#[tokio::test]
async fn a_reload_among_a_thousand_requests_leaves_each_with_one_of_the_two_flags() {
    let world = with_onprem("").start().await;
    let token = world.login().await;
    let call = || decided(&world.bridge, PROFILE, &token);
    let mut answers = futures_util::stream::repeat_with(call).buffer_unordered(20);
    let (mut seen, mut flags) = (0, BTreeSet::new());
    while seen < 1000 || flags.len() < 2 {
        let (status, decision) = answers.next().await.unwrap();
        assert_eq!(status, 200, "{decision}");
        let mode = decision.split(';').next().unwrap().to_owned();
        assert!(decision.contains(&format!("flag=\"{mode}\"")), "{decision}");
        flags.insert(mode);
        seen += 1;
        if seen == 400 {
            world.bridge.reconfigure(profile("\"cloud\""));
            world.bridge.signal("HUP");
        }
        assert!(seen < 1_000_000, "the new file never came into force");
    }
    assert_eq!(Value::from_iter(flags), json!(["cloud", "onprem"]));
}
