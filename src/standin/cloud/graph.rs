//! The Graph host: who may ask for what, and the look-up and deletion of media.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT,
};
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use serde_json::{Value, json};

use super::super::body::{self, Body};
use super::super::control::{self, whole_body};
use super::super::fault::Hop;
use super::super::medium::{Content, Medium};
use super::super::refusal::{self, Peer};
use super::super::stage::Arrival;
use super::super::wire::Wire;
use super::{FileSize, Scene, address, messages, node, notify, profile, webhook};

const API_VERSION: HeaderName = HeaderName::from_static("facebook-api-version");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-fb-request-id");
const DEFAULT_VERSION: &str = "v24.0";

/// Answers one request.
pub(super) async fn enter(
    scene: Arc<Scene>,
    request: Request<Incoming>,
    wire: Wire,
) -> Response<Body> {
    if scene.stage.controls(&request) {
        return controlled(&scene, request).await;
    }
    let target = Target::of(request.method(), request.uri(), &scene);
    let (head, body) = request.into_parts();
    // A body that broke off has no sender left to read an answer.
    let bytes = whole_body(body).await.unwrap_or_default();
    let request = Request::from_parts(head, Full::new(bytes.clone()));
    let arrival = Arrival {
        hop: target.hop,
        medium: matches!(target.hop, Hop::Lookup | Hop::Delete).then_some(target.object.as_str()),
        body: bytes.clone(),
        peer: Peer::Graph {
            business_account_id: &scene.options.business_account_id,
            object: &target.object,
        },
    };
    let healthy = async |request: Request<_>| answer(&scene, &target, &request, &bytes).await;
    let mut response = scene.stage.answer(arrival, &wire, request, healthy).await;
    dress(&mut response, &scene, &target.version);
    response
}

/// What a path and a method ask for.
struct Target {
    version: String,
    object: String,
    hop: Hop,
}

impl Target {
    fn of(method: &Method, uri: &Uri, scene: &Scene) -> Self {
        let mut segments = uri.path().trim_matches('/').split('/').peekable();
        let version = segments
            .next_if(|segment| is_version(segment))
            .unwrap_or(DEFAULT_VERSION)
            .to_owned();
        let object = segments.next().unwrap_or_default().to_owned();
        let is_number = object == scene.options.phone_number_id;
        let is_account = object == scene.options.business_account_id;
        let edge: Vec<&str> = segments.collect();
        let hop = match *method {
            Method::GET | Method::POST if is_number && edge == [profile::EDGE] => Hop::Profile,
            Method::POST if is_number && edge == [messages::EDGE] => Hop::Message,
            Method::GET | Method::POST | Method::DELETE
                if is_account && edge == [webhook::EDGE] =>
            {
                Hop::Subscription
            }
            Method::POST if is_number && edge.is_empty() => Hop::Webhook,
            _ if !edge.is_empty() || object.is_empty() => Hop::Unknown,
            Method::GET if object == "debug_token" => Hop::Token,
            Method::GET if is_number => Hop::Number,
            Method::GET => Hop::Lookup,
            Method::DELETE => Hop::Delete,
            _ => Hop::Unknown,
        };
        Self {
            version,
            object,
            hop,
        }
    }
}

fn is_version(segment: &str) -> bool {
    let number = segment
        .strip_prefix('v')
        .and_then(|rest| rest.split_once('.'));
    number
        .is_some_and(|(major, minor)| major.parse::<u32>().is_ok() && minor.parse::<u32>().is_ok())
}

async fn answer(
    scene: &Scene,
    target: &Target,
    request: &Request<Full<Bytes>>,
    body: &Bytes,
) -> Response<Body> {
    if !names_itself(request.headers()) {
        return refusal::page(StatusCode::BAD_REQUEST, "Sorry, something went wrong.");
    }
    let token = scene.behaviour().access_token;
    if let Some(refused) = refused_token(request, &token) {
        return refused;
    }
    let uri = request.uri();
    match target.hop {
        Hop::Token => node::debug_token(uri, &token),
        Hop::Number => node::number(scene, uri),
        Hop::Profile if request.method() == Method::GET => profile::read(scene, uri),
        Hop::Profile => profile::change(scene, body),
        Hop::Message => messages::take(body),
        Hop::Webhook => webhook::of_number(scene, body).await,
        Hop::Subscription => webhook::of_account(scene, request.method(), body).await,
        Hop::Lookup if scene.may_see(uri) => lookup(scene, &target.object),
        Hop::Delete if scene.may_see(uri) && scene.shelf.remove(&target.object) => {
            refusal::graph_json(StatusCode::OK, &json!({"success": true}))
        }
        _ => {
            refusal::graph_unknown_object(&target.object, &request.method().as_str().to_lowercase())
        }
    }
}

impl Scene {
    /// Without `phone_number_id` every medium is visible; with it, only those of that number.
    fn may_see(&self, uri: &Uri) -> bool {
        address::parameter(uri, "phone_number_id")
            .is_none_or(|id| id == self.options.phone_number_id)
    }
}

/// Meta refuses clients that send no `User-Agent`, on both hosts.
pub(super) fn names_itself(headers: &HeaderMap) -> bool {
    headers
        .get(USER_AGENT)
        .is_some_and(|value| !value.is_empty())
}

/// The token in the header.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
}

fn refused_token<B>(request: &Request<B>, expected: &str) -> Option<Response<Body>> {
    let in_query = address::parameter(request.uri(), "access_token");
    let error = match bearer(request.headers()).or(in_query.as_deref()) {
        Some(token) if token == expected => return None,
        Some(_) => json!({
            "message": "Invalid OAuth access token - Cannot parse access token",
            "type": "OAuthException",
            "code": 190,
        }),
        None => json!({
            "message": "An access token is required to request this resource.",
            "type": "OAuthException",
            "code": 104,
        }),
    };
    Some(refusal::graph_error(StatusCode::UNAUTHORIZED, &error))
}

fn lookup(scene: &Scene, id: &str) -> Response<Body> {
    let Some(kept) = scene.shelf.get(id) else {
        return refusal::graph_unknown_object(id, "get");
    };
    let file_size = match scene.behaviour().file_size {
        FileSize::Number => Value::from(kept.digest.length),
        FileSize::Text => Value::from(kept.digest.length.to_string()),
    };
    refusal::graph_json(
        StatusCode::OK,
        &json!({
            "url": address::make(scene, id, address::Source::Lookup),
            "mime_type": kept.medium.mime_type,
            "sha256": kept.digest.sha256,
            "file_size": file_size,
            "id": id,
            "messaging_product": "whatsapp",
        }),
    )
}

/// Headers that every answer of Graph has.
fn dress(response: &mut Response<Body>, scene: &Scene, version: &str) {
    if !response.headers().contains_key("x-business-use-case-usage") {
        refusal::report_usage(response, &scene.options.business_account_id, 1, 0);
    }
    let headers = response.headers_mut();
    if let Ok(version) = HeaderValue::from_str(version) {
        headers.insert(API_VERSION, version);
    }
    if let Ok(id) = HeaderValue::from_str(&uuid::Uuid::new_v4().simple().to_string()) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("private, no-cache, no-store, must-revalidate"),
    );
}

/// What only this stand-in can be told: `PUT /_standin/media/{id}` and `POST /_standin/notify`.
async fn controlled(scene: &Arc<Scene>, request: Request<Incoming>) -> Response<Body> {
    let resource = request.uri().path().trim_start_matches(control::PREFIX);
    match (request.method(), resource.strip_prefix("media/")) {
        (&Method::PUT, Some(id)) if !id.is_empty() => {
            let id = id.to_owned();
            add_medium(scene, id, request).await
        }
        (&Method::POST, _) if resource == "notify" => {
            let bytes = whole_body(request.into_body()).await.unwrap_or_default();
            notify::play(scene, &bytes).await
        }
        _ => scene.stage.control(request).await,
    }
}

async fn add_medium(scene: &Scene, id: String, request: Request<Incoming>) -> Response<Body> {
    let mime_type = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("application/octet-stream")
        .to_owned();
    let Some(bytes) = whole_body(request.into_body()).await else {
        return body::answer(
            StatusCode::BAD_REQUEST,
            "text/plain",
            "the body broke off or is too large\n",
        );
    };
    let digest = scene
        .shelf
        .put(id.clone(), Medium::new(mime_type, Content::Bytes(bytes)));
    body::json(
        StatusCode::CREATED,
        &json!({"id": id, "sha256": digest.sha256, "file_size": digest.length}),
    )
}
