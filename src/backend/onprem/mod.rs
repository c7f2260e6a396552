//! The old client: requests are streamed through to it, never decoded.
//!
//! Each proxy thread has a [`Client`] of its own per number, so that a request and its upstream connection live on
//! one thread.

mod pool;
mod tls;

use std::error::Error;
use std::sync::Arc;

use hyper::body::{Body as _, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, Uri, Version};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::ClientConfig;
use tokio::time::Instant;

use crate::config;
use crate::http::Body;
use crate::http::body::BodyError;
use pool::{Pool, SendError};

/// How to reach one number's old client; shared by all threads.
pub struct Endpoint {
    config: config::OnPrem,
    uri: Uri,
    tls: ClientConfig,
}

/// One thread's connections to one old client.
pub struct Client {
    endpoint: Arc<Endpoint>,
    pool: Pool,
}

/// Why an old client cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The URL has no host.
    #[error("the on-prem URL cannot be used")]
    Url,
    /// The CA file is not PEM.
    #[error("the on-prem CA file cannot be read")]
    CaFile(#[source] rustls::pki_types::pem::Error),
    /// The system's roots, or those of the CA file, cannot be used.
    #[error("TLS towards on-prem cannot be set up")]
    Tls(#[from] rustls::Error),
}

/// Why the old client gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// No connection, or one that broke before the answer's head.
    #[error("the on-prem client cannot be reached")]
    Unreached(#[source] Box<dyn Error + Send + Sync>),
    /// No head in time.
    #[error("the on-prem client did not answer in time")]
    Timeout,
    /// The caller's own body ended early while it was passed on.
    #[error("the request did not arrive whole")]
    Request(#[source] BodyError),
    /// The answer began, and had to be read as a whole, and broke off.
    #[error("the on-prem client's answer did not arrive whole")]
    Answer(#[source] BodyError),
}

impl From<SendError> for Unanswered {
    fn from(error: SendError) -> Self {
        let mut cause = error.source();
        while let Some(found) = cause {
            if let Some(fault) = found.downcast_ref::<BodyError>() {
                return Self::Request(fault.clone());
            }
            cause = found.source();
        }
        Self::Unreached(error.into())
    }
}

impl Endpoint {
    /// Reads certificates, prepares names.
    pub fn new(config: config::OnPrem) -> Result<Self, SetupError> {
        let uri = Uri::try_from(config.url.as_str()).map_err(|_| SetupError::Url)?;
        let tls = tls::client_config(&config)?;
        Ok(Self { config, uri, tls })
    }

    fn connector(&self) -> HttpsConnector<HttpConnector> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        HttpsConnectorBuilder::new()
            .with_tls_config(self.tls.clone())
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp)
    }
}

impl Client {
    /// A thread's own connections.
    pub fn new(endpoint: Arc<Endpoint>) -> Self {
        let pool = Pool::new(
            endpoint.connector(),
            endpoint.uri.clone(),
            endpoint.config.connect_timeout,
        );
        Self { endpoint, pool }
    }

    /// Passes a request on and waits for the head of the answer. Path, query and headers go as they are.
    pub async fn send(&self, mut request: Request<Body>) -> Result<Response<Incoming>, Unanswered> {
        self.name_host(&mut request);
        to_origin_form(&mut request);
        let again = repeatable(&request);
        match (self.ask(request).await?, again) {
            // A kept connection that the old client closed just now. Reads are safe to ask again; anything else
            // might have been carried out.
            (Err(SendError::Broken(error)), Some(request)) => {
                tracing::debug!(error = &error as &dyn Error, "asking on-prem again");
                Ok(Box::pin(self.ask(request)).await??)
            }
            (answer, _) => Ok(answer?),
        }
    }

    /// Asks once. The old client's time begins anew whenever the request's body moves, so that a long upload leaves it
    /// as much as a short one.
    async fn ask(
        &self,
        mut request: Request<Body>,
    ) -> Result<Result<Response<Incoming>, SendError>, Unanswered> {
        let limit = self.endpoint.config.response_timeout;
        let progress = request.body_mut().watch();
        let mut deadline = Instant::now() + limit;
        let mut answer = std::pin::pin!(self.pool.send(request));
        loop {
            if let Ok(answer) = tokio::time::timeout_at(deadline, &mut answer).await {
                return Ok(answer);
            }
            let extended = progress.as_ref().map(|progress| progress.last() + limit);
            let extended = extended.filter(|extended| *extended > deadline);
            deadline = extended.ok_or(Unanswered::Timeout)?;
        }
    }

    /// HTTP/2 and HTTP/1.0 do not need the `Host` that HTTP/1.1 needs.
    fn name_host(&self, request: &mut Request<Body>) {
        if request.headers().contains_key(header::HOST) {
            return;
        }
        let authority = request.uri().authority().or(self.endpoint.uri.authority());
        if let Some(Ok(host)) = authority.map(|authority| HeaderValue::try_from(authority.as_str()))
        {
            request.headers_mut().insert(header::HOST, host);
        }
    }
}

/// The form a request has on a connection to its very server. Requests that came by HTTP/2 carry their host in the URI.
fn to_origin_form(request: &mut Request<Body>) {
    *request.version_mut() = Version::HTTP_11;
    if request.uri().authority().is_some() {
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = path.map_or_else(|| Uri::from_static("/"), Uri::from);
    }
}

/// A copy of a request that may be asked twice: one that only reads, and has no body.
fn repeatable(request: &Request<Body>) -> Option<Request<Body>> {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    (reads && request.body().is_end_stream()).then(|| {
        let mut copy = Request::new(Body::empty());
        *copy.method_mut() = request.method().clone();
        *copy.uri_mut() = request.uri().clone();
        *copy.headers_mut() = request.headers().clone();
        // How the headers' names were spelled.
        *copy.extensions_mut() = request.extensions().clone();
        copy
    })
}
