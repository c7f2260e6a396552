//! How a retry download ends, and how that goes wrong.

use serde_json::json;

use super::super::super::fault::Fault;
use super::super::super::receiver::{Receiver, ReceiverOptions};
use super::{Content, Digest, Medium, Onprem, get, onprem, token};

const ID: &str = "6c91d5ba-1c7f-4b2a-b4f2-9c2f63e4a1b0";

struct World {
    onprem: Onprem,
    receiver: Receiver,
    token: String,
    digest: Digest,
}

impl World {
    async fn start() -> Self {
        let onprem = onprem().await;
        let receiver = Receiver::start(ReceiverOptions::default()).await.unwrap();
        let hook = format!("{}/hook", receiver.url());
        onprem.set_webhook(url::Url::parse(&hook).unwrap());
        let content = Content::Pattern {
            length: 1000,
            seed: 1,
        };
        Self {
            token: token(&onprem).await,
            digest: onprem.add_medium(ID, Medium::new("audio/ogg", content)),
            onprem,
            receiver,
        }
    }

    async fn with(fault: &str) -> Self {
        let world = Self::start().await;
        world.onprem.faults().push_lines(fault).unwrap();
        world
    }

    async fn ask(&self, id: &str) {
        let path = format!("/v1/media/{id}/download");
        let answer = get(&self.onprem, &self.token, &path).await;
        assert_eq!(answer.status(), 200);
        let length = answer.content_length();
        assert_eq!(length, Some(answer.bytes().await.unwrap().len() as u64));
    }
}

#[tokio::test]
async fn a_medium_it_holds_is_told_as_documented() {
    let world = World::start().await;
    world.ask(ID).await;
    let callback = world.receiver.next_callback().await;
    assert_eq!(callback.path, "/hook");
    assert_eq!(callback.headers["content-type"], "application/json");
    assert_eq!(
        callback.json(),
        json!({"media_items": [{
            "type": "voice",
            "voice": {"id": ID, "mime_type": "audio/ogg", "sha256": world.digest.sha256, "status": "downloaded"},
        }]})
    );
}

#[tokio::test]
async fn a_medium_it_does_not_hold_is_told_with_errors_beside_it() {
    let world = World::with(&format!("callback@{ID}:not-found")).await;
    for id in ["unknown", ID] {
        world.ask(id).await;
        assert_eq!(
            world.receiver.next_callback().await.json(),
            json!({"media_items": [{
                "errors": [{"code": 400, "details": "Media not found in the datastore.", "title": "Parameter not valid"}],
                "image": {"id": id, "status": "downloaded"},
                "type": "image",
            }]})
        );
    }
}

#[tokio::test]
async fn nothing_but_200_ends_the_attempts() {
    let world = World::start().await;
    world
        .receiver
        .faults()
        .push_lines("callback:status=204:next=1\ncallback:reset:next=1\ncallback:status=500:next=1")
        .unwrap();
    world.ask(ID).await;
    world
        .onprem
        .wait_until_called_back(|log| log.iter().any(|seen| seen.status == Some(200)))
        .await;
    let statuses: Vec<Option<u16>> = world
        .onprem
        .callbacks()
        .iter()
        .map(|seen| seen.status)
        .collect();
    assert_eq!(statuses, [Some(204), None, Some(500), Some(200)]);
}

#[tokio::test]
async fn a_refused_download_is_not_told() {
    let world = World::with("/v1/media:status=503:next=1").await;
    let path = format!("/v1/media/{ID}/download");
    assert_eq!(get(&world.onprem, &world.token, &path).await.status(), 503);
    world.ask("unknown").await;
    let first = world.receiver.next_callback().await.json();
    assert_eq!(first["media_items"][0]["image"]["id"], "unknown");
}

#[tokio::test]
async fn it_can_keep_silent_or_say_it_twice() {
    let world = World::with("callback:silent:next=1\ncallback:twice:next=1").await;
    world.ask(ID).await;
    world
        .onprem
        .wait_until_called_back(|log| log.total() == 1)
        .await;
    let swallowed = &world.onprem.callbacks()[0];
    assert_eq!(
        (&swallowed.fault, swallowed.status),
        (&Some(Fault::Silent), None)
    );
    world.ask(ID).await;
    let first = world.receiver.next_callback().await;
    assert_eq!(first.body, world.receiver.next_callback().await.body);
    assert_eq!(world.receiver.callbacks().len(), 2);
}

#[tokio::test]
async fn it_can_say_it_late() {
    let world = World::with("callback:held:next=1").await;
    world.ask(ID).await;
    world.ask("unknown").await;
    let prompt = world.receiver.next_callback().await.json();
    assert_eq!(prompt["media_items"][0]["image"]["id"], "unknown");
    world.onprem.release_callbacks();
    let late = world.receiver.next_callback().await.json();
    assert_eq!(late["media_items"][0]["voice"]["id"], ID);
}

#[tokio::test]
async fn it_can_say_the_wrong_thing() {
    let world =
        World::with("callback:wrong-bytes:next=1\ncallback:mime-type=video/mp4:next=1\ncallback:body=200,{}:next=1")
            .await;
    let mut told = Vec::new();
    for _ in 0..3 {
        world.ask(ID).await;
        told.push(world.receiver.next_callback().await.json());
    }
    let [digest, mime_type, body] = &told[..] else {
        panic!("three were asked for");
    };
    let digest = &digest["media_items"][0]["voice"];
    assert_eq!(digest["mime_type"], "audio/ogg");
    assert_eq!(digest["sha256"].as_str().unwrap().len(), 64);
    assert_ne!(digest["sha256"], world.digest.sha256);
    let mime_type = &mime_type["media_items"][0]["voice"];
    assert_eq!(mime_type["mime_type"], "video/mp4");
    assert_eq!(mime_type["sha256"], world.digest.sha256);
    assert_eq!(body, &json!({}));
}

#[tokio::test]
async fn any_callback_can_be_posted() {
    let world = World::start().await;
    let callback = json!({"statuses": [{"id": "gBGG", "status": "sent"}]});
    assert_eq!(world.onprem.post_callback(&callback).await.unwrap(), 200);
    assert_eq!(world.receiver.next_callback().await.json(), callback);
    world.receiver.answer_with(500);
    assert_eq!(world.onprem.post_callback(&callback).await.unwrap(), 500);
    world.onprem.set_webhook(None);
    assert!(world.onprem.post_callback(&callback).await.is_err());
}
