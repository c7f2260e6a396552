//! The health of a single old client.

use serde::Serialize;

use super::Meta;

/// The answer to `GET /v1/health`.
#[derive(Clone, Debug, Serialize)]
pub struct Answer<'a> {
    /// The one node.
    pub health: Health,
    /// The closing block; a real client reads the version from it.
    pub meta: Meta<'a>,
}

/// How the node stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Health {
    /// The word that probes read.
    pub gateway_status: GatewayStatus,
}

/// The connection to WhatsApp, in the two words that a bridge can mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum GatewayStatus {
    /// All is well.
    Connected,
    /// Nothing gets through.
    Disconnected,
}
