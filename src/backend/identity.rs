//! Questions about the identity at Cloud itself: is the token good, and is the number there?
//!
//! Asked by the commands alone; nothing in the flows depends on the answers.

use std::fmt;

use hyper::{HeaderMap, StatusCode, header};
use reqwest::RequestBuilder;
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;

use super::cloud::{Cloud, read_small};
use crate::cloud;
use crate::cloud::identity::{PhoneNumber, Token};

/// What Graph answered, and what every answer of it tells besides.
pub struct Answer<T> {
    /// What was asked for, or a refusal.
    pub said: Result<T, Refusal>,
    /// `Date`
    pub date: Option<String>,
    /// `Facebook-Api-Version`: the version that really answered.
    pub version: Option<String>,
}

/// Graph's no.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The status.
    pub status: StatusCode,
    /// Graph's own words, unless somebody else answered.
    pub error: Option<cloud::error::Error>,
    /// What it means.
    pub class: cloud::error::Class,
}

impl Cloud {
    /// What Meta thinks of the access token.
    pub async fn token(&self) -> Result<Answer<Token>, reqwest::Error> {
        let token = self.config.access_token.expose_secret();
        self.ask("debug_token", ("input_token", token)).await
    }

    /// The phone number behind `phone_number_id`.
    pub async fn number(&self) -> Result<Answer<PhoneNumber>, reqwest::Error> {
        let id = &self.config.phone_number_id;
        self.ask(id, ("fields", PhoneNumber::FIELDS)).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        object: &str,
        (name, value): (&str, &str),
    ) -> Result<Answer<T>, reqwest::Error> {
        let mut url = self.url(object);
        url.query_pairs_mut().append_pair(name, value);
        self.send(self.client.http.get(url)).await
    }

    /// An object's place at Graph.
    pub(super) fn url(&self, object: &str) -> url::Url {
        let mut url = self.config.graph_url.clone();
        url.set_path(&format!("{}/{object}", self.config.version));
        url
    }

    /// The URL is kept out of every error, because it may hold the token.
    pub(super) async fn send<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
    ) -> Result<Answer<T>, reqwest::Error> {
        let response = request
            .timeout(self.client.lookup_timeout)
            .bearer_auth(self.config.access_token.expose_secret())
            .send()
            .await
            .map_err(reqwest::Error::without_url)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = read_small(response).await?;
        Ok(Answer {
            said: read(status, &headers, &body),
            date: text(&headers, header::DATE.as_str()),
            version: text(&headers, "facebook-api-version"),
        })
    }
}

impl Refusal {
    /// Graph's number for it.
    pub fn code(&self) -> Option<i64> {
        self.error.as_ref().map(|error| error.code)
    }
}

/// By number; Graph's own sentences may quote ids and names.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(error) = &self.error else {
            return write!(f, "the answer ({}) is none of Meta's", self.status);
        };
        write!(f, "Meta refuses ({}, code {}", self.status, error.code)?;
        if let Some(subcode) = error.error_subcode {
            write!(f, "/{subcode}")?;
        }
        if let Some(trace) = &error.fbtrace_id {
            write!(f, ", trace {trace}")?;
        }
        f.write_str(")")
    }
}

fn read<T: DeserializeOwned>(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<T, Refusal> {
    let said = match status {
        StatusCode::OK => serde_json::from_slice(body).ok(),
        _ => None,
    };
    said.ok_or_else(|| {
        let error = cloud::error::parse(body);
        Refusal {
            status,
            class: cloud::error::classify(status, error.as_ref(), headers),
            error,
        }
    })
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}
