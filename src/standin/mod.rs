//! The outside world on loopback: stand-in servers for Cloud, for the old client and for the integration's receiver of callbacks,
//! used by `demo`, `sandbox` and the tests of the whole program.
//!
//! | Part | Plays |
//! |---|---|
//! | [`cloud`] | Meta's Graph host and media host |
//! | [`onprem`] | the old client |
//! | [`receiver`] | the integration's webhook |
//! | [`caller`] | the integration's other half, which asks |
//! | [`media`] | what people send: one real file per kind of medium |
//! | [`fault`] | everything that can go wrong with the first three |
//!
//! Below them lie `stage` (log and faults on the path of a request), `control` (the same over HTTP), `refusal` (how each party says no),
//! `server`, `tls`, `line` and `wire` (connections, and their bad endings), `body`, `medium` and `digest`.
//!
//! Nothing in here uses a module of the product. Both sides are written from the documents of the two APIs, each on its own, so that
//! the product cannot make a mistake here that it makes there.

// In tests a failed step is a failed test.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod body;
pub mod caller;
pub mod cloud;
mod control;
mod digest;
pub mod fault;
mod line;
mod log;
pub mod media;
mod medium;
pub mod onprem;
pub mod receiver;
mod refusal;
mod server;
mod stage;
mod tls;
mod wire;

pub use caller::{Answer, Caller};
pub use cloud::{Cloud, CloudOptions};
pub use digest::{Digest, hex};
pub use fault::{Fault, Faults, Hop, Point, Rule, When};
pub use log::{Log, Seen};
pub use medium::{Content, Medium};
pub use onprem::{Onprem, OnpremOptions};
pub use receiver::{Callback, Receiver, ReceiverOptions};
pub use tls::Tls;

use std::net::{Ipv4Addr, SocketAddr};

/// Any free port on loopback.
pub const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
