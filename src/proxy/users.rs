//! Login and logout, on either side.

use base64::Engine;
use bytes::Bytes;
use hyper::body::{Body as _, Incoming};
use hyper::header;
use hyper::{HeaderMap, Request, Response, StatusCode, Version};
use secrecy::SecretString;

use super::respond::{self, ProxyError};
use super::{Call, Proxy, auth};
use crate::backend::onprem::Unanswered;
use crate::http::Body;
use crate::http::headers::{REQUEST_ID, remove_hop_by_hop};
use crate::onprem::Meta;
use crate::onprem::user::{LoggedIn, Login, ObservedLogin, Session};
use crate::route::Route;
use crate::state::Timestamp;
use crate::users::{Attempt, LoginError, expiry_of};

/// Name and password of `Authorization: Basic`.
struct Basic {
    name: String,
    password: SecretString,
}

impl Basic {
    fn read(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, pair) = value.split_once(' ')?;
        let pair = base64::engine::general_purpose::STANDARD
            .decode(pair.trim())
            .ok()?;
        let pair = String::from_utf8(pair).ok()?;
        let (name, password) = pair.split_once(':')?;
        let basic = || Self {
            name: name.to_owned(),
            password: password.to_owned().into(),
        };
        scheme.eq_ignore_ascii_case("basic").then(basic)
    }

    fn attempt<'a>(
        &'a self,
        call: &'a Call<'_>,
        new_password: Option<&'a SecretString>,
    ) -> Attempt<'a> {
        Attempt {
            number: &call.number.config.name,
            name: &self.name,
            password: &self.password,
            new_password,
            caller: call.peer.ip(),
        }
    }
}

impl Proxy {
    /// A login answered by the bridge.
    pub(super) async fn login(
        &self,
        call: &Call<'_>,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, ProxyError> {
        let basic = Basic::read(request.headers()).ok_or(ProxyError::Unauthorized)?;
        call.number.take_turn()?;
        let body = self.read_json(request.into_body()).await?;
        let new_password = new_password(&body)?;
        let result = self
            .users
            .login(basic.attempt(call, new_password.as_ref()))
            .await;
        call.number
            .metrics
            .logged_in(if result.is_ok() { "success" } else { "refused" });
        let minted = result.map_err(|error| {
            tracing::info!(number = %call.number.config.name, reason = %error, "login refused");
            match error {
                LoginError::Denied => ProxyError::Unauthorized,
                LoginError::PasswordChangeRequired => ProxyError::PasswordChangeRequired,
                LoginError::WeakPassword => ProxyError::WeakPassword,
                LoginError::TooManyAttempts => ProxyError::TooManyRequests,
                LoginError::State(error) => ProxyError::State(error),
            }
        })?;
        let session = Session {
            expires_after: &minted.expires_after,
            token: &minted.token,
        };
        let meta = Meta::stable(&call.number.config.compat.version);
        Ok(respond::json(
            StatusCode::OK,
            &LoggedIn {
                users: [session],
                meta,
            },
        ))
    }

    /// A logout answered by the bridge.
    pub(super) async fn logout(
        &self,
        call: &Call<'_>,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, ProxyError> {
        let number = &call.number.config.name;
        let token = auth::bearer(request.headers()).ok_or(ProxyError::Unauthorized)?;
        if call.onprem.is_some() && !self.users.is_minted(number, token) {
            // Given out by the old client, which would go on vouching for it.
            return self.pass_logout(call, request).await;
        }
        self.authenticate(call, request.headers()).await?;
        call.number.take_turn()?;
        self.users.logout(number, token).await?;
        self.forget(call, token);
        Ok(respond::empty(
            StatusCode::OK,
            &call.number.config.compat.version,
        ))
    }

    /// A login passed through; the bridge learns from a good one.
    pub(super) async fn login_onprem(
        &self,
        call: &Call<'_>,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, ProxyError> {
        let onprem = call.onprem.ok_or(ProxyError::UnknownPath)?;
        let (mut parts, incoming) = request.into_parts();
        let basic = Basic::read(&parts.headers);
        let body = self.read_json(incoming).await?;
        let new_password = new_password(&body).unwrap_or_default();
        remove_hop_by_hop(&mut parts.headers);
        parts.headers.insert(REQUEST_ID, call.id.clone());
        let answer = onprem
            .send(Request::from_parts(parts, Body::full(body)))
            .await?;
        let (Some(basic), StatusCode::OK) = (basic, answer.status()) else {
            return Ok(self.hand_back(answer));
        };
        let (mut parts, incoming) = answer.into_parts();
        let body = Body::passing(
            incoming,
            self.limits.json_bytes,
            self.limits.body_idle_timeout,
        )
        .read()
        .await
        .map_err(Unanswered::Answer)?;
        if let Some((token, expires_at)) = observe(&body) {
            let attempt = basic.attempt(call, new_password.as_ref());
            // The caller has its answer either way; a state that refuses is seen by the readiness check.
            if let Err(error) = self.users.learn(attempt, &token, expires_at).await {
                tracing::warn!(number = %call.number.config.name, error = &error as &dyn std::error::Error, "a login could not be learnt");
            }
        }
        remove_hop_by_hop(&mut parts.headers);
        parts.version = Version::HTTP_11;
        Ok(Response::from_parts(parts, Body::full(body)))
    }

    /// A logout passed through; what the bridge knew of the token is forgotten first, so that it is never good for longer.
    pub(super) async fn logout_onprem(
        &self,
        call: &Call<'_>,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, ProxyError> {
        let is_minted = |token| self.users.is_minted(&call.number.config.name, token);
        if auth::bearer(request.headers()).is_some_and(is_minted) {
            // The old client never saw this token; its session there is the bridge's own and goes on.
            return self.logout(call, request).await;
        }
        self.pass_logout(call, request).await
    }

    async fn pass_logout(
        &self,
        call: &Call<'_>,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, ProxyError> {
        if let Some(token) = auth::bearer(request.headers()) {
            self.users.logout(&call.number.config.name, token).await?;
            self.forget(call, token);
        }
        self.forward(call, Some(Route::Logout), request).await
    }

    pub(super) async fn read_json(&self, incoming: Incoming) -> Result<Bytes, ProxyError> {
        let limit = self.limits.json_bytes;
        if incoming.size_hint().lower() > limit {
            return Err(ProxyError::TooLarge(limit));
        }
        let body = Body::passing(incoming, limit, self.limits.body_idle_timeout)
            .read()
            .await;
        body.map_err(|error| match error {
            crate::http::body::BodyError::TooLarge => ProxyError::TooLarge(limit),
            error => ProxyError::Incomplete(error),
        })
    }
}

/// The user that a login names.
pub(super) fn name_of_basic(headers: &HeaderMap) -> Option<String> {
    Basic::read(headers).map(|basic| basic.name)
}

/// The new password a login brings; no body at all is usual.
fn new_password(body: &[u8]) -> Result<Option<SecretString>, ProxyError> {
    if body.trim_ascii().is_empty() {
        return Ok(None);
    }
    let login: Login = serde_json::from_slice(body).map_err(|_| ProxyError::NotJson)?;
    Ok(login.new_password.map(SecretString::from))
}

/// The token in the old client's answer, and its end.
fn observe(body: &[u8]) -> Option<(String, Timestamp)> {
    let login: ObservedLogin = serde_json::from_slice(body).ok()?;
    let session = login.users.into_iter().next()?;
    Some((session.token, expiry_of(session.expires_after.as_deref())))
}
