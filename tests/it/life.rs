//! Starting, being watched, and ending: what operators and their machinery rely on.

use std::process::{Command, Output, Stdio};

use futures_util::future::join_all;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::harness::{Setting, World, base_config, within};
use crate::raw::{Upstream, Wire};

/// Runs the program until it ends by itself.
fn run(config: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("waba-bridge.toml");
    std::fs::write(
        &path,
        config.replace("FOLDER", &folder.path().display().to_string()),
    )
    .unwrap();
    start(&path)
}

fn start(config: &std::path::Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waba-bridge"));
    command
        .args(["serve", "--config"])
        .arg(config)
        .env_remove("RUST_LOG");
    command.stdin(Stdio::null()).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn minimal(folder: &std::path::Path) -> String {
    base_config(folder)
        + "[[numbers]]\nname = \"support\"\n[numbers.onprem]\nurl = \"http://127.0.0.1:9\"\n"
}

async fn readiness(world: &World) -> (u16, Value) {
    let answer = world.bridge.admin("/readyz").await;
    (answer.status().as_u16(), answer.json().await.unwrap())
}

fn check<'a>(report: &'a Value, name: &str) -> &'a Value {
    let checks = report["checks"].as_array().unwrap();
    checks.iter().find(|check| check["name"] == name).unwrap()
}

#[tokio::test]
async fn health_and_readiness_are_told_without_a_token_and_the_rest_is_not() {
    let mut setting = Setting::alone();
    setting.admin = "token = \"admin-secret\"\n".into();
    let world = setting.start().await;
    world.bridge.keep_secret("admin-secret");
    let answer = world.bridge.admin("/healthz").await;
    assert_eq!(
        (
            answer.status().as_u16(),
            answer.text().await.unwrap().as_str()
        ),
        (200, "ok\n")
    );
    let (status, report) = readiness(&world).await;
    assert_eq!((status, &report["status"]), (200, &"ready".into()));
    let client = reqwest::Client::new();
    for path in ["/metrics", "/api/routes", "/api/jobs"] {
        let url = format!("http://{}{path}", world.bridge.admin);
        for authorization in [
            "",
            "Bearer ",
            "Bearer wrong",
            "bearer-admin-secret",
            "Basic admin-secret",
        ] {
            let answer = client
                .get(&url)
                .header("authorization", authorization)
                .send();
            assert_eq!(
                answer.await.unwrap().status(),
                401,
                "{path} {authorization}"
            );
        }
        let answer = client
            .get(&url)
            .bearer_auth("admin-secret")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200, "{path}");
    }
    let redrive = client.post(format!("http://{}/api/jobs/1/redrive", world.bridge.admin));
    assert_eq!(redrive.send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn a_bridge_that_cannot_store_media_is_not_ready() {
    let world = Setting::alone().start().await;
    std::fs::remove_dir_all(world.bridge.media_folder()).unwrap();
    std::fs::write(world.bridge.media_folder(), "a file where the folder was").unwrap();
    let (status, report) = readiness(&world).await;
    assert_eq!((status, &report["status"]), (503, &"not ready".into()));
    assert_eq!(check(&report, "media")["ok"], false);
    assert_eq!(check(&report, "state")["ok"], true);
    assert_eq!(world.bridge.admin("/healthz").await.status(), 200);
}

#[tokio::test]
async fn a_refused_cloud_token_is_a_degradation_and_no_reason_to_stop_accepting() {
    let world = Setting::alone().start().await;
    world
        .cloud
        .faults()
        .push_lines("lookup:expired-token")
        .unwrap();
    let token = world.login().await;
    let answer = world
        .bridge
        .get("/v1/media/1761991787669262/download", &token)
        .await;
    assert_eq!(answer.status(), 200);
    let report = within(async {
        loop {
            let (status, report) = readiness(&world).await;
            assert_eq!(status, 200);
            if report["status"] != "ready" {
                return report;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(report["status"], "degraded");
    assert_eq!(check(&report, "cloud token of support")["ok"], false);
}

#[tokio::test]
async fn figures_move_when_something_happens() {
    let world = Setting::first_route().start().await;
    let token = world.login().await;
    world.bridge.get("/v1/media/1", &token).await;
    world.bridge.get("/v1/contacts/1/identity", &token).await;
    world.add_medium("1761991787669262", "image/png", 1000);
    world
        .bridge
        .get("/v1/media/1761991787669262/download", &token)
        .await;
    world.callback().await;
    let text = world.bridge.admin("/metrics").await.text().await.unwrap();
    for line in [
        "waba_bridge_requests_total{number=\"support\",route=\"login\",mode=\"onprem\",status=\"2xx\"} 1",
        "waba_bridge_requests_total{number=\"support\",route=\"media_get\",mode=\"cloud\",status=\"4xx\"} 1",
        "waba_bridge_requests_total{number=\"support\",route=\"contact_identity\",mode=\"onprem\",status=\"2xx\"} 1",
        "waba_bridge_acks_total{number=\"support\",result=\"new\"} 1",
        "waba_bridge_fetched_bytes_total{number=\"support\"} 1000",
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "{line}\nis not in\n{text}"
        );
    }
    for name in [
        "jobs_waiting",
        "media_free_bytes",
        "connections",
        "request_duration_seconds",
    ] {
        assert!(
            text.contains(&format!("# TYPE waba_bridge_{name} ")),
            "{name}"
        );
    }
    assert!(text.ends_with("# EOF\n"));
}

#[tokio::test]
async fn the_first_signal_lets_an_answer_finish_and_takes_nothing_new() {
    let upstream = Upstream::start().await;
    let mut world = upstream.world("").await;
    let mut idle = Wire::connect(world.bridge.public).await;
    let mut caller = Wire::connect(world.bridge.public).await;
    caller
        .send("GET /v1/media/x HTTP/1.1\r\nHost: a\r\n\r\n")
        .await;
    let mut wire = upstream.accept().await;
    wire.message().await.unwrap();
    wire.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha")
        .await;
    caller.head().await.unwrap();
    assert_eq!(caller.exactly(2).await, b"ha");

    world.bridge.terminate();
    // A caller that has said nothing yet is let go.
    assert_eq!(idle.rest().await, b"");
    within(async {
        while TcpStream::connect(world.bridge.public).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    wire.send("lf").await;
    assert_eq!(caller.exactly(2).await, b"lf");
    let status = world.bridge.exit().await;
    assert_eq!(status.code(), Some(0));
    world.bridge.wait_for_line("stopped", |_| true);
    assert!(
        world
            .bridge
            .lines("requests still under way are cut off")
            .is_empty()
    );
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let upstream = Upstream::start().await;
    let mut world = upstream.world("").await;
    let mut caller = Wire::connect(world.bridge.public).await;
    caller
        .send("GET /v1/media/x HTTP/1.1\r\nHost: a\r\n\r\n")
        .await;
    let mut wire = upstream.accept().await;
    wire.message().await.unwrap();
    world.bridge.terminate();
    world.bridge.wait_for_line(
        "stopping: no new connections, unfinished work is finished or kept",
        |_| true,
    );
    world.bridge.signal("INT");
    assert_eq!(world.bridge.exit().await.code(), Some(130));
    assert!(world.bridge.lines("stopped").is_empty());
}

#[tokio::test]
async fn an_answer_that_never_ends_does_not_keep_the_bridge() {
    let upstream = Upstream::start().await;
    let mut world = upstream.world("").await;
    world
        .bridge
        .reconfigure(|config| config.replace("shutdown_grace_s = 10", "shutdown_grace_s = 1"));
    world.bridge.terminate();
    world.bridge.restart();
    let mut caller = Wire::connect(world.bridge.public).await;
    caller
        .send("GET /v1/media/x HTTP/1.1\r\nHost: a\r\n\r\n")
        .await;
    let mut wire = upstream.accept().await;
    wire.message().await.unwrap();
    world.bridge.terminate();
    assert_eq!(world.bridge.exit().await.code(), Some(0));
    assert!(caller.message().await.is_none());
}

#[tokio::test]
async fn a_hangup_rereads_the_configuration_and_ends_nothing() {
    let world = Setting::alone().start().await;
    world.bridge.signal("HUP");
    let told = |line: &Value| line["flags"] == 0;
    world.bridge.wait_for_line("configuration reread", told);
    world.login().await;
}

#[test]
fn a_bad_configuration_is_told_completely_and_exits_with_78() {
    let output = run("[server]\nlisten = \"nowhere\"\nthread = 3\n[limits]\nheader_kb = 1\n");
    assert_eq!(output.status.code(), Some(78));
    let text = text(&output);
    for key in [
        "server.listen",
        "server.thread",
        "limits.header_kb",
        "numbers",
    ] {
        assert!(text.contains(key), "{key}\n{text}");
    }
    assert!(!text.contains("panicked"), "{text}");
    let missing = start(std::path::Path::new("/nonexistent/waba-bridge.toml"));
    assert_eq!(missing.status.code(), Some(78));
    let garbage = run("this is [not toml");
    assert_eq!(garbage.status.code(), Some(78));
}

#[test]
fn a_state_that_is_none_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("state")).unwrap();
    let state = folder.path().join("state/bridge.db");
    let path = folder.path().join("waba-bridge.toml");
    std::fs::write(&path, minimal(folder.path())).unwrap();
    for content in [
        "these are the minutes of a meeting\n".repeat(100),
        "short".to_owned(),
    ] {
        std::fs::write(&state, &content).unwrap();
        let output = start(&path);
        assert_eq!(output.status.code(), Some(1));
        let text = text(&output);
        assert!(
            text.contains("bridge.db") && !text.contains("panicked"),
            "{text}"
        );
        assert_eq!(std::fs::read_to_string(&state).unwrap(), content);
    }
}

#[tokio::test]
async fn what_another_bridge_has_is_not_taken() {
    let world = Setting::alone().start().await;
    let folder = world.bridge.folder.path();
    let output = start(&folder.join("waba-bridge.toml"));
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output);
    assert!(told.contains("bridge.db") && told.contains("use"), "{told}");

    for listener in ["server", "admin"] {
        let other = tempfile::tempdir().unwrap();
        let taken = match listener {
            "server" => world.bridge.public,
            _ => world.bridge.admin,
        };
        let section = format!("[{listener}]\nlisten = \"127.0.0.1:0\"");
        let config = minimal(other.path());
        assert!(config.contains(&section));
        let path = other.path().join("waba-bridge.toml");
        let changed = config.replace(&section, &format!("[{listener}]\nlisten = \"{taken}\""));
        std::fs::write(&path, changed).unwrap();
        let output = start(&path);
        assert_eq!(output.status.code(), Some(1));
        let told = text(&output);
        assert!(told.contains(&taken.to_string()), "{told}");
    }
    world.login().await;
}

#[tokio::test]
async fn nothing_secret_reaches_the_log_on_good_days_and_bad() {
    let mut world = Setting::first_route().start().await;
    let token = world.login().await;
    for secret in [
        &token,
        "Wrong-Pass-9",
        "unseen-token",
        "4915112345678",
        "hidden text",
    ] {
        world.bridge.keep_secret(secret);
    }
    world.bridge.login("admin", "Wrong-Pass-9").await;
    world
        .bridge
        .get("/v1/media/1/download", "unseen-token")
        .await;
    let send = || {
        let body = r#"{"to":"4915112345678","text":{"body":"hidden text"}}"#;
        world
            .bridge
            .request("POST", "/v1/messages")
            .bearer_auth(&token)
            .body(body)
            .send()
    };
    within(join_all([send(), send()])).await;
    world.onprem = None;
    send_after(&world, &token).await;
}

async fn send_after(world: &World, token: &str) {
    for path in [
        "/v1/messages",
        "/v1/contacts/4915112345678/identity?x=hidden%20text",
    ] {
        let request = world.bridge.request("POST", path).bearer_auth(token);
        let answer = request.body("hidden text").send().await.unwrap();
        assert_eq!(answer.status(), 502);
    }
}
