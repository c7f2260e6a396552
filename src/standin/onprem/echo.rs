//! The answer that tells exactly what arrived. The body is hashed as it comes and never held.

use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use serde_json::{Value, json};

use super::super::body::{self, Body};
use super::super::digest::Digest;

pub(super) async fn answer(request: Request<Incoming>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let Some(digest) = Digest::of_body(body).await else {
        return body::empty(StatusCode::BAD_REQUEST);
    };
    // Pairs, because a header may come more than once and the order of its values matters.
    let headers: Vec<Value> = head
        .headers
        .iter()
        .map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())]))
        .collect();
    body::json(
        StatusCode::OK,
        &json!({
            "method": head.method.as_str(),
            "path": head.uri.path_and_query().map_or("/", |path| path.as_str()),
            "headers": headers,
            "body": {"length": digest.length, "sha256": digest.sha256},
        }),
    )
}
