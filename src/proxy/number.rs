//! One number as the proxy needs it.

use std::sync::Arc;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use std::num::NonZeroU32;

use super::respond::ProxyError;
use super::session::OwnSession;
use crate::backend;
use crate::config;
use crate::metrics::NumberMetrics;
use crate::route::{Mode, Route};

/// A number's flags, its old client, its limit, its figures.
pub struct Number {
    /// As configured.
    pub config: config::Number,
    /// Its place among all numbers; each thread's connections are kept by it.
    pub index: usize,
    /// How its old client is reached.
    pub onprem: Option<Arc<backend::onprem::Endpoint>>,
    /// Its figures.
    pub metrics: Arc<NumberMetrics>,
    pub(super) session: Option<OwnSession>,
    modes: [Mode; Route::ALL.len()],
    limiter: Option<DefaultDirectRateLimiter>,
}

impl Number {
    /// Makes a number ready.
    pub fn new(
        config: config::Number,
        index: usize,
        metrics: Arc<NumberMetrics>,
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
            modes: Route::ALL.map(|route| config.mode(route)),
            session: login.map(OwnSession::new),
            onprem,
            config,
            index,
            metrics,
            limiter,
        })
    }

    /// What a route's flag says.
    pub fn mode(&self, route: Route) -> Mode {
        self.modes[route as usize]
    }

    /// Takes one of the requests a second that the old client documented.
    pub(super) fn take_turn(&self) -> Result<(), ProxyError> {
        match &self.limiter {
            Some(limiter) => limiter.check().map_err(|_| ProxyError::TooManyRequests),
            None => Ok(()),
        }
    }
}
