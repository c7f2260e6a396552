//! `waba-bridge check`: every line it can say, and its exit codes.

use std::fs;
use std::path::{Path, PathBuf};

use waba_bridge::standin::Tls;
use waba_bridge::standin::onprem::{Onprem, OnpremOptions};
use waba_bridge::standin::receiver::{Receiver, ReceiverOptions};

use crate::command::{Said, run};
use crate::harness::{PASSWORD, Setting, USER, World, base_config};

const OWN_LOGIN: [(&str, &str); 2] = [
    ("WABA_BRIDGE__NUMBERS__SUPPORT__ONPREM__USERNAME", USER),
    ("WABA_BRIDGE__NUMBERS__SUPPORT__ONPREM__PASSWORD", PASSWORD),
];

async fn check(file: &Path, more: &[&str], environment: &[(&str, &str)]) -> Said {
    let mut arguments = vec!["check", "--config", file.to_str().unwrap()];
    arguments.extend(more);
    run(&arguments, environment).await
}

/// Checks against the stand-ins, with the configuration of a bridge that runs.
async fn online(world: &World, environment: &[(&str, &str)]) -> Said {
    check(&config_of(world), &["--online"], environment).await
}

fn config_of(world: &World) -> PathBuf {
    world.bridge.folder.path().join("waba-bridge.toml")
}

/// A configuration of which nobody runs a bridge.
fn written(toml: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("waba-bridge.toml");
    fs::write(&file, base_config(folder.path()) + toml).unwrap();
    (folder, file)
}

const SUPPORT: &str = "[routes]\nmedia_download = \"cloud\"\nmedia_get = \"cloud\"\ngroups = \"off\"\n\
    [[numbers]]\nname = \"support\"\nhosts = [\"wa.example\"]\n\
    [numbers.onprem]\nurl = \"https://10.0.0.5:9090\"\n\
    [numbers.cloud]\nphone_number_id = \"1\"\naccess_token = \"EAAGsecret\"\n\
    [numbers.callback]\nurl = \"https://crm.example/hook?key=EAAGhidden\"\n";

#[tokio::test]
async fn a_good_file_is_summed_up_and_nothing_is_made() {
    let (folder, file) = written(SUPPORT);
    let said = check(&file, &[], &[]).await;
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    said.line(&["cloud", "media_get, media_download"]);
    said.line(&["off", "groups"]);
    said.line(&["onprem", "25 routes, at https://10.0.0.5:9090"]);
    said.line(&["callback", "https://crm.example"]);
    said.line(&["ok", "state", "not there yet"]);
    said.line(&["ok", "media folder", "not there yet"]);
    said.line(&["warn", "allow_insecure_upstreams"]);
    let left = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 1, "only the configuration itself");
}

#[tokio::test]
async fn a_bad_file_has_every_problem_printed() {
    let toml = "[routes]\nmessages = \"clowd\"\n[[numbers]]\nname = \"support\"\ncolour = \"red\"\n\
                [numbers.cloud]\nversion = \"24\"\naccess_token = \"EAAGsecret\"\n\
                [[numbers.users]]\nname = \"anna\"\npassword_hash = \"Standin-1\"\n";
    let (_folder, file) = written(toml);
    let expected = [
        "routes.messages",
        "colour",
        "cloud.version",
        "password_hash",
    ];
    let said = check(&file, &["--online"], &[]).await;
    assert_eq!(said.code, 78, "{}", said.out);
    for key in expected {
        said.line(&[key]);
    }
    let said = check(&file, &["--json"], &[]).await;
    assert_eq!(said.code, 78);
    let document = said.json();
    assert_eq!(document["result"], "bad_configuration");
    for key in expected {
        let problems = document["problems"].as_array().unwrap();
        let is_there = |problem: &serde_json::Value| problem["key"].as_str().unwrap().contains(key);
        assert!(problems.iter().any(is_there), "{key} in {document}");
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_is_a_bad_configuration_and_a_wrong_option_wrong_use() {
    let said = check(Path::new("/nonexistent/waba-bridge.toml"), &[], &[]).await;
    assert_eq!(said.code, 78);
    assert!(said.out.contains("cannot be read"), "{}", said.out);
    assert_eq!(run(&["check", "--offline"], &[]).await.code, 2);
}

#[tokio::test]
async fn a_file_in_the_place_of_the_state_and_a_full_disk_fail() {
    let (folder, file) = written(SUPPORT);
    fs::create_dir(folder.path().join("state")).unwrap();
    fs::write(folder.path().join("state/bridge.db"), "no database").unwrap();
    let reserve = ("WABA_BRIDGE__MEDIA__MIN_FREE_MB", "1000000000");
    let said = check(&file, &[], &[reserve]).await;
    assert_eq!(said.code, 1);
    said.line(&["FAIL", "state", "no SQLite database"]);
    said.line(&["FAIL", "free space", "no medium is fetched"]);
    let inside_a_file = format!("file:{}/media", file.display());
    let said = check(&file, &[], &[("WABA_BRIDGE__MEDIA__URL", &inside_a_file)]).await;
    said.line(&["FAIL", "media folder", "not a directory"]);
    let text = fs::read(folder.path().join("state/bridge.db")).unwrap();
    assert_eq!(text, b"no database");
}

#[tokio::test]
async fn the_state_is_seen_in_use_left_by_a_crash_and_closed() {
    let mut world = Setting::alone().start().await;
    let file = config_of(&world);
    let state = ["ok", "state", "bridge.db"];
    let said = check(&file, &[], &[]).await;
    assert_eq!(said.code, 0, "{}", said.out);
    said.line(&[state[0], state[1], "in use by a running bridge"]);
    world.bridge.signal("KILL");
    world.bridge.exit().await;
    check(&file, &[], &[]).await.line(&state);
    world.bridge.restart();
    world.bridge.terminate();
    world.bridge.exit().await;
    let before = fs::read(world.bridge.folder.path().join("state/bridge.db")).unwrap();
    let line = check(&file, &[], &[]).await.line(&state);
    assert!(line.contains("can be opened"), "{line}");
    let after = fs::read(world.bridge.folder.path().join("state/bridge.db")).unwrap();
    assert!(before == after, "a check changed the state");

    let newer = world.bridge.folder.path().join("newer.db");
    let mut bytes = before;
    bytes[60..64].copy_from_slice(&999_u32.to_be_bytes());
    fs::write(&newer, bytes).unwrap();
    let url = format!("sqlite:{}", newer.display());
    let said = check(&file, &[], &[("WABA_BRIDGE__STATE__URL", &url)]).await;
    assert_eq!(said.code, 1);
    said.line(&["FAIL", "state", "newer version (schema 999"]);
    world.bridge.restart();
}

#[tokio::test]
async fn online_all_is_well() {
    let world = Setting::first_route().start().await;
    let said = online(&world, &OWN_LOGIN).await;
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    said.line(&["ok", "support: on-prem login", "admin may log in"]);
    said.line(&["ok", "support: on-prem ", "is connected, version v2.57.2"]);
    said.line(&["ok", "support: cloud token", "never expires"]);
    said.line(&[
        "ok",
        "support: cloud number",
        "...73",
        "CLOUD_API",
        "CONNECTED",
    ]);
    said.line(&["ok", "support: media hosts", "127.0.0.1"]);
    said.line(&["ok", "support: callback", "no event was sent"]);
    said.line(&["ok", "clock", "Cloud"]);
    assert!(!said.out.contains("FAIL"));
    assert!(world.receiver.callbacks().is_empty());

    let said = check(&config_of(&world), &["--online", "--json"], &OWN_LOGIN).await;
    let document = said.json();
    assert_eq!((said.code, &document["result"]), (0, &"ok".into()));
    let checks = document["checks"].as_array().unwrap();
    let is_token = |check: &&serde_json::Value| check["check"] == "cloud token";
    assert_eq!(checks.iter().find(is_token).unwrap()["result"], "ok");
}

#[tokio::test]
async fn an_expired_token_is_told_as_that() {
    let world = Setting::alone().start().await;
    world
        .cloud
        .faults()
        .push_lines("token:expired-token\nnumber:expired-token")
        .unwrap();
    let said = online(&world, &[]).await;
    assert_eq!(said.code, 1);
    let line = said.line(&["FAIL", "cloud token", "code 190/463", "expired"]);
    assert!(line.contains("make a token of a system user"), "{line}");
    said.line(&["ok", "callback"]);
}

#[tokio::test]
async fn a_token_that_lacks_the_permission_fails() {
    let world = Setting::alone().start().await;
    let body = r#"token:body=200,{"data":{"is_valid":true,"expires_at":0,"scopes":["whatsapp_business_management"]}}:always"#;
    world.cloud.faults().push_lines(body).unwrap();
    let said = online(&world, &[]).await;
    assert_eq!(said.code, 1);
    said.line(&[
        "FAIL",
        "cloud token",
        "lacks the permission whatsapp_business_messaging",
    ]);

    world.cloud.faults().clear();
    world
        .cloud
        .faults()
        .push_lines("number:status=403")
        .unwrap();
    let said = online(&world, &[]).await;
    assert_eq!(said.code, 1);
    said.line(&["FAIL", "cloud number", "code 10", "lacks a permission"]);
}

#[tokio::test]
async fn a_wrong_phone_number_id_is_told_as_that() {
    let world = Setting::alone().start().await;
    let wrong = (
        "WABA_BRIDGE__NUMBERS__SUPPORT__CLOUD__PHONE_NUMBER_ID",
        "4711",
    );
    let said = online(&world, &[wrong]).await;
    assert_eq!(said.code, 1);
    said.line(&["ok", "cloud token"]);
    let line = said.line(&["FAIL", "cloud number", "code 100/33"]);
    assert!(line.contains("correct phone_number_id"), "{line}");
}

#[tokio::test]
async fn a_number_that_is_not_on_cloud_yet_fails() {
    let world = Setting::alone().start().await;
    let body =
        r#"number:body=200,{"id":"1","platform_type":"NOT_APPLICABLE","status":"PENDING"}:always"#;
    world.cloud.faults().push_lines(body).unwrap();
    let said = online(&world, &[]).await;
    assert_eq!(said.code, 1);
    let line = said.line(&["FAIL", "cloud number", "NOT_APPLICABLE", "PENDING"]);
    assert!(line.contains("register"), "{line}");
}

#[tokio::test]
async fn peers_that_are_down_fail_with_a_line_each() {
    let mut world = Setting::first_route().start().await;
    world.onprem.take().unwrap().stop().await;
    world.receiver.stop().await;
    world.cloud.stop().await;
    let file = world.bridge.folder.path().join("waba-bridge.toml");
    let said = check(&file, &["--online"], &OWN_LOGIN).await;
    assert_eq!(said.code, 1);
    for (who, remedy) in [
        ("support: on-prem", "start the old client"),
        ("support: callback", "callbacks wait, none is lost"),
        ("support: cloud", "let this machine reach Meta"),
    ] {
        let line = said.line(&["FAIL", who, "nobody listens there"]);
        assert!(line.contains(remedy), "{line}");
    }
    said.line(&["warn", "clock", "nobody told the time"]);
}

#[tokio::test]
async fn peers_that_hang_cost_their_time_limit_and_no_more() {
    let world = Setting::first_route().start().await;
    world.cloud.faults().push_lines("any:hang").unwrap();
    world
        .onprem
        .as_ref()
        .unwrap()
        .faults()
        .push_lines("any:hang")
        .unwrap();
    // Connections wait in the kernel; nobody ever shakes hands.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let callback = format!("https://{}/hook", silent.local_addr().unwrap());
    let limits = [
        (
            "WABA_BRIDGE__NUMBERS__SUPPORT__CALLBACK__URL",
            callback.as_str(),
        ),
        ("WABA_BRIDGE__NUMBERS__SUPPORT__CALLBACK__TIMEOUT_S", "1"),
        ("WABA_BRIDGE__FETCH__LOOKUP_TIMEOUT_S", "1"),
        (
            "WABA_BRIDGE__NUMBERS__SUPPORT__ONPREM__RESPONSE_TIMEOUT_S",
            "1",
        ),
    ];
    let said = online(&world, &limits).await;
    assert_eq!(said.code, 1);
    said.line(&["FAIL", "support: on-prem", "no answer in time"]);
    said.line(&["FAIL", "support: cloud", "no answer in time"]);
    said.line(&["FAIL", "support: callback", "no answer in time"]);
}

#[tokio::test]
async fn a_login_that_the_old_client_refuses_fails_and_a_lost_connection_warns() {
    let world = Setting::first_route().start().await;
    let wrong = [
        OWN_LOGIN[0],
        ("WABA_BRIDGE__NUMBERS__SUPPORT__ONPREM__PASSWORD", "wrong"),
    ];
    let said = online(&world, &wrong).await;
    assert_eq!(said.code, 1);
    said.line(&["FAIL", "on-prem login", "401"]);
    said.line(&["ok", "support: on-prem ", "answers"]);

    let nodes = r#"/v1/health:body=200,{"health":{"a":{"gateway_status":"connected"},"b":{"gateway_status":"disconnected"}},"meta":{}}:always"#;
    world
        .onprem
        .as_ref()
        .unwrap()
        .faults()
        .push_lines(nodes)
        .unwrap();
    let said = online(&world, &OWN_LOGIN).await;
    assert_eq!(said.code, 0, "{}", said.out);
    said.line(&["warn", "support: on-prem ", "connected, disconnected"]);
}

#[tokio::test]
async fn certificates_that_nobody_trusts_are_told_with_their_remedy() {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let pair = rcgen::generate_simple_self_signed(names).unwrap();
    let tls = Tls {
        certificate_pem: pair.cert.pem().into_bytes(),
        key_pem: pair.signing_key.serialize_pem().into_bytes(),
    };
    let onprem = OnpremOptions {
        tls: Some(tls.clone()),
        ..Default::default()
    };
    let onprem = Onprem::start(onprem).await.unwrap();
    let receiver = ReceiverOptions {
        tls: Some(tls),
        ..Default::default()
    };
    let receiver = Receiver::start(receiver).await.unwrap();
    let number = format!(
        "[[numbers]]\nname = \"support\"\n[numbers.onprem]\nurl = \"{}\"\n[numbers.callback]\nurl = \"{}/hook\"\n",
        onprem.url(),
        receiver.url()
    );
    let (folder, file) = written(&number);

    let said = check(&file, &["--online"], &[]).await;
    assert_eq!(said.code, 1, "{}", said.out);
    let line = said.line(&["FAIL", "support: on-prem", "nobody this machine trusts"]);
    assert!(
        line.contains("ca_file") && line.contains("accept_invalid_certs"),
        "{line}"
    );
    let line = said.line(&["FAIL", "support: callback", "nobody this machine trusts"]);
    assert!(line.contains("ca_file"), "{line}");

    let ca = folder.path().join("ca.pem");
    fs::write(&ca, pair.cert.pem()).unwrap();
    let trusted = [
        (
            "WABA_BRIDGE__NUMBERS__SUPPORT__ONPREM__CA_FILE",
            ca.to_str().unwrap(),
        ),
        (
            "WABA_BRIDGE__NUMBERS__SUPPORT__CALLBACK__CA_FILE",
            ca.to_str().unwrap(),
        ),
    ];
    let said = check(&file, &["--online"], &trusted).await;
    assert_eq!(said.code, 0, "{}", said.out);
    said.line(&["ok", "support: on-prem", "answers"]);
    said.line(&["ok", "support: callback", "over TLS"]);
    assert!(receiver.callbacks().is_empty());
}
