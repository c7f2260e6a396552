//! The media host: serves bytes to whoever has a living URL, the token and a name. What advertisements show lies here
//! as well, in the open.

use std::ops::Range;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    HeaderName, HeaderValue, RANGE,
};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use tokio::sync::watch;

use super::super::body::{self, Body};
use super::super::fault::Hop;
use super::super::refusal::{self, Peer};
use super::super::stage::Arrival;
use super::super::wire::Wire;
use super::address::{self, Reading};
use super::graph::{bearer, names_itself};
use super::shelf::Kept;
use super::{Ranges, Scene};

/// Below this is what everybody may see, by the id of its medium.
const OPEN: &str = "/open/";

/// Answers one request, once there is a scene.
pub(super) async fn enter(
    scene: &mut watch::Receiver<Option<Arc<Scene>>>,
    request: Request<Incoming>,
    wire: Wire,
) -> Response<Body> {
    let scene = match scene.wait_for(Option::is_some).await {
        Ok(scene) => scene.clone(),
        // The announcing side went away without a scene: starting failed.
        Err(_) => None,
    };
    let Some(scene) = scene else {
        return body::empty(StatusCode::SERVICE_UNAVAILABLE);
    };
    let open = request.uri().path().strip_prefix(OPEN).map(str::to_owned);
    let hop = match open {
        Some(_) => Hop::Picture,
        None => Hop::Download,
    };
    let medium = open.or_else(|| address::medium(request.uri()));
    let arrival = Arrival {
        hop,
        medium: medium.as_deref(),
        body: bytes::Bytes::new(),
        peer: Peer::MediaHost,
    };
    let healthy = |request: Request<Incoming>| {
        std::future::ready(match hop {
            Hop::Picture => shown(&scene, medium.as_deref(), &request),
            _ => answer(&scene, medium.as_deref(), &request),
        })
    };
    scene.stage.answer(arrival, &wire, request, healthy).await
}

fn answer(scene: &Scene, medium: Option<&str>, request: &Request<Incoming>) -> Response<Body> {
    let headers = request.headers();
    let behaviour = scene.behaviour();
    if request.method() != Method::GET || !names_itself(headers) {
        return Peer::MediaHost.refuses(400);
    }
    if bearer(headers) != Some(behaviour.access_token.as_str()) {
        return Peer::MediaHost.refuses(401);
    }
    match address::read(scene, request.uri()) {
        Reading::Good => {}
        Reading::Expired => return Peer::MediaHost.refuses(404),
        Reading::Forged => return refusal::page(StatusCode::FORBIDDEN, "URL signature mismatch"),
    }
    match medium.and_then(|id| scene.shelf.get(id)) {
        Some(kept) => serve(&kept, behaviour.ranges, headers),
        None => Peer::MediaHost.refuses(404),
    }
}

/// The URL of what an advertisement shows.
pub(super) fn open_url(origin: &str, id: &str) -> String {
    format!("{origin}{OPEN}{id}")
}

/// Without a token, for anybody.
fn shown(scene: &Scene, medium: Option<&str>, request: &Request<Incoming>) -> Response<Body> {
    match medium.and_then(|id| scene.shelf.get(id)) {
        Some(kept) => serve(&kept, Ranges::Honoured, request.headers()),
        None => Peer::MediaHost.refuses(404),
    }
}

fn serve(kept: &Kept, ranges: Ranges, headers: &HeaderMap) -> Response<Body> {
    let length = kept.digest.length;
    let asked = match ranges {
        Ranges::Ignored => Ok(None),
        Ranges::Honoured | Ranges::Displaced | Ranges::Forged => asked_range(headers, length),
    };
    let mut response = match asked {
        Ok(None) => whole(kept),
        Ok(Some(asked)) => part(kept, ranges, &asked),
        Err(Unsatisfiable) => {
            let mut response = body::empty(StatusCode::RANGE_NOT_SATISFIABLE);
            set(&mut response, CONTENT_RANGE, &format!("bytes */{length}"));
            return response;
        }
    };
    describe(&mut response, kept);
    response
}

fn whole(kept: &Kept) -> Response<Body> {
    let length = kept.digest.length;
    let mut response = Response::new(kept.medium.content.body(0..length));
    body::announce_length(&mut response, length);
    response
}

fn part(kept: &Kept, ranges: Ranges, asked: &Range<u64>) -> Response<Body> {
    let length = kept.digest.length;
    let displaced = asked.start / 2..asked.end;
    let (claimed, sent) = match ranges {
        Ranges::Honoured | Ranges::Ignored => (asked.clone(), asked.clone()),
        Ranges::Displaced => (displaced.clone(), displaced),
        Ranges::Forged => {
            let start = asked.start / 2;
            (asked.clone(), start..start + (asked.end - asked.start))
        }
    };
    let mut response = Response::new(kept.medium.content.body(sent.clone()));
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    body::announce_length(&mut response, sent.end - sent.start);
    let last = claimed.end - 1;
    set(
        &mut response,
        CONTENT_RANGE,
        &format!("bytes {}-{last}/{length}", claimed.start),
    );
    response
}

/// The headers of the recorded download, quirks included: no space and no quotes in the disposition, no quotes around the Etag.
fn describe(response: &mut Response<Body>, kept: &Kept) {
    set(response, CONTENT_TYPE, &kept.medium.mime_type);
    let name = kept.medium.file_name.as_deref().unwrap_or("whatsapp");
    set(
        response,
        CONTENT_DISPOSITION,
        &format!("inline;filename={name}"),
    );
    set(response, ACCEPT_RANGES, "bytes");
    let etag = u64::from_str_radix(&kept.digest.sha256[..15], 16).unwrap_or_default();
    set(response, ETAG, &etag.to_string());
    set(
        response,
        CACHE_CONTROL,
        "private, no-cache, no-store, must-revalidate",
    );
}

struct Unsatisfiable;

/// The one range asked for; several at once are treated as none, which the standard allows.
fn asked_range(headers: &HeaderMap, length: u64) -> Result<Option<Range<u64>>, Unsatisfiable> {
    let Some(value) = headers.get(RANGE).and_then(|value| value.to_str().ok()) else {
        return Ok(None);
    };
    let Ok(parsed) = http_range_header::parse_range_header(value) else {
        return Ok(None);
    };
    let ranges = parsed.validate(length).map_err(|_| Unsatisfiable)?;
    match ranges.as_slice() {
        [range] => Ok(Some(*range.start()..*range.end() + 1)),
        _ => Ok(None),
    }
}

/// A file name in any script goes out as raw UTF-8; only control characters cannot be sent at all.
fn set(response: &mut Response<Body>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
        response.headers_mut().insert(name, value);
    }
}
