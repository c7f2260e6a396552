//! Routes with small JSON bodies: the other side is asked once the answer is known, if it may be asked at all.

use std::time::Instant;

use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};

use super::super::respond::ProxyError;
use super::super::shadow::{Repeatable, failed};
use super::super::{Call, Proxy, cloud};
use crate::http::Body;
use crate::route::{Effect, Route, Side};

impl Proxy {
    /// A route with small JSON bodies.
    pub(super) async fn compare_small(
        &self,
        call: &Call<'_>,
        route: Route,
        id: &str,
        answer: Side,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, ProxyError> {
        match answer {
            Side::OnPrem => self.small_from_onprem(call, route, id, request).await,
            Side::Cloud => self.small_from_cloud(call, route, id, request).await,
        }
    }

    async fn small_from_cloud(
        &self,
        call: &Call<'_>,
        route: Route,
        id: &str,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, ProxyError> {
        self.authenticate(call, request.headers()).await?;
        call.number.take_turn()?;
        let (parts, incoming) = request.into_parts();
        let body = self.read_json(incoming).await?;
        let comparing = self.comparing(call, route, id, &parts, Side::Cloud);
        let question =
            Repeatable::of(route, &parts, body.clone()).ok_or(ProxyError::UnknownPath)?;
        let asked = Instant::now();
        let result = call.number.ask_cloud(route, &parts.method, &body).await;
        if let Some(comparing) = comparing {
            let status = result.as_ref().ok().map(|said| said.status);
            match may_follow(route, &parts.method, status) {
                true => comparing.with_onprem(call.number.said(&result, asked), question),
                false => comparing.comparisons.skipped(&comparing.about, "refused"),
            }
        }
        result.map(cloud::Said::into_response)
    }

    /// The old client says itself who may ask, as it does without a comparison.
    async fn small_from_onprem(
        &self,
        call: &Call<'_>,
        route: Route,
        id: &str,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, ProxyError> {
        let (parts, incoming) = request.into_parts();
        let comparing = self.comparing(call, route, id, &parts, Side::OnPrem);
        let Some(comparing) = self.if_it_fits(comparing, &incoming) else {
            return self.pass_uncompared(call, parts, incoming).await;
        };
        // Whom the old client did not let in, and nobody knows, makes nobody ask the other side.
        let is_known = self.is_known(call, &parts.headers);
        let body = self.read_json(incoming).await?;
        let question =
            Repeatable::of(route, &parts, body.clone()).ok_or(ProxyError::UnknownPath)?;
        let (method, asked) = (parts.method.clone(), Instant::now());
        let result = self.pass(call, parts, Body::full(body)).await;
        let status = result.as_ref().ok().map(|answer| answer.status());
        let is_let_in = is_known || status.is_some_and(|status| status.is_success());
        if !is_let_in || !may_follow(route, &method, status) {
            comparing.comparisons.skipped(&comparing.about, "refused");
            return result.map(|answer| self.hand_back(answer));
        }
        match result {
            Ok(answer) => {
                let (response, attempt) = self.hand_back_watched(answer, &comparing, asked);
                comparing.with_cloud(attempt, question);
                Ok(response)
            }
            Err(error) => {
                let attempt = failed("unanswered", asked);
                comparing.with_cloud(std::future::ready(attempt), question);
                Err(error)
            }
        }
    }
}

/// Whether the other side may be asked what this one was. What one side refused to write, the other one must not, or
/// they would differ for good; and a refused caller is nobody's.
fn may_follow(route: Route, method: &Method, status: Option<StatusCode>) -> bool {
    match status {
        Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => false,
        Some(status) => route.effect_of(method) == Effect::Read || status.is_success(),
        None => route.effect_of(method) == Effect::Read,
    }
}
