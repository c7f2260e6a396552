//! `messages`: on-prem sends every message once, whatever goes wrong, and Cloud is asked nothing; only what it would say is told.

use std::collections::HashMap;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::harness::{PASSWORD, Setting, USER, World, within};

const MESSAGES: &str = "/v1/messages";
const COMPARED: &str = "messages = { mode = \"compare\" }\n";
const ONPREM: &str = "messages = \"onprem\"\n";
const FAULTS: &str = "/v1/messages:reset:every=7\n/v1/messages:reset=20:every=6\n/v1/messages:status=503:every=5\n\
    /v1/messages:status=429:every=11\n/v1/messages:slow=5000:every=4\n/v1/messages:hang:next=2\n";

async fn world(routes: &str) -> (World, String) {
    let top = format!(
        "[every_number.onprem]\nusername = \"{USER}\"\npassword = \"{PASSWORD}\"\nresponse_timeout_s = 2\n"
    );
    let world = Setting {
        onprem: true,
        routes: routes.into(),
        ..Setting::default()
    }
    .unlimited()
    .top(&top)
    .start()
    .await;
    let token = world.login().await;
    (world, token)
}

fn text(to: &str, body: &str) -> Value {
    json!({"to": to, "type": "text", "text": {"body": body}})
}

async fn send(world: &World, token: &str, message: &Value) -> u16 {
    let request = world.bridge.request("POST", MESSAGES).bearer_auth(token);
    request
        .json(message)
        .send()
        .await
        .unwrap()
        .status()
        .as_u16()
}

fn paths(line: &Value) -> Vec<&str> {
    let differences = line["differences"].as_array().unwrap().iter();
    differences
        .map(|difference| difference["path"].as_str().unwrap())
        .collect()
}

/// A message, on-prem's fault, its status, the verdict, where it differs, and the notes.
type Row<'a> = (Value, &'a str, u16, &'a str, &'a [&'a str], Value);

/// Callers at work, and what each was answered.
struct Callers {
    token: String,
    begun: usize,
    calls: JoinSet<(String, Option<u16>)>,
    answered: HashMap<String, Option<u16>>,
}

impl Callers {
    fn begin(&mut self, world: &World, count: usize) {
        for _ in 0..count {
            let body = text("4915112345678", &format!("message {}", self.begun)).to_string();
            self.begun += 1;
            let request = world
                .bridge
                .request("POST", MESSAGES)
                .bearer_auth(&self.token);
            let request = request.body(body.clone());
            self.calls.spawn(async move {
                // A caller that got the status and not the whole body knows as much as the status says.
                let status = request
                    .send()
                    .await
                    .ok()
                    .map(|answer| answer.status().as_u16());
                (body, status)
            });
        }
    }

    async fn end(&mut self) {
        while let Some(call) = within(self.calls.join_next()).await {
            let (body, status) = call.unwrap();
            self.answered.insert(body, status);
        }
    }
}

/// How often each of these bodies is among them.
fn counted(bodies: impl IntoIterator<Item = Bytes>) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for body in bodies {
        let body = String::from_utf8(body.to_vec()).unwrap();
        *counts.entry(body).or_default() += 1;
    }
    counts
}

fn received(world: &World) -> Vec<Bytes> {
    world.onprem.as_ref().unwrap().log(|log| {
        let posts = log.iter().filter(|seen| seen.path == MESSAGES);
        posts.map(|seen| seen.body.clone()).collect()
    })
}

fn set(world: &World, from: &str, to: &str) {
    world.bridge.reconfigure(|toml| {
        assert!(toml.contains(from));
        toml.replace(from, to)
    });
}

async fn reread(world: &World, times: usize) {
    world.bridge.signal("HUP");
    world.bridge.logged_as("configuration reread", times).await;
}

#[tokio::test]
async fn every_message_goes_out_once_through_faults_reloads_and_a_crash() {
    for (first, second) in [(ONPREM, COMPARED), (COMPARED, ONPREM)] {
        let (mut world, token) = world(first).await;
        world.bridge.keep_secret("4915112345678");
        world
            .onprem
            .as_ref()
            .unwrap()
            .faults()
            .push_lines(FAULTS)
            .unwrap();
        let mut callers = Callers {
            token,
            begun: 0,
            calls: JoinSet::new(),
            answered: HashMap::new(),
        };
        // Two reloads while calls are under way, one to the other mode and one back.
        for (round, (from, to)) in [(first, second), (second, first)].into_iter().enumerate() {
            callers.begin(&world, 30);
            set(&world, from, to);
            reread(&world, round).await;
            callers.begin(&world, 30);
            callers.end().await;
        }
        // And the end without warning.
        let onprem = world.onprem.as_ref().unwrap();
        let before = onprem.log(|log| log.total());
        callers.begin(&world, 30);
        within(onprem.wait_until(|log| log.total() >= before + 10)).await;
        world.bridge.crash_and_restart();
        callers.end().await;
        callers.begin(&world, 30);
        callers.end().await;

        let (received, sent) = (
            counted(received(&world)),
            counted(world.onprem.as_ref().unwrap().messages()),
        );
        assert_eq!(callers.answered.len(), 180);
        let count = |of: &HashMap<String, usize>, body| of.get(body).copied().unwrap_or_default();
        for (body, status) in &callers.answered {
            let (received, sent) = (count(&received, body), count(&sent, body));
            assert!(
                received <= 1 && sent <= 1,
                "{body}: {status:?} {received} {sent}"
            );
            match status {
                Some(201) => assert_eq!((received, sent), (1, 1), "{body}"),
                Some(_) => assert_eq!(received, 1, "{body}: {status:?}"),
                None => {}
            }
        }
        let taken = callers
            .answered
            .values()
            .filter(|status| **status == Some(201));
        assert!(taken.count() >= 40);
        assert_eq!(world.cloud.log(|log| log.total()), 0);
        assert!(world.cloud.messages().is_empty());
        if first == COMPARED {
            assert!(!world.bridge.lines("compared").is_empty());
        }
    }
}

#[tokio::test]
async fn what_cloud_would_say_is_told_and_nothing_of_the_message() {
    let (world, token) = world(COMPARED).await;
    for secret in [
        "4915112345678",
        "4915187654321",
        "A quiet word",
        "xxxxx",
        "A title of more than",
    ] {
        world.bridge.keep_secret(secret);
    }
    let refused = "body=400,{\"errors\":[{\"code\":1009,\"title\":\"Parameter value is not valid\",\"details\":\"4915187654321\"}]}";
    let button = |title: &str| {
        json!({"to": "4915112345678", "type": "interactive", "interactive": {
            "type": "button", "body": {"text": "A quiet word"},
            "action": {"buttons": [{"type": "reply", "reply": {"id": "a", "title": title}}]},
        }})
    };
    let mut with_ttl = text("4915112345678", "A quiet word");
    with_ttl["ttl"] = json!({"days": 1});
    let long = text("4915112345678", &"x".repeat(4097));
    let none: [&str; 0] = [];
    let both = ["$.errors[0].code", "status"];
    let rows: [Row<'_>; 8] = [
        (
            text("4915112345678", "A quiet word"),
            "",
            201,
            "match",
            &none,
            json!([]),
        ),
        (
            text("4915112345678", &"x".repeat(4096)),
            "",
            201,
            "match",
            &none,
            json!([]),
        ),
        (with_ttl, "", 201, "match", &none, json!(["ttl: ttl"])),
        (
            long,
            "",
            201,
            "mismatch",
            &both,
            json!(["Parameter 'text.body' has more than 4096 characters."]),
        ),
        (button("Yes"), "", 201, "match", &none, json!([])),
        (
            button("A title of more than twenty characters"),
            "",
            201,
            "mismatch",
            &both,
            json!(["interactive.action.buttons[0].reply.title has more than 20 characters"]),
        ),
        // Both say no, for the same reason or not.
        (
            text("nobody", "A quiet word"),
            refused,
            400,
            "match",
            &none,
            json!(["Parameter 'to' is not a phone number."]),
        ),
        (
            json!({"to": "4915112345678", "type": "text"}),
            refused,
            400,
            "mismatch",
            &["$.errors[0].code"],
            json!(["Parameter 'text' is mandatory."]),
        ),
    ];
    let onprem = world.onprem.as_ref().unwrap();
    for (index, (message, fault, status, verdict, differing, notes)) in rows.into_iter().enumerate()
    {
        if !fault.is_empty() {
            let line = format!("{MESSAGES}:{fault}:next=1");
            onprem.faults().push_lines(&line).unwrap();
        }
        assert_eq!(send(&world, &token, &message).await, status, "{index}");
        let line = world.comparison(index).await;
        assert_eq!(
            (&line["verdict"], paths(&line)),
            (&json!(verdict), differing.to_vec()),
            "{line}"
        );
        assert_eq!(line["notes"], notes, "{line}");
        assert_eq!(
            (&line["target"], &line["route"], &line["answer"]),
            (&json!("compare"), &json!("messages"), &json!("onprem"))
        );
    }
    // Neither can what is no JSON be sent by anybody.
    let unread = format!("{MESSAGES}:body=400,{{\"errors\":[{{\"code\":1025}}]}}:next=1");
    onprem.faults().push_lines(&unread).unwrap();
    let request = world.bridge.request("POST", MESSAGES).bearer_auth(&token);
    assert_eq!(
        request.body("A quiet word").send().await.unwrap().status(),
        400
    );
    assert_eq!(world.comparison(8).await["verdict"], "match");
    // On-prem refuses in a way that has no code; Cloud would take it.
    onprem
        .faults()
        .push_lines(&format!("{MESSAGES}:body=400,no:next=1"))
        .unwrap();
    assert_eq!(
        send(&world, &token, &text("4915112345678", "A quiet word")).await,
        400
    );
    let line = world.comparison(9).await;
    assert_eq!(
        (&line["verdict"], paths(&line)),
        (&json!("mismatch"), vec!["status"]),
        "{line}"
    );
    assert_eq!(world.cloud.log(|log| log.total()), 0);
}

#[tokio::test]
async fn what_is_no_word_about_the_message_is_not_compared() {
    let (world, token) = world(COMPARED).await;
    let onprem = world.onprem.as_ref().unwrap();
    let message = text("4915112345678", "A quiet word");
    for (index, status) in [401, 403, 404, 429, 500, 503].into_iter().enumerate() {
        onprem
            .faults()
            .push_lines(&format!("{MESSAGES}:status={status}:next=1"))
            .unwrap();
        assert_eq!(send(&world, &token, &message).await, status);
        world
            .until_skipped("messages", "not_about_the_message", index as f64 + 1.0)
            .await;
    }
    assert_eq!(send(&world, "stolen.and.worthless", &message).await, 401);
    world
        .until_skipped("messages", "not_about_the_message", 7.0)
        .await;
    // Nor what on-prem never answered.
    onprem
        .faults()
        .push_lines(&format!("{MESSAGES}:reset:next=1"))
        .unwrap();
    assert_eq!(send(&world, &token, &message).await, 502);
    world.until_skipped("messages", "unanswered", 1.0).await;
    // Every one of them has given its permit back.
    assert_eq!(send(&world, &token, &message).await, 201);
    assert_eq!(world.comparison(0).await["verdict"], "match");
    assert_eq!(world.bridge.lines("compared").len(), 1);
    assert_eq!(onprem.messages().len(), 2);
    assert_eq!(world.cloud.log(|log| log.total()), 0);
}
