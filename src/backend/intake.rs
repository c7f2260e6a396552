//! The bridge's own listener for notifications, as Meta sees it: from outside in, by the name that the internet knows.
//!
//! The address is the operator's own word, and often leads back into the own network, so it may be private.

use std::time::Duration;

use hyper::StatusCode;
use reqwest::redirect;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// As patient as Meta is taken to be.
const PATIENCE: Duration = Duration::from_secs(10);
/// No answer of the bridge's is longer.
const ANSWER_LIMIT: usize = 4096;
/// Of the right form, and of nobody's making.
const NO_SIGNATURE: &str =
    "sha256=0000000000000000000000000000000000000000000000000000000000000000";

/// Where Meta is to post.
pub struct Doorstep {
    http: reqwest::Client,
    url: Url,
}

/// What came back.
#[derive(Debug)]
pub struct Answered {
    /// The status.
    pub status: StatusCode,
    /// Its beginning.
    pub body: Vec<u8>,
}

impl Doorstep {
    /// Prepares connections; nobody is followed elsewhere, as Meta follows nobody.
    pub fn new(url: Url) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .user_agent(super::USER_AGENT)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .timeout(PATIENCE)
            .build()?;
        Ok(Self { http, url })
    }

    /// Asks whether the webhook is wanted, as Meta does.
    pub async fn shake_hands(
        &self,
        token: &SecretString,
        challenge: &str,
    ) -> Result<Answered, reqwest::Error> {
        let mut url = self.url.clone();
        url.query_pairs_mut()
            .append_pair("hub.mode", "subscribe")
            .append_pair("hub.challenge", challenge)
            .append_pair("hub.verify_token", token.expose_secret());
        answered(self.http.get(url)).await
    }

    /// Posts nothing, signed by nobody.
    pub async fn forge(&self) -> Result<Answered, reqwest::Error> {
        let request = self.http.post(self.url.clone());
        let request = request.header("content-type", "application/json");
        answered(
            request
                .header("x-hub-signature-256", NO_SIGNATURE)
                .body("{}"),
        )
        .await
    }
}

/// The URL is kept out of every error, because it may hold the token.
async fn answered(request: reqwest::RequestBuilder) -> Result<Answered, reqwest::Error> {
    let response = request.send().await;
    let mut response = response.map_err(reqwest::Error::without_url)?;
    let mut body = Vec::new();
    while body.len() < ANSWER_LIMIT
        && let Some(chunk) = response
            .chunk()
            .await
            .map_err(reqwest::Error::without_url)?
    {
        body.extend_from_slice(&chunk);
    }
    Ok(Answered {
        status: response.status(),
        body,
    })
}
