//! The old client's callbacks: who may bring them, and that each is on disk before it is acknowledged.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Setting, World, within};
use crate::raw::{Wire, code};
use crate::storage::Tmpfs;

/// Nobody listens there, and nobody here has that address.
const ELSEWHERE: &str = "http://127.0.0.2:9";
/// Here is where the tests call from.
const HERE: &str = "http://127.0.0.1:9";
const QUICK: &str = "callback_backoff_delay_ms = 20\nmax_callback_backoff_delay_ms = 60";
const MB: usize = 1 << 20;

/// A bridge in front of an old client that is never asked anything.
fn setting(url: &str, lines: &str) -> Setting {
    let onprem = format!("[numbers.onprem]\nurl = \"{url}\"\n{lines}\n");
    Setting::alone().unlimited().callback(QUICK).number(&onprem)
}

async fn world(url: &str, lines: &str) -> World {
    setting(url, lines).start().await
}

async fn post(world: &World, path: &str, body: impl Into<reqwest::Body>) -> (u16, Value) {
    let url = world.intake().join(path).unwrap();
    let posted = reqwest::Client::new().post(url).body(body);
    let answer = within(posted.send()).await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap_or_default())
}

/// Brings a callback that must be taken.
async fn bring(world: &World, body: impl Into<reqwest::Body>) {
    assert_eq!(post(world, "/onprem/support", body).await.0, 200);
}

/// Waits until all is done; says what was delivered.
async fn delivered(world: &World) -> Vec<String> {
    world.until_idle().await;
    let callbacks = world.receiver.callbacks().into_iter();
    let good = callbacks.filter(|callback| callback.status == Some(200));
    good.map(|callback| String::from_utf8(callback.body.to_vec()).unwrap())
        .collect()
}

#[tokio::test]
async fn what_was_acknowledged_survives_and_arrives_byte_for_byte() {
    let mut world = world(HERE, "").await;
    world.receiver.answer_with(500);
    let bodies = [
        "{\"messages\":[{\"from\":\"16315551234\",\"id\":\"a\",\"text\":{\"body\":\"one\"},\"timestamp\":\"1518694235\",\"type\":\"text\"}],\"contacts\":[{\"wa_id\":\"16315551234\"}]}",
        "\r\n {  \"statuses\"\t: [ {\"z\":1e3, \"recipient_id\":\"1\\u0036\", \"a\":\"\\/\"} ] }\n",
        "{\"errors\":[{\"code\":1.50,\"title\":\"\\ud83d\\ude00 \u{e9}\"}]}",
        "{\"a\":1,\"a\":2}",
        "{}",
        // No parser of values takes these; the integration gets what it got.
        "{\"messages\":[{\"from\":\"1\",\"text\":{\"body\":\"cut \\ud83d\"}}]}",
        "{\"statuses\":[{\"n\":1e999}]}",
    ];
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(500), "]".repeat(500));
    for body in bodies.iter().copied().chain([deep.as_str()]) {
        bring(&world, body.to_owned()).await;
    }
    world.bridge.crash_and_restart();
    world.receiver.answer_with(200);
    let mut delivered = delivered(&world).await;
    let mut expected = bodies.map(str::to_owned).to_vec();
    expected.push(deep);
    delivered.sort();
    expected.sort();
    // One that was under way in the crash may have come twice.
    delivered.dedup();
    assert_eq!(delivered, expected);
    let types: Vec<_> = world.receiver.callbacks();
    assert!(
        types
            .iter()
            .all(|one| one.headers["content-type"] == "application/json")
    );
}

#[tokio::test]
async fn callbacks_of_one_contact_arrive_in_order() {
    let world = world(HERE, "").await;
    let faults = world.receiver.faults();
    faults.push_lines("callback:status=500:next=2").unwrap();
    let body = |index: usize| match index % 3 {
        0 => json!({"messages": [{"from": "16315551234", "id": index}]}),
        1 => json!({"statuses": [{"recipient_id": "16315551234", "id": index}]}),
        _ => json!({"contacts": [{"wa_id": "16315551234"}], "errors": [{"code": index}]}),
    };
    let expected: Vec<String> = (0..12).map(|index| body(index).to_string()).collect();
    for body in &expected {
        bring(&world, body.clone()).await;
    }
    assert_eq!(delivered(&world).await, expected);
}

#[tokio::test]
async fn only_the_old_client_is_listened_to() {
    let secret = "ein&Geheimnis=/ü";
    let escaped = "ein%26Geheimnis%3D%2F%C3%BC";
    let with_secret = format!("callback_secret = \"{secret}\"");
    for (url, lines, query, admitted) in [
        (HERE, "", "", true),
        ("http://localhost:9", "", "", true),
        (ELSEWHERE, "", "", false),
        (ELSEWHERE, "callback_from = [\"127.0.0.1\"]", "", true),
        (
            ELSEWHERE,
            "callback_from = [\"10.0.0.0/8\", \"127.0.0.0/8\"]",
            "",
            true,
        ),
        (
            ELSEWHERE,
            "callback_from = [\"127.0.0.2\", \"10.0.0.0/8\"]",
            "",
            false,
        ),
        (ELSEWHERE, "callback_from = [\"::1\"]", "", false),
        (ELSEWHERE, &with_secret, &format!("?secret={escaped}"), true),
        (
            ELSEWHERE,
            &with_secret,
            &format!("?a=b&secret={escaped}"),
            true,
        ),
        (ELSEWHERE, &with_secret, "?secret=anOtherOne", false),
        (
            ELSEWHERE,
            &with_secret,
            &format!("?secret={escaped}x"),
            false,
        ),
        (ELSEWHERE, &with_secret, "?secret=", false),
        (ELSEWHERE, &with_secret, "?secret", false),
        (ELSEWHERE, &with_secret, "", false),
        (ELSEWHERE, "", "?secret=", false),
    ] {
        let world = world(url, lines).await;
        for of_the_secret in ["Geheimnis", "anOtherOne"] {
            world.bridge.keep_secret(of_the_secret);
        }
        let (status, body) = post(&world, &format!("/onprem/support{query}"), "{\"a\":1}").await;
        let delivered = delivered(&world).await.len();
        if admitted {
            assert_eq!((status, delivered), (200, 1), "{url} {lines} {query}");
        } else {
            assert_eq!(
                (status, code(&body), delivered),
                (403, 1005, 0),
                "{url} {lines} {query}"
            );
        }
    }
}

#[tokio::test]
async fn a_stranger_cannot_say_to_be_somebody_else() {
    let world = world(ELSEWHERE, "").await;
    let mut wire = Wire::connect(world.bridge.address_of("intake")).await;
    wire.send("POST /onprem/support HTTP/1.1\r\nHost: 127.0.0.2\r\nX-Forwarded-For: 127.0.0.2\r\nX-Real-IP: 127.0.0.2\r\nForwarded: for=127.0.0.2\r\nContent-Length: 2\r\n\r\n{}").await;
    let answer = wire.message().await.unwrap();
    assert_eq!((answer.status(), answer.code()), (403, 1005));
    world
        .bridge
        .logged("a callback of the old client is not taken", |line| {
            line["peer"] == "127.0.0.1"
        })
        .await;
    let metric = "waba_bridge_intake_total{number=\"support\",result=\"stranger\"} ";
    assert_eq!(world.bridge.metric(metric).await, 1.0);
}

#[tokio::test]
async fn nobody_calls_for_a_number_without_an_old_client() {
    let world = Setting::alone().start().await;
    assert_eq!(post(&world, "/onprem/support", "{}").await.0, 403);
}

#[tokio::test]
async fn every_mistake_has_its_answer() {
    let world = world(HERE, "").await;
    let unknown = [
        "/onprem/other",
        "/onprem/",
        "/onprem",
        "/cloud/support",
        "/",
        "/onprem/support/x",
        "/onprem/../cloud/x",
        "/v1/health",
    ];
    for path in unknown {
        let (status, body) = post(&world, path, "{}").await;
        assert_eq!((status, code(&body)), (404, 1006), "{path}");
    }
    for method in ["GET", "PUT", "DELETE"] {
        let asked = reqwest::Client::new().request(method.parse().unwrap(), world.intake());
        let answer = asked.send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["allow"]),
            (405, &"POST".parse().unwrap())
        );
        code(&answer.json().await.unwrap());
    }
    let mut nonsense: Vec<Vec<u8>> = [
        "",
        " ",
        "[]",
        "[{}]",
        "null",
        "1",
        "\"{}\"",
        "{",
        "{}{}",
        "{\"a\":}",
        "a=b",
        "{'a':1}",
        "\u{feff}{}",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec();
    nonsense.push(vec![0; 100]);
    nonsense.push(b"{\"a\":1".repeat(100_000));
    for body in nonsense {
        let shown = String::from_utf8_lossy(&body[..body.len().min(20)]).into_owned();
        let (status, answer) = post(&world, "/onprem/support", body).await;
        assert_eq!((status, code(&answer)), (400, 1025), "{shown}");
    }
    assert!(delivered(&world).await.is_empty());
}

#[tokio::test]
async fn whatever_stands_around_media_items_is_forwarded() {
    let world = world(HERE, "").await;
    let image =
        json!({"type": "image", "image": {"id": "1761991787669262", "status": "downloaded"}});
    let items = [
        json!([image]),
        json!([image, image]),
        json!([]),
        json!(null),
        json!(7),
        json!("x"),
        json!({}),
        json!({"0": image}),
        json!([null]),
        json!([[]]),
        json!(["image"]),
        json!([{}]),
        json!([{"type": null}]),
        json!([{"type": 1, "1": {"id": "1"}}]),
        json!([{"type": "image"}]),
        json!([{"type": "image", "image": null}]),
        json!([{"type": "image", "image": "1"}]),
        json!([{"type": "image", "image": {"id": null}}]),
        json!([{"type": "image", "image": {"id": 1}}]),
        json!([{"type": "image", "image": {"id": ""}}]),
        json!([{"type": "image", "image": {"id": "x".repeat(100_000)}}]),
        json!([{"type": "image", "image": {"id": "../../etc/\0\u{1f600}"}}]),
        json!([{"type": "", "": {"id": "1"}}]),
        json!([{"type": "type"}]),
        json!([{"type": "image", "image": {"id": "2", "sha256": 7, "mime_type": []}, "errors": "none"}]),
    ];
    let mut expected: Vec<String> = Vec::new();
    for items in items {
        for body in [
            json!({"media_items": items}),
            json!({"media_items": items, "messages": 1, "statuses": [], "contacts": [{"wa_id": 5}]}),
        ] {
            expected.push(body.to_string());
            bring(&world, body.to_string()).await;
        }
    }
    let mut delivered = delivered(&world).await;
    delivered.sort();
    expected.sort();
    assert_eq!(delivered, expected);
}

#[tokio::test]
async fn fifty_megabytes_are_refused_and_not_kept() {
    let world = world(HERE, "").await;
    bring(&world, "{}").await;
    let before = memory(&world, "VmRSS");
    let head = "POST /onprem/support HTTP/1.1\r\nHost: a\r\n";
    let address = world.bridge.address_of("intake");
    for _ in 0..4 {
        let mut wire = Wire::connect(address).await;
        wire.send(format!("{head}Content-Length: {}\r\n\r\n", 50 * MB))
            .await;
        let answer = wire.message().await.unwrap();
        assert_eq!((answer.status(), answer.code()), (413, 1009));

        let mut wire = Wire::connect(address).await;
        wire.send(format!("{head}Transfer-Encoding: chunked\r\n\r\n"))
            .await;
        // As far as the bridge takes it; it may hang up while the rest is on its way.
        let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
        let sending = async {
            for _ in 0..50 * MB / 0x10000 {
                wire.try_send(&chunk).await?;
            }
            wire.try_send("0\r\n\r\n").await
        };
        let sent = sending.await;
        if let Some(answer) = wire.message().await {
            assert_eq!((answer.status(), answer.code()), (413, 1009));
        } else {
            assert!(sent.is_err(), "no answer");
        }
    }
    world
        .bridge
        .logged("a callback of the old client is not taken", |_| true)
        .await;
    let metric = "waba_bridge_intake_total{number=\"support\",result=\"too_large\"} ";
    assert_eq!(world.bridge.metric(metric).await, 8.0);
    let grown = memory(&world, "VmHWM") - before;
    assert!(grown < 16 * 1024, "{grown} kB more");
    bring(&world, "{}").await;
    assert_eq!(delivered(&world).await.len(), 2);
}

fn memory(world: &World, what: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", world.bridge.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with(what)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn without_room_for_the_state_nothing_is_taken_and_later_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let tmpfs = Tmpfs::mount(&folder.path().join("state"), "4m");
    let world = setting(HERE, "").start_in(folder).await;
    let ballast = tmpfs.fill();
    let (mut taken, big) = (Vec::new(), "x".repeat(50_000));
    let refused = async {
        for index in 0.. {
            let body = json!({"errors": [{"index": index, "details": big}]}).to_string();
            match post(&world, "/onprem/support", body.clone()).await {
                (200, _) => taken.push(body),
                (status, answer) => return (body, status, answer),
            }
        }
        unreachable!()
    };
    let (body, status, answer) = within(refused).await;
    assert_eq!((status, code(&answer)), (503, 1016), "{answer}");
    std::fs::remove_file(ballast).unwrap();
    let again = async {
        while post(&world, "/onprem/support", body.clone()).await.0 != 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within(again).await;
    taken.push(body);
    let delivered = delivered(&world).await;
    for body in taken {
        // Whose end could not be written down came again.
        assert!(delivered.contains(&body), "an accepted callback is lost");
    }
}

#[tokio::test]
async fn the_intake_speaks_tls_with_a_certificate_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let root = certify(folder.path());
    let path = folder.path().display().to_string();
    let mut setting = setting(HERE, "");
    setting.intake =
        format!("tls = {{ certificate = \"{path}/cert.pem\", key = \"{path}/key.pem\" }}\n");
    let world = setting.start_in(folder).await;
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([root])
        .build()
        .unwrap();
    let port = world.bridge.address_of("intake").port();
    let url = format!("https://localhost:{port}/onprem/support");
    let answer = within(client.post(&url).body("{\"over\": \"tls\"}").send())
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(delivered(&world).await, ["{\"over\": \"tls\"}"]);
    // The public listener has none, and answers (that nobody is behind it).
    assert_eq!(world.bridge.get("/v1/nothing", "").await.status(), 502);
    let plain = reqwest::Client::new()
        .post(url.replace("https", "http"))
        .body("{}");
    assert!(plain.send().await.is_err());
}

/// A certificate for `localhost` in two files; gives back what a caller has to trust.
fn certify(folder: &Path) -> reqwest::Certificate {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap()
}
