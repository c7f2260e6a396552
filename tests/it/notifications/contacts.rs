//! Receivers that are down or picky: nothing is lost, and one contact's trouble is nobody else's.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use waba_bridge::standin::cloud::notify::merged;

use super::{KERRY, SHEENA, of, taken_texts, text_of};
use crate::harness::{Setting, World, within};

const EVENTS: usize = 4000;
const CONTACTS: usize = 40;

#[tokio::test]
async fn all_that_came_while_the_receiver_was_down_is_told_in_order_per_contact() {
    let world = Setting::notified(60).start().await;
    world.subscribe().await;
    world.receiver.answer_with(503);
    let contacts: Vec<String> = (0..CONTACTS)
        .map(|one| format!("1631555{one:04}"))
        .collect();
    for batch in 0..EVENTS / 100 {
        let values = (0..100).map(|index| {
            let index = batch * 100 + index;
            let contact = &contacts[index % CONTACTS];
            world.cloud.inbound_text(contact, &format!("event {index}"))
        });
        let delivery = world.cloud.notify(merged(values.collect::<Vec<_>>()));
        assert_eq!(within(delivery.ended()).await, [Some(200)]);
    }
    world.receiver.answer_with(200);
    within(
        world
            .receiver
            .wait_until(|log| log.iter().filter(|seen| seen.status == Some(200)).count() >= EVENTS),
    )
    .await;
    world.until_idle().await;
    let texts = taken_texts(&world);
    assert_eq!(texts.len(), EVENTS);
    for (index, contact) in contacts.iter().enumerate() {
        let expected: Vec<String> = (0..EVENTS / CONTACTS)
            .map(|round| format!("event {}", round * CONTACTS + index))
            .collect();
        assert_eq!(of(&texts, contact), expected);
    }
}

/// An integration that takes nothing of one contact.
#[derive(Clone, Default)]
struct Picky(Arc<Mutex<Taken>>);

#[derive(Default)]
struct Taken {
    refused: usize,
    texts: Vec<(String, String)>,
    relents: bool,
}

impl Picky {
    async fn start(&self) -> String {
        let picky = self.clone();
        let answer = move |body: axum::body::Bytes| async move { picky.answer(&body) };
        let app = axum::Router::new().route("/callback", axum::routing::post(answer));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/callback", listener.local_addr().unwrap());
        tokio::spawn(async { axum::serve(listener, app).await });
        url
    }

    fn answer(&self, body: &[u8]) -> axum::http::StatusCode {
        let callback: Value = serde_json::from_slice(body).unwrap();
        let from = callback["messages"][0]["from"].as_str().unwrap().to_owned();
        let mut taken = self.0.lock().unwrap();
        if from == KERRY && !taken.relents {
            taken.refused += 1;
            return axum::http::StatusCode::BAD_REQUEST;
        }
        taken.texts.push((from, text_of(&callback)));
        axum::http::StatusCode::OK
    }

    async fn until(&self, holds: impl Fn(&Taken) -> bool) {
        within(async {
            while !holds(&self.0.lock().unwrap()) {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        })
        .await;
    }
}

async fn world(webhook: String) -> World {
    let setting = Setting {
        webhook: Some(webhook),
        ..Setting::notified(60)
    };
    let world = setting.start().await;
    world.subscribe().await;
    world
}

#[tokio::test]
async fn only_the_contact_whose_callback_is_refused_waits() {
    let picky = Picky::default();
    let world = world(picky.start().await).await;
    for index in 0..20 {
        for contact in [KERRY, SHEENA] {
            let text = format!("message {index} of one of them");
            world.notify(world.cloud.inbound_text(contact, &text)).await;
        }
    }
    picky
        .until(|taken| taken.texts.len() == 20 && taken.refused >= 3)
        .await;
    let expected: Vec<String> = (0..20)
        .map(|index| format!("message {index} of one of them"))
        .collect();
    let texts = picky.0.lock().unwrap().texts.clone();
    assert_eq!(of(&texts, SHEENA), expected);
    assert!(of(&texts, KERRY).is_empty());
    picky.0.lock().unwrap().relents = true;
    picky.until(|taken| taken.texts.len() == 40).await;
    world.until_idle().await;
    let texts = picky.0.lock().unwrap().texts.clone();
    assert_eq!(of(&texts, KERRY), expected);
}
