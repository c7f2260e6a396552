//! The whole operator surface: what may be set, and the checked form the program runs on.
//!
//! [`load`] reads three layers (`config/default.toml` compiled in, the operator's file, the environment) and
//! returns either a configuration in which nothing needs checking any more, or *every* problem at once.

mod check;
mod compare;
mod compat;
mod entry;
mod environment;
mod fixed;
mod flags;
mod headers;
mod host;
mod layers;
mod number;
mod outside;
mod problems;
mod reader;
mod sections;
mod unknown;
mod users;
mod values;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use fixed::Fixed;

pub use compare::{Against, Compare};
pub use compat::{
    Compat, DigestForm, Edits, MediaIds, MediaStatus, MessageIds, Played, Reactions, Settings,
    UsernameUsers,
};
pub use layers::{load, load_from, parse};
pub use number::{Callback, Cloud, Credentials, HostRule, Layer, Number, OnPrem, User};
pub use problems::{Problem, Problems};

/// Everything, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where integrations call.
    pub server: Server,
    /// Where the old client posts its callbacks.
    pub intake: Intake,
    /// Where operators look.
    pub admin: Admin,
    /// Where what must not be lost is kept.
    pub state: State,
    /// Where media are kept.
    pub media: Media,
    /// How logs look.
    pub log: Log,
    /// What a caller may ask of us.
    pub limits: Limits,
    /// How media are fetched from Cloud.
    pub fetch: Fetch,
    /// How notifications become callbacks.
    pub notifications: Notifications,
    /// How long tokens and what is known of them last.
    pub tokens: Tokens,
    /// How both sides are put beside each other.
    pub compare: Compare,
    /// How everything is taken back at once.
    pub cutover: Cutover,
    /// At least one.
    pub numbers: Vec<Number>,
    /// What is allowed but deserves a line in the log at every start.
    pub warnings: Vec<String>,
    fixed: Fixed,
}

impl Config {
    /// The keys of sections and numbers that are other in `new`, and that a running bridge cannot take up: everything
    /// but flags and `[compare]`.
    pub fn needs_restart(&self, new: &Self) -> Vec<String> {
        self.fixed.differing(&new.fixed)
    }
}

/// `[server]`
#[derive(Clone, Debug)]
pub struct Server {
    /// The public listener.
    pub listen: SocketAddr,
    /// `None`: plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Proxy threads; never zero.
    pub threads: usize,
    /// For tests, `demo` and labs: http and private addresses everywhere.
    pub allow_insecure_upstreams: bool,
    /// How long unfinished requests and jobs may take after SIGTERM.
    pub shutdown_grace: Duration,
}

/// PEM files of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// `[intake]`
#[derive(Clone, Debug)]
pub struct Intake {
    /// `None`: there is no such listener.
    pub listen: Option<SocketAddr>,
    /// `None`: plain HTTP.
    pub tls: Option<TlsFiles>,
    /// The largest callback or notification taken.
    pub body_bytes: u64,
    /// Notifications are taken only from whoever shows a certificate of these authorities.
    pub client_ca: Option<PathBuf>,
    /// The name in that certificate.
    pub client_name: String,
    /// Scheme and host, without a path: how Meta reaches this listener.
    pub public_url: Option<Url>,
}

impl Intake {
    /// Where Meta is to post notifications.
    pub fn notified_at(&self) -> Option<Url> {
        self.public_url.as_ref()?.join("/cloud").ok()
    }
}

/// `[notifications]`
#[derive(Clone, Debug)]
pub struct Notifications {
    /// What becomes of notifications that cannot be told as they are.
    pub keep: Keep,
    /// How many of them are kept.
    pub keep_rows: u64,
    /// They are encrypted with this; `None`: with a key of the bridge's own.
    pub key: Option<SecretString>,
    /// How long a message waits for its medium.
    pub media_wait: Duration,
    /// How long a status waits for the sends that were under way when it came.
    pub status_wait: Duration,
}

/// `notifications.keep`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// All of it, encrypted.
    Encrypted,
    /// Its form, without what anybody wrote.
    Redacted,
}

/// `[admin]`
#[derive(Clone, Debug)]
pub struct Admin {
    /// The operators' listener.
    pub listen: SocketAddr,
    /// Always there when `listen` is not loopback.
    pub token: Option<SecretString>,
}

/// `[state]`
#[derive(Clone, Debug)]
pub struct State {
    /// The SQLite file of `sqlite:PATH`.
    pub path: PathBuf,
}

/// `[media]`
#[derive(Clone, Debug)]
pub struct Media {
    /// The folder of `file:PATH`.
    pub folder: PathBuf,
    /// How files are laid out in it.
    pub layout: MediaLayout,
    /// Below this the bridge stops fetching and says so.
    pub min_free_bytes: u64,
}

/// `media.layout`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaLayout {
    /// All files beside each other, named by UUID.
    Flat,
    /// `shared/<4>/<4>/<24>` of the UUID, as the old client's volume.
    Wamedia,
}

/// `[log]`
#[derive(Clone, Debug)]
pub struct Log {
    /// One JSON object per line instead of text.
    pub json: bool,
    /// A `tracing` filter, checked.
    pub filter: String,
}

/// `[limits]`
#[derive(Clone, Debug)]
pub struct Limits {
    /// Open connections on the public listener(s); more wait in the backlog of the kernel.
    pub connections: usize,
    /// Bytes of a request's head.
    pub header_bytes: usize,
    /// Lines of a request's head.
    pub headers: usize,
    /// How long a request's head may take; also how long an idle connection is kept.
    pub header_timeout: Duration,
    /// How long a body may stand still.
    pub body_idle_timeout: Duration,
    /// A JSON body the bridge reads itself.
    pub json_bytes: u64,
    /// A body that is passed through or stored.
    pub upload_bytes: u64,
    /// Per number, over the routes the bridge answers itself; 0 = no limit.
    pub requests_per_second: u32,
    /// How far above that for a moment.
    pub burst: u32,
    /// Logins that need an argon2 run, per caller's address and user name, a minute.
    pub logins_per_minute: u32,
}

/// `[fetch]`
#[derive(Clone, Debug)]
pub struct Fetch {
    /// Fetches at a time, per number.
    pub max_concurrent: usize,
    /// Connecting to Cloud.
    pub connect_timeout: Duration,
    /// A look-up, from question to answer.
    pub lookup_timeout: Duration,
    /// How long a download may stand still.
    pub idle_timeout: Duration,
    /// The largest medium taken.
    pub max_bytes: u64,
    /// Delays between attempts; the last one repeats. Never empty.
    pub retry_delays: Vec<Duration>,
    /// How often a download that Cloud refuses, or that arrives damaged, is tried from the look-up on.
    pub download_attempts: u32,
    /// When a job that only met transient trouble is told as failed.
    pub give_up_after: Duration,
    /// How long a permanent failure is answered from memory.
    pub remember_failure: Duration,
    /// How long a number rests after Cloud refused our token.
    pub token_fault_pause: Duration,
}

/// `[cutover]`
#[derive(Clone, Debug)]
pub struct Cutover {
    /// While this file exists, the kill switch is thrown.
    pub kill_file: PathBuf,
}

/// `[tokens]`
#[derive(Clone, Debug)]
pub struct Tokens {
    /// Of a token given out by the bridge.
    pub lifetime: Duration,
    /// How long a verified password is remembered (as a keyed hash).
    pub remember_password: Duration,
    /// How long the old client's word on a bearer it knows is remembered.
    pub remember_bearer: Duration,
}
