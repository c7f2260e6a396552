//! The main job in mode `compare`: both sides fetch, one callback comes, and the log tells what differs.

use std::collections::HashSet;
use std::net::TcpListener;

use base64::Engine as _;
use serde_json::{Value, json};
use waba_bridge::standin::onprem::Onprem;
use waba_bridge::standin::receiver::Callback;
use waba_bridge::standin::{Content, Digest, Medium, Seen};

use crate::harness::{Setting, Told, World, within};
use crate::storage::Tmpfs;

const ID: &str = "1761991787669262";
const LENGTH: u64 = 1000;
const SIDES: [&str; 2] = ["onprem", "cloud"];
/// So long that no test sees it pass.
const PATIENT: &str = "callback_deadline_s = 3600";
const HASTY: &str = "callback_deadline_s = 1";

fn flag(answer: &str) -> String {
    format!("media_download = {{ mode = \"compare\", answer = \"{answer}\" }}")
}

/// Both sides are asked, and on-prem calls back to the intake.
async fn world(answer: &str, compare: &str) -> (World, String) {
    world_in(tempfile::tempdir().unwrap(), answer, compare).await
}

async fn world_in(folder: tempfile::TempDir, answer: &str, compare: &str) -> (World, String) {
    let world = Setting::compared(&flag(answer), compare)
        .impatient("")
        .callback("callback_backoff_delay_ms = 20")
        .start_in(folder)
        .await;
    onprem(&world).set_webhook(world.intake());
    let token = world.login().await;
    (world, token)
}

fn onprem(world: &World) -> &Onprem {
    world.onprem.as_ref().unwrap()
}

/// A medium that both sides have.
fn add(world: &World, id: &str) -> Digest {
    let content = Content::Pattern {
        length: LENGTH,
        seed: 1,
    };
    let medium = Medium::new("image/png", content);
    onprem(world).add_medium(id, medium.clone());
    world.cloud.add_medium(id, medium)
}

fn fault(world: &World, side: &str, line: &str) {
    let faults = match side {
        "onprem" => onprem(world).faults(),
        _ => world.cloud.faults(),
    };
    faults.push_lines(line).unwrap();
}

/// On-prem calls back with these bytes.
fn calls_back_with(world: &World, id: &str, body: &str) {
    fault(
        world,
        "onprem",
        &format!("callback@{id}:body=200,{body}:next=1"),
    );
}

/// Waits until all is done; then only one callback may have come, and is given.
async fn only_callback(world: &World) -> Callback {
    world.until_idle().await;
    let mut callbacks = world.receiver.callbacks();
    assert_eq!(callbacks.len(), 1, "{callbacks:?}");
    callbacks.remove(0)
}

/// Waits until on-prem has answered so many requests for a medium; with answer = "cloud" it is asked behind the answer.
async fn asked(world: &World, id: &str, times: usize) {
    let path = format!("/v1/media/{id}/download");
    let answered = |seen: &&Seen| seen.path == path && seen.status.is_some();
    let reached = onprem(world).wait_until(|log| log.iter().filter(answered).count() >= times);
    within(reached).await;
}

/// Waits until the bridge has taken so many callbacks of on-prem.
async fn taken(world: &World, times: usize) {
    let good = |seen: &&Seen| seen.status == Some(200);
    let reached =
        onprem(world).wait_until_called_back(|log| log.iter().filter(good).count() >= times);
    within(reached).await;
}

/// Of all the callbacks of on-prem the one of this medium.
fn said(world: &World, id: &str) -> Value {
    let callbacks = onprem(world).callbacks();
    let of_it = |seen: &&Seen| seen.medium.as_deref() == Some(id);
    let seen = callbacks.iter().find(of_it).unwrap();
    serde_json::from_slice(&seen.body).unwrap()
}

fn base64_of(digest: &Digest) -> String {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    let bytes: Vec<u8> = digest.sha256.as_bytes().chunks(2).map(byte).collect();
    base64::prelude::BASE64_STANDARD.encode(bytes)
}

fn paths(line: &Value) -> Vec<&str> {
    let differences = line["differences"].as_array().unwrap().iter();
    differences
        .map(|difference| difference["path"].as_str().unwrap())
        .collect()
}

fn verdict(line: &Value) -> (&str, &str) {
    let text = |field: &str| line[field].as_str().unwrap_or_default();
    (text("verdict"), text("reason"))
}

#[tokio::test]
async fn the_answering_side_tells_and_the_other_is_compared() {
    for answer in SIDES {
        let (world, token) = world(answer, PATIENT).await;
        let digest = add(&world, ID);
        let odd = format!(
            "  {{ \"media_items\" :[{{\"type\":\"image\", \"image\":{{\"status\":\"downloaded\",\"sha256\":\"{}\",\"mime_type\":\"image\\/png\",\"id\":\"{ID}\"}}\t}}]}} ",
            base64_of(&digest)
        );
        calls_back_with(&world, ID, &odd);
        world.download(ID, &token).await;
        let line = world.comparison(0).await;
        assert_eq!(
            (verdict(&line), &line["differences"]),
            (("match", ""), &json!([])),
            "{answer}: {line}"
        );
        assert_eq!(
            (&line["route"], &line["answer"], &line["target"]),
            (&json!("media_download"), &json!(answer), &json!("compare"))
        );
        for figure in ["onprem_ms", "cloud_ms"] {
            assert!(line[figure].is_u64(), "{answer}: {line}");
        }
        assert_eq!(line["levelled"], json!({"digests": 1}), "{line}");
        assert!(!line.to_string().contains(ID), "{line}");
        let callback = only_callback(&world).await;
        Told::read(&callback).is_success_of(ID);
        match answer {
            "onprem" => assert_eq!(callback.body, odd),
            _ => assert_eq!(
                callback.json()["media_items"][0]["image"]["sha256"],
                digest.sha256
            ),
        }
        // Nobody waits any more.
        for _ in 0..2 {
            let repeated = said(&world, ID);
            assert_eq!(onprem(&world).post_callback(&repeated).await.unwrap(), 200);
        }
        only_callback(&world).await;
        assert_eq!(world.bridge.lines("compared").len(), 1);
    }
}

#[tokio::test]
async fn each_difference_shows_at_its_path() {
    for answer in SIDES {
        let (world, token) = world(answer, PATIENT).await;
        let cases: [(&str, &str, &[&str]); 4] = [
            (
                "onprem",
                "callback:wrong-bytes:next=1",
                &["$.media_items[0].image.sha256"],
            ),
            (
                "onprem",
                "callback:mime-type=image/gif:next=1",
                &["$.media_items[0].image.mime_type"],
            ),
            (
                "onprem",
                "callback:not-found:next=1",
                &[
                    "$.media_items[0].errors",
                    "$.media_items[0].image.mime_type",
                    "$.media_items[0].image.sha256",
                ],
            ),
            (
                "cloud",
                "lookup:not-found:next=1",
                &[
                    "$.media_items[0].errors",
                    "$.media_items[0].image.mime_type",
                    "$.media_items[0].image.sha256",
                ],
            ),
        ];
        for (index, (side, line, expected)) in cases.into_iter().enumerate() {
            let id = format!("{}", 500_000 + index);
            add(&world, &id);
            fault(&world, side, line);
            world.download(&id, &token).await;
            let compared = world.comparison(index).await;
            assert_eq!(
                verdict(&compared).0,
                "mismatch",
                "{answer} {line}: {compared}"
            );
            assert_eq!(paths(&compared), expected, "{answer} {line}: {compared}");
            let told = world.callback().await;
            match answer {
                "onprem" => assert_eq!(told.json(), said(&world, &id), "{line}"),
                _ => assert_eq!(Told::read(&told).error.is_some(), side == "cloud", "{line}"),
            }
        }
        world.until_idle().await;
        assert_eq!(world.receiver.callbacks().len(), cases.len());
    }
}

#[tokio::test]
async fn the_stored_bytes_are_counted() {
    for answer in SIDES {
        let (world, token) = world(answer, PATIENT).await;
        let digest = add(&world, ID);
        // On-prem claims what it does not have.
        let other = Content::Pattern {
            length: LENGTH + 1,
            seed: 1,
        };
        onprem(&world).add_medium(ID, Medium::new("image/png", other));
        let claim = json!({"media_items": [{"image": {"id": ID, "mime_type": "image/png", "sha256": digest.sha256, "status": "downloaded"}, "type": "image"}]});
        calls_back_with(&world, ID, &claim.to_string());
        world.download(ID, &token).await;
        let line = world.comparison(0).await;
        assert_eq!(
            (verdict(&line).0, paths(&line)),
            ("mismatch", vec!["$.length"]),
            "{answer}: {line}"
        );
        only_callback(&world).await;
    }
}

#[tokio::test]
async fn acknowledgements_are_compared_too() {
    for answer in SIDES {
        let (world, token) = world(answer, PATIENT).await;
        add(&world, ID);
        let path = format!("/v1/media/{ID}/download");
        let body = json!({"media_items": [{"id": ID}], "meta": {"api_status": "stable", "version": "v2.57.2"}});
        fault(&world, "onprem", &format!("{path}:body=202,{body}:next=1"));
        let asked = world.bridge.get(&path, &token).await;
        assert_eq!(asked.status(), if answer == "onprem" { 202 } else { 200 });
        within(onprem(&world).wait_until(|log| log.iter().any(|seen| seen.path == path))).await;
        let digest = onprem(&world).medium(ID).unwrap().1;
        let called_back = json!({"media_items": [{"image": {"id": ID, "mime_type": "image/png", "sha256": digest.sha256, "status": "downloaded"}, "type": "image"}]});
        assert_eq!(
            onprem(&world).post_callback(&called_back).await.unwrap(),
            200
        );
        let line = world.comparison(0).await;
        assert_eq!(
            (verdict(&line).0, paths(&line)),
            ("mismatch", vec!["$.ack.status"]),
            "{answer}: {line}"
        );
        assert_eq!(
            line["differences"][0],
            json!({"path": "$.ack.status", "onprem": 202, "cloud": 200})
        );
        only_callback(&world).await;
    }
}

#[tokio::test]
async fn whatever_on_prem_repeats_is_told_once() {
    for answer in SIDES {
        let (world, token) = world(answer, PATIENT).await;
        add(&world, ID);
        fault(&world, "onprem", "callback:twice:next=1");
        world.download(ID, &token).await;
        taken(&world, 2).await;
        world.comparison(0).await;
        Told::read(&only_callback(&world).await).is_success_of(ID);
    }
}

#[tokio::test]
async fn one_callback_tells_all_who_asked_before_it() {
    for answer in SIDES {
        let (world, token) = world(answer, PATIENT).await;
        add(&world, ID);
        fault(&world, "onprem", "callback:held:next=2");
        fault(&world, "cloud", "lookup:hang:next=1");
        world.download(ID, &token).await;
        world.download(ID, &token).await;
        asked(&world, ID, 2).await;
        onprem(&world).release_callbacks();
        assert_eq!(verdict(&world.comparison(0).await).0, "match");
        taken(&world, 2).await;
        Told::read(&only_callback(&world).await).is_success_of(ID);
        assert_eq!(world.bridge.lines("compared").len(), 1);
    }
}

#[tokio::test]
async fn a_side_that_never_calls_back_is_a_result_and_the_other_one_tells() {
    // The side that is silent, and what is compared.
    for (answer, silent) in [
        ("onprem", "onprem"),
        ("onprem", "cloud"),
        ("cloud", "onprem"),
        ("cloud", "cloud"),
    ] {
        let (world, token) = world(answer, HASTY).await;
        let digest = add(&world, ID);
        match silent {
            "onprem" => fault(&world, "onprem", "callback:held:next=1"),
            // The look-ups of the first two seconds or so.
            _ => fault(
                &world,
                "cloud",
                "lookup:hang:next=1\nlookup:status=503:next=1",
            ),
        }
        let spaced = json!({"media_items": [{"image": {"id": ID, "mime_type": "image/png", "sha256": digest.sha256, "status": "downloaded"}, "type": "image"}]});
        if silent == "cloud" {
            calls_back_with(&world, ID, &format!(" {spaced}"));
        }
        world.download(ID, &token).await;
        let line = world.comparison(0).await;
        let expected = match silent {
            "onprem" => ("only_cloud", "no_callback"),
            _ => ("only_onprem", "no_callback"),
        };
        assert_eq!(verdict(&line), expected, "{answer} {silent}: {line}");
        let told = world.callback().await;
        Told::read(&told).is_success_of(ID);
        // Late is not never; and nobody waits.
        asked(&world, ID, 1).await;
        onprem(&world).release_callbacks();
        within(
            onprem(&world)
                .wait_until_called_back(|log| log.iter().any(|seen| seen.status == Some(200))),
        )
        .await;
        only_callback(&world).await;
        assert_eq!(world.bridge.lines("compared").len(), 1);
    }
}

#[tokio::test]
async fn who_is_refused_gets_the_refusal_and_no_callback() {
    let (world, token) = world("onprem", PATIENT).await;
    add(&world, ID);
    let path = format!("/v1/media/{ID}/download");
    fault(&world, "onprem", &format!("{path}:not-found:next=1"));
    let refused = world.bridge.get(&path, &token).await;
    let status = refused.status().as_u16();
    let body: Value = refused.json().await.unwrap();
    assert_eq!(
        (status, &body["errors"][0]["code"]),
        (404, &json!(1006)),
        "{body}"
    );
    let line = world.comparison(0).await;
    assert_eq!(
        (
            verdict(&line).0,
            &line["onprem_status"],
            &line["cloud_status"]
        ),
        ("mismatch", &json!(404), &json!(200)),
        "{line}"
    );
    world.until_idle().await;
    assert!(world.receiver.callbacks().is_empty());

    onprem(&world).revoke_all_tokens();
    add(&world, "500001");
    for (index, token) in [&token, "stolen.and.worthless", ""].into_iter().enumerate() {
        let refused = world.bridge.get("/v1/media/500001/download", token).await;
        let status = refused.status().as_u16();
        let body: Value = refused.json().await.unwrap();
        assert_eq!(
            (status, &body["errors"][0]["code"]),
            (401, &json!(1005)),
            "{body}"
        );
        // The bridge knew the first one's token, so both were asked; of the others, it asked on-prem alone.
        if index == 0 {
            let line = world.comparison(1).await;
            assert_eq!(
                (&line["onprem_status"], &line["cloud_status"]),
                (&json!(401), &json!(200)),
                "{line}"
            );
        }
    }
    world.until_idle().await;
    assert!(world.receiver.callbacks().is_empty());
    assert_eq!(world.cloud.lookups("500001"), 1);
    assert_eq!(world.bridge.lines("compared").len(), 2);
}

#[tokio::test]
async fn without_on_prem_cloud_answers_and_tells() {
    let (mut world, token) = world("cloud", PATIENT).await;
    add(&world, ID);
    // The token is known from here on.
    world.download(ID, &token).await;
    world.comparison(0).await;
    world.callback().await;
    add(&world, "500001");
    world.onprem.take().unwrap().stop().await;
    world.download("500001", &token).await;
    world.told().await.is_success_of("500001");
    let line = world.comparison(1).await;
    assert_eq!(verdict(&line), ("only_cloud", "unreached"), "{line}");
    world.until_idle().await;
    assert_eq!(world.receiver.callbacks().len(), 2);
}

#[tokio::test]
async fn who_asks_again_is_told_again() {
    for answer in SIDES {
        let (world, token) = world(answer, PATIENT).await;
        add(&world, ID);
        // So that the medium does not live at Cloud, and both are asked the second time too.
        fault(&world, "cloud", "lookup:not-found:next=1");
        for round in 0..2 {
            world.download(ID, &token).await;
            world.comparison(round).await;
            world.callback().await;
            world.until_idle().await;
            assert_eq!(world.receiver.callbacks().len(), round + 1, "{answer}");
        }
        // The flag goes back; the pair is still known.
        to_onprem(&world, answer).await;
        for round in 2..4 {
            world.download(ID, &token).await;
            assert_eq!(world.callback().await.json(), said(&world, ID), "{answer}");
            world.until_idle().await;
            assert_eq!(world.receiver.callbacks().len(), round + 1, "{answer}");
        }
        // And what is repeated after all that is still too much.
        assert_eq!(
            onprem(&world)
                .post_callback(&said(&world, ID))
                .await
                .unwrap(),
            200
        );
        world.until_idle().await;
        assert_eq!(world.receiver.callbacks().len(), 4, "{answer}");
        assert_eq!(world.bridge.lines("compared").len(), 2);
    }
}

#[tokio::test]
async fn a_medium_that_is_stored_is_told_of_again() {
    for answer in SIDES {
        let (world, token) = world(answer, PATIENT).await;
        add(&world, ID);
        for round in 0..2 {
            world.download(ID, &token).await;
            assert_eq!(verdict(&world.comparison(round).await).0, "match");
            world.told().await.is_success_of(ID);
            world.until_idle().await;
            assert_eq!(world.receiver.callbacks().len(), round + 1, "{answer}");
        }
        // What was stored from Cloud stays there.
        to_onprem(&world, answer).await;
        world.download(ID, &token).await;
        world.told().await.is_success_of(ID);
        world.until_idle().await;
        assert_eq!(world.receiver.callbacks().len(), 3, "{answer}");
        asked(&world, ID, 2).await;
    }
}

/// The flag goes back.
async fn to_onprem(world: &World, answer: &str) {
    let plain = "media_download = \"onprem\"";
    world
        .bridge
        .reconfigure(|toml| toml.replace(&flag(answer), plain));
    world.bridge.signal("HUP");
    world.bridge.logged("configuration reread", |_| true).await;
}

/// The intake listens where it did after a restart as well, so that on-prem finds it again. On an address of its own,
/// where no other test takes the port meanwhile.
async fn moored(world: &mut World) {
    let address = TcpListener::bind("127.0.0.3:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let old = "[intake]\nlisten = \"127.0.0.1:0\"";
    let new = format!("[intake]\nlisten = \"{address}\"");
    world.bridge.reconfigure(|toml| {
        assert!(toml.contains(old));
        toml.replace(old, &new)
    });
    world.bridge.crash_and_restart();
    onprem(world).set_webhook(world.intake());
}

#[tokio::test]
async fn a_crash_at_any_moment_loses_no_callback_and_makes_none() {
    for answer in SIDES {
        let (mut world, token) = world(answer, PATIENT).await;
        moored(&mut world).await;
        // Right after the acknowledgement; with one side done; with both done and the callback under way.
        let moments = ["acknowledged", "onprem", "cloud", "both"];
        for (index, moment) in moments.into_iter().enumerate() {
            let id = format!("{}", 600_000 + index);
            add(&world, &id);
            if matches!(moment, "acknowledged" | "cloud") {
                fault(&world, "onprem", "callback:held:next=1");
            }
            if matches!(moment, "acknowledged" | "onprem") {
                fault(&world, "cloud", "lookup:hang:next=1");
            }
            world.receiver.hold();
            world.download(&id, &token).await;
            asked(&world, &id, 1).await;
            if matches!(moment, "onprem" | "both") {
                let taken =
                    |seen: &Seen| seen.medium.as_deref() == Some(&id) && seen.status == Some(200);
                within(onprem(&world).wait_until_called_back(|log| log.iter().any(taken))).await;
            }
            if matches!(moment, "cloud" | "both") {
                world
                    .bridge
                    .logged("medium stored", |line| line["medium"] == *id)
                    .await;
            }
            if moment == "both" {
                world.callback().await;
            }
            world.bridge.crash_and_restart();
            world.receiver.release();
            onprem(&world).release_callbacks();
            world.until_idle().await;
            // An attempt that the crash cut off is made again; but there is one callback.
            let delivered = world.bridge.lines("callback delivered");
            assert_eq!(delivered.len(), 1, "{answer} {moment}: {delivered:?}");
            let callbacks = world.receiver.callbacks();
            let told: Vec<_> = callbacks
                .iter()
                .filter(|told| Told::read(told).id == id)
                .collect();
            assert!(
                !told.is_empty() && told.iter().all(|one| one.body == told[0].body),
                "{answer} {moment}"
            );
            Told::read(told[0]).is_success_of(&id);
            if answer == "onprem" {
                assert_eq!(told[0].json(), said(&world, &id), "{moment}");
            }
            assert_eq!(world.bridge.lines("compared").len(), 1, "{answer} {moment}");
        }
    }
}

#[tokio::test]
async fn nothing_is_said_about_a_side_that_a_crash_kept_from_being_asked() {
    let (mut world, token) = world("cloud", HASTY).await;
    add(&world, ID);
    let path = format!("/v1/media/{ID}/download");
    fault(&world, "onprem", &format!("{path}:hang:next=1"));
    world.download(ID, &token).await;
    within(onprem(&world).wait_until(|log| log.iter().any(|seen| seen.path == path))).await;
    world.bridge.crash_and_restart();
    world.told().await.is_success_of(ID);
    let line = world.comparison(0).await;
    assert_eq!(
        verdict(&line),
        ("not_comparable", "not_acknowledged"),
        "{line}"
    );
    world.until_idle().await;
}

#[tokio::test]
async fn who_asks_after_the_callback_is_told_again_though_the_pair_is_open() {
    for answer in SIDES {
        let (world, token) = world(answer, PATIENT).await;
        add(&world, ID);
        match answer {
            // Until the end of the test the other side is busy.
            "onprem" => fault(&world, "cloud", "lookup:status=503"),
            _ => fault(&world, "onprem", "callback:held:next=2"),
        }
        for _ in 0..2 {
            world.download(ID, &token).await;
            world.told().await.is_success_of(ID);
        }
        assert!(world.bridge.lines("compared").is_empty(), "{answer}");
        world.cloud.faults().clear();
        asked(&world, ID, 2).await;
        onprem(&world).release_callbacks();
        taken(&world, 2).await;
        world.until_idle().await;
        assert_eq!(world.receiver.callbacks().len(), 2, "{answer}");
        assert_eq!(world.bridge.lines("compared").len(), 1, "{answer}");
    }
}

#[tokio::test]
async fn a_refusal_by_the_other_side_is_compared_and_told_nobody() {
    let (world, token) = world("cloud", PATIENT).await;
    add(&world, ID);
    fault(
        &world,
        "onprem",
        &format!("/v1/media/{ID}/download:not-found:next=1"),
    );
    world.download(ID, &token).await;
    let line = world.comparison(0).await;
    assert_eq!(
        (
            verdict(&line).0,
            &line["onprem_status"],
            &line["cloud_status"]
        ),
        ("mismatch", &json!(404), &json!(200)),
        "{line}"
    );
    Told::read(&only_callback(&world).await).is_success_of(ID);
}

#[tokio::test]
async fn nobody_is_promised_a_callback_that_would_be_taken_for_a_repetition() {
    let folder = tempfile::tempdir().unwrap();
    let tmpfs = Tmpfs::mount(&folder.path().join("state"), "4m");
    let (world, token) = world_in(folder, "onprem", PATIENT).await;
    // A pair of this medium is known, and the medium does not live at Cloud.
    add(&world, ID);
    fault(&world, "cloud", "lookup:not-found");
    world.download(ID, &token).await;
    world.callback().await;
    world.until_idle().await;
    let ballast = tmpfs.fill();
    let not_compared = "a retry download is not compared";
    let full = async {
        for index in 0.. {
            let id = format!("{}", 800_000 + index);
            add(&world, &id);
            // Nothing is known of these, so whatever on-prem calls back will be told.
            world.download(&id, &token).await;
            if !world.bridge.lines(not_compared).is_empty() {
                return index + 1;
            }
        }
        unreachable!()
    };
    let others = within(full).await;
    fault(&world, "onprem", &format!("callback@{ID}:held:next=1"));
    let asked = world
        .bridge
        .get(&format!("/v1/media/{ID}/download"), &token)
        .await;
    let status = asked.status().as_u16();
    let body: Value = asked.json().await.unwrap();
    assert_eq!(
        (status, &body["errors"][0]["code"]),
        (503, &json!(1016)),
        "{body}"
    );
    std::fs::remove_file(ballast).unwrap();
    world.download(ID, &token).await;
    let told = async { while world.told().await.id != ID {} };
    within(told).await;
    let of_all = async {
        let mut told = HashSet::from([ID.to_owned()]);
        told.extend(
            world
                .receiver
                .callbacks()
                .iter()
                .map(|told| Told::read(told).id),
        );
        while told.len() <= others {
            told.insert(world.told().await.id);
        }
    };
    within(of_all).await;
}
