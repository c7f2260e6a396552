//! The real bridge in a process of its own: started, listened to, killed, and never left behind.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;

use super::configuration::{self, Place};
use super::trouble::{Trouble, within};
use crate::standin::ANY_PORT;

/// How long the bridge may take to start.
const START: Duration = Duration::from_secs(20);
/// How much of its log is shown when something went wrong.
const TAIL: usize = 15;

/// A running bridge. Dropping it ends it at once.
pub(super) struct Bridge {
    folder: PathBuf,
    number: String,
    child: Child,
    log: watch::Receiver<Log>,
    /// Where integrations call.
    pub(super) public: SocketAddr,
    /// Where operators look.
    pub(super) admin: SocketAddr,
    /// Where the old client's callbacks come in.
    pub(super) intake: SocketAddr,
}

/// What the process has written so far.
#[derive(Default)]
struct Log {
    lines: Vec<String>,
    ended: bool,
}

impl Bridge {
    /// Starts it in this folder, on free ports, and waits until it is ready.
    pub(super) async fn start(folder: &Path, number: String) -> Result<Self, Trouble> {
        let place = Place {
            folder,
            public: ANY_PORT,
            admin: ANY_PORT,
            intake: ANY_PORT,
        };
        let (child, log) = launch(&place, &number)?;
        let mut bridge = Self {
            folder: folder.to_owned(),
            number,
            child,
            log,
            public: ANY_PORT,
            admin: ANY_PORT,
            intake: ANY_PORT,
        };
        bridge.wait_until_ready().await?;
        Ok(bridge)
    }

    /// kill -9.
    pub(super) fn kill(&mut self) -> Result<ExitStatus, Trouble> {
        self.child.kill()?;
        Ok(self.child.wait()?)
    }

    /// Starts it again where it was: same folder, same addresses.
    pub(super) async fn restart(&mut self) -> Result<(), Trouble> {
        let place = Place {
            folder: &self.folder,
            public: self.public,
            admin: self.admin,
            intake: self.intake,
        };
        (self.child, self.log) = launch(&place, &self.number)?;
        self.wait_until_ready().await
    }

    /// Returns when the process has ended.
    pub(super) async fn ended(&self) {
        // The sender goes away only after it has said so.
        let _ = self.log.clone().wait_for(|log| log.ended).await;
    }

    /// What `kill` and `ps` call it.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Scheme and address for integrations.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.public)
    }

    /// Bytes in the file of the medium that is on its way; `None` while there is none.
    pub(super) fn bytes_on_the_way(&self) -> Option<u64> {
        let files = std::fs::read_dir(self.folder.join("media/.partial")).ok()?;
        files
            .flatten()
            .filter(|file| !file.file_name().to_string_lossy().starts_with('.'))
            .filter_map(|file| file.metadata().ok())
            .map(|metadata| metadata.len())
            .max()
    }

    /// Whether the log has this text anywhere.
    pub(super) fn has_logged(&self, text: &str) -> bool {
        let log = self.log.borrow();
        log.lines.iter().any(|line| line.contains(text))
    }

    /// The last lines of the log.
    pub(super) fn log_tail(&self) -> Vec<String> {
        let log = self.log.borrow();
        let from = log.lines.len().saturating_sub(TAIL);
        log.lines[from..].to_vec()
    }

    async fn wait_until_ready(&mut self) -> Result<(), Trouble> {
        let mut log = self.log.clone();
        let ready = log
            .wait_for(|log| log.ended || logged(log, |line| line["message"] == "ready").is_some());
        // Whether it is ready, has ended or takes too long: without its addresses it has not started.
        let _ = within("the bridge to be ready", START, ready).await;
        self.public = self.address_of("public")?;
        self.admin = self.address_of("admin")?;
        self.intake = self.address_of("intake")?;
        Ok(())
    }

    fn address_of(&self, listener: &str) -> Result<SocketAddr, Trouble> {
        let log = self.log.borrow();
        let line = logged(&log, |line| {
            line["message"] == "listening" && line["listener"] == listener
        });
        line.and_then(|line| line["address"].as_str()?.parse().ok())
            .ok_or_else(|| Trouble::NotStarted {
                log: self.log_tail(),
            })
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn logged(log: &Log, test: impl Fn(&Value) -> bool) -> Option<Value> {
    log.lines
        .iter()
        .filter_map(|line| serde_json::from_str(line).ok())
        .find(test)
}

fn launch(place: &Place<'_>, number: &str) -> Result<(Child, watch::Receiver<Log>), Trouble> {
    let config = place.folder.join("waba-bridge.toml");
    std::fs::write(&config, configuration::whole(place, number))?;
    let file = File::options()
        .create(true)
        .append(true)
        .open(place.folder.join("bridge.log"))?;
    let mut command = program()?;
    command
        .args(["serve", "--config"])
        .arg(config)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        // Ctrl-C in a terminal reaches every process of the group; this one is ended by us.
        .process_group(0);
    let mut child = command.spawn()?;
    let (sender, log) = watch::channel(Log::default());
    if let Some(stderr) = child.stderr.take() {
        std::thread::spawn(move || collect(stderr, file, &sender));
    }
    Ok((child, log))
}

/// This program, whatever the environment has for another bridge.
pub(super) fn program() -> Result<Command, Trouble> {
    let mut command = Command::new(std::env::current_exe()?);
    command.stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("WABA_BRIDGE") || text == "RUST_LOG" {
            command.env_remove(&name);
        }
    }
    Ok(command)
}

/// From the process into the file and to those who wait for a line.
fn collect(stderr: ChildStderr, mut file: File, log: &watch::Sender<Log>) {
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        // The file is for a person to read afterwards; the demo goes on without it.
        let _ = writeln!(file, "{line}");
        log.send_modify(|log| log.lines.push(line));
    }
    log.send_modify(|log| log.ended = true);
}
