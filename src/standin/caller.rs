//! The integration's other half: it logs in, asks, and fetches, and measures how long each answer took.
//! It sends what it is told and judges nothing; whoever drives it compares.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

/// How long one answer may take, its body included.
const PATIENCE: Duration = Duration::from_secs(15);

/// One answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// `Content-Type`, if there was one.
    pub content_type: Option<String>,
    /// The raw body.
    pub body: Bytes,
    /// From the request to the last byte of the answer.
    pub took: Duration,
}

impl Answer {
    /// The body as JSON; `Null` if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// An integration that calls one address.
#[derive(Debug)]
pub struct Caller {
    origin: String,
    token: Option<String>,
    http: reqwest::Client,
    /// How often each medium was asked for.
    asked: Mutex<HashMap<String, u64>>,
}

impl Caller {
    /// Calls this address (scheme and authority), without a token yet.
    pub fn new(origin: impl Into<String>) -> reqwest::Result<Self> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .build()?;
        Ok(Self {
            origin: origin.into(),
            token: None,
            http,
            asked: Mutex::default(),
        })
    }

    /// `POST /v1/users/login`; keeps the token of a good answer for all that follows.
    pub async fn login(&mut self, user: &str, password: &str) -> reqwest::Result<Answer> {
        let url = format!("{}/v1/users/login", self.origin);
        let request = self.http.post(url).basic_auth(user, Some(password));
        let answer = answered(request).await?;
        self.token = answer.json()["users"][0]["token"]
            .as_str()
            .map(str::to_owned);
        Ok(answer)
    }

    /// The token, once there was a login.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// `GET`
    pub async fn get(&self, path: &str) -> reqwest::Result<Answer> {
        self.get_at(&self.origin, path).await
    }

    /// `GET` of the same path somewhere else, with the same token.
    pub async fn get_at(&self, origin: &str, path: &str) -> reqwest::Result<Answer> {
        answered(self.request(Method::GET, format!("{origin}{path}"))).await
    }

    /// `POST` of JSON, byte for byte as given.
    pub async fn post(&self, path: &str, json: impl Into<Bytes>) -> reqwest::Result<Answer> {
        let request = self
            .request(Method::POST, format!("{}{path}", self.origin))
            .header("content-type", "application/json")
            .body(json.into());
        answered(request).await
    }

    /// `GET /v1/media/{id}/download`
    pub async fn ask_for(&self, id: &str) -> reqwest::Result<Answer> {
        *self
            .asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(id.to_owned())
            .or_default() += 1;
        self.get(&format!("/v1/media/{id}/download")).await
    }

    /// How often a medium was asked for.
    pub fn asked(&self, id: &str) -> u64 {
        self.asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(id)
            .copied()
            .unwrap_or_default()
    }

    /// How often any medium was asked for.
    pub fn asked_in_all(&self) -> u64 {
        self.asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .sum()
    }

    fn request(&self, method: Method, url: String) -> RequestBuilder {
        let request = self.http.request(method, url);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }
}

async fn answered(request: RequestBuilder) -> reqwest::Result<Answer> {
    let started = Instant::now();
    let response = request.send().await?;
    let status = response.status().as_u16();
    let content_type = response
        .headers()
        .get("content-type")
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let body = response.bytes().await?;
    Ok(Answer {
        status,
        content_type,
        body,
        took: started.elapsed(),
    })
}
