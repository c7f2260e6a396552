//! Cloud's faults really happen on the wire.

use reqwest::header::USER_AGENT;
use serde_json::Value;

use super::super::super::fault::Hop;
use super::{ID, LENGTH, bytes, cloud, get, lookup_url, media_url, tried};

#[tokio::test]
async fn a_503_once_then_200() {
    let cloud = cloud().await;
    cloud
        .faults()
        .push_lines("lookup:status=503:next=1")
        .unwrap();
    let error = get(&cloud, &lookup_url(&cloud, ID)).await;
    assert_eq!(error.status(), 503);
    let error: Value = error.json().await.unwrap();
    assert_eq!(error["error"]["is_transient"], true);
    assert_eq!(get(&cloud, &lookup_url(&cloud, ID)).await.status(), 200);
}

#[tokio::test]
async fn expired_tokens_and_throttling_look_like_the_recordings() {
    let cloud = cloud().await;
    cloud
        .faults()
        .push_lines("lookup:expired-token:next=1\nlookup:throttle=7")
        .unwrap();
    let expired = get(&cloud, &lookup_url(&cloud, ID)).await;
    assert_eq!(expired.status(), 401);
    let error: Value = expired.json().await.unwrap();
    assert_eq!(
        (
            error["error"]["code"].as_u64(),
            error["error"]["error_subcode"].as_u64()
        ),
        (Some(190), Some(463))
    );
    let throttled = get(&cloud, &lookup_url(&cloud, ID)).await;
    assert_eq!(throttled.status(), 400);
    let usage = throttled.headers()["x-business-use-case-usage"]
        .to_str()
        .unwrap();
    assert!(
        usage.contains(r#""estimated_time_to_regain_access":7"#),
        "{usage}"
    );
}

/// Reads as much of a body as comes, and how it ended.
async fn read_out(mut answer: reqwest::Response) -> (Vec<u8>, Option<String>) {
    let mut body = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return (body, None),
            Err(error) => return (body, Some(format!("{error:?}"))),
        }
    }
}

#[tokio::test]
async fn a_truncated_download_announces_all_and_sends_exactly_so_much() {
    let cloud = cloud().await;
    cloud
        .faults()
        .push_lines("download:truncate=70000:next=1")
        .unwrap();
    let url = media_url(&cloud).await;
    let answer = get(&cloud, &url).await;
    assert_eq!(answer.content_length(), Some(LENGTH));
    let (body, error) = read_out(answer).await;
    assert!(body == bytes()[..70_000], "{} bytes came", body.len());
    let error = error.unwrap();
    assert!(
        error.contains("UnexpectedEof") || error.contains("IncompleteMessage"),
        "{error}"
    );
    assert!(read_out(get(&cloud, &url).await).await.0 == bytes());
}

#[tokio::test]
async fn a_reset_is_a_reset_before_and_in_the_body() {
    let cloud = cloud().await;
    cloud
        .faults()
        .push_lines("download:reset:next=1\ndownload:reset=1000:next=1")
        .unwrap();
    let url = media_url(&cloud).await;
    let error = tried(&cloud, &url).await.unwrap_err();
    assert!(
        format!("{error:?}").contains("ConnectionReset"),
        "{error:?}"
    );
    let (body, error) = read_out(get(&cloud, &url).await).await;
    assert!(body.len() <= 1000);
    assert!(error.unwrap().contains("ConnectionReset"));
}

#[tokio::test]
async fn wrong_bytes_have_the_right_length() {
    let cloud = cloud().await;
    cloud
        .faults()
        .push_lines(&format!("download@{ID}:wrong-bytes"))
        .unwrap();
    let (body, error) = read_out(get(&cloud, &media_url(&cloud).await).await).await;
    assert_eq!((body.len() as u64, error), (LENGTH, None));
    assert!(body != bytes());
}

#[tokio::test]
async fn an_error_page_comes_with_200_and_a_redirect_with_302() {
    let cloud = cloud().await;
    cloud
        .faults()
        .push_lines("download:html:next=1\ndownload:redirect=http://127.0.0.1:1/x")
        .unwrap();
    let url = media_url(&cloud).await;
    let page = get(&cloud, &url).await;
    assert_eq!(page.status(), 200);
    assert!(
        page.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let away = client.get(&url).send().await.unwrap();
    assert_eq!(away.status(), 302);
    assert_eq!(away.headers()["location"], "http://127.0.0.1:1/x");
}

#[tokio::test]
async fn a_hanging_answer_is_seen_and_ends_only_with_the_stand_in() {
    let cloud = cloud().await;
    cloud.faults().push_lines("lookup:hang").unwrap();
    let url = lookup_url(&cloud, ID);
    let request = reqwest::Client::new()
        .get(url)
        .header(USER_AGENT, "test")
        .send();
    let pending = tokio::spawn(request);
    cloud
        .wait_until(|log| log.count_of(Hop::Lookup, ID) == 1)
        .await;
    assert!(!pending.is_finished());
    cloud.stop().await;
    assert!(pending.await.unwrap().is_err());
}

#[tokio::test]
async fn a_slow_answer_is_complete() {
    let cloud = cloud().await;
    cloud.faults().push_lines("download:slow=4000000").unwrap();
    let (body, error) = read_out(get(&cloud, &media_url(&cloud).await).await).await;
    assert!(body == bytes() && error.is_none());
}
