//! Cloud as the recordings show it, on the wire; the faults are in `faults`, profile and messages in `business`, notifications in `notify`.

mod business;
mod faults;
mod notify;

use std::time::Duration;

use super::super::medium::Content;
use super::*;
use reqwest::header::{AUTHORIZATION, RANGE, USER_AGENT};
use serde_json::Value;

const ID: &str = "1761991787669262";
const LENGTH: u64 = 200_000;

async fn cloud() -> Cloud {
    let cloud = Cloud::start(CloudOptions {
        control: true,
        ..CloudOptions::default()
    })
    .await
    .unwrap();
    let content = Content::Pattern {
        length: LENGTH,
        seed: 1,
    };
    cloud.add_medium(ID, Medium::new("image/png", content).named("a b.png"));
    cloud
}

fn bytes() -> Vec<u8> {
    let content = Content::Pattern {
        length: LENGTH,
        seed: 1,
    };
    content.chunks(0..LENGTH).flatten().collect()
}

/// A well-behaved client: it has a name and the token.
async fn get(cloud: &Cloud, url: &str) -> reqwest::Response {
    tried(cloud, url).await.unwrap()
}

async fn tried(cloud: &Cloud, url: &str) -> reqwest::Result<reqwest::Response> {
    reqwest::Client::new()
        .get(url)
        .bearer_auth(cloud.access_token())
        .header(USER_AGENT, "test")
        .send()
        .await
}

fn lookup_url(cloud: &Cloud, id: &str) -> String {
    format!(
        "{}/v24.0/{id}?phone_number_id={}",
        cloud.graph_url(),
        cloud.phone_number_id()
    )
}

async fn media_url(cloud: &Cloud) -> String {
    let found: Value = get(cloud, &lookup_url(cloud, ID))
        .await
        .json()
        .await
        .unwrap();
    found["url"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_lookup_looks_like_the_recording() {
    let cloud = cloud().await;
    let answer = get(&cloud, &lookup_url(&cloud, ID)).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.headers()["content-type"],
        "application/json; charset=UTF-8"
    );
    assert_eq!(answer.headers()["facebook-api-version"], "v24.0");
    let usage: Value = serde_json::from_str(
        answer.headers()["x-business-use-case-usage"]
            .to_str()
            .unwrap(),
    )
    .unwrap();
    assert_eq!(usage["102290129340398"][0]["type"], "whatsapp");
    let text = answer.text().await.unwrap();
    assert!(text.contains(r#""url":"http:\/\/127.0.0.1:"#), "{text}");
    assert!(text.contains(r#""mime_type":"image\/png""#), "{text}");
    let found: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(found["file_size"], LENGTH);
    assert_eq!(found["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(found["id"], ID);
    assert_eq!(cloud.lookups(ID), 1);
}

#[tokio::test]
async fn file_size_can_be_text() {
    let cloud = cloud().await;
    cloud.change(|behaviour| behaviour.file_size = FileSize::Text);
    let found: Value = get(&cloud, &lookup_url(&cloud, ID))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(found["file_size"], LENGTH.to_string());
}

#[tokio::test]
async fn a_download_brings_the_bytes_with_the_recorded_headers() {
    let cloud = cloud().await;
    let answer = get(&cloud, &media_url(&cloud).await).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.headers()["content-disposition"],
        "inline;filename=a b.png"
    );
    assert_eq!(answer.headers()["accept-ranges"], "bytes");
    assert!(!answer.headers()["etag"].to_str().unwrap().contains('"'));
    assert_eq!(answer.content_length(), Some(LENGTH));
    assert!(answer.bytes().await.unwrap() == bytes());
    assert_eq!(cloud.downloads(ID), 1);
    let seen = &cloud.requests()[1];
    assert_eq!(seen.header("user-agent"), Some("test"));
    assert_eq!(seen.status, Some(200));
}

#[tokio::test]
async fn both_hops_want_the_token_and_a_name() {
    let cloud = cloud().await;
    let client = reqwest::Client::new();
    for (url, graph) in [
        (lookup_url(&cloud, ID), true),
        (media_url(&cloud).await, false),
    ] {
        let nameless = client
            .get(&url)
            .bearer_auth(cloud.access_token())
            .send()
            .await
            .unwrap();
        assert_eq!(nameless.status(), 400);
        assert!(nameless.text().await.unwrap().contains("<html"));
        for (token, code) in [(None, 104), (Some("Bearer wrong"), 190)] {
            let mut request = client.get(&url).header(USER_AGENT, "test");
            if let Some(token) = token {
                request = request.header(AUTHORIZATION, token);
            }
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), 401);
            if graph {
                let error: Value = answer.json().await.unwrap();
                assert_eq!(error["error"]["code"], code);
            }
        }
    }
}

#[tokio::test]
async fn unknown_and_foreign_media_are_the_same_400() {
    let cloud = cloud().await;
    let foreign = format!("{}/v24.0/{ID}?phone_number_id=1", cloud.graph_url());
    for url in [lookup_url(&cloud, "123"), foreign] {
        let answer = get(&cloud, &url).await;
        assert_eq!(answer.status(), 400);
        assert!(answer.headers().contains_key("www-authenticate"));
        let text = answer.text().await.unwrap();
        assert!(
            text.contains(r"https:\/\/developers.facebook.com"),
            "{text}"
        );
        let error: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(error["error"]["type"], "GraphMethodException");
        assert_eq!(error["error"]["code"], 100);
        assert_eq!(error["error"]["error_subcode"], 33);
        assert!(error["error"].get("error_data").is_none());
    }
}

#[tokio::test]
async fn a_url_dies_at_ext_and_a_forged_one_never_lived() {
    let cloud = cloud().await;
    let good = media_url(&cloud).await;
    assert_eq!(
        get(&cloud, &good.replace("hash=ATt", "hash=ATx"))
            .await
            .status(),
        403
    );
    cloud.change(|behaviour| behaviour.url_lifetime = Duration::ZERO);
    let dead = get(&cloud, &media_url(&cloud).await).await;
    assert_eq!(dead.status(), 404);
    assert!(dead.text().await.unwrap().contains("<html"));
    assert_eq!(get(&cloud, &good).await.status(), 200);
    assert_eq!(
        get(&cloud, &cloud.notified_url(ID).unwrap()).await.status(),
        404
    );
}

#[tokio::test]
async fn ranges_are_honoured_ignored_displaced_or_forged() {
    let cloud = cloud().await;
    let url = media_url(&cloud).await;
    let whole = bytes();
    for (ranges, status, content_range, expected) in [
        (
            Ranges::Honoured,
            206,
            "bytes 100000-199999/200000",
            &whole[100_000..],
        ),
        (Ranges::Ignored, 200, "", &whole[..]),
        (
            Ranges::Displaced,
            206,
            "bytes 50000-199999/200000",
            &whole[50_000..],
        ),
        (
            Ranges::Forged,
            206,
            "bytes 100000-199999/200000",
            &whole[50_000..150_000],
        ),
    ] {
        cloud.change(|behaviour| behaviour.ranges = ranges);
        let answer = reqwest::Client::new()
            .get(&url)
            .bearer_auth(cloud.access_token())
            .header(USER_AGENT, "test")
            .header(RANGE, "bytes=100000-")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), status, "{ranges:?}");
        let given = answer
            .headers()
            .get("content-range")
            .map_or("", |value| value.to_str().unwrap());
        assert_eq!(given, content_range, "{ranges:?}");
        assert!(answer.bytes().await.unwrap() == expected, "{ranges:?}");
    }
}

#[tokio::test]
async fn a_deletion_the_number_and_the_token_are_answered() {
    let cloud = cloud().await;
    let number = format!(
        "{}/v24.0/{}?fields=platform_type,status",
        cloud.graph_url(),
        cloud.phone_number_id()
    );
    let node: Value = get(&cloud, &number).await.json().await.unwrap();
    assert_eq!(
        node,
        serde_json::json!({"id": cloud.phone_number_id(), "platform_type": "CLOUD_API", "status": "CONNECTED"})
    );
    let token = format!(
        "{}/debug_token?input_token={}",
        cloud.graph_url(),
        cloud.access_token()
    );
    let node: Value = get(&cloud, &token).await.json().await.unwrap();
    assert_eq!(node["data"]["is_valid"], true);
    let delete = || async {
        reqwest::Client::new()
            .delete(lookup_url(&cloud, ID))
            .bearer_auth(cloud.access_token())
            .header(USER_AGENT, "test")
            .send()
            .await
            .unwrap()
    };
    assert_eq!(delete().await.text().await.unwrap(), r#"{"success":true}"#);
    assert_eq!(delete().await.status(), 400);
    assert_eq!(get(&cloud, &lookup_url(&cloud, ID)).await.status(), 400);
}

#[tokio::test]
async fn media_and_faults_can_be_added_over_http() {
    let cloud = cloud().await;
    let client = reqwest::Client::new();
    let control = |path: &str| format!("{}/_standin/{path}", cloud.graph_url());
    let put = client
        .put(control("media/55"))
        .header("content-type", "text/plain")
        .body("hello");
    assert_eq!(put.send().await.unwrap().status(), 201);
    let found: Value = get(&cloud, &lookup_url(&cloud, "55"))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(
        get(&cloud, found["url"].as_str().unwrap())
            .await
            .text()
            .await
            .unwrap(),
        "hello"
    );

    let wrong = client
        .post(control("faults"))
        .body("lookup:explode")
        .send()
        .await
        .unwrap();
    assert_eq!(wrong.status(), 400);
    assert!(wrong.text().await.unwrap().contains("explode"));
    let added = client
        .post(control("faults"))
        .body("lookup:status=500\n")
        .send()
        .await
        .unwrap();
    assert_eq!(added.text().await.unwrap(), "lookup:status=500:always\n");
    assert_eq!(get(&cloud, &lookup_url(&cloud, ID)).await.status(), 500);
    assert_eq!(
        client
            .delete(control("faults"))
            .send()
            .await
            .unwrap()
            .status(),
        204
    );
    assert_eq!(get(&cloud, &lookup_url(&cloud, ID)).await.status(), 200);

    let seen: Value = client
        .get(control("requests"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(seen.as_array().unwrap().len(), 4);
    assert_eq!(seen[2]["fault"], "status=500");
    assert_eq!(seen[2]["call"], "lookup");
    assert_eq!(seen[1]["status"], 200);
}

#[tokio::test]
async fn a_stand_in_can_come_back_at_its_address() {
    let cloud = cloud().await;
    let graph_listen = cloud.graph.address();
    let url = lookup_url(&cloud, "1");
    assert_eq!(get(&cloud, &url).await.status(), 400);
    cloud.stop().await;
    let again = Cloud::start(CloudOptions {
        graph_listen,
        ..CloudOptions::default()
    })
    .await
    .unwrap();
    assert_eq!(get(&again, &url).await.status(), 400);
}
