//! Media that were uploaded to the old client, or that it is said to have received.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Request, Response, StatusCode};
use serde_json::json;

use super::super::body::{self, Body};
use super::super::control::whole_body;
use super::super::digest::Digest;
use super::super::medium::{Content, Medium};
use super::Scene;

#[derive(Debug, Default)]
pub(super) struct Files(Mutex<HashMap<String, (Medium, Digest)>>);

impl Files {
    pub(super) fn put(&self, id: String, medium: Medium) -> Digest {
        let digest = medium.content.digest();
        self.lock().insert(id, (medium, digest.clone()));
        digest
    }

    pub(super) fn get(&self, id: &str) -> Option<(Medium, Digest)> {
        self.lock().get(id).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, (Medium, Digest)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Scene {
    pub(super) async fn upload(&self, request: Request<Incoming>) -> Response<Body> {
        let mime_type = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("application/octet-stream")
            .to_owned();
        let Some(bytes) = whole_body(request.into_body()).await else {
            let error = (
                1009,
                "Parameter value is not valid",
                "The body is too large or broke off.",
            );
            return self.error(StatusCode::BAD_REQUEST, error);
        };
        let id = uuid::Uuid::new_v4().to_string();
        self.files
            .put(id.clone(), Medium::new(mime_type, Content::Bytes(bytes)));
        self.enveloped(StatusCode::CREATED, json!({"media": [{"id": id}]}))
    }

    pub(super) fn file(&self, id: &str) -> Response<Body> {
        let Some((medium, digest)) = self.files.get(id) else {
            return body::empty(StatusCode::NOT_FOUND);
        };
        let mut response = Response::new(medium.content.body(0..digest.length));
        body::announce_length(&mut response, digest.length);
        if let Ok(mime_type) = HeaderValue::from_str(&medium.mime_type) {
            response.headers_mut().insert(CONTENT_TYPE, mime_type);
        }
        response
    }

    pub(super) fn delete_file(&self, id: &str) -> Response<Body> {
        match self.files.lock().remove(id) {
            Some(_) => self.enveloped(StatusCode::OK, json!({})),
            None => body::empty(StatusCode::NOT_FOUND),
        }
    }
}
