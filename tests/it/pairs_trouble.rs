//! Compared retry downloads in trouble: crashes, ways back and forward, hung and absent peers. Nothing is lost, nothing is told twice.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use waba_bridge::standin::fault::Hop;
use waba_bridge::standin::onprem::Onprem;
use waba_bridge::standin::receiver::Callback;
use waba_bridge::standin::{Content, Medium};

use crate::harness::{Setting, World, within};

const ID: &str = "1761991787669262";
const LENGTH: u64 = 50_000;
const SIDES: [&str; 2] = ["onprem", "cloud"];
/// Tells the old client's callbacks from the bridge's.
const ODD_TYPE: &str = "callback:mime-type=image/x-old:always";

/// What the old client has for a webhook: the same address for good, wherever the bridge is after a restart.
struct Relay {
    address: SocketAddr,
    target: Arc<Mutex<SocketAddr>>,
    /// How many answers are lost on the way.
    lose: Arc<AtomicUsize>,
}

impl Relay {
    async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let this = Self {
            address: listener.local_addr().unwrap(),
            target: Arc::new(Mutex::new(target)),
            lose: Arc::default(),
        };
        let (target, lose) = (this.target.clone(), this.lose.clone());
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let (target, lose) = (*target.lock().unwrap(), lose.clone());
                tokio::spawn(async move { relay(near, target, &lose).await });
            }
        });
        this
    }

    fn follow(&self, world: &World) {
        *self.target.lock().unwrap() = world.bridge.address_of("intake");
    }
}

async fn relay(near: TcpStream, target: SocketAddr, lose: &AtomicUsize) {
    let Ok(far) = TcpStream::connect(target).await else {
        return;
    };
    let (mut near_in, mut near_out) = near.into_split();
    let (mut far_in, mut far_out) = far.into_split();
    let there = async { copy(&mut near_in, &mut far_out).await };
    let back = async {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = far_in.read(&mut buffer).await {
            let fewer = |left: usize| left.checked_sub(1);
            if lose
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, fewer)
                .is_ok()
                || near_out.write_all(&buffer[..count]).await.is_err()
            {
                return;
            }
        }
    };
    tokio::select! {
        _ = there => {}
        () = back => {}
    }
}

struct Pairs {
    world: World,
    token: String,
    relay: Relay,
}

fn flag(answer: &str) -> String {
    format!("media_download = {{ mode = \"compare\", answer = \"{answer}\" }}\n")
}

async fn pairs(answer: &str, compare: &str) -> Pairs {
    let setting = Setting::compared(&flag(answer), compare)
        .impatient("")
        .callback("callback_backoff_delay_ms = 100");
    let world = setting.start().await;
    let token = world.login().await;
    let relay = Relay::start(world.bridge.address_of("intake")).await;
    let pairs = Pairs {
        world,
        token,
        relay,
    };
    let webhook = format!("http://{}/onprem/support", pairs.relay.address);
    pairs.onprem().set_webhook(Some(webhook.parse().unwrap()));
    pairs.add(ID);
    pairs
}

impl Pairs {
    fn onprem(&self) -> &Onprem {
        self.world.onprem.as_ref().unwrap()
    }

    /// The same medium on both sides.
    fn add(&self, id: &str) {
        self.world.add_medium(id, "image/png", LENGTH);
        let seed = id.parse().unwrap();
        let content = Content::Pattern {
            length: LENGTH,
            seed,
        };
        self.onprem()
            .add_medium(id, Medium::new("image/png", content));
    }

    fn faults(&self, onprem: &str, cloud: &str) {
        self.onprem().faults().push_lines(onprem).unwrap();
        self.world.cloud.faults().push_lines(cloud).unwrap();
    }

    async fn ask(&self) {
        self.world.download(ID, &self.token).await;
    }

    async fn until_told_to_intake(&self, times: usize) {
        let taken = self.onprem().wait_until_called_back(|log| {
            log.iter().filter(|seen| seen.status == Some(200)).count() >= times
        });
        within(taken).await;
    }

    /// Everything that came to the integration, once nothing more can come.
    async fn all_told(&self) -> Vec<Callback> {
        self.world.until_idle().await;
        self.world.receiver.callbacks()
    }

    /// The only callback that came.
    async fn only_one(&self) -> Value {
        let all = self.all_told().await;
        assert_eq!(
            all.len(),
            1,
            "{:?}",
            all.iter().map(Callback::json).collect::<Vec<_>>()
        );
        all[0].json()
    }

    async fn crash(&mut self) {
        self.world.bridge.crash_and_restart();
        self.relay.follow(&self.world);
    }

    async fn reload(&self, from: &str, to: &str) {
        let before = self.world.bridge.lines("configuration reread").len();
        self.world.bridge.reconfigure(|old| {
            let new = old.replace(from, to);
            assert_ne!(old, new);
            new
        });
        self.world.bridge.signal("HUP");
        self.world
            .bridge
            .logged_as("configuration reread", before)
            .await;
    }
}

/// Whose callback it is; for worlds with [`ODD_TYPE`].
fn side(told: &Value) -> &'static str {
    match told["media_items"][0]["image"]["mime_type"].as_str() {
        Some("image/x-old") => "onprem",
        Some("image/png") => "cloud",
        _ => panic!("{told}"),
    }
}

fn verdict(line: &Value) -> (&str, &str) {
    let text = |field: &str| line[field].as_str().unwrap_or_default();
    (text("verdict"), text("reason"))
}

#[tokio::test]
async fn a_refusal_is_remembered_through_a_crash() {
    let mut pairs = pairs("onprem", "callback_deadline_s = 2").await;
    let path = format!("/v1/media/{ID}/download");
    pairs.faults(&format!("{path}:not-found:always"), "lookup:hang:next=1");
    let answer = pairs.world.bridge.get(&path, &pairs.token).await;
    pairs.crash().await;
    assert_eq!(answer.status(), 404);
    pairs.world.comparison(0).await;
    assert!(pairs.all_told().await.is_empty());
}

#[tokio::test]
async fn an_old_client_that_hangs_holds_nothing_up() {
    let pairs = pairs("cloud", "deadline_s = 1").await;
    let path = format!("/v1/media/{ID}/download");
    pairs.faults(&format!("{path}:hang:always"), "");
    pairs.ask().await;
    assert_eq!(pairs.world.callback().await.status, Some(200));
    let line = pairs.world.comparison(0).await;
    assert_eq!(verdict(&line), ("only_cloud", "unreached"), "{line}");
    pairs.only_one().await;
}

#[tokio::test]
async fn a_stranger_opens_no_pair() {
    for answer in SIDES {
        let pairs = pairs(answer, "").await;
        let path = format!("/v1/media/{ID}/download");
        for token in ["", "stolen"] {
            let refused = pairs.world.bridge.get(&path, token).await;
            assert_eq!(
                (
                    refused.status().as_u16(),
                    crate::raw::code(&refused.json().await.unwrap())
                ),
                (401, 1005)
            );
        }
        assert!(pairs.world.bridge.jobs("").await.is_empty());
        assert_eq!(pairs.world.cloud.log(|log| log.total()), 0);
        assert!(pairs.onprem().callbacks().is_empty());
        // An id that cannot be one.
        let odd = pairs
            .world
            .bridge
            .get("/v1/media/a%20b/download", &pairs.token)
            .await;
        assert_eq!(odd.status(), if answer == "onprem" { 200 } else { 404 });
    }
}

#[tokio::test]
async fn a_way_back_while_a_pair_is_open_loses_no_callback() {
    for answer in SIDES {
        let pairs = pairs(answer, "").await;
        pairs.faults(ODD_TYPE, "lookup:hang:always");
        if answer == "cloud" {
            pairs.ask().await;
            pairs.until_told_to_intake(1).await;
        } else {
            pairs.ask().await;
            // Told already; the pair waits for Cloud.
            assert_eq!(side(&pairs.world.callback().await.json()), "onprem");
        }
        pairs
            .reload(&flag(answer), "media_download = \"onprem\"\n")
            .await;
        pairs.ask().await;
        pairs.until_told_to_intake(2).await;
        match answer {
            "onprem" => assert_eq!(side(&pairs.world.callback().await.json()), "onprem"),
            // Who waits for the pair waits for both.
            _ => assert!(pairs.world.receiver.callbacks().is_empty()),
        }
        pairs.world.cloud.faults().clear();
        pairs.world.comparison(0).await;
        let all = pairs.all_told().await;
        assert_eq!(
            all.len(),
            if answer == "onprem" { 2 } else { 1 },
            "{answer}"
        );
    }
}

/// Accepted by the bridge, while a pair is open that the old client answers, and the old client is gone.
#[tokio::test]
async fn a_way_forward_while_a_pair_is_open_loses_no_callback() {
    let mut pairs = pairs("onprem", "callback_deadline_s = 3").await;
    pairs.faults(ODD_TYPE, "lookup:hang:next=2");
    pairs.ask().await;
    assert_eq!(side(&pairs.world.callback().await.json()), "onprem");
    pairs
        .reload("answer = \"onprem\"", "answer = \"cloud\"")
        .await;
    drop(pairs.world.onprem.take());
    pairs.ask().await;
    let told = pairs.world.callback().await.json();
    assert_eq!(side(&told), "cloud");
    assert_eq!(pairs.all_told().await.len(), 2);
}

#[tokio::test]
async fn crashes_in_the_middle_of_many_lose_nothing() {
    let media: Vec<String> = (0..40).map(|n| format!("17619917876692{n:02}")).collect();
    for answer in SIDES {
        let mut pairs = pairs(answer, "").await;
        pairs.faults(ODD_TYPE, "");
        for id in &media {
            pairs.add(id);
        }
        let all = media
            .iter()
            .map(|id| pairs.world.download(id, &pairs.token));
        futures_util::future::join_all(all).await;
        for told in [5, 20] {
            within(pairs.world.receiver.wait_until(|log| log.total() >= told)).await;
            pairs.crash().await;
        }
        let onprem = pairs.onprem();
        let accepted = onprem.log(|log| {
            let downloads = log.iter().filter(|seen| seen.path.ends_with("/download"));
            downloads.filter(|seen| seen.status == Some(200)).count()
        });
        within(onprem.wait_until_called_back(|log| {
            log.iter().filter(|seen| seen.status == Some(200)).count() >= accepted
        }))
        .await;
        let mut told = std::collections::HashMap::<String, Vec<Value>>::new();
        for callback in pairs.all_told().await {
            let body = callback.json();
            let id = body["media_items"][0]["image"]["id"]
                .as_str()
                .unwrap()
                .to_owned();
            told.entry(id).or_default().push(body);
        }
        let repeated = told.values().filter(|told| told.len() > 1).count();
        // Only what was on its way when the bridge died is sent again.
        assert!(repeated <= 12, "{answer}: {repeated}");
        for id in &media {
            let told = told
                .get(id)
                .unwrap_or_else(|| panic!("{answer}: {id} was never told"));
            // And never the other side's.
            assert!(
                told.iter()
                    .all(|body| body == &told[0] && side(body) == answer),
                "{answer} {told:?}"
            );
        }
    }
}

#[tokio::test]
async fn more_than_can_be_compared_is_answered_all_the_same() {
    for answer in SIDES {
        let pairs = pairs(answer, "permits = 1\ndeadline_s = 60").await;
        let path = "/v1/media/1/download";
        pairs.add("1");
        pairs.faults(&format!("{path}:hang:always"), "");
        // Takes the only permit, for good.
        let hung = pairs
            .world
            .bridge
            .request("GET", path)
            .bearer_auth(&pairs.token)
            .send();
        let mut hung = Box::pin(hung);
        let reached = pairs
            .onprem()
            .wait_until(|log| log.iter().any(|seen| seen.path == path));
        match answer {
            "cloud" => assert_eq!(hung.await.unwrap().status(), 200),
            _ => tokio::select! {
                answer = &mut hung => panic!("{answer:?}"),
                () = within(reached) => {}
            },
        }
        pairs.ask().await;
        assert_eq!(pairs.world.skipped("media_download", "busy").await, 1.0);
        let told = pairs.world.callback().await.json();
        match answer {
            "cloud" if told["media_items"][0]["image"]["id"] == "1" => {
                pairs.world.callback().await;
            }
            _ => assert_eq!(told["media_items"][0]["image"]["id"], ID),
        }
    }
}

#[tokio::test]
async fn the_old_clients_side_can_be_a_baseline() {
    let world = Setting::alone()
        .routes(&flag("cloud"))
        .top("[compare]\nagainst = \"recorded\"\n")
        .start()
        .await;
    world.add_medium(ID, "image/png", LENGTH);
    let token = world.login().await;
    world.download(ID, &token).await;
    world.told().await.is_success_of(ID);
    world
        .until_skipped("media_download", "no_baseline", 1.0)
        .await;
    world.until_idle().await;
    assert_eq!(world.receiver.callbacks().len(), 1);
    assert!(world.bridge.lines("compared").is_empty());
    assert_eq!(world.cloud.log(|log| log.count(Hop::Lookup)), 1);
}
