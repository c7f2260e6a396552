//! Who is calling, on routes that the bridge answers itself.

use std::time::Duration;

use hyper::header;
use hyper::{HeaderMap, Request};
use moka::sync::Cache;

use super::respond::ProxyError;
use super::{Call, Proxy};
use crate::http::Body;
use crate::ids::NumberName;
use crate::state::TokenHash;
use crate::users::Bearer;

/// Bearers remembered; a caller uses one for days.
const REMEMBERED: u64 = 10_000;

/// What the old client said about bearers the bridge has not seen being given out.
pub struct Verdicts(Cache<(NumberName, TokenHash), bool>);

impl Verdicts {
    /// Remembers for so long.
    pub fn new(remember: Duration) -> Self {
        Self(
            Cache::builder()
                .max_capacity(REMEMBERED)
                .time_to_live(remember)
                .build(),
        )
    }
}

/// The token of `Authorization: Bearer`.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
}

impl Proxy {
    /// Forgets what the old client said about a token that is being logged out.
    pub(super) fn forget(&self, call: &Call<'_>, token: &str) {
        self.verdicts
            .0
            .invalidate(&(call.number.config.name.clone(), self.users.hash(token)));
    }

    /// Lets a request through if its token is good: given out here, seen being given out by the old client, or
    /// vouched for by it now.
    pub(super) async fn authenticate(
        &self,
        call: &Call<'_>,
        headers: &HeaderMap,
    ) -> Result<(), ProxyError> {
        let token = bearer(headers).ok_or(ProxyError::Unauthorized)?;
        let good = match self.users.bearer(&call.number.config.name, token) {
            Bearer::Minted | Bearer::Learned => true,
            Bearer::Ended => false,
            Bearer::Foreign => self.ask_onprem(call, token, headers).await?,
        };
        if good {
            Ok(())
        } else {
            Err(ProxyError::Unauthorized)
        }
    }

    /// Whether a request's token is known to be good without asking anybody.
    pub(super) fn is_known(&self, call: &Call<'_>, headers: &HeaderMap) -> bool {
        let Some(token) = bearer(headers) else {
            return false;
        };
        let number = &call.number.config.name;
        match self.users.bearer(number, token) {
            Bearer::Minted | Bearer::Learned => true,
            Bearer::Ended => false,
            Bearer::Foreign => {
                let key = (number.clone(), self.users.hash(token));
                self.verdicts.0.get(&key) == Some(true)
            }
        }
    }

    async fn ask_onprem(
        &self,
        call: &Call<'_>,
        token: &str,
        headers: &HeaderMap,
    ) -> Result<bool, ProxyError> {
        let Some(onprem) = call.onprem else {
            return Ok(false);
        };
        let key = (call.number.config.name.clone(), self.users.hash(token));
        if let Some(verdict) = self.verdicts.0.get(&key) {
            return Ok(verdict);
        }
        let mut question = Request::new(Body::empty());
        // Any user's token is good for this route, and it changes nothing.
        *question.uri_mut() = hyper::Uri::from_static("/v1/health");
        for name in [header::AUTHORIZATION, header::HOST] {
            if let Some(value) = headers.get(&name) {
                question.headers_mut().insert(name, value.clone());
            }
        }
        question
            .headers_mut()
            .insert(crate::http::headers::REQUEST_ID, call.id.clone());
        let status = onprem.send(question).await?.status();
        // Only a clear word counts, and is remembered; an old client in trouble has said nothing about the token.
        let verdict = match status.as_u16() {
            200..=299 => true,
            401 | 403 => false,
            _ => return Err(ProxyError::NoVerdict(status)),
        };
        self.verdicts.0.insert(key, verdict);
        Ok(verdict)
    }
}
