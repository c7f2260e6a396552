//! What comparisons leave behind: which fields say nothing, and the rows in the state.

use serde_json::{Value, json};
use tokio::task::JoinSet;
use waba_bridge::state::State;

use crate::harness::{Setting, World, within};

const PROFILE: &str = "/v1/settings/business/profile";
const FLAG: &str = "business_profile = { mode = \"compare\", answer = \"onprem\" }\n";
const RESTLESS: &str = "$.settings.business.profile.description";
const STEADY: &str = "$.settings.business.profile.address";

fn paths(line: &Value) -> Vec<&str> {
    let differences = line["differences"].as_array().unwrap().iter();
    differences
        .map(|difference| difference["path"].as_str().unwrap())
        .collect()
}

async fn read(world: &World, token: &str) {
    assert_eq!(world.bridge.get(PROFILE, token).await.status(), 200);
}

/// Waits until the old client was asked so often.
async fn until_asked(world: &World, times: usize) {
    let onprem = world.onprem.as_ref().unwrap();
    let asked = onprem.wait_until(|log| {
        let answered = log.iter().filter(|seen| seen.status.is_some());
        answered.filter(|seen| seen.path == PROFILE).count() >= times
    });
    within(asked).await;
}

#[tokio::test]
async fn what_the_old_client_never_says_twice_is_no_difference() {
    let mut setting = Setting::compared(FLAG, "");
    setting.top = setting
        .top
        .replace("noise_percent = 0", "noise_percent = 100");
    let mut world = setting.start().await;
    let token = world.login().await;
    let onprem = world.onprem.as_ref().unwrap();
    let same = json!({"address": "12 Quiet Lane", "description": "One", "email": "", "vertical": "", "websites": []});
    onprem.set_profile(&same);
    let mut other = same.clone();
    other["description"] = "Another".into();
    let other =
        json!({"settings": {"business": {"profile": other}}, "meta": {"version": "v2.57.2"}});
    // Each second answer, which is the one that is asked for to know the noise.
    let restless = format!("{PROFILE}:body=200,{other}:every=2");
    onprem.faults().push_lines(&restless).unwrap();
    let mut at_cloud = json!({"address": "14 Quiet Lane", "description": "Quite another"});
    world.cloud.set_profile(&at_cloud);
    for secret in ["Quiet Lane", "Quite another"] {
        world.bridge.keep_secret(secret);
    }
    // Ten samples before noise explains anything.
    for index in 0..10 {
        read(&world, &token).await;
        let line = world.comparison(index).await;
        assert_eq!(
            (&line["verdict"], paths(&line)),
            (&json!("mismatch"), vec![STEADY, RESTLESS]),
            "{line}"
        );
        assert_eq!(line["noise"], json!([]));
        until_asked(&world, 2 * (index + 1)).await;
    }
    // When the last answer is taken in, is the bridge's own affair.
    let mut index = 10;
    let line = loop {
        read(&world, &token).await;
        let line = world.comparison(index).await;
        index += 1;
        until_asked(&world, 2 * index).await;
        if line["noise"] != json!([]) {
            break line;
        }
        assert!(index < 20, "{line}");
    };
    assert_eq!(
        (&line["verdict"], paths(&line)),
        (&json!("mismatch"), vec![STEADY]),
        "{line}"
    );
    assert_eq!(line["noise"], json!([RESTLESS]));
    at_cloud["address"] = "12 Quiet Lane".into();
    world.cloud.set_profile(&at_cloud);
    read(&world, &token).await;
    let line = world.comparison(index).await;
    assert_eq!(
        (&line["verdict"], &line["noise"]),
        (&json!("match"), &json!([RESTLESS])),
        "{line}"
    );
    until_asked(&world, 2 * (index + 1)).await;

    world.bridge.terminate();
    assert_eq!(world.bridge.exit().await.code(), Some(0));
    world.bridge.restart();
    read(&world, &token).await;
    let line = world.comparison(0).await;
    assert_eq!(
        (&line["verdict"], &line["noise"]),
        (&json!("match"), &json!([RESTLESS])),
        "{line}"
    );
}

#[tokio::test]
async fn what_was_compared_before_the_end_is_in_the_state() {
    let mut world = Setting::compared(FLAG, "").start().await;
    let token = world.login().await;
    let mut calls = JoinSet::new();
    for _ in 0..100 {
        let request = world.bridge.request("GET", PROFILE).bearer_auth(&token);
        calls.spawn(async move { request.send().await.unwrap().status() });
    }
    while let Some(status) = within(calls.join_next()).await {
        assert_eq!(status.unwrap(), 200);
    }
    let verdicts = async |world: &World| {
        let mut all = 0.0;
        for verdict in ["match", "mismatch"] {
            let metric = format!(
                "waba_bridge_comparisons_total{{number=\"support\",route=\"business_profile\",result=\"{verdict}\"}} "
            );
            all += world.bridge.metric(&metric).await;
        }
        all
    };
    // There is a permit for each, or it is counted that there was none.
    let (compared, skipped) = within(async {
        loop {
            let skipped = world.skipped("business_profile", "busy").await;
            let compared = verdicts(&world).await;
            if compared + skipped == 100.0 {
                return (compared, skipped);
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(compared >= 64.0, "{compared} {skipped}");
    world.bridge.terminate();
    assert_eq!(world.bridge.exit().await.code(), Some(0));
    let state = State::open(&world.bridge.folder.path().join("state/bridge.db")).unwrap();
    assert_eq!(state.comparison_count().await.unwrap() as f64, compared);
    assert_eq!(world.bridge.lines("compared").len() as f64, compared);
    state.close().await;
}
