//! One number as the proxy needs it.

use std::num::NonZeroU32;
use std::sync::Arc;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use super::respond::ProxyError;
use super::session::OwnSession;
use super::shadow::Shadow;
use crate::backend;
use crate::config;
use crate::cutover::Published;
use crate::metrics::NumberMetrics;
use crate::sends::Sends;

/// A number's flags, its two sides, its limit, its figures.
pub struct Number {
    /// As configured.
    pub config: config::Number,
    /// Its place among all numbers; each thread's connections are kept by it.
    pub index: usize,
    /// How its old client is reached.
    pub onprem: Option<Arc<backend::onprem::Endpoint>>,
    /// How Cloud is asked for it.
    pub cloud: Option<Arc<backend::cloud::Cloud>>,
    /// Its flags.
    pub published: Arc<Published>,
    /// Its figures.
    pub metrics: Arc<NumberMetrics>,
    /// Its messages that are being sent.
    pub sends: Arc<Sends>,
    /// What asks its other side.
    pub shadow: Shadow,
    pub(super) session: Option<OwnSession>,
    limiter: Option<DefaultDirectRateLimiter>,
}

/// What a number is made of, besides its configuration.
pub struct Parts {
    /// How Cloud is asked for it.
    pub cloud: Option<Arc<backend::cloud::Cloud>>,
    /// Its flags.
    pub published: Arc<Published>,
    /// Its figures.
    pub metrics: Arc<NumberMetrics>,
    /// How many calls to its other side there may be at a time.
    pub compare_permits: usize,
}

impl Number {
    /// Makes a number ready. Called where the runtime is that its other side is to be asked from.
    pub fn new(
        config: config::Number,
        index: usize,
        parts: Parts,
        limits: &config::Limits,
    ) -> Result<Self, backend::onprem::SetupError> {
        let onprem = config
            .onprem
            .clone()
            .map(backend::onprem::Endpoint::new)
            .transpose()?
            .map(Arc::new);
        let login = config
            .onprem
            .as_ref()
            .and_then(|onprem| onprem.login.clone());
        let burst = NonZeroU32::new(limits.burst.max(1)).unwrap_or(NonZeroU32::MIN);
        let limiter = NonZeroU32::new(limits.requests_per_second)
            .map(|rate| RateLimiter::direct(Quota::per_second(rate).allow_burst(burst)));
        Ok(Self {
            session: login.map(OwnSession::new),
            shadow: Shadow::new(onprem.clone(), parts.compare_permits),
            sends: Arc::default(),
            cloud: parts.cloud,
            published: parts.published,
            metrics: parts.metrics,
            onprem,
            config,
            index,
            limiter,
        })
    }

    /// Takes one of the requests a second that the old client documented.
    pub(super) fn take_turn(&self) -> Result<(), ProxyError> {
        match &self.limiter {
            Some(limiter) => limiter.check().map_err(|_| ProxyError::TooManyRequests),
            None => Ok(()),
        }
    }
}
