//! The admin API of a running bridge, for the commands that operate it.

use std::time::Duration;

use bytes::Bytes;
use hyper::{Method, StatusCode};
use reqwest::redirect;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;

const CONNECT_TIME: Duration = Duration::from_secs(5);
const ANSWER_TIME: Duration = Duration::from_secs(30);

/// Where a bridge listens for its operators, and the way in.
pub struct Admin {
    http: reqwest::Client,
    url: Url,
    token: Option<SecretString>,
    patience: Duration,
}

/// What the bridge said.
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// As it came; `Null` when it is not JSON.
    pub body: Value,
    /// As it came.
    pub bytes: Bytes,
}

impl Admin {
    /// Prepares connections. Path and query of the URL are not used.
    pub fn new(url: Url, token: Option<SecretString>) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .user_agent(super::USER_AGENT)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_TIME)
            .build()?;
        Ok(Self {
            http,
            url,
            token,
            patience: ANSWER_TIME,
        })
    }

    /// Where it is, for messages.
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// For questions whose answers take other than the usual time.
    pub fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// GET
    pub async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Answer, reqwest::Error> {
        self.ask(Method::GET, path, query, None).await
    }

    /// POST without a body.
    pub async fn post(&self, path: &str) -> Result<Answer, reqwest::Error> {
        self.ask(Method::POST, path, &[], None).await
    }

    /// POST with a body.
    pub async fn send(&self, path: &str, body: Vec<u8>) -> Result<Answer, reqwest::Error> {
        self.ask(Method::POST, path, &[], Some(body)).await
    }

    /// DELETE
    pub async fn delete(&self, path: &str) -> Result<Answer, reqwest::Error> {
        self.ask(Method::DELETE, path, &[], None).await
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> Result<Answer, reqwest::Error> {
        let mut url = self.url.clone();
        url.set_path(path);
        url.set_query(None);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self.http.request(method, url).timeout(self.patience);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose_secret());
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await?;
        let status = response.status();
        let bytes = response.bytes().await?;
        let body = serde_json::from_slice(&bytes).unwrap_or_default();
        Ok(Answer {
            status,
            body,
            bytes,
        })
    }
}
