//! The on-premises contract exactly as its clients see it: wire types, no logic.
//!
//! Always written with their module (`onprem::media::Kind`), because Cloud has twins of the same name.

pub mod callback;
pub mod contact;
pub mod error;
pub mod health;
pub mod media;
pub mod profile;
pub mod user;

use serde::Serialize;

pub use error::Error;

/// The block that closes every JSON answer.
#[derive(Clone, Debug, Serialize)]
pub struct Meta<'a> {
    /// `stable`, `deprecated` or `experimental`; the bridge only says `stable`.
    pub api_status: &'static str,
    /// The client version imitated. Real integrations branch on it.
    pub version: &'a str,
}

impl<'a> Meta<'a> {
    /// The block of a healthy client of this version.
    pub fn stable(version: &'a str) -> Self {
        Self {
            api_status: "stable",
            version,
        }
    }
}

/// A success without payload. The old client said `null`, `{}` or this; this satisfies every reader.
#[derive(Debug, Serialize)]
pub struct Empty<'a> {
    /// The closing block.
    pub meta: Meta<'a>,
}
