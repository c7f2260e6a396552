//! Makes a fault happen to an answer.

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Body as HttpBody;
use hyper::header::{HeaderValue, LOCATION};
use hyper::{Request, Response, StatusCode};

use super::super::body::{self, Body};
use super::super::refusal::{self, Peer};
use super::super::wire::{Ending, Wire};
use super::Fault;

/// The answer to `request`: the `healthy` one, or what the fault makes of it. A fault that stands in place of the answer
/// has the request read to its end first, as the peer would, and none of its effects.
pub(in super::super) async fn answered<B, H, F>(
    fault: Option<Fault>,
    peer: Peer<'_>,
    wire: &Wire,
    request: Request<B>,
    healthy: H,
) -> Response<Body>
where
    B: HttpBody<Data = Bytes> + Unpin,
    H: FnOnce(Request<B>) -> F,
    F: Future<Output = Response<Body>>,
{
    match fault {
        None => healthy(request).await,
        Some(Fault::Reset(Some(bytes))) => cut(wire, bytes, Ending::Reset, healthy(request).await),
        Some(Fault::Truncate(bytes)) => cut(wire, bytes, Ending::Close, healthy(request).await),
        Some(Fault::WrongBytes) => respun(healthy(request).await, body::flipped),
        Some(Fault::Slow { bytes_per_second }) => respun(healthy(request).await, |body| {
            body::slowed(body, bytes_per_second)
        }),
        Some(instead) => {
            drain(request.into_body()).await;
            in_place(instead, peer, wire).await
        }
    }
}

fn cut(wire: &Wire, bytes: u64, ending: Ending, response: Response<Body>) -> Response<Body> {
    wire.cut_after(bytes, ending);
    response
}

/// Another body under the same head. Its length no longer shows, so it is announced.
fn respun(mut response: Response<Body>, spin: impl FnOnce(Body) -> Body) -> Response<Body> {
    if let Some(length) = response.body().size_hint().exact() {
        body::announce_length(&mut response, length);
    }
    response.map(spin)
}

async fn drain(mut body: impl HttpBody + Unpin) {
    while let Some(Ok(_)) = body.frame().await {}
}

async fn in_place(fault: Fault, peer: Peer<'_>, wire: &Wire) -> Response<Body> {
    match fault {
        Fault::Status(status) => peer.refuses(status),
        Fault::Body { status, body } => own(status, body),
        Fault::Hang => {
            wire.hang().await;
            body::empty(StatusCode::SERVICE_UNAVAILABLE)
        }
        Fault::Reset(_) => {
            wire.cut_before_answer(Ending::Reset);
            body::empty(StatusCode::SERVICE_UNAVAILABLE)
        }
        Fault::Html => refusal::page(StatusCode::OK, "Sorry, something went wrong."),
        Fault::ExpiredToken => peer.refuses_expired_token(),
        Fault::Throttle { minutes } => peer.throttles(minutes),
        Fault::Redirect(url) => redirect(&url),
        Fault::NotFound => peer.knows_nothing(),
        // `answered` keeps these, because they need the healthy answer. 501 would show that it no longer does.
        Fault::Truncate(_) | Fault::WrongBytes | Fault::Slow { .. } => {
            body::empty(StatusCode::NOT_IMPLEMENTED)
        }
        // Only callbacks can do this; an answer with it is a mistake in the test, and shows.
        Fault::Silent | Fault::Twice | Fault::Held | Fault::MimeType(_) => {
            body::empty(StatusCode::NOT_IMPLEMENTED)
        }
    }
}

fn own(status: u16, text: String) -> Response<Body> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let content_type = match text.trim_start().as_bytes().first() {
        Some(b'{' | b'[') => "application/json",
        Some(b'<') => "text/html; charset=utf-8",
        Some(_) | None => "text/plain",
    };
    body::answer(status, content_type, text)
}

fn redirect(url: &str) -> Response<Body> {
    let mut response = body::empty(StatusCode::FOUND);
    if let Ok(location) = HeaderValue::from_str(url) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}
