//! The integration's webhook: one POST per event, and what its answer means.
//!
//! The address is the operator's own word, so it may be private; redirects are failures, as they were to the old client.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect;
use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls_platform_verifier::Verifier;
use secrecy::ExposeSecret;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::config;

/// How much of an answer nobody needs is read.
const DRAIN_LIMIT: usize = 64 * 1024;
const DRAIN_TIME: Duration = Duration::from_secs(1);

/// One number's webhook.
pub struct Callback {
    http: reqwest::Client,
    config: config::Callback,
}

/// Why a webhook cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The CA file is not readable.
    #[error("the callback's CA file cannot be read")]
    CaFile(#[source] std::io::Error),
    /// The client library refuses something.
    #[error("the callback cannot be set up")]
    Client(#[from] reqwest::Error),
}

/// Why a callback is not delivered yet.
#[derive(Debug, thiserror::Error)]
pub enum Undelivered {
    /// The receiver answered, but not with what counts as delivered.
    #[error("the receiver answered {0}")]
    Refused(StatusCode),
    /// No answer in time.
    #[error("the receiver did not answer in time")]
    Timeout,
    /// No connection, or one that broke.
    #[error("the receiver cannot be reached")]
    Unreached(#[source] reqwest::Error),
}

impl Undelivered {
    /// A short word for metrics and the state, free of addresses.
    pub fn result(&self) -> String {
        match self {
            Self::Refused(status) => status.as_u16().to_string(),
            Self::Timeout => "timeout".to_owned(),
            Self::Unreached(_) => "unreached".to_owned(),
        }
    }
}

impl Callback {
    /// Prepares connections to a webhook.
    pub fn new(config: config::Callback) -> Result<Self, SetupError> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in &config.headers {
            let name = HeaderName::try_from(name.as_str());
            let value = HeaderValue::try_from(value.expose_secret());
            // Both were checked when the configuration was read.
            if let (Ok(name), Ok(mut value)) = (name, value) {
                value.set_sensitive(true);
                headers.insert(name, value);
            }
        }
        let mut builder = reqwest::Client::builder()
            .user_agent(super::USER_AGENT)
            .default_headers(headers)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .retry(reqwest::retry::never())
            .pool_max_idle_per_host(config.max_concurrent_requests)
            .timeout(config.timeout);
        if let Some(path) = &config.ca_file {
            let pem = std::fs::read(path).map_err(SetupError::CaFile)?;
            builder = builder.tls_certs_merge(reqwest::Certificate::from_pem_bundle(&pem)?);
        }
        Ok(Self {
            http: builder.build()?,
            config,
        })
    }

    /// Posts one event. Delivered means 200 and nothing else, unless the operator says otherwise; what the answer says
    /// besides is ignored.
    pub async fn post(&self, body: Bytes) -> Result<(), Undelivered> {
        let mut request = self.http.post(self.config.url.clone()).body(body);
        if let Some(login) = &self.config.login {
            request = request.basic_auth(&login.username, Some(login.password.expose_secret()));
        }
        let response = request.send().await.map_err(|error| {
            if error.is_timeout() {
                Undelivered::Timeout
            } else {
                Undelivered::Unreached(error.without_url())
            }
        })?;
        let status = response.status();
        // An answer read to its end leaves the connection usable for the next callback. One that never ends must
        // not undo a delivery.
        let _ = tokio::time::timeout(DRAIN_TIME, drain(response)).await;
        if self.takes(status) {
            Ok(())
        } else {
            Err(Undelivered::Refused(status))
        }
    }

    fn takes(&self, status: StatusCode) -> bool {
        status == StatusCode::OK || (self.config.accept_any_2xx && status.is_success())
    }
}

/// Connects to a webhook, with TLS where its URL says so, and hangs up: nothing is sent that an integration could
/// take for an event.
pub async fn reach(config: &config::Callback) -> io::Result<()> {
    let connected = tokio::time::timeout(config.timeout, connect(config)).await;
    connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

async fn connect(config: &config::Callback) -> io::Result<()> {
    let host = config.url.host_str().unwrap_or_default();
    // IPv6 addresses stand in brackets in a URL, and nowhere else.
    let host = host.trim_matches(['[', ']']);
    let port = config.url.port_or_known_default().unwrap_or_default();
    let stream = TcpStream::connect((host, port)).await?;
    if config.url.scheme() == "http" {
        return Ok(());
    }
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let tls = tls(config).map_err(io::Error::other)?;
    let mut stream = TlsConnector::from(Arc::new(tls))
        .connect(name, stream)
        .await?;
    // A peer that is gone before the farewell was there all the same.
    let _ = stream.shutdown().await;
    Ok(())
}

/// The same trust as that of the client that posts.
fn tls(config: &config::Callback) -> Result<ClientConfig, rustls::Error> {
    let mut extra = Vec::new();
    if let Some(path) = &config.ca_file {
        let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
        extra = read.map_err(|error| rustls::Error::General(error.to_string()))?;
    }
    let builder = ClientConfig::builder();
    let provider = Arc::clone(builder.crypto_provider());
    let verifier = Verifier::new_with_extra_roots(extra, provider)?;
    Ok(builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

async fn drain(mut response: reqwest::Response) {
    let mut left = DRAIN_LIMIT;
    while let Ok(Some(chunk)) = response.chunk().await {
        let Some(rest) = left.checked_sub(chunk.len()) else {
            return;
        };
        left = rest;
    }
}
