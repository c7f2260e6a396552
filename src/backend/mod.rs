//! The three outside parties: Cloud, the old client, and the integration's webhook; and, for the commands, a running
//! bridge.
//!
//! Only this folder opens outbound connections, so the rules about where the bridge may connect are kept here.

pub mod address;
pub mod admin;
pub mod callback;
pub mod cloud;
pub mod identity;
pub mod intake;
pub mod login;
pub mod onprem;
pub mod peers;
pub mod trouble;

/// What the bridge calls itself. Meta's media hosts refuse callers without a name.
pub const USER_AGENT: &str = concat!("waba-bridge/", env!("CARGO_PKG_VERSION"));
