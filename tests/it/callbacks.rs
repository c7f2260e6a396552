//! How callbacks are delivered: what counts as success, when they are tried again, and who waits for whom.

use serde_json::Value;
use waba_bridge::standin::Tls;
use waba_bridge::standin::receiver::{Receiver, ReceiverOptions};

use crate::harness::{Setting, World, within};

const ID: &str = "1761991787669262";
const NOT_DELIVERED: &str = "callback not delivered";
const QUICK: &str =
    "callback_backoff_delay_ms = 20\nmax_callback_backoff_delay_ms = 60\ntimeout_s = 1";

async fn world(setting: Setting) -> (World, String) {
    let world = setting.unlimited().start().await;
    world.add_medium(ID, "image/png", 1000);
    let token = world.login().await;
    (world, token)
}

fn retries(world: &World) -> Vec<u64> {
    let lines = world.bridge.lines(NOT_DELIVERED);
    lines
        .iter()
        .filter_map(|line| line["retry_in_ms"].as_u64())
        .collect()
}

#[tokio::test]
async fn nothing_but_200_is_a_delivery() {
    let (world, token) = world(Setting::alone().callback(QUICK)).await;
    let faults = world.receiver.faults();
    for status in [201, 202, 204, 301, 400, 404, 500, 503] {
        faults
            .push_lines(&format!("callback:status={status}:next=1"))
            .unwrap();
    }
    let elsewhere = Receiver::start(ReceiverOptions::default()).await.unwrap();
    faults
        .push_lines(&format!(
            "callback:redirect={}/x:next=1\ncallback:reset:next=1\ncallback:hang:next=1",
            elsewhere.url()
        ))
        .unwrap();
    world.download(ID, &token).await;
    let mut bodies = Vec::new();
    for _ in 0..12 {
        bodies.push(world.callback().await.body);
    }
    assert!(
        bodies.iter().all(|body| *body == bodies[0]),
        "a retry has other bytes"
    );
    world.until_idle().await;
    assert_eq!(world.receiver.callbacks().len(), 12);
    assert!(elsewhere.callbacks().is_empty(), "a redirect was followed");
    assert_eq!(
        retries(&world),
        [20, 40, 60, 60, 60, 60, 60, 60, 60, 60, 60]
    );
    for (result, count) in [
        ("success", 1.0),
        ("204", 1.0),
        ("302", 1.0),
        ("timeout", 1.0),
        ("unreached", 1.0),
    ] {
        let metric = format!(
            "waba_bridge_callback_requests_total{{number=\"support\",result=\"{result}\"}} "
        );
        assert_eq!(world.bridge.metric(&metric).await, count, "{result}");
    }
}

#[tokio::test]
async fn any_2xx_is_a_delivery_where_the_operator_says_so() {
    let lines = format!("{QUICK}\naccept_any_2xx = true");
    let (world, token) = world(Setting::alone().callback(&lines)).await;
    let faults = world.receiver.faults();
    for status in [500, 301] {
        faults
            .push_lines(&format!("callback:status={status}:next=1"))
            .unwrap();
    }
    world.receiver.answer_with(202);
    world.download(ID, &token).await;
    world.until_idle().await;
    assert_eq!(world.receiver.callbacks().len(), 3);
}

#[tokio::test]
async fn by_default_each_failure_adds_three_seconds() {
    let (world, token) = world(Setting::alone()).await;
    world.receiver.answer_with(500);
    world.download(ID, &token).await;
    world
        .bridge
        .logged(NOT_DELIVERED, |line| line["retry_in_ms"] == 3000)
        .await;
    world
        .bridge
        .logged(NOT_DELIVERED, |line| line["retry_in_ms"] == 6000)
        .await;
    let twice = async {
        loop {
            let job = world.bridge.jobs("queue=callback").await.remove(0);
            if job["attempts"] == 2 {
                break job;
            }
        }
    };
    let job = within(twice).await;
    assert_eq!(job["reason"], "500");
    assert!(job["due_in_s"].as_u64().unwrap() <= 6);
    world.receiver.answer_with(200);
}

#[tokio::test]
async fn no_more_callbacks_are_on_their_way_than_configured() {
    let (world, token) = world(Setting::alone().callback("max_concurrent_requests = 3")).await;
    world.receiver.hold();
    for index in 0..12 {
        let id = format!("40000{index}");
        world.add_medium(&id, "image/png", 100);
        world.download(&id, &token).await;
    }
    let fetched = async {
        while !world.bridge.jobs("queue=fetch").await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    within(fetched).await;
    within(world.receiver.wait_until(|log| log.total() == 3)).await;
    world.receiver.release();
    world.until_idle().await;
    assert_eq!(
        (
            world.receiver.callbacks().len(),
            world.receiver.max_in_flight()
        ),
        (12, 3)
    );
}

#[tokio::test]
async fn configured_headers_and_the_login_are_sent_and_not_logged() {
    let setting = Setting {
        receiver: ReceiverOptions {
            basic_auth: Some(("bridge".to_owned(), "hook-secret-9".to_owned())),
            ..ReceiverOptions::default()
        },
        ..Setting::alone()
    };
    let toml = "headers = { \"X-Api-Key\" = \"key-secret-7\" }\nusername = \"bridge\"\npassword = \"hook-secret-9\"";
    let (world, token) = world(setting.callback(toml)).await;
    world.bridge.keep_secret("hook-secret-9");
    world.bridge.keep_secret("key-secret-7");
    world
        .receiver
        .faults()
        .push_lines("callback:status=500:next=1")
        .unwrap();
    world.bridge.jobs("").await;
    world.download(ID, &token).await;
    world.callback().await;
    let callback = world.callback().await;
    assert_eq!(callback.headers["x-api-key"], "key-secret-7");
    assert_eq!(callback.headers["content-type"], "application/json");
    assert_eq!(callback.path, "/callback");
    world.until_idle().await;
}

#[tokio::test]
async fn a_receiver_with_a_private_certificate_needs_the_ca_file() {
    let signed = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, signed.cert.pem()).unwrap();
    let tls = Tls {
        certificate_pem: signed.cert.pem().into_bytes(),
        key_pem: signed.signing_key.serialize_pem().into_bytes(),
    };
    let setting = Setting {
        receiver: ReceiverOptions {
            tls: Some(tls),
            ..ReceiverOptions::default()
        },
        ..Setting::alone()
    };
    let (mut world, token) = world(setting.callback(QUICK)).await;
    world.download(ID, &token).await;
    world.bridge.logged(NOT_DELIVERED, |_| true).await;
    assert!(world.receiver.callbacks().is_empty());
    world.bridge.reconfigure(|toml| {
        let with_ca = format!("[every_number.callback]\nca_file = \"{}\"\n", ca.display());
        toml.replace("[every_number.callback]\n", &with_ca)
    });
    world.bridge.crash_and_restart();
    world.told().await.is_success_of(ID);
}

#[tokio::test]
async fn a_callback_that_is_given_up_is_kept_and_can_be_sent_again() {
    let (world, token) =
        world(Setting::alone().callback(&format!("{QUICK}\ngive_up_after_s = 1"))).await;
    world.receiver.answer_with(500);
    world.download(ID, &token).await;
    world
        .bridge
        .logged("callback given up and buried", |line| {
            line["level"] == "ERROR"
        })
        .await;
    let buried = async {
        loop {
            if let Some(job) = world.bridge.jobs("buried=true").await.pop() {
                break job;
            }
        }
    };
    let buried = within(buried).await;
    assert_eq!(
        (&buried["queue"], &buried["reason"], &buried["buried"]),
        (&"callback".into(), &"500".into(), &true.into())
    );
    let so_far = world.receiver.callbacks();

    // The receiver stumbles once more; that must not cost the second chance.
    world.receiver.answer_with(200);
    world
        .receiver
        .faults()
        .push_lines("callback:status=500:next=1")
        .unwrap();
    let answer = world
        .bridge
        .admin_post(&format!("/api/jobs/{}/redrive", buried["id"]))
        .await;
    assert_eq!(answer.status(), 200);
    world.until_idle().await;
    let all = world.receiver.callbacks();
    assert_eq!(all.len(), so_far.len() + 2);
    assert!(all.iter().all(|callback| callback.body == all[0].body));
    let again = world
        .bridge
        .admin_post(&format!("/api/jobs/{}/redrive", buried["id"]))
        .await;
    assert_eq!(again.status(), 404);
}

#[tokio::test]
async fn a_dead_receiver_of_one_number_does_not_slow_another() {
    let (mut world, token) = world(Setting::alone()).await;
    let sales = Receiver::start(ReceiverOptions::default()).await.unwrap();
    world.bridge.reconfigure(|toml| {
        let second = toml[toml.find("[[numbers]]").unwrap()..]
            .replace(
                "name = \"support\"",
                "name = \"sales\"\nhosts = [\"sales.example\"]",
            )
            .replace("app_secret = ", "# ")
            .replace(&world.receiver.url(), &sales.url());
        toml.replace(
            "name = \"support\"",
            "name = \"support\"\nhosts = [\"support.example\"]",
        ) + &second
    });
    world.bridge.crash_and_restart();
    world.receiver.hold();
    let ask = async |host: &str, id: &str| {
        let login = world
            .bridge
            .request("POST", "/v1/users/login")
            .header("host", host);
        let login = login
            .basic_auth(crate::harness::USER, Some(crate::harness::PASSWORD))
            .send()
            .await
            .unwrap();
        let body: Value = login.json().await.unwrap();
        let token = body["users"][0]["token"].as_str().unwrap().to_owned();
        let request = world
            .bridge
            .request("GET", &format!("/v1/media/{id}/download"));
        let answer = request
            .header("host", host)
            .bearer_auth(token)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
    };
    drop(token);
    for index in 0..20 {
        let id = format!("50000{index}");
        world.add_medium(&id, "image/png", 100);
        ask("support.example", &id).await;
    }
    within(world.receiver.wait_until(|log| log.total() == 6)).await;
    for index in 0..20 {
        ask("sales.example", &format!("50000{index}")).await;
        within(sales.next_callback()).await;
    }
    assert_eq!(
        world.receiver.callbacks().len(),
        6,
        "the dead receiver got more than its six"
    );
    world.receiver.release();
    world.until_idle().await;
}
