//! The bridge as a user of the old client: its own login, and a look at the client's health.

use std::time::Duration;

use base64::Engine;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, body::Incoming};
use secrecy::ExposeSecret;

use super::onprem::{Client, Unanswered};
use crate::config::Credentials;
use crate::http::Body;
use crate::onprem::user::ObservedLogin;

/// Far more than either answer ever has.
const ANSWER_LIMIT: u64 = 64 * 1024;
const ANSWER_IDLE: Duration = Duration::from_secs(30);

/// Why the bridge has no session at the old client.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// No answer.
    #[error(transparent)]
    Unanswered(#[from] Unanswered),
    /// An answer that is no login.
    #[error("the on-prem client refused the bridge's own login ({0})")]
    Refused(StatusCode),
}

/// What the old client said about its health.
#[derive(Debug)]
pub struct Health {
    /// 401 without a login is an answer too.
    pub status: StatusCode,
    /// `Date`
    pub date: Option<String>,
    /// As it came; `Null` when it is not JSON.
    pub body: serde_json::Value,
}

impl Client {
    /// Logs in, and gives the `Authorization` to use from now on.
    pub async fn log_in(&self, login: &Credentials) -> Result<HeaderValue, LoginError> {
        let pair = format!("{}:{}", login.username, login.password.expose_secret());
        let pair = base64::engine::general_purpose::STANDARD.encode(pair);
        let mut request = request(Method::POST, "/v1/users/login");
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        headers.insert(header::AUTHORIZATION, sensitive(&format!("Basic {pair}"))?);
        let response = self.send(request).await?;
        let status = response.status();
        if status != StatusCode::OK {
            return Err(LoginError::Refused(status));
        }
        let login: Option<ObservedLogin> = serde_json::from_slice(&read(response).await?).ok();
        let session = login.and_then(|login| login.users.into_iter().next());
        let session = session.ok_or(LoginError::Refused(status))?;
        sensitive(&format!("Bearer {}", session.token))
    }

    /// `GET /v1/health`
    pub async fn health(&self, authorization: Option<HeaderValue>) -> Result<Health, LoginError> {
        let mut request = request(Method::GET, "/v1/health");
        if let Some(value) = authorization {
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        let response = self.send(request).await?;
        let date = response.headers().get(header::DATE);
        let date = date.and_then(|value| Some(value.to_str().ok()?.to_owned()));
        Ok(Health {
            status: response.status(),
            date,
            body: serde_json::from_slice(&read(response).await?).unwrap_or_default(),
        })
    }
}

fn request(method: Method, path: &'static str) -> Request<Body> {
    let mut request = Request::new(Body::empty());
    *request.method_mut() = method;
    *request.uri_mut() = hyper::Uri::from_static(path);
    request
}

async fn read(response: Response<Incoming>) -> Result<bytes::Bytes, Unanswered> {
    let body = Body::passing(response.into_body(), ANSWER_LIMIT, ANSWER_IDLE);
    body.read().await.map_err(Unanswered::Answer)
}

fn sensitive(text: &str) -> Result<HeaderValue, LoginError> {
    let value = HeaderValue::try_from(text);
    let mut value = value.map_err(|_| LoginError::Refused(StatusCode::BAD_GATEWAY))?;
    value.set_sensitive(true);
    Ok(value)
}
