//! Which addresses the old client's callbacks may come from: those its URL resolves to, and those the operator names.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ipnet::IpNet;

use crate::config;

/// A name server is not asked more often than this, however many strangers knock.
const REMEMBERED: Duration = Duration::from_secs(10);
/// Nor waited for longer.
const PATIENCE: Duration = Duration::from_secs(3);

/// One old client's addresses.
pub struct Peers {
    host: String,
    port: u16,
    named: Vec<IpNet>,
    resolved: Mutex<Option<(Instant, Vec<IpAddr>)>>,
}

impl Peers {
    /// Those of a number's old client.
    pub fn new(onprem: &config::OnPrem) -> Self {
        let host = onprem.url.host_str().unwrap_or_default();
        Self {
            // An IPv6 address stands in brackets there.
            host: host.trim_matches(['[', ']']).to_owned(),
            port: onprem.url.port_or_known_default().unwrap_or(443),
            named: onprem.callback_from.clone(),
            resolved: Mutex::new(None),
        }
    }

    /// Whether an address is one of them.
    pub async fn knows(&self, peer: SocketAddr) -> bool {
        let ip = peer.ip().to_canonical();
        self.named.iter().any(|net| net.contains(&ip)) || self.resolve().await.contains(&ip)
    }

    async fn resolve(&self) -> Vec<IpAddr> {
        let remembered = self.resolved();
        if let Some((at, addresses)) = &remembered
            && at.elapsed() < REMEMBERED
        {
            return addresses.clone();
        }
        let asking = tokio::net::lookup_host((self.host.as_str(), self.port));
        let found = match tokio::time::timeout(PATIENCE, asking).await {
            Ok(Ok(addresses)) => addresses
                .map(|address| address.ip().to_canonical())
                .collect(),
            // A name server in trouble does not make a known client a stranger.
            Ok(Err(_)) | Err(_) => remembered
                .map(|(_, addresses)| addresses)
                .unwrap_or_default(),
        };
        let kept = Some((Instant::now(), found.clone()));
        *self.resolved.lock().unwrap_or_else(PoisonError::into_inner) = kept;
        found
    }

    fn resolved(&self) -> Option<(Instant, Vec<IpAddr>)> {
        self.resolved
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
