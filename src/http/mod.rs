//! HTTP as every part of the bridge sees it: bodies, headers, listeners.

pub mod body;
pub mod headers;
pub mod listener;
pub mod observe;
pub mod peer;
pub mod server;
pub mod tls;

pub use body::Body;
pub use peer::Peer;
