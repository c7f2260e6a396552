//! Notifications: what is posted, and again, and where to.

use std::time::Duration;

use aws_lc_rs::hmac;
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use reqwest::Method;
use reqwest::header::USER_AGENT;
use serde_json::{Value, json};

use super::super::super::body::{self, Body};
use super::super::super::media::Kind;
use super::super::super::receiver::{Receiver, ReceiverOptions};
use super::super::super::server::Server;
use super::super::notify::merged;
use super::*;

const CUSTOMER: &str = "16315551234";
const TOKEN: &str = "a token of the operator's";

async fn notified() -> (Cloud, Receiver) {
    let cloud = cloud().await;
    let receiver = Receiver::start(ReceiverOptions::default()).await.unwrap();
    cloud.set_webhook(url(&receiver.url()));
    cloud.change(|behaviour| {
        behaviour.notifying.pauses = vec![Duration::ZERO, Duration::from_millis(5)];
    });
    (cloud, receiver)
}

fn url(text: &str) -> url::Url {
    text.parse().unwrap()
}

/// A webhook that says that it is wanted, to whoever has the token.
async fn wanted() -> Server {
    let answer = |request: Request<Incoming>, _| async move { echoed(&request) };
    Server::start(super::super::super::ANY_PORT, None, answer)
        .await
        .unwrap()
}

fn echoed(request: &Request<Incoming>) -> Response<Body> {
    let parameter = |name| address::parameter(request.uri(), name).unwrap_or_default();
    let mode = parameter("hub.mode");
    if mode != "subscribe" || parameter("hub.verify_token") != TOKEN {
        return body::empty(StatusCode::FORBIDDEN);
    }
    let challenge = match request.uri().path() {
        "/deaf" => "1".to_owned(),
        _ => parameter("hub.challenge"),
    };
    body::answer(StatusCode::OK, "text/plain", challenge)
}

async fn graph(cloud: &Cloud, method: Method, path: &str, body: &Value) -> (u16, Value) {
    let answer = reqwest::Client::new()
        .request(method, format!("{}/v24.0/{path}", cloud.graph_url()))
        .bearer_auth(cloud.access_token())
        .header(USER_AGENT, "test")
        .json(body)
        .send()
        .await
        .unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn a_notification_is_signed_over_the_bytes_that_are_sent() {
    let (cloud, receiver) = notified().await;
    let delivery = cloud.notify(cloud.inbound_text(CUSTOMER, "gr\u{fc}\u{df}e / \u{1f600}"));
    assert_eq!(delivery.ended().await, [Some(200)]);
    let callback = receiver.next_callback().await;
    let text = std::str::from_utf8(&callback.body).unwrap();
    assert!(
        text.contains(r#""gr\u00fc\u00dfe \/ \ud83d\ude00""#),
        "{text}"
    );
    let key = hmac::Key::new(hmac::HMAC_SHA256, cloud.app_secret().as_bytes());
    let tag = crate::standin::hex(hmac::sign(&key, &callback.body).as_ref());
    assert_eq!(
        callback.headers["x-hub-signature-256"],
        format!("sha256={tag}")
    );
    assert_eq!(callback.headers["content-type"], "application/json");
    let whole = callback.json();
    assert_eq!(whole["object"], "whatsapp_business_account");
    assert_eq!(whole["entry"][0]["id"], "102290129340398");
    let change = &whole["entry"][0]["changes"][0];
    assert_eq!(change["field"], "messages");
    let value = &change["value"];
    assert_eq!(
        value["metadata"],
        json!({"display_phone_number": "15550934873", "phone_number_id": cloud.phone_number_id()})
    );
    assert_eq!(value["contacts"][0]["wa_id"], CUSTOMER);
    assert_eq!(value["messages"][0]["from"], CUSTOMER);
    cloud.change(|behaviour| behaviour.notifying.escaped = false);
    let plain = cloud.written(&[cloud.inbound_text(CUSTOMER, "gr\u{fc}\u{df}e / ")]);
    assert!(String::from_utf8_lossy(&plain).contains("gr\u{fc}\u{df}e / "));
}

#[tokio::test]
async fn it_comes_again_until_it_is_taken_and_always_the_same() {
    let (cloud, receiver) = notified().await;
    receiver
        .faults()
        .push_lines("callback:status=503:next=1\ncallback:status=204:next=1\ncallback:reset:next=1")
        .unwrap();
    let delivery = cloud.notify(cloud.inbound_text(CUSTOMER, "1"));
    assert_eq!(
        delivery.ended().await,
        [Some(503), Some(204), None, Some(200)]
    );
    let callbacks = receiver.callbacks();
    assert_eq!(callbacks.len(), 4);
    assert!(callbacks.iter().all(|one| one.body == delivery.body()));
    assert_eq!(cloud.deliveries().len(), 4);
}

#[tokio::test]
async fn it_is_given_up_in_the_end() {
    let (cloud, receiver) = notified().await;
    receiver.answer_with(500);
    cloud.change(|behaviour| behaviour.notifying.attempts = 3);
    let delivery = cloud.notify(cloud.inbound_text(CUSTOMER, "1"));
    assert_eq!(delivery.ended().await, [Some(500); 3]);
}

#[tokio::test]
async fn an_answer_that_is_late_or_lost_brings_it_again() {
    let (cloud, receiver) = notified().await;
    cloud
        .faults()
        .push_lines("notification:reset:next=1")
        .unwrap();
    let lost = cloud.notify(cloud.inbound_text(CUSTOMER, "1"));
    assert_eq!(lost.ended().await, [None, Some(200)]);
    receiver
        .faults()
        .push_lines("callback:hang:next=1")
        .unwrap();
    cloud.change(|behaviour| behaviour.notifying.patience = Duration::from_millis(200));
    let late = cloud.notify(cloud.inbound_text(CUSTOMER, "2"));
    assert_eq!(late.attempted(1).await[0], None);
    assert_eq!(late.ended().await.last(), Some(&Some(200)));
}

#[tokio::test]
async fn faults_double_it_swallow_it_hold_it_and_spoil_its_signature() {
    let (cloud, receiver) = notified().await;
    let faults = "notification:twice:next=1\nnotification:silent:next=1\nnotification:held:next=1\nnotification:wrong-bytes:next=1";
    cloud.faults().push_lines(faults).unwrap();
    let text = |text| cloud.notify(cloud.inbound_text(CUSTOMER, text));
    assert_eq!(text("twice").ended().await, [Some(200); 2]);
    assert!(text("silent").ended().await.is_empty());
    let held = text("held");
    let spoilt = text("spoilt");
    assert_eq!(spoilt.ended().await, [Some(200)]);
    assert_eq!(receiver.callbacks().len(), 3);
    cloud.release_notifications();
    assert_eq!(held.ended().await, [Some(200)]);
    let signatures: Vec<_> = receiver
        .callbacks()
        .iter()
        .map(|one| one.headers["x-hub-signature-256"].clone())
        .collect();
    assert_eq!(signatures[0], signatures[1]);
    let unsigned = cloud.notify_raw("{}", &Signed::Not(None));
    unsigned.ended().await;
    let last = receiver.callbacks().pop().unwrap();
    assert!(!last.headers.contains_key("x-hub-signature-256"));
}

#[tokio::test]
async fn a_medium_is_told_with_its_base64_hash_and_a_url_that_works() {
    let (cloud, _receiver) = notified().await;
    cloud.add_medium("17", Kind::Voice.medium());
    let voice = cloud.inbound_voice(CUSTOMER, "17");
    let audio = &voice["messages"][0]["audio"];
    assert_eq!(voice["messages"][0]["type"], "audio");
    assert_eq!(audio["voice"], true);
    assert_eq!(audio["mime_type"], "audio/ogg; codecs=opus");
    assert_eq!(audio["sha256"].as_str().unwrap().len(), 44);
    let fetched = get(&cloud, audio["url"].as_str().unwrap()).await;
    assert_eq!(fetched.status(), 200);
    let over = Attachment {
        url: NotifiedUrl::Over,
        caption: Some("a"),
        wrong_sha256: true,
        ..Attachment::of("17")
    };
    let image = cloud.inbound_media(CUSTOMER, Kind::Image, &over);
    let image = &image["messages"][0]["image"];
    assert_eq!(image["caption"], "a");
    assert_ne!(image["sha256"], audio["sha256"]);
    let dead = get(&cloud, image["url"].as_str().unwrap()).await;
    assert_eq!(dead.status(), 404);
    // Only the URL of the notification is refused; that of a look-up works.
    let refused = "/whatsapp_business/attachments/?mid=17&source=webhook:status=404";
    cloud.faults().push_lines(refused).unwrap();
    let fetched = get(&cloud, audio["url"].as_str().unwrap()).await;
    assert_eq!(fetched.status(), 404);
    let found: Value = get(&cloud, &lookup_url(&cloud, "17"))
        .await
        .json()
        .await
        .unwrap();
    let fetched = get(&cloud, found["url"].as_str().unwrap()).await;
    assert_eq!(fetched.status(), 200);
}

#[tokio::test]
async fn what_an_advertisement_shows_is_for_everybody() {
    let (cloud, _receiver) = notified().await;
    cloud.add_medium("19", Kind::Image.medium());
    let shown = reqwest::get(cloud.open_url("19")).await.unwrap();
    assert_eq!(shown.headers()["content-type"], "image/jpeg");
    let length = Kind::Image.medium().content.length();
    assert_eq!(shown.bytes().await.unwrap().len() as u64, length);
    let missing = reqwest::get(cloud.open_url("20")).await.unwrap();
    assert_eq!(missing.status(), 404);
    cloud.wait_until(|log| log.count(Hop::Picture) == 2).await;
}

#[tokio::test]
async fn a_clock_ahead_shows_in_times_and_urls() {
    let (cloud, _receiver) = notified().await;
    let time = |value: &Value| -> u64 {
        let text = value["messages"][0]["timestamp"].as_str().unwrap();
        text.parse().unwrap()
    };
    let before = time(&cloud.inbound_text(CUSTOMER, "1"));
    cloud.change(|behaviour| behaviour.clock_ahead_s = 120);
    let after = time(&cloud.inbound_text(CUSTOMER, "2"));
    assert!((120..180).contains(&(after - before)));
    let url = cloud.notified_url(ID).unwrap();
    assert_eq!(get(&cloud, &url).await.status(), 200);
}

#[tokio::test]
async fn a_thousand_things_go_into_one_notification() {
    let (cloud, receiver) = notified().await;
    let texts = (0..1000).map(|index| cloud.inbound_text(CUSTOMER, &index.to_string()));
    let delivery = cloud.notify(merged(texts.collect::<Vec<_>>()));
    assert_eq!(delivery.ended().await, [Some(200)]);
    let whole = receiver.next_callback().await.json();
    let value = &whole["entry"][0]["changes"][0]["value"];
    assert_eq!(value["messages"].as_array().unwrap().len(), 1000);
    let ids: std::collections::HashSet<&str> = value["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), 1000);
}

#[tokio::test]
async fn a_webhook_is_asked_before_it_is_notified() {
    let cloud = cloud().await;
    let webhook = wanted().await;
    let good = url(&format!("{}/cloud?a=b", webhook.url()));
    assert!(cloud.subscribe(good.clone(), "another").await.is_err());
    assert!(
        cloud
            .subscribe(url(&webhook.url()).join("/deaf").unwrap(), TOKEN)
            .await
            .is_err()
    );
    let delivery = cloud.notify(cloud.inbound_text(CUSTOMER, "to nobody"));
    assert_eq!(delivery.attempted(1).await, [None]);
    cloud.subscribe(good, TOKEN).await.unwrap();
    cloud.wait_until_notified(|log| log.total() > 0).await;
}

#[tokio::test]
async fn the_number_s_own_webhook_is_set_shown_and_taken_away() {
    let cloud = cloud().await;
    let webhook = wanted().await;
    let number = cloud.phone_number_id().to_owned();
    let shown = format!("{number}?fields=webhook_configuration");
    cloud.set_webhook(url("http://127.0.0.1:9/app"));
    let set = async |uri: &str, token: &str| {
        let body =
            json!({"webhook_configuration": {"override_callback_uri": uri, "verify_token": token}});
        graph(&cloud, Method::POST, &number, &body).await
    };
    let mine = format!("{}/cloud", webhook.url());
    let (status, refused) = set(&mine, "another").await;
    assert_eq!((status, &refused["error"]["code"]), (400, &json!(2200)));
    let (status, refused) = set("http://127.0.0.1:9/", TOKEN).await;
    assert_eq!((status, &refused["error"]["code"]), (400, &json!(2200)));
    let (status, refused) = set(&format!("{mine}/{}", "x".repeat(200)), TOKEN).await;
    assert_eq!((status, &refused["error"]["code"]), (400, &json!(100)));
    let (status, refused) = graph(&cloud, Method::POST, &number, &json!({})).await;
    assert_eq!((status, &refused["error"]["code"]), (400, &json!(100)));
    let told = graph(&cloud, Method::GET, &shown, &Value::Null).await.1;
    assert_eq!(
        told,
        json!({"webhook_configuration": {"application": "http://127.0.0.1:9/app"}, "id": number})
    );
    assert_eq!(set(&mine, TOKEN).await, (200, json!({"success": true})));
    let told = graph(&cloud, Method::GET, &shown, &Value::Null).await.1;
    assert_eq!(told["webhook_configuration"]["phone_number"], mine);
    assert_eq!(set("", "").await.0, 200);
    let told = graph(&cloud, Method::GET, &shown, &Value::Null).await.1;
    assert_eq!(told["webhook_configuration"]["phone_number"], Value::Null);
}

#[tokio::test]
async fn an_app_is_subscribed_with_a_webhook_or_without() {
    let cloud = cloud().await;
    let webhook = wanted().await;
    let edge = "102290129340398/subscribed_apps";
    let list = async || graph(&cloud, Method::GET, edge, &Value::Null).await.1;
    assert_eq!(list().await, json!({"data": []}));
    let mine = format!("{}/cloud", webhook.url());
    let body = json!({"override_callback_uri": mine, "verify_token": TOKEN});
    assert_eq!(graph(&cloud, Method::POST, edge, &body).await.0, 200);
    assert_eq!(list().await["data"][0]["override_callback_uri"], mine);
    graph(&cloud, Method::POST, edge, &Value::Null).await;
    let app = &list().await["data"][0];
    assert_eq!(app["whatsapp_business_api_data"]["id"], "634974688087057");
    assert_eq!(app["override_callback_uri"], Value::Null);
    graph(&cloud, Method::DELETE, edge, &Value::Null).await;
    assert_eq!(list().await, json!({"data": []}));
    cloud
        .faults()
        .push_lines("subscription:expired-token")
        .unwrap();
    assert_eq!(graph(&cloud, Method::GET, edge, &Value::Null).await.0, 401);
}

#[tokio::test]
async fn a_customer_is_played_over_http() {
    let (cloud, receiver) = notified().await;
    let play = async |body: Value| {
        let url = format!("{}/_standin/notify", cloud.graph_url());
        let posted = reqwest::Client::new().post(url).json(&body);
        let answer = posted.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json::<Value>().await.unwrap_or_default())
    };
    let (status, told) = play(json!({"type": "text", "from": "4915112345678", "text": "Hi"})).await;
    assert_eq!((status, &told["status"]), (200, &json!(200)));
    let whole = receiver.next_callback().await.json();
    let message = whole["entry"][0]["changes"][0]["value"]["messages"][0].clone();
    assert_eq!(message["from"], "4915112345678");
    assert_eq!(message["id"], told["id"]);
    assert_eq!(message["text"]["body"], "Hi");
    // A medium that is not named is one that fits.
    assert_eq!(play(json!({"type": "image"})).await.0, 400);
    cloud.add_medium("18", Kind::Image.medium());
    assert_eq!(play(json!({"type": "image", "caption": "x"})).await.0, 200);
    let whole = receiver.next_callback().await.json();
    let message = whole["entry"][0]["changes"][0]["value"]["messages"][0].clone();
    assert_eq!(
        (&message["image"]["id"], &message["image"]["caption"]),
        (&json!("18"), &json!("x"))
    );
    let value = cloud.trouble(130_429, "Rate limit hit");
    assert_eq!(play(json!({"value": value})).await.0, 200);
    let whole = receiver.next_callback().await.json();
    assert_eq!(whole["entry"][0]["changes"][0]["value"], value);
    assert_eq!(play(json!({"type": "poll"})).await.0, 400);
    cloud.set_webhook(None);
    assert_eq!(play(json!({"type": "text", "text": "a"})).await.0, 409);
}
