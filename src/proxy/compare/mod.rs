//! A call that is compared: answered by one side as ever, while the other one is asked behind its back.

mod medium;
mod send;
mod small;

use std::sync::Arc;
use std::time::Instant;

use hyper::body::{Body as _, Incoming};
use hyper::http::request::Parts;
use hyper::{Request, Response};

use super::respond::ProxyError;
use super::shadow::{Comparing, Head};
use super::{Call, Proxy};
use crate::compare::Attempt;
use crate::comparisons::About;
use crate::http::Body;
use crate::route::{Route, Side};
use crate::state::Medium;

impl Proxy {
    /// A call of a route that is compared.
    pub(in crate::proxy) async fn compare(
        &self,
        call: &Call<'_>,
        route: Route,
        id: &str,
        answer: Side,
        medium: Option<Medium>,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, ProxyError> {
        match route {
            Route::MediaDownload => self.compare_download(call, id, answer, request).await,
            Route::MediaGet => self.compare_medium(call, id, answer, medium, request).await,
            Route::Messages => self.compare_send(call, request).await,
            _ => self.compare_small(call, route, id, answer, request).await,
        }
    }

    /// What is too large to be kept is not compared.
    pub(in crate::proxy) fn if_it_fits(
        &self,
        comparing: Option<Comparing>,
        body: &Incoming,
    ) -> Option<Comparing> {
        let fits = body
            .size_hint()
            .upper()
            .is_some_and(|size| size <= self.limits.json_bytes);
        comparing.filter(|comparing| {
            if !fits {
                comparing.comparisons.skipped(&comparing.about, "too_large");
            }
            fits
        })
    }

    /// Streams a request through that was to be compared and is not.
    pub(in crate::proxy) async fn pass_uncompared(
        &self,
        call: &Call<'_>,
        parts: Parts,
        incoming: Incoming,
    ) -> Result<Response<Body>, ProxyError> {
        let body = self.passing(incoming)?;
        Ok(self.hand_back(self.pass(call, parts, body).await?))
    }

    /// A permit and what goes with it; none when the other side has too much to do already.
    pub(in crate::proxy) fn comparing(
        &self,
        call: &Call<'_>,
        route: Route,
        id: &str,
        parts: &Parts,
        answer: Side,
    ) -> Option<Comparing> {
        let number = Arc::clone(call.number);
        let key = match id.is_empty() {
            true => self.caller(&number, &parts.headers, call.peer),
            false => id.to_owned(),
        };
        let about = About {
            number: number.config.name.clone(),
            route,
            key,
            answer,
            metrics: Arc::clone(&number.metrics),
            published: Arc::clone(&number.published),
            notes: Vec::new(),
        };
        let Some(permit) = number.shadow.permit() else {
            self.comparisons.skipped(&about, "busy");
            return None;
        };
        Some(Comparing {
            number,
            comparisons: Arc::clone(&self.comparisons),
            config: self.cutover.compare(),
            about,
            permit,
        })
    }

    /// An answer of the old client on its way to the caller, with what it will have been.
    pub(in crate::proxy) fn hand_back_watched(
        &self,
        answer: Response<Incoming>,
        comparing: &Comparing,
        asked: Instant,
    ) -> (Response<Body>, impl Future<Output = Attempt> + Send + use<>) {
        let head = Head::of(answer.status(), answer.headers(), asked);
        let mut response = self.hand_back(answer);
        let observation = response
            .body_mut()
            .observe(head.keep_at_most(&comparing.config));
        (response, head.after(observation))
    }
}
