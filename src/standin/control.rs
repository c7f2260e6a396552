//! The control surface of a stand-in, for whoever drives it with curl:
//! `POST /_standin/faults` (one rule per line), `GET` and `DELETE` of the same, `GET /_standin/requests`.
//! Cloud has more of it: `PUT /_standin/media/{id}`, and `POST /_standin/notify` to play a customer.

use std::time::UNIX_EPOCH;

use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};

use super::body::{self, Body};
use super::log::Seen;
use super::stage::Stage;

/// Every path of the control surface begins like this, and no path of the real APIs does.
pub(super) const PREFIX: &str = "/_standin/";
/// The largest body that is read as a whole: the documented limit of an upload.
const LARGEST: usize = 100 * 1024 * 1024;

impl Stage {
    /// Whether a request is for the control surface and not for the API that is played.
    pub(super) fn controls(&self, request: &Request<Incoming>) -> bool {
        self.control && request.uri().path().starts_with(PREFIX)
    }

    /// Answers a request to the control surface.
    pub(super) async fn control(&self, request: Request<Incoming>) -> Response<Body> {
        let resource = request.uri().path().trim_start_matches(PREFIX).to_owned();
        match (request.method(), resource.as_str()) {
            (&Method::GET, "faults") => {
                body::answer(StatusCode::OK, "text/plain", self.fault_lines())
            }
            (&Method::POST, "faults") => self.add_faults(request).await,
            (&Method::DELETE, "faults") => {
                self.faults.clear();
                body::empty(StatusCode::NO_CONTENT)
            }
            (&Method::GET, "requests") => {
                let seen: Vec<Value> = self
                    .recorder
                    .read(|log| log.iter().map(described).collect());
                body::json(StatusCode::OK, &Value::Array(seen))
            }
            (_, _) => body::answer(StatusCode::NOT_FOUND, "text/plain", "no such control\n"),
        }
    }

    async fn add_faults(&self, request: Request<Incoming>) -> Response<Body> {
        let Some(bytes) = whole_body(request.into_body()).await else {
            return body::answer(
                StatusCode::BAD_REQUEST,
                "text/plain",
                "the body broke off\n",
            );
        };
        match self.faults.push_lines(&String::from_utf8_lossy(&bytes)) {
            Ok(()) => body::answer(StatusCode::OK, "text/plain", self.fault_lines()),
            Err(error) => body::answer(StatusCode::BAD_REQUEST, "text/plain", format!("{error}\n")),
        }
    }

    fn fault_lines(&self) -> String {
        self.faults
            .rules()
            .iter()
            .map(|rule| format!("{rule}\n"))
            .collect()
    }
}

/// A body as a whole. `None` if it breaks off or is larger than any that a stand-in reads.
pub(super) async fn whole_body(body: Incoming) -> Option<bytes::Bytes> {
    let collected = Limited::new(body, LARGEST).collect().await.ok()?;
    Some(collected.to_bytes())
}

fn described(seen: &Seen) -> Value {
    let headers: Vec<Value> = seen
        .headers
        .iter()
        .map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())]))
        .collect();
    let at = seen.at.duration_since(UNIX_EPOCH).unwrap_or_default();
    json!({
        "number": seen.number,
        "at_ms": at.as_millis() as u64,
        "call": seen.hop.to_string(),
        "medium": seen.medium,
        "method": seen.method.as_str(),
        "path": seen.path,
        "headers": headers,
        "body": String::from_utf8_lossy(&seen.body),
        "fault": seen.fault.as_ref().map(ToString::to_string),
        "status": seen.status,
    })
}
