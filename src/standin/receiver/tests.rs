//! The receiver, on the wire.

use super::*;
use serde_json::json;

async fn receiver() -> Receiver {
    Receiver::start(ReceiverOptions::default()).await.unwrap()
}

async fn post(url: &str, body: &'static str) -> reqwest::Result<reqwest::Response> {
    reqwest::Client::new().post(url).body(body).send().await
}

#[tokio::test]
async fn a_callback_is_kept_as_it_came() {
    let receiver = receiver().await;
    let answer = post(
        &format!("{}/hook?x=1", receiver.url()),
        r#"{"media_items":[]}"#,
    )
    .await
    .unwrap();
    assert_eq!(answer.status(), 200);
    let callback = receiver.next_callback().await;
    assert_eq!(callback.path, "/hook?x=1");
    assert_eq!(&callback.body[..], br#"{"media_items":[]}"#);
    assert_eq!(callback.json(), json!({"media_items": []}));
    assert!(callback.headers.contains_key("content-length"));
    assert_eq!(receiver.callbacks().len(), 1);
}

#[tokio::test]
async fn callbacks_are_handed_out_once_and_in_order() {
    let receiver = receiver().await;
    for body in ["1", "2", "3"] {
        post(&receiver.url(), body).await.unwrap();
    }
    let mut bodies = Vec::new();
    for _ in 0..3 {
        bodies.push(receiver.next_callback().await.body);
    }
    assert_eq!(bodies, ["1", "2", "3"]);
    let mut fourth = std::pin::pin!(receiver.next_callback());
    tokio::select! {
        biased;
        callback = &mut fourth => panic!("there was no fourth yet: {callback:?}"),
        () = std::future::ready(()) => {}
    }
    post(&receiver.url(), "4").await.unwrap();
    assert_eq!(fourth.await.body, "4");
}

#[tokio::test]
async fn it_answers_as_told() {
    let receiver = receiver().await;
    receiver.answer_with(201);
    assert_eq!(post(&receiver.url(), "").await.unwrap().status(), 201);
    receiver.answer_with(200);
    receiver
        .faults()
        .push_lines("callback:status=500:next=1\ncallback:reset:next=1")
        .unwrap();
    assert_eq!(post(&receiver.url(), "").await.unwrap().status(), 500);
    assert!(post(&receiver.url(), "").await.is_err());
    assert_eq!(post(&receiver.url(), "").await.unwrap().status(), 200);
    assert_eq!(receiver.callbacks().len(), 4);
}

#[tokio::test]
async fn it_can_want_a_password() {
    let credentials = ("bridge".to_owned(), "secret".to_owned());
    let receiver = Receiver::start(ReceiverOptions {
        basic_auth: Some(credentials),
        ..ReceiverOptions::default()
    })
    .await
    .unwrap();
    assert_eq!(post(&receiver.url(), "").await.unwrap().status(), 401);
    let good = reqwest::Client::new()
        .post(receiver.url())
        .basic_auth("bridge", Some("secret"));
    assert_eq!(good.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn held_callbacks_show_how_many_come_at_once() {
    let receiver = receiver().await;
    receiver.hold();
    let url = receiver.url();
    let waiting: Vec<_> = (0..5)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move { post(&url, "{}").await.unwrap().status() })
        })
        .collect();
    receiver
        .wait_until(|log| log.count(Hop::Callback) == 5)
        .await;
    assert!(
        receiver
            .callbacks()
            .iter()
            .all(|callback| callback.status.is_none())
    );
    receiver.release();
    for answered in waiting {
        assert_eq!(answered.await.unwrap(), 200);
    }
    assert_eq!(receiver.max_in_flight(), 5);
}

#[tokio::test]
async fn a_strict_one_says_what_it_does_not_understand() {
    let receiver = Receiver::start(ReceiverOptions {
        strict: true,
        ..ReceiverOptions::default()
    })
    .await
    .unwrap();
    let good = r#"{"errors":[{"code":1014,"title":"Internal error"}]}"#;
    assert_eq!(post(&receiver.url(), good).await.unwrap().status(), 200);
    assert!(receiver.objections().is_empty());
    let bad = r#"{"statuses":[]}"#;
    assert_eq!(post(&receiver.url(), bad).await.unwrap().status(), 400);
    assert_eq!(
        receiver.objections(),
        ["statuses does not have exactly one element"]
    );
    assert_eq!(receiver.callbacks().len(), 2);
}

fn message(kind: &str, content: serde_json::Value) -> serde_json::Value {
    json!({
        "contacts": [{"profile": {"name": "Kerry Fisher"}, "wa_id": "16315551234"}],
        "messages": [{
            "from": "16315551234", "id": "ABGGFlA5FpafAgo6tHcNmNjXmuSf", kind: content,
            "timestamp": "1518694235", "type": kind,
        }],
    })
}

fn status() -> serde_json::Value {
    json!({"statuses": [{
        "conversation": {
            "expiration_timestamp": 1_750_116_480, "id": "73cfc2eee2c6d5643e831e2750a9a5cf",
        },
        "id": "gBGGFlA4eUOfAglOLZdoXe-dn28", "message": {"recipient_id": "16315551234"},
        "pricing": {"billable": false, "pricing_model": "NBP"},
        "recipient_id": "16315551234", "status": "sent", "timestamp": "1629293084",
    }]})
}

fn medium() -> serde_json::Value {
    json!({"id": "8b1e6213-3003-4577-83d3-2d2b77eab795", "mime_type": "image/jpeg", "sha256": "7f", "status": "downloaded"})
}

/// What is said of the body after `value` was put at `place`, or what is there was taken away.
fn after(
    mut body: serde_json::Value,
    place: &str,
    value: Option<serde_json::Value>,
) -> Vec<String> {
    let (parent, key) = place.rsplit_once('/').unwrap();
    let parent = body.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => parent.insert(key.to_owned(), value),
        None => Some(parent.remove(key).unwrap()),
    };
    objections(body.to_string().as_bytes())
}

#[test]
fn what_the_old_client_sent_is_understood() {
    let taken = [
        message("text", json!({"body": ""})),
        message("image", medium()),
        message("button", json!({"payload": null, "text": "No"})),
        message("contacts", json!([])),
        message("location", json!({"latitude": 1, "longitude": -0.5})),
        status(),
        json!({"media_items": [{"errors": [{"code": 400, "title": "Parameter not valid"}], "image": medium(), "type": "image"}]}),
        json!({"services": [{"media": {"gc": {"items_deleted": 5, "status": "complete"}}}]}),
        json!({"messages": [{
            "from": "US.13491208655302741918", "id": "x", "system": {"type": "user_changed_number"}, "timestamp": "1",
            "type": "system",
        }]}),
    ];
    for body in taken {
        let found = objections(body.to_string().as_bytes());
        assert!(found.is_empty(), "{found:?} of {body}");
    }
}

#[test]
fn what_no_integration_would_understand_is_named() {
    assert_eq!(objections(b"{"), ["the body is no JSON"]);
    assert_eq!(objections(b"[]"), ["the body is no object"]);
    assert_eq!(objections(b"{}"), ["the body is about nothing"]);
    let text = || message("text", json!({"body": "Hello"}));
    let image = || message("image", medium());
    let refused = [
        (text(), "/contacts", None),
        (text(), "/contacts/0/wa_id", Some(json!("+16315551234"))),
        (text(), "/contacts/0/profile", None),
        (text(), "/meta", Some(json!({}))),
        (text(), "/statuses", Some(json!([]))),
        (text(), "/messages", Some(json!([{}, {}]))),
        (text(), "/messages/0/from", Some(json!("us.1"))),
        (text(), "/messages/0/from", None),
        (text(), "/messages/0/id", Some(json!(""))),
        (text(), "/messages/0/timestamp", Some(json!(1_518_694_235))),
        (text(), "/messages/0/timestamp", Some(json!("1518694235.0"))),
        (text(), "/messages/0/type", Some(json!("reaction"))),
        (text(), "/messages/0/type", Some(json!("unknown"))),
        (text(), "/messages/0/text", None),
        (text(), "/messages/0/text/body", Some(json!(7))),
        (text(), "/messages/0/context", Some(json!("x"))),
        (
            text(),
            "/messages/0/errors",
            Some(json!([{"code": "501", "title": "x"}])),
        ),
        (image(), "/messages/0/image/id", None),
        (image(), "/messages/0/image/sha256", None),
        (image(), "/messages/0/image/mime_type", Some(json!(null))),
        (image(), "/messages/0/image/status", Some(json!("lost"))),
        (
            message("interactive", json!({"type": "flow_reply"})),
            "/errors",
            Some(json!([{"code": 1, "title": ""}])),
        ),
        (
            message("location", json!({"latitude": 1, "longitude": 2})),
            "/messages/0/location/latitude",
            Some(json!("1")),
        ),
        (status(), "/contacts", Some(json!([]))),
        (status(), "/statuses/0/recipient_id", None),
        (status(), "/statuses/0/message", None),
        (status(), "/statuses/0/status", Some(json!("played"))),
        (
            status(),
            "/statuses/0/conversation/expiration_timestamp",
            Some(json!("1750116480")),
        ),
        (
            status(),
            "/statuses/0/pricing/pricing_model",
            Some(json!("XYZ")),
        ),
        (status(), "/statuses/0/errors", Some(json!([]))),
        (
            json!({"media_items": [{"type": "image", "image": {"id": "x"}}]}),
            "/media_items/0/image",
            None,
        ),
    ];
    for (body, place, value) in refused {
        let found = after(body, place, value.clone());
        assert!(!found.is_empty(), "{value:?} at {place} was taken");
        assert!(
            found.iter().all(|text| !text.contains("1631555")),
            "{found:?}"
        );
    }
}
