//! Recording what on-prem answers, for the time when it answers no more. Only questions that change nothing.

use std::sync::Arc;
use std::time::Instant;

use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};

use super::respond::ProxyError;
use super::shadow::{Head, Repeatable};
use super::{Call, Proxy};
use crate::compare::Attempt;
use crate::http::Body;
use crate::route::{Effect, Route, Side};

impl Proxy {
    /// Streams a request through, and keeps what was answered as a baseline.
    pub(super) async fn forward_recorded(
        &self,
        call: &Call<'_>,
        route: Route,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, ProxyError> {
        let (parts, incoming) = request.into_parts();
        let comparing = match route.effect_of(&parts.method) {
            Effect::Read => self.comparing(call, route, "", &parts, Side::OnPrem),
            Effect::Idempotent | Effect::Send => None,
        };
        // Whatever else passes, an upload for one, passes as ever.
        let Some(comparing) = self.if_it_fits(comparing, &incoming) else {
            return self.pass_uncompared(call, parts, incoming).await;
        };
        let body = self.read_json(incoming).await?;
        let question = Repeatable::of(route, &parts, body.clone());
        let asked = Instant::now();
        let answer = self.pass(call, parts, Body::full(body)).await?;
        let status = answer.status();
        // Who may not ask has not been answered.
        let is_whole = status.is_success() && status != StatusCode::PARTIAL_CONTENT;
        let counts = is_whole || status == StatusCode::NOT_FOUND;
        let Some(question) = question.filter(|_| counts) else {
            return Ok(self.hand_back(answer));
        };
        let head = Head::of(status, answer.headers(), asked);
        let mut response = self.hand_back(answer);
        let observation = response
            .body_mut()
            .observe(head.keep_at_most(&comparing.config));
        let number = Arc::clone(&comparing.number);
        number.shadow.spawn(comparing.permit, async move {
            if let Attempt::Answered(outcome) = head.after(observation).await {
                comparing.comparisons.keep_baseline(
                    &comparing.about,
                    &question.as_asked(),
                    &outcome,
                );
            }
        });
        Ok(response)
    }
}
