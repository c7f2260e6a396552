//! Cloud: the two hops of a media fetch, the business profile, and the only holder of the access token.
//!
//! The token goes to Graph and to the number's `media_hosts`, over https, to public addresses, and nowhere else.
//! Nothing here retries: what a failure means for the job is decided by whoever asked.

mod download;
mod lookup;
mod place;
mod profile;
mod webhook;

use std::time::Duration;

use reqwest::redirect;

use super::address;
use crate::config;
pub use download::{Download, DownloadError};
pub use lookup::LookUpError;
pub use place::ForbiddenUrl;
pub use profile::ProfileError;
pub use webhook::WebhookError;

/// An answer to a look-up is far smaller; anything larger is not one.
const LOOK_UP_LIMIT: usize = 64 * 1024;

/// Connections to Cloud, shared by all numbers.
#[derive(Clone)]
pub struct Client {
    pub(super) http: reqwest::Client,
    pub(super) lookup_timeout: Duration,
    insecure: bool,
}

/// One number's identity at Cloud.
pub struct Cloud {
    pub(super) client: Client,
    pub(super) config: config::Cloud,
}

impl Client {
    /// Prepares connections; `insecure` drops the rules about https and public addresses.
    pub fn new(fetch: &config::Fetch, insecure: bool) -> Result<Self, reqwest::Error> {
        let mut builder = reqwest::Client::builder()
            .user_agent(super::USER_AGENT)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(fetch.connect_timeout)
            .read_timeout(fetch.idle_timeout)
            .https_only(!insecure);
        if !insecure {
            builder = builder.dns_resolver(address::PublicOnly);
        }
        Ok(Self {
            http: builder.build()?,
            lookup_timeout: fetch.lookup_timeout,
            insecure,
        })
    }
}

impl Cloud {
    /// The number's side of Cloud.
    pub fn new(client: Client, config: config::Cloud) -> Self {
        Self { client, config }
    }
}

pub(super) async fn read_small(mut response: reqwest::Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(reqwest::Error::without_url)?
    {
        body.extend_from_slice(&chunk);
        if body.len() > LOOK_UP_LIMIT {
            break;
        }
    }
    Ok(body)
}
