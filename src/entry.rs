//! The front door of the public listeners: a request id, the number, a panic guard. Always answers.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Request, Response, StatusCode, Version};

use crate::backend;
use crate::http::headers::{REQUEST_ID, usable_request_id};
use crate::http::server::Handler;
use crate::http::{Body, Peer};
use crate::proxy::respond::{self, ProxyError};
use crate::proxy::{Call, Proxy};
use crate::relay::intake::{self, Intake};
use crate::relay::notification::{self, Answer, Notifications};

/// The listener for those who call the bridge; the public ones are counted from 0.
pub const INTAKE: usize = usize::MAX;

/// What one proxy thread answers with.
#[derive(Clone)]
pub struct Entry {
    proxy: Arc<Proxy>,
    intake: Arc<Intake>,
    notifications: Arc<Notifications>,
    /// This thread's connections to old clients, by the number's index.
    onprem: Arc<[Option<backend::onprem::Client>]>,
    /// The version in answers that belong to no number.
    version: Arc<str>,
}

impl Entry {
    /// A thread's own.
    pub fn new(
        proxy: Arc<Proxy>,
        intake: Arc<Intake>,
        notifications: Arc<Notifications>,
        onprem: Vec<Option<backend::onprem::Client>>,
        version: Arc<str>,
    ) -> Self {
        Self {
            proxy,
            intake,
            notifications,
            onprem: onprem.into(),
            version,
        }
    }

    async fn answer(
        &self,
        listener: usize,
        peer: &Peer,
        id: &HeaderValue,
        request: Request<Incoming>,
    ) -> Response<Body> {
        if let Some(what) = ambiguity(&request) {
            return self.refuse(&ProxyError::Ambiguous(what), id);
        }
        if listener == INTAKE {
            return Box::pin(self.take_in(peer, request)).await;
        }
        match self.proxy.number(listener, &request) {
            Ok(number) => {
                let onprem = self.onprem.get(number.index).and_then(Option::as_ref);
                self.proxy
                    .handle(
                        &Call {
                            number,
                            flags: number.published.load(),
                            onprem,
                            id,
                            peer: peer.address,
                        },
                        request,
                    )
                    .await
            }
            Err(error) => self.refuse(&error, id),
        }
    }

    /// Something that happened: Meta notifies of it, or the old client calls back.
    async fn take_in(&self, peer: &Peer, request: Request<Incoming>) -> Response<Body> {
        if matches!(request.uri().path(), "/cloud" | "/cloud/") {
            return match self.notifications.take(peer, request).await {
                Ok(Answer::Taken) => Response::new(Body::empty()),
                Ok(Answer::Challenge(challenge)) => respond::text(challenge),
                Err(refused) => respond::failure(&of_a_notification(refused), &self.version),
            };
        }
        match self.intake.take(peer.address, request).await {
            Ok(()) => respond::empty(StatusCode::OK, &self.version),
            Err(refused) => respond::failure(&of_a_callback(refused), &self.version),
        }
    }

    /// A request that got to no number.
    fn refuse(&self, error: &ProxyError, id: &HeaderValue) -> Response<Body> {
        respond::note(error, "", "", id);
        respond::failure(error, &self.version)
    }
}

impl Handler for Entry {
    async fn handle(
        &self,
        listener: usize,
        peer: &Peer,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Infallible> {
        let id = usable_request_id(request.headers())
            .cloned()
            .unwrap_or_else(new_request_id);
        let answer = AssertUnwindSafe(self.answer(listener, peer, &id, request))
            .catch_unwind()
            .await;
        let mut response = answer.unwrap_or_else(|_| {
            tracing::error!(request = ?id, "a request panicked");
            respond::panicked()
        });
        // An answer of the old client has an id of its own already.
        response.headers_mut().entry(REQUEST_ID).or_insert(id);
        Ok(response)
    }
}

/// 32 lower-case hex digits, as the old client's. Names a request in logs and guards nothing, so that it needs no
/// randomness of the system's, which is a system call each time.
fn new_request_id() -> HeaderValue {
    let mut digits = [0; 32];
    let mut number = fastrand::u128(..);
    for digit in &mut digits {
        *digit = b"0123456789abcdef"[(number & 0xf) as usize];
        number >>= 4;
    }
    // Hex digits are always a header value.
    HeaderValue::from_bytes(&digits).unwrap_or(HeaderValue::from_static("0"))
}

fn of_a_callback(refused: intake::Refused) -> ProxyError {
    use intake::Refused;
    match refused {
        Refused::UnknownPath => ProxyError::UnknownPath,
        Refused::WrongMethod => ProxyError::WrongMethod("POST"),
        Refused::Stranger => ProxyError::Stranger,
        Refused::TooLarge(limit) => ProxyError::TooLarge(limit),
        Refused::Incomplete(error) => ProxyError::Incomplete(error),
        Refused::NotJson => ProxyError::NotJson,
        Refused::State(error) => ProxyError::State(error),
    }
}

fn of_a_notification(refused: notification::Refused) -> ProxyError {
    use notification::Refused;
    match refused {
        Refused::WrongMethod => ProxyError::WrongMethod("GET, POST"),
        Refused::Handshake(_) | Refused::NoCertificate => ProxyError::NotMeta,
        Refused::BadSignature(_) => ProxyError::BadSignature,
        Refused::TooLarge(limit) => ProxyError::TooLarge(limit),
        Refused::Incomplete(error) => ProxyError::Incomplete(error),
        Refused::State(error) => ProxyError::State(error),
    }
}

/// A request that two readers could cut at different places must not be passed on.
fn ambiguity(request: &Request<Incoming>) -> Option<&'static str> {
    let headers = request.headers();
    if request.version() == Version::HTTP_2 {
        return None;
    }
    // Of a Content-Length beside it hyper has taken leave already: it cuts by the chunks and closes after the answer.
    let codings = headers.get_all(header::TRANSFER_ENCODING);
    let is_chunked = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    if codings.iter().count() > 1 || !codings.iter().all(is_chunked) {
        return Some("A Transfer-Encoding other than chunked.");
    }
    (headers.get_all(header::HOST).iter().count() > 1).then_some("More than one Host.")
}
