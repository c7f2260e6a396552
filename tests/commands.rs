//! The commands, run as a newcomer runs them.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long anything that must happen may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program, ended with the test.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap())
    }

    fn stdout(&mut self) -> BufReader<ChildStdout> {
        BufReader::new(self.0.stdout.take().unwrap())
    }

    fn signal(&self, signal: Signal) {
        kill_process(pid(self.0.id()), signal).unwrap();
    }

    fn output(mut self) -> (Option<i32>, String, String) {
        let (mut stdout, mut stderr) = (String::new(), String::new());
        let reader = self.0.stderr.take().map(|mut pipe| {
            std::thread::spawn(move || {
                pipe.read_to_string(&mut stderr).unwrap();
                stderr
            })
        });
        if let Some(mut pipe) = self.0.stdout.take() {
            pipe.read_to_string(&mut stdout).unwrap();
        }
        let stderr = reader
            .map(|reader| reader.join().unwrap())
            .unwrap_or_default();
        (self.0.wait().unwrap().code(), stdout, stderr)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn pid(number: u32) -> Pid {
    Pid::from_raw(i32::try_from(number).unwrap()).unwrap()
}

/// The program with a folder of its own for what is temporary.
fn program(temporary: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waba-bridge"));
    command
        .args(arguments)
        .env("TMPDIR", temporary)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn is_empty(folder: &TempDir) -> bool {
    std::fs::read_dir(folder.path()).unwrap().next().is_none()
}

/// The process of the demo's bridge, from the story.
fn bridge_of(story: &mut impl BufRead) -> u32 {
    let lines = story.lines().map_while(Result::ok);
    let number = lines
        .filter_map(|line| {
            line.trim()
                .strip_prefix("the bridge      process ")
                .map(str::to_owned)
        })
        .next()
        .expect("the story names the bridge's process");
    number.split(',').next().unwrap().parse().unwrap()
}

#[test]
fn the_demo_passes_and_leaves_nothing_behind() {
    let folder = tempfile::Builder::new()
        .prefix("an \"odd\" name ")
        .tempdir()
        .unwrap();
    let Output {
        status,
        stdout,
        stderr,
    } = program(folder.path(), &["demo"]).output().unwrap();
    let story = String::from_utf8(stdout).unwrap();
    assert!(
        status.success(),
        "{story}\n{}",
        String::from_utf8_lossy(&stderr)
    );
    assert!(story.contains("checks passed"), "{story}");
    assert!(!story.contains("FAILED"), "{story}");
    assert!(
        !story.contains('\u{1b}'),
        "no colours and no bars in a file"
    );
    assert!(is_empty(&folder));
}

#[test]
fn the_demo_gives_its_checks_to_programs() {
    let folder = tempfile::tempdir().unwrap();
    let output = program(folder.path(), &["demo", "--json"])
        .output()
        .unwrap();
    assert!(output.status.success());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["passed"], true);
    assert_eq!(report["failure"], Value::Null);
    let checks = report["checks"].as_array().unwrap();
    for about in [
        "image", "sticker", "voice", "audio", "video", "document", "trouble", "crash", "compared",
        "left", "cut over", "killed", "revived",
    ] {
        for what in ["acknowledgement", "callback", "bytes"] {
            let name = format!("{about}: {what}");
            let row = checks.iter().find(|check| check["what"] == name);
            assert_eq!(row.expect(&name)["passed"], true, "{name}");
        }
    }
    for (what, seen) in [
        ("profile: verdicts after a change", "1 match, 1 mismatch"),
        ("compared: verdicts", "1 match"),
        ("left: why", "onprem, percent"),
        ("cut over: why", "cloud, percent"),
        ("killed: why", "onprem, killed"),
        ("revived: why", "cloud, percent"),
    ] {
        let row = checks.iter().find(|check| check["what"] == what);
        assert_eq!(row.expect(what)["seen"], seen, "{what}");
    }
    assert!(checks.iter().all(|check| check["passed"] == true));
}

#[test]
fn a_demo_whose_bridge_dies_fails_and_says_where() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = Running::start(&mut program(folder.path(), &["demo"]));
    let mut story = demo.stdout();
    kill_process(pid(bridge_of(&mut story)), Signal::KILL).unwrap();
    let told: Vec<String> = story.lines().map_while(Result::ok).collect();
    let (code, _, stderr) = demo.output();
    assert_eq!(code, Some(1), "{told:#?}\n{stderr}");
    assert!(stderr.contains("Failed in step \""), "{stderr}");
    assert!(
        stderr.contains("last lines of the bridge's log"),
        "{stderr}"
    );
    assert!(
        told.iter().any(|line| line.contains("broke off")),
        "{told:#?}"
    );
    assert!(is_empty(&folder));
}

#[test]
fn an_interrupted_demo_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = Running::start(&mut program(folder.path(), &["demo"]));
    let mut story = demo.stdout();
    let bridge = bridge_of(&mut story);
    demo.signal(Signal::INT);
    std::io::copy(&mut story, &mut std::io::sink()).unwrap();
    let (code, _, stderr) = demo.output();
    assert_eq!(code, Some(130), "{stderr}");
    assert!(
        test_kill_process(pid(bridge)).is_err(),
        "the bridge lives on"
    );
    assert!(is_empty(&folder));
}

#[tokio::test]
async fn the_sandbox_can_be_used_changed_and_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let any = "127.0.0.1:0";
    let mut command = program(
        folder.path(),
        &[
            "sandbox",
            "--json",
            "--onprem",
            any,
            "--graph",
            any,
            "--media-host",
            any,
            "--receiver",
            any,
        ],
    );
    let mut sandbox = Running::start(&mut command);
    let mut lines = sandbox.stdout().lines();
    let world: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    let text = |key: &str| world[key].as_str().unwrap().to_owned();
    assert_eq!(world["media"].as_array().unwrap().len(), 6);
    let http = reqwest::Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .build()
        .unwrap();

    let login = http
        .post(format!("{}/v1/users/login", text("onprem_url")))
        .basic_auth(text("user"), Some(text("password")))
        .send()
        .await
        .unwrap();
    assert_eq!(login.status(), 200);
    let login: Value = login.json().await.unwrap();
    assert!(login["users"][0]["token"].is_string());

    let added = http
        .put(format!("{}/_standin/media/42", text("graph_url")))
        .header("content-type", "image/png")
        .body("a picture")
        .send()
        .await
        .unwrap();
    assert_eq!(added.status(), 201);
    let found: Value = http
        .get(format!("{}/v24.0/42", text("graph_url")))
        .header("user-agent", "a test")
        .bearer_auth(text("access_token"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(found["file_size"], 9);

    let callback = json!({"media_items": []});
    let called = http
        .post(format!("{}/callback", text("receiver_url")))
        .json(&callback);
    assert_eq!(called.send().await.unwrap().status(), 200);
    let printed: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(printed["body"], callback);
    assert_eq!(printed["path"], "/callback");

    sandbox.signal(Signal::TERM);
    assert!(lines.next().is_none());
    let (code, _, stderr) = sandbox.output();
    assert_eq!(code, Some(0), "{stderr}");
}

#[test]
fn a_sandbox_whose_port_is_taken_says_which() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let arguments = ["sandbox", "--onprem", address.as_str()];
    let output = program(folder.path(), &arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.contains(&address) && stderr.contains("--onprem"),
        "{stderr}"
    );
}

#[test]
fn a_log_that_goes_into_a_file_has_no_colours() {
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nallow_insecure_upstreams = true\n[intake]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n\
         [state]\nurl = \"sqlite:{0}/bridge.db\"\n[media]\nurl = \"file:{0}/media\"\n\
         [[numbers]]\nname = \"support\"\n[numbers.onprem]\nurl = \"http://127.0.0.1:1\"\n",
        folder.path().display()
    );
    let file = folder.path().join("waba-bridge.toml");
    std::fs::write(&file, config).unwrap();
    let mut bridge = Running::start(&mut program(
        folder.path(),
        &["serve", "--config", file.to_str().unwrap()],
    ));
    let log = BufReader::new(bridge.0.stderr.take().unwrap());
    let mut lines = Vec::new();
    for line in log.lines().map_while(Result::ok) {
        let ready = line.contains("ready");
        lines.push(line);
        if ready {
            break;
        }
    }
    assert!(
        lines.last().is_some_and(|line| line.contains("ready")),
        "{lines:#?}"
    );
    assert!(
        lines.iter().all(|line| !line.contains('\u{1b}')),
        "{lines:#?}"
    );
}

fn hashed(typed: &str) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = program(folder.path(), &["hash-password"]);
    let mut running = Running::start(command.stdin(Stdio::piped()));
    let mut stdin = running.0.stdin.take().unwrap();
    stdin.write_all(typed.as_bytes()).unwrap();
    drop(stdin);
    running.output()
}

#[test]
fn a_password_is_hashed_as_it_was_typed_and_a_weak_one_refused() {
    use argon2::Argon2;
    use argon2::password_hash::PasswordVerifier;
    use argon2::password_hash::phc::PasswordHash;

    let (code, hash, said) = hashed("Secret-123\n");
    assert_eq!((code, said.as_str()), (Some(0), ""));
    let hash = PasswordHash::new(hash.trim()).unwrap();
    assert!(
        Argon2::default()
            .verify_password(b"Secret-123", &hash)
            .is_ok()
    );
    assert!(
        Argon2::default()
            .verify_password(b"Secret-123\n", &hash)
            .is_err()
    );

    let (code, hash, said) = hashed("weak\n");
    assert_eq!((code, hash.as_str()), (Some(1), ""));
    assert!(said.contains("8 to 64 characters"), "{said}");
}

fn said(arguments: &[&str]) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    Running::start(&mut program(folder.path(), arguments)).output()
}

#[test]
fn every_command_has_a_help_that_names_its_exit_codes() {
    for command in [
        "serve",
        "check",
        "jobs",
        "routes",
        "cutover",
        "cutover show",
        "cutover set",
        "cutover reset",
        "cutover pin",
        "cutover unpin",
        "cutover ramp",
        "cutover history",
        "cutover kill",
        "cutover revive",
        "why",
        "compare",
        "compare report",
        "compare record",
    ] {
        let mut arguments: Vec<&str> = command.split(' ').collect();
        arguments.push("--help");
        let (code, help, _) = said(&arguments);
        assert_eq!(code, Some(0), "{command}");
        assert!(help.contains("Exit codes"), "{command}\n{help}");
        assert!(help.contains("78"), "{command}\n{help}");
    }
}

#[test]
fn wrong_use_is_refused_before_any_bridge_is_asked() {
    const RAMP: &str =
        "cutover ramp media_download --every 10m --max-error-rate 1% --min-samples 5 --reason x";
    for (arguments, words) in [
        (
            "cutover set media_download cloud --percent 101 --reason x",
            "0..=100",
        ),
        ("cutover set nix cloud --reason x", "media_download"),
        ("cutover set media_download nix --reason x", "compare"),
        ("cutover set media_download cloud", "--reason"),
        ("cutover set cloud --reason x", "required arguments"),
        ("cutover pin cloud --reason x", "--medium"),
        (
            "cutover pin --medium 1 --caller a cloud --reason x",
            "cannot be used with",
        ),
        ("cutover pin --medium 1 compare --reason x", "onprem, cloud"),
        (&format!("{RAMP} --steps 25,5"), "must grow"),
        (&format!("{RAMP} --steps 5,101"), "no share"),
        (&format!("{RAMP} --steps 5 --stop"), "cannot be used with"),
        (
            &format!("{RAMP} --steps 5 --max-mismatch-rate 5"),
            "a rate is",
        ),
        (RAMP, "--steps"),
        ("cutover history --limit 0", "1..=1000"),
        ("cutover kill", "--reason"),
        ("compare report --since yesterday", "24h"),
        ("compare record start", "--route"),
        ("why GET", "<PATH>"),
    ] {
        let words_of: Vec<&str> = arguments.split(' ').collect();
        let (code, _, err) = said(&words_of);
        assert_eq!(code, Some(2), "{arguments}\n{err}");
        assert!(err.contains(words), "{arguments}\n{err}");
    }
}
