//! Connections to one old client, kept by one thread.
//!
//! A list of idle connections is all it takes when one thread talks to one server. The general-purpose client of
//! hyper-util looks its pool up by origin and hands connections back through tasks, on every request.

use std::error::Error;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response, Uri};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use tower_service::Service;

use crate::http::Body;

/// More idle connections than this to one old client are of no use to one thread.
const KEPT: usize = 256;

/// How far an answer may be read ahead of its caller, on one connection.
const READ_AHEAD: usize = 64 * 1024;

/// The connections.
pub(super) struct Pool {
    connector: HttpsConnector<HttpConnector>,
    uri: Uri,
    connect_timeout: Duration,
    /// The latest used last: it is the warmest, and the least likely to have been closed meanwhile.
    idle: Mutex<Vec<SendRequest<Body>>>,
}

/// Why a request got no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    /// No connection: the request was not sent.
    #[error("no connection")]
    Connect(#[source] Box<dyn Error + Send + Sync>),
    /// The connection broke: the request may have been carried out.
    #[error("the connection broke")]
    Broken(#[source] hyper::Error),
}

impl Pool {
    pub(super) fn new(
        connector: HttpsConnector<HttpConnector>,
        uri: Uri,
        connect_timeout: Duration,
    ) -> Self {
        Self {
            connector,
            uri,
            connect_timeout,
            idle: Mutex::new(Vec::new()),
        }
    }

    /// Sends a request on a kept connection, or on a new one.
    pub(super) async fn send(
        &self,
        mut request: Request<Body>,
    ) -> Result<Response<Incoming>, SendError> {
        while let Some(mut connection) = self.take() {
            match connection.try_send_request(request).await {
                Ok(response) => {
                    self.keep(connection);
                    return Ok(response);
                }
                Err(mut error) => match error.take_message() {
                    // The connection was closed before a byte of the request went out.
                    Some(unsent) => request = unsent,
                    None => return Err(SendError::Broken(error.into_error())),
                },
            }
        }
        // Boxed: a TLS handshake takes room that most requests do not need.
        let mut connection = Box::pin(self.connect()).await?;
        let response = connection
            .send_request(request)
            .await
            .map_err(SendError::Broken)?;
        self.keep(connection);
        Ok(response)
    }

    /// A connection that is open and whose last answer has been read to its end.
    fn take(&self) -> Option<SendRequest<Body>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let mut at = idle.len();
        while at > 0 {
            at -= 1;
            if idle[at].is_closed() {
                idle.remove(at);
            } else if idle[at].is_ready() {
                return Some(idle.remove(at));
            }
        }
        None
    }

    /// Kept from the head of the answer on; its body may still be on its way.
    fn keep(&self, connection: SendRequest<Body>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT && !connection.is_closed() {
            idle.push(connection);
        }
    }

    async fn connect(&self) -> Result<SendRequest<Body>, SendError> {
        let connecting = self.connector.clone().call(self.uri.clone());
        let stream = match tokio::time::timeout(self.connect_timeout, connecting).await {
            Ok(stream) => stream.map_err(SendError::Connect)?,
            Err(_) => return Err(SendError::Connect("connecting took too long".into())),
        };
        let handshake = http1::Builder::new()
            .preserve_header_case(true)
            .max_buf_size(READ_AHEAD)
            .handshake(stream);
        let (sender, connection) = handshake.await.map_err(SendError::Broken)?;
        // Ends with the connection; whoever waits on it is told by the sender.
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(
                    error = &error as &dyn Error,
                    "a connection to on-prem ended"
                );
            }
        });
        Ok(sender)
    }
}
