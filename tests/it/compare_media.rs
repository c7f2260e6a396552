//! Media in mode `compare`: the integration gets the bytes of one side, and the log tells whether the other has the same.

use bytes::Bytes;
use serde_json::{Value, json};
use waba_bridge::standin::{Content, Medium};

use crate::harness::{Setting, World, content_of};

const ID: &str = "1761991787669262";
const LENGTH: u64 = 300_000;
const SIDES: [&str; 2] = ["onprem", "cloud"];

/// A world whose bridge has stored the medium.
async fn world(answer: &str, length: u64) -> (World, String) {
    let flags = format!(
        "media_download = \"cloud\"\nmedia_get = {{ mode = \"compare\", answer = \"{answer}\" }}\n"
    );
    let world = Setting::compared(&flags, "").start().await;
    world.add_medium(ID, "image/png", length);
    let token = world.login().await;
    world.download(ID, &token).await;
    world.told().await.is_success_of(ID);
    (world, token)
}

fn on_prem_has(world: &World, id: &str, mime_type: &str, length: u64, seed: u64) {
    let medium = Medium::new(mime_type, Content::Pattern { length, seed });
    world.onprem.as_ref().unwrap().add_medium(id, medium);
}

fn path() -> String {
    format!("/v1/media/{ID}")
}

async fn bytes_of(world: &World, token: &str) -> Bytes {
    let answer = world.bridge.get(&path(), token).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "image/png");
    answer.bytes().await.unwrap()
}

fn verdict(line: &Value) -> &str {
    line["verdict"].as_str().unwrap()
}

fn paths(line: &Value) -> Vec<&str> {
    let differences = line["differences"].as_array().unwrap().iter();
    differences
        .map(|difference| difference["path"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn the_same_bytes_match_whatever_their_number() {
    for (answer, length) in [
        ("onprem", LENGTH),
        ("cloud", LENGTH),
        ("onprem", 20 << 20),
        ("cloud", 20 << 20),
    ] {
        let (world, token) = world(answer, length).await;
        on_prem_has(&world, ID, "image/png", length, ID.parse().unwrap());
        let got = bytes_of(&world, &token).await;
        assert!(got == content_of(ID, length), "{answer}: other bytes");
        let line = world.comparison(0).await;
        assert_eq!(
            (verdict(&line), &line["route"]),
            ("match", &json!("media_get")),
            "{line}"
        );
        assert_eq!(line["answer"], answer);
    }
}

#[tokio::test]
async fn other_bytes_of_the_same_length_differ_in_their_digest() {
    for answer in SIDES {
        let (world, token) = world(answer, LENGTH).await;
        on_prem_has(&world, ID, "image/png", LENGTH, 7);
        let got = bytes_of(&world, &token).await;
        let ours = got == content_of(ID, LENGTH);
        assert_eq!(ours, answer == "cloud");
        let line = world.comparison(0).await;
        assert_eq!(verdict(&line), "mismatch", "{line}");
        assert_eq!(paths(&line), ["sha256"], "{line}");

        on_prem_has(&world, ID, "image/png", LENGTH + 1, ID.parse().unwrap());
        bytes_of(&world, &token).await;
        let line = world.comparison(1).await;
        assert!(paths(&line).contains(&"length"), "{line}");
    }
}

#[tokio::test]
async fn parts_and_heads_are_passed_and_not_compared() {
    for answer in SIDES {
        let (world, token) = world(answer, LENGTH).await;
        on_prem_has(&world, ID, "image/png", LENGTH, ID.parse().unwrap());
        let part = world
            .bridge
            .request("GET", &path())
            .bearer_auth(&token)
            .header("range", "bytes=5-9");
        let part = part.send().await.unwrap();
        let status = part.status();
        let part = part.bytes().await.unwrap();
        let whole = content_of(ID, LENGTH);
        match answer {
            // The stand-in, as the real one, knows no ranges.
            "onprem" => assert!(status == 200 && part == whole),
            _ => assert!(status == 206 && part == whole[5..10]),
        }
        let head = world
            .bridge
            .request("HEAD", &path())
            .bearer_auth(&token)
            .send()
            .await
            .unwrap();
        assert_eq!(head.content_length().unwrap_or_default(), 0);
        // Something that is compared, to see what came before it.
        bytes_of(&world, &token).await;
        world.comparison(0).await;
        assert_eq!(world.bridge.lines("compared").len(), 1, "{answer}");
    }
}

#[tokio::test]
async fn what_only_the_bridge_has_is_served_by_the_bridge() {
    for (answer, fault) in [
        ("onprem", None),
        ("onprem", Some("body=404,{\"errors\":[{\"code\":1006}]}")),
        ("cloud", None),
    ] {
        let (world, token) = world(answer, LENGTH).await;
        if let Some(fault) = fault {
            world
                .onprem
                .as_ref()
                .unwrap()
                .faults()
                .push_lines(&format!("{}:{fault}:always", path()))
                .unwrap();
        }
        let got = bytes_of(&world, &token).await;
        assert!(got == content_of(ID, LENGTH), "{answer}");
        let line = world.comparison(0).await;
        assert_eq!(
            (
                verdict(&line),
                &line["onprem_status"],
                &line["cloud_status"]
            ),
            ("mismatch", &json!(404), &json!(200)),
            "{line}"
        );
        // Not to everybody, though.
        let stranger = world.bridge.get(&path(), "stolen").await;
        assert!([401, 404].contains(&stranger.status().as_u16()));
        assert!(stranger.bytes().await.unwrap().len() < 1000);
    }
}

#[tokio::test]
async fn what_only_the_old_client_has_is_served_by_the_old_client() {
    const UUID: &str = "f043afd0-f0ae-4b9c-ab3d-696fb4c8cd68";
    for answer in SIDES {
        let (world, token) = world(answer, LENGTH).await;
        on_prem_has(&world, UUID, "image/gif", 1000, 3);
        let got = world
            .bridge
            .request("GET", &format!("/v1/media/{UUID}"))
            .bearer_auth(&token)
            .header("x-bridge-decision", "1");
        let got = got.send().await.unwrap();
        let decision = got.headers()["x-bridge-decision"]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(
            decision.starts_with("onprem; reason=affinity"),
            "{decision}"
        );
        assert_eq!(
            (got.status().as_u16(), got.bytes().await.unwrap().len()),
            (200, 1000)
        );
        assert!(world.bridge.lines("compared").is_empty());
    }
}

#[tokio::test]
async fn an_old_client_in_trouble_is_told_as_ever_and_compared() {
    let (mut world, token) = world("onprem", LENGTH).await;
    on_prem_has(&world, ID, "image/png", LENGTH, ID.parse().unwrap());
    let onprem = world.onprem.as_ref().unwrap();
    onprem
        .faults()
        .push_lines(&format!("{}:truncate=1000:next=1", path()))
        .unwrap();
    let cut = world.bridge.get(&path(), &token).await;
    assert!(cut.bytes().await.is_err());
    world
        .until_skipped("media_get", "body_broke_off", 1.0)
        .await;
    onprem
        .faults()
        .push_lines(&format!("{}:status=503:next=1", path()))
        .unwrap();
    assert_eq!(world.bridge.get(&path(), &token).await.status(), 503);
    let line = world.comparison(0).await;
    assert_eq!(
        (verdict(&line), &line["reason"]),
        ("only_cloud", &json!("server_error")),
        "{line}"
    );
    drop(world.onprem.take());
    assert_eq!(world.bridge.get(&path(), &token).await.status(), 502);
    let line = world.comparison(1).await;
    assert_eq!(
        (verdict(&line), &line["reason"]),
        ("only_cloud", &json!("unanswered")),
        "{line}"
    );
}

#[tokio::test]
async fn a_caller_that_leaves_is_no_difference() {
    let (world, token) = world("onprem", 8 << 20).await;
    on_prem_has(&world, ID, "image/png", 8 << 20, ID.parse().unwrap());
    let left = world.bridge.get(&path(), &token).await;
    drop(left);
    world
        .until_skipped("media_get", "body_broke_off", 1.0)
        .await;
    assert!(world.bridge.lines("compared").is_empty());
}

/// As without a comparison: the bridge says nothing of its own, and asks nothing either.
#[tokio::test]
async fn who_may_read_is_said_by_the_old_client_while_it_answers() {
    let (world, token) = world("onprem", LENGTH).await;
    let onprem = world.onprem.as_ref().unwrap();
    let fault = format!("{}:body=401,no:next=1", path());
    onprem.faults().push_lines(&fault).unwrap();
    let refused = world.bridge.get(&path(), &token).await;
    assert_eq!(refused.status(), 401);
    assert_eq!(refused.text().await.unwrap(), "no");
    world.until_skipped("media_get", "refused", 1.0).await;
    let before = onprem.log(|log| log.total());
    assert_eq!(world.bridge.get(&path(), "stolen").await.status(), 401);
    assert_eq!(onprem.log(|log| log.total()), before + 1);
    world.until_skipped("media_get", "refused", 2.0).await;
    // Nor is a file given to whom only a confused old client lets in.
    let fault = format!("{}:body=404,no:next=1", path());
    onprem.faults().push_lines(&fault).unwrap();
    assert_eq!(world.bridge.get(&path(), "stolen").await.status(), 401);
    assert!(world.bridge.lines("compared").is_empty());
}

#[tokio::test]
async fn what_is_not_there_is_not_said_to_be() {
    let (world, token) = world("cloud", LENGTH).await;
    let answer = world.bridge.get("/v1/media/a%20b", &token).await;
    assert_eq!(answer.status(), 404);
    // As with "cloud": an id that cannot be one is no path.
    assert_eq!(crate::raw::code(&answer.json().await.unwrap()), 1006);
    let line = world.comparison(0).await;
    assert_eq!(line["cloud_status"], 404, "{line}");
    on_prem_has(&world, ID, "image/png", LENGTH, ID.parse().unwrap());
    std::fs::remove_file(world.bridge.stored_file(ID)).unwrap();
    assert_eq!(world.bridge.get(&path(), &token).await.status(), 404);
    let line = world.comparison(1).await;
    let statuses = (&line["onprem_status"], &line["cloud_status"]);
    assert_eq!(statuses, (&json!(200), &json!(404)), "{line}");
    assert_eq!(verdict(&line), "mismatch");
}
