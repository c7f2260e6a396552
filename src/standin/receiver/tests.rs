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
