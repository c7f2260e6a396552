//! kill -9, and a state that takes nothing, at every moment between Meta and the integration.

use std::collections::HashMap;

use waba_bridge::standin::cloud::{Attachment, Signed};
use waba_bridge::standin::fault::Hop;
use waba_bridge::standin::media::Kind;

use super::{KERRY, SHEENA, of, taken_texts, text_of};
use crate::harness::{Setting, World, within};
use crate::storage::Tmpfs;

const ID: &str = "1761991787669262";

async fn world() -> World {
    let world = Setting::notified(60).start().await;
    world.subscribe().await;
    world
}

#[tokio::test]
async fn what_was_acknowledged_is_told_after_a_crash() {
    let mut world = world().await;
    world.receiver.answer_with(500);
    for text in ["the first of two", "the second of two"] {
        world.notify(world.cloud.inbound_text(KERRY, text)).await;
    }
    world.bridge.crash_and_restart_with(|| ());
    world.receiver.answer_with(200);
    world.until_idle().await;
    let texts = of(&taken_texts(&world), KERRY);
    assert_eq!(texts, ["the first of two", "the second of two"]);
}

#[tokio::test]
async fn what_was_taken_but_not_acknowledged_is_told_once() {
    let mut world = world().await;
    world
        .cloud
        .faults()
        .push_lines("notification:reset:next=1")
        .unwrap();
    // Meta tries again so late that the bridge is dead by then, and goes on until it is back.
    let later = std::time::Duration::from_millis(300);
    world
        .cloud
        .change(|behaviour| behaviour.notifying.pauses = vec![later]);
    let value = world.cloud.inbound_text(KERRY, "acknowledged in vain");
    world.keep_private(&value);
    let delivery = world.cloud.notify(value);
    assert_eq!(within(delivery.attempted(1)).await[0], None);
    assert_eq!(text_of(&world.message().await), "acknowledged in vain");
    world.until_idle().await;
    world.bridge.crash_and_restart();
    world.subscribe().await;
    assert_eq!(within(delivery.ended()).await.last(), Some(&Some(200)));
    world
        .notify(world.cloud.inbound_text(KERRY, "and nothing in between"))
        .await;
    assert_eq!(text_of(&world.message().await), "and nothing in between");
}

#[tokio::test]
async fn a_crash_while_the_medium_is_fetched_costs_neither_medium_nor_order() {
    let mut world = world().await;
    world.add_medium(ID, "image/jpeg", 1_000_000);
    let slow = "download:slow=300000:next=1";
    world.cloud.faults().push_lines(slow).unwrap();
    let image = world
        .cloud
        .inbound_media(KERRY, Kind::Image, &Attachment::of(ID));
    world.notify(image).await;
    world
        .notify(world.cloud.inbound_text(KERRY, "behind the picture"))
        .await;
    within(
        world
            .cloud
            .wait_until(|log| log.count_of(Hop::Download, ID) == 1),
    )
    .await;
    world.bridge.crash_and_restart();
    let told = world.message().await;
    assert_eq!(
        told["messages"][0]["image"]["status"], "downloaded",
        "{told}"
    );
    assert_eq!(text_of(&world.message().await), "behind the picture");
    let stored = std::fs::read(world.bridge.stored_file(ID)).unwrap();
    assert!(stored == crate::harness::content_of(ID, 1_000_000));
}

#[tokio::test]
async fn a_crash_while_the_callback_is_under_way_makes_it_again() {
    let mut world = world().await;
    world.receiver.hold();
    world
        .notify(world.cloud.inbound_text(KERRY, "taken and not answered"))
        .await;
    let first = world.callback().await;
    world.bridge.crash_and_restart();
    world.receiver.release();
    let second = world.callback().await;
    assert_eq!(first.body, second.body);
    world.until_idle().await;
    assert_eq!(world.receiver.callbacks().len(), 2);
}

#[tokio::test]
async fn twenty_crashes_while_notifications_come_in_lose_none_and_change_no_order() {
    let mut world = world().await;
    world
        .cloud
        .faults()
        .push_lines("notification:twice:every=5\nnotification:reset:every=7\ndownload:truncate=3000:every=4")
        .unwrap();
    world
        .receiver
        .faults()
        .push_lines("callback:status=500:every=6")
        .unwrap();
    let mut deliveries = Vec::new();
    let mut expected: HashMap<&str, Vec<String>> = HashMap::new();
    for round in 0..20_usize {
        let contact = [KERRY, SHEENA][round % 2];
        let id = format!("{}", 900_000 + round);
        world.add_medium(&id, "image/jpeg", 20_000);
        let value = match round % 3 {
            0 => world
                .cloud
                .inbound_media(contact, Kind::Image, &Attachment::of(&id)),
            _ => world.cloud.inbound_text(contact, &format!("round {round}")),
        };
        world.keep_private(&value);
        let told = match round % 3 {
            0 => String::new(),
            _ => format!("round {round}"),
        };
        expected.entry(contact).or_default().push(told);
        let delivery = world.cloud.notify(value);
        // Not random in a test: how far each life of the bridge comes is spread by these prime steps. What follows is
        // posted only after this was taken, or Meta itself might change the order.
        if round % 4 == 0 {
            world.bridge.crash_and_restart();
            world.subscribe().await;
        }
        assert_eq!(within(delivery.ended()).await.last(), Some(&Some(200)));
        deliveries.push(delivery);
        let seen = world.cloud.log(|log| log.total()) + world.receiver.log(|log| log.total());
        let more = (round as u64 * 7) % 5;
        let reached = async {
            while world.cloud.log(|log| log.total()) + world.receiver.log(|log| log.total())
                < seen + more
                && !world.bridge.jobs("").await.is_empty()
            {
                tokio::task::yield_now().await;
            }
        };
        within(reached).await;
        world.bridge.crash_and_restart();
        world.subscribe().await;
    }
    for delivery in &deliveries {
        let again = world
            .cloud
            .notify_raw(delivery.body().clone(), &Signed::Rightly);
        assert_eq!(within(again.ended()).await.last(), Some(&Some(200)));
    }
    world.until_idle().await;
    let mut texts = taken_texts(&world);
    // A callback that a crash cut off after the receiver took it is made again, right behind itself.
    texts.dedup_by(|a, b| a == b && !a.1.is_empty());
    for (contact, expected) in expected {
        let told = of(&texts, contact);
        let words = |texts: &[String]| -> Vec<String> {
            let mut texts: Vec<String> = texts
                .iter()
                .filter(|text| !text.is_empty())
                .cloned()
                .collect();
            texts.dedup();
            texts
        };
        assert_eq!(words(&told), words(&expected));
    }
    for round in (0..20).step_by(3) {
        let id = world.told_id(&format!("{}", 900_000 + round));
        let callbacks = world.receiver.callbacks();
        let told = callbacks.iter().filter(|callback| {
            callback.status == Some(200) && callback.json()["messages"][0]["image"]["id"] == id
        });
        assert!(told.count() >= 1, "{id} was never told");
    }
}

#[tokio::test]
async fn without_room_for_the_state_meta_is_sent_away_and_comes_again() {
    let folder = tempfile::tempdir().unwrap();
    let tmpfs = Tmpfs::mount(&folder.path().join("state"), "4m");
    let world = Setting::notified(60).start_in(folder).await;
    world.subscribe().await;
    world.receiver.answer_with(503);
    let ballast = tmpfs.fill();
    let mut sent = Vec::new();
    let refused = async {
        loop {
            let text = format!("text {} for a full disk", sent.len());
            let value = world.cloud.inbound_text(KERRY, &text);
            world.keep_private(&value);
            let delivery = world.cloud.notify(value);
            sent.push(text);
            let attempts = within(delivery.attempted(1)).await;
            if attempts[0] != Some(200) {
                assert_eq!(attempts[0], Some(503));
                return delivery;
            }
        }
    };
    let refused = within(refused).await;
    std::fs::remove_file(ballast).unwrap();
    assert_eq!(within(refused.ended()).await.last(), Some(&Some(200)));
    world.receiver.answer_with(200);
    world.until_idle().await;
    assert_eq!(of(&taken_texts(&world), KERRY), sent);
}
