//! The bytes of a medium: compared while they go by. What the bridge has of it is known without reading it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header;
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};

use super::super::media::{asked_range, missing};
use super::super::respond::ProxyError;
use super::super::shadow::{Comparing, Repeatable, failed};
use super::super::{Call, Proxy};
use crate::compare::{Attempt, Content, Outcome};
use crate::http::Body;
use crate::route::{Route, Side};
use crate::state::{Fate, Medium};

impl Proxy {
    /// A medium. Parts of one, and its head alone, are answered and not compared.
    pub(super) async fn compare_medium(
        &self,
        call: &Call<'_>,
        id: &str,
        answer: Side,
        medium: Option<Medium>,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, ProxyError> {
        let stored = medium.filter(|medium| medium.fate == Fate::Stored);
        match answer {
            Side::OnPrem => self.medium_from_onprem(call, id, stored, request).await,
            Side::Cloud => self.medium_from_cloud(call, id, stored, request).await,
        }
    }

    async fn medium_from_cloud(
        &self,
        call: &Call<'_>,
        id: &str,
        stored: Option<Medium>,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, ProxyError> {
        self.authenticate(call, request.headers()).await?;
        call.number.take_turn()?;
        let is_get = *request.method() == Method::GET;
        let (parts, _) = request.into_parts();
        let comparing = self.comparing_whole(call, id, &parts, Side::Cloud);
        let asked = Instant::now();
        let result = match stored.clone() {
            Some(medium) => {
                let range = asked_range(&parts.headers).filter(|_| is_get);
                self.serve(medium, range).await
            }
            None => Err(missing(id)),
        };
        let question = Repeatable::of(Route::MediaGet, &parts, Bytes::new());
        if let Some((comparing, question)) = comparing.zip(question) {
            let ours = match &result {
                Ok(_) => Attempt::Answered(as_outcome(stored.as_ref(), asked.elapsed())),
                Err(error) => call.number.said_no(error, asked),
            };
            comparing.with_onprem(ours, question);
        }
        result
    }

    /// The old client says itself who may ask, as it does without a comparison.
    async fn medium_from_onprem(
        &self,
        call: &Call<'_>,
        id: &str,
        stored: Option<Medium>,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, ProxyError> {
        let (parts, incoming) = request.into_parts();
        let comparing = self.comparing_whole(call, id, &parts, Side::OnPrem);
        let is_known = self.is_known(call, &parts.headers);
        let (headers, method) = (parts.headers.clone(), parts.method.clone());
        let asked = Instant::now();
        let ours = |took| Attempt::Answered(as_outcome(stored.as_ref(), took));
        let body = self.passing(incoming)?;
        let result = self.pass(call, parts, body).await;
        let status = result.as_ref().ok().map(|answer| answer.status());
        // What only the bridge has is served by the bridge; to whom, it must know itself.
        if let (Some(StatusCode::NOT_FOUND), Some(medium)) = (status, &stored) {
            self.authenticate(call, &headers).await?;
            if let Some(comparing) = comparing {
                // What else the old client says of it goes to nobody, so it is not waited for.
                let theirs = Attempt::Answered(as_outcome(None, asked.elapsed()));
                comparing.conclude(std::future::ready(theirs), ours(asked.elapsed()));
            }
            let range = asked_range(&headers).filter(|_| method == Method::GET);
            return self.serve(medium.clone(), range).await;
        }
        let is_let_in = match status {
            Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => false,
            Some(status) => is_known || status.is_success(),
            None => is_known,
        };
        let comparing = comparing.filter(|comparing| {
            if !is_let_in {
                comparing.comparisons.skipped(&comparing.about, "refused");
            }
            is_let_in
        });
        match (result, comparing) {
            (Ok(answer), Some(comparing)) => {
                let (response, attempt) = self.hand_back_watched(answer, &comparing, asked);
                comparing.conclude(attempt, ours(asked.elapsed()));
                Ok(response)
            }
            (Ok(answer), None) => Ok(self.hand_back(answer)),
            (Err(error), comparing) => {
                if let Some(comparing) = comparing {
                    let theirs = std::future::ready(failed("unanswered", asked));
                    comparing.conclude(theirs, ours(asked.elapsed()));
                }
                Err(error)
            }
        }
    }

    fn comparing_whole(
        &self,
        call: &Call<'_>,
        id: &str,
        parts: &Parts,
        answer: Side,
    ) -> Option<Comparing> {
        let is_whole = parts.method == Method::GET && !parts.headers.contains_key(header::RANGE);
        is_whole
            .then(|| self.comparing(call, Route::MediaGet, id, parts, answer))
            .flatten()
    }
}

/// A stored medium as the answer that serving it is.
fn as_outcome(stored: Option<&Medium>, took: Duration) -> Outcome {
    let known = stored.and_then(|medium| Some((medium, medium.length?, medium.sha256?)));
    match known {
        Some((medium, length, sha256)) => Outcome {
            status: 200,
            content: Content::Bytes {
                media_type: medium.mime_type.clone(),
                length,
                sha256,
            },
            took,
        },
        None => Outcome {
            status: 404,
            content: Content::Empty,
            took,
        },
    }
}
