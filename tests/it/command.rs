//! The other commands of the program, run to their end.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::{PASSWORD, within};

/// What a command said, and how it ended.
pub struct Said {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Said {
    /// Standard output as one JSON document.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap()
    }

    /// The line of standard output with all of these, and the one after it, where a remedy stands.
    #[track_caller]
    pub fn line(&self, parts: &[&str]) -> String {
        let lines: Vec<&str> = self.out.lines().collect();
        let has_all = |line: &&str| parts.iter().all(|part| line.contains(part));
        let Some(at) = lines.iter().position(has_all) else {
            panic!("no line with {parts:?} in\n{}{}", self.out, self.err);
        };
        lines[at..lines.len().min(at + 2)].join("\n")
    }
}

/// Runs the program. Nothing it says may hold a secret of these tests.
pub async fn run<A: AsRef<OsStr>>(arguments: &[A], environment: &[(&str, &str)]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waba-bridge"));
    command
        .args(arguments)
        .envs(environment.iter().copied())
        .env_remove("WABA_BRIDGE_CONFIG")
        .stdin(Stdio::null());
    let run = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = within(run).await.unwrap();
    let said = Said {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    };
    for secret in [
        "EAAG",
        PASSWORD,
        "CiIV6PVPSXj2Y9hOe9qw",
        "admin-secret",
        "093-4873",
        "0934873",
    ] {
        let all = format!("{}{}", said.out, said.err);
        assert!(!all.contains(secret), "{secret} in\n{all}");
    }
    said
}
