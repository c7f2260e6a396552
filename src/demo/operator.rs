//! The operator: the program's own commands, run against the bridge as people run them.

use std::process::Output;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

use super::bridge::{Bridge, program};
use super::trouble::{Trouble, within};

/// How long a command may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// A report that says no, or not yet, has been made all the same.
const ANSWERED: [i32; 3] = [0, 3, 4];

/// What a command wrote to standard output.
pub(super) struct Said(pub(super) String);

impl Said {
    /// The same as JSON; `Null` if it is none.
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

/// Runs a command to its end.
pub(super) async fn run(bridge: &Bridge, arguments: &[&str]) -> Result<Said, Trouble> {
    let mut command = Command::from(program()?);
    command
        .args(arguments)
        .arg("--admin")
        .arg(format!("http://{}", bridge.admin))
        .kill_on_drop(true);
    let what = spelled(arguments);
    let Output {
        status,
        stdout,
        stderr,
    } = within(&*what, PATIENCE, command.output()).await??;
    match status.code().is_some_and(|code| ANSWERED.contains(&code)) {
        true => Ok(Said(String::from_utf8_lossy(&stdout).into_owned())),
        false => Err(Trouble::Refused {
            command: what,
            said: String::from_utf8_lossy(&stderr).trim().to_owned(),
        }),
    }
}

/// A command as a person writes it.
pub(super) fn spelled(arguments: &[&str]) -> String {
    let words = arguments.iter().map(|word| match word.contains(' ') {
        true => format!("\"{word}\""),
        false => (*word).to_owned(),
    });
    words.fold("waba-bridge".to_owned(), |line, word| {
        format!("{line} {word}")
    })
}
