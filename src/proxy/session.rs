//! The bridge's own session at an old client, for callers whose token was given out by the bridge.

use std::time::{Duration, Instant};

use hyper::StatusCode;
use hyper::header::HeaderValue;
use tokio::sync::Mutex;

use super::respond::ProxyError;
use crate::backend;
use crate::backend::login::LoginError;
use crate::config::Credentials;

/// Well within the seven days a token of the old client lives.
const RENEW_AFTER: Duration = Duration::from_secs(6 * 24 * 3600);

pub(super) struct OwnSession {
    login: Credentials,
    current: Mutex<Current>,
}

#[derive(Default)]
struct Current {
    session: Option<(HeaderValue, Instant)>,
    /// When the last login failed, if none has succeeded since.
    failed: Option<Instant>,
}

impl OwnSession {
    pub(super) fn new(login: Credentials) -> Self {
        Self {
            login,
            current: Mutex::default(),
        }
    }

    /// The `Authorization` to use now. `refused` is one that the old client has just refused.
    pub(super) async fn authorization(
        &self,
        onprem: &backend::onprem::Client,
        refused: Option<&HeaderValue>,
    ) -> Result<HeaderValue, ProxyError> {
        let asked = Instant::now();
        // Held across the login, so that many callers at once cause one.
        let mut current = self.current.lock().await;
        if let Some((value, since)) = &current.session
            && refused != Some(value)
            && since.elapsed() < RENEW_AFTER
        {
            return Ok(value.clone());
        }
        // An old client that hangs would otherwise be waited for by one caller after the other.
        if current.failed.is_some_and(|failed| failed > asked) {
            return Err(ProxyError::OwnLogin(StatusCode::SERVICE_UNAVAILABLE));
        }
        let result = self.log_in(onprem).await;
        let now = Instant::now();
        *current = match &result {
            Ok(value) => Current {
                session: Some((value.clone(), now)),
                failed: None,
            },
            Err(_) => Current {
                session: None,
                failed: Some(now),
            },
        };
        result
    }

    async fn log_in(&self, onprem: &backend::onprem::Client) -> Result<HeaderValue, ProxyError> {
        onprem
            .log_in(&self.login)
            .await
            .map_err(|error| match error {
                LoginError::Unanswered(error) => error.into(),
                LoginError::Refused(status) => ProxyError::OwnLogin(status),
            })
    }
}
