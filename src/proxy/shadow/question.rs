//! A question that may be asked twice. There is no other way to ask the other side, and no way to make one of a `Send`:
//! that is what keeps a message from being sent by both.

use bytes::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Uri};

use crate::comparisons::Question;
use crate::http::Body;
use crate::ids::MediaId;
use crate::route::{Effect, Route};

/// A call that reads, or that does the same when it is done twice.
#[derive(Clone, Debug)]
pub struct Repeatable {
    route: Route,
    effect: Effect,
    method: Method,
    target: Uri,
    content_type: Option<HeaderValue>,
    body: Bytes,
}

impl Repeatable {
    /// A call as a question for the other side; none for a call that must not reach both.
    pub fn of(route: Route, parts: &Parts, body: Bytes) -> Option<Self> {
        let effect = route.effect_of(&parts.method);
        if effect == Effect::Send {
            return None;
        }
        let target = parts.uri.path_and_query().cloned()?;
        Some(Self {
            route,
            effect,
            method: parts.method.clone(),
            target: Uri::from(target),
            content_type: parts.headers.get(header::CONTENT_TYPE).cloned(),
            body,
        })
    }

    /// The question for a medium's bytes.
    pub fn medium(id: &MediaId) -> Option<Self> {
        Some(Self {
            route: Route::MediaGet,
            effect: Effect::Read,
            method: Method::GET,
            target: format!("/v1/media/{id}").parse().ok()?,
            content_type: None,
            body: Bytes::new(),
        })
    }

    pub(super) const fn route(&self) -> Route {
        self.route
    }

    pub(super) const fn method(&self) -> &Method {
        &self.method
    }

    pub(super) const fn body(&self) -> &Bytes {
        &self.body
    }

    /// Whether it changes nothing at all.
    pub fn is_read(&self) -> bool {
        self.effect == Effect::Read
    }

    /// As a baseline knows it.
    pub fn as_asked(&self) -> Question {
        Question {
            method: self.method.to_string(),
            target: self.target.to_string(),
            body: self.body.clone(),
        }
    }

    /// As a request of the bridge's own, without anything of the caller's.
    pub(super) fn request(&self, authorization: &HeaderValue) -> Request<Body> {
        let mut request = Request::new(Body::full(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.target.clone();
        let headers = request.headers_mut();
        headers.insert(header::AUTHORIZATION, authorization.clone());
        if let Some(content_type) = &self.content_type {
            headers.insert(header::CONTENT_TYPE, content_type.clone());
        }
        request
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(method: &str, path: &str) -> Parts {
        let request = Request::builder().method(method).uri(path).body(());
        request.unwrap().into_parts().0
    }

    #[test]
    fn no_send_can_be_made_a_question() {
        for route in Route::ALL {
            for method in ["POST", "PUT", "PATCH", "DELETE"] {
                let made = Repeatable::of(route, &parts(method, "/v1/x"), Bytes::new());
                let is_send = route.effect_of(&Method::from_bytes(method.as_bytes()).unwrap())
                    == Effect::Send;
                assert_eq!(made.is_none(), is_send, "{method} {route}");
            }
        }
        assert!(
            Repeatable::of(
                Route::Messages,
                &parts("POST", "/v1/messages"),
                Bytes::new()
            )
            .is_none()
        );
    }

    #[test]
    fn nothing_of_the_callers_identity_goes_along() {
        let mut asked = parts("GET", "https://host/v1/settings/business/profile?x=1");
        let secret = HeaderValue::from_static("Bearer callers-own");
        asked.headers.insert(header::AUTHORIZATION, secret.clone());
        asked
            .headers
            .insert("cookie", HeaderValue::from_static("a=b"));
        let question = Repeatable::of(Route::BusinessProfile, &asked, Bytes::new()).unwrap();
        let own = HeaderValue::from_static("Bearer own");
        let request = question.request(&own);
        assert_eq!(request.headers().get(header::AUTHORIZATION), Some(&own));
        assert_eq!(request.headers().len(), 1);
        assert_eq!(
            request.uri().to_string(),
            "/v1/settings/business/profile?x=1"
        );
    }
}
