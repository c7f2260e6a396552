//! Why a call goes where it goes: told beforehand by `why`, and with the answer to those who ask.

use serde_json::json;
use waba_bridge::standin::{Content, Medium};

use super::{PROFILE, ask, decided, done, order, with_onprem};
use crate::harness::content_of;

const ID: &str = "1761991787669262";

#[tokio::test]
async fn a_decision_is_explained_before_anybody_calls() {
    let world = with_onprem("media_download = { mode = \"cloud\", percent = 25 }")
        .start()
        .await;
    let path = format!("/v1/media/{ID}/download");
    let said = done(ask(&world.bridge, &["why", "get", &path, "--number", "support"]).await);
    said.line(&["GET", "of support: media_download (read)"]);
    said.line(&["flag: cloud 25% (file [routes])"]);
    said.line(&["percent: bucket 9580 of 10000, not one of the first 2500"]);
    let said = done(ask(&world.bridge, &["why", "GET", &path, "--json"]).await).json();
    assert_eq!(
        (&said["plan"], &said["reason"], &said["bucket"]),
        (&json!("onprem"), &json!("percent"), &json!(9580))
    );

    done(order(&world.bridge, &["cutover", "pin", "--medium", ID, "cloud"]).await);
    let said = done(ask(&world.bridge, &["why", "GET", &path]).await);
    said.line(&["cloud (reason: pinned)"]);
    let said = done(ask(&world.bridge, &["why", "POST", "/v1/nothing?x=1"]).await);
    said.line(&["no documented route"]);
    let said = done(ask(&world.bridge, &["why", "POST", &path]).await);
    said.line(&["method: not one of this path's (GET"]);
    for (arguments, words) in [
        (["why", "GET", "v1/media"], "a path begins with /"),
        (["why", "G T", "/v1/media"], "no HTTP method"),
    ] {
        let said = ask(&world.bridge, &arguments).await;
        assert_eq!(said.code, 1);
        assert!(said.err.contains(words), "{}", said.err);
    }
    let named = ["why", "GET", "/v1/health", "--number", "sales"];
    let said = ask(&world.bridge, &named).await;
    assert!(said.err.contains("there are: support"), "{}", said.err);
}

#[tokio::test]
async fn who_asks_is_told_and_on_prem_never_hears_of_it() {
    let world = with_onprem("").start().await;
    let token = world.login().await;
    let plain = world.bridge.get(PROFILE, &token).await;
    assert!(plain.headers().get("x-bridge-decision").is_none());
    let (_, decision) = decided(&world.bridge, PROFILE, &token).await;
    assert!(decision.starts_with("onprem; reason=mode"), "{decision}");
    let onprem = world.onprem.as_ref().unwrap();
    let asked = onprem.requests();
    assert!(asked.len() >= 2);
    assert!(
        asked
            .iter()
            .all(|seen| seen.header("x-bridge-decision").is_none())
    );
}

#[tokio::test]
async fn a_medium_stored_from_cloud_is_served_after_the_routes_went_back() {
    let flags = "media_download = \"cloud\"\nmedia_get = \"cloud\"\n";
    let world = with_onprem(flags).start().await;
    let token = world.login().await;
    world.add_medium(ID, "image/png", 1000);
    world.download(ID, &token).await;
    world.told().await.is_success_of(ID);

    let back = ["cutover", "set", "media_download,media_get", "onprem"];
    done(order(&world.bridge, &back).await);
    let path = format!("/v1/media/{ID}");
    let answer = world.bridge.get(&path, &token).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.bytes().await.unwrap(), content_of(ID, 1000));
    let (_, decision) = decided(&world.bridge, &path, &token).await;
    assert!(decision.starts_with("cloud; reason=affinity"), "{decision}");
    let (_, decision) = decided(&world.bridge, "/v1/media/4711", &token).await;
    assert!(decision.starts_with("onprem; reason=mode"), "{decision}");
    let said = done(ask(&world.bridge, &["why", "GET", &path]).await);
    said.line(&["affinity: the medium lives on cloud alone"]);
}

/// While the old client fetches some media itself, their bytes are with it, whatever the flag of the bytes says.
#[tokio::test]
async fn a_medium_that_on_prem_fetched_is_served_by_on_prem() {
    let world = with_onprem("media_get = \"cloud\"\nmedia_download = \"cloud\"\n")
        .start()
        .await;
    let token = world.login().await;
    let onprem = world.onprem.as_ref().unwrap();
    let content = Content::Pattern {
        length: 5000,
        seed: 7,
    };
    onprem.add_medium("1761991787669299", Medium::new("image/png", content));
    let path = "/v1/media/1761991787669299";
    let (status, decision) = decided(&world.bridge, path, &token).await;
    assert_eq!(status, 404, "{decision}");
    for flag in [
        &["onprem"][..],
        &["cloud", "--percent", "0"],
        &["cloud", "--percent", "99"],
    ] {
        let set = [&["cutover", "set", "media_download"], flag].concat();
        done(order(&world.bridge, &set).await);
        let (_, decision) = decided(&world.bridge, path, &token).await;
        assert!(
            decision.starts_with("onprem; reason=affinity"),
            "{decision}"
        );
        let answer = world.bridge.get(path, &token).await;
        assert_eq!(answer.status(), 200, "{flag:?}");
        assert_eq!(answer.bytes().await.unwrap().len(), 5000);
    }
}
