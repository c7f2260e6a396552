//! HTTP as every part of the bridge sees it: bodies, headers, listeners.

pub mod body;
pub mod headers;
pub mod listener;
pub mod observe;
pub mod server;
pub mod tls;

pub use body::Body;
