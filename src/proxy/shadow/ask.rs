//! Asking one side for a comparison: a deadline over all of it, a limit on what it may send, and a word for what went wrong.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::{Body as _, Incoming};
use hyper::header;
use hyper::{HeaderMap, Response, StatusCode};

use super::super::cloud::Said;
use super::super::number::Number;
use super::super::respond::{self, ProxyError};
use super::{Repeatable, failed};
use crate::backend::onprem::Unanswered;
use crate::compare::{Attempt, Content, Outcome};
use crate::config::Compare;
use crate::http::Body;
use crate::http::observe::{Observation, Observed};
use crate::ids::MediaId;

/// The head of an answer whose body is still going by.
pub struct Head {
    status: StatusCode,
    media_type: Option<String>,
    asked: Instant,
}

impl Head {
    /// What matters of it. `asked` is when the question was.
    pub fn of(status: StatusCode, headers: &HeaderMap, asked: Instant) -> Self {
        let media_type = headers.get(header::CONTENT_TYPE);
        Self {
            status,
            media_type: media_type.and_then(|value| Some(value.to_str().ok()?.to_owned())),
            asked,
        }
    }

    fn is_json(&self) -> bool {
        let essence = self.media_type.as_deref().unwrap_or_default();
        let essence = essence.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case("application/json")
    }

    /// How many bytes of the body are worth keeping; the rest is digested.
    pub fn keep_at_most(&self, config: &Compare) -> usize {
        match self.is_json() {
            true => usize::try_from(config.json_bytes).unwrap_or(usize::MAX),
            false => 0,
        }
    }

    /// The attempt, once the body has gone by.
    pub async fn after(self, observation: Observation) -> Attempt {
        match observation.await {
            Ok(observed) => self.with(observed),
            Err(_) => Attempt::NotComparable {
                reason: "body_broke_off",
            },
        }
    }

    fn with(self, observed: Observed) -> Attempt {
        let took = self.asked.elapsed();
        match content(observed, self.media_type.clone(), self.is_json()) {
            Some(content) => Attempt::Answered(Outcome {
                status: self.status.as_u16(),
                content,
                took,
            }),
            None => Attempt::NotComparable {
                reason: "too_large",
            },
        }
    }
}

/// A body as it is compared; none for JSON that is too large to be.
fn content(observed: Observed, media_type: Option<String>, is_json: bool) -> Option<Content> {
    match observed {
        Observed::Kept(bytes) if bytes.is_empty() => Some(Content::Empty),
        Observed::Counted { length: 0, .. } => Some(Content::Empty),
        Observed::Kept(bytes) => Some(match serde_json::from_slice(&bytes) {
            Ok(value) => Content::Json(value),
            Err(_) => digested(&bytes, media_type),
        }),
        Observed::Counted { .. } if is_json => None,
        Observed::Counted { length, sha256 } => Some(Content::Bytes {
            media_type,
            length,
            sha256,
        }),
    }
}

fn digested(bytes: &Bytes, media_type: Option<String>) -> Content {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(digest.as_ref());
    Content::Bytes {
        media_type,
        length: bytes.len() as u64,
        sha256,
    }
}

impl Number {
    /// What the bridge said, as an attempt.
    pub(in crate::proxy) fn said(
        &self,
        result: &Result<Said, ProxyError>,
        asked: Instant,
    ) -> Attempt {
        match result {
            Ok(said) => Attempt::Answered(Outcome {
                status: said.status.as_u16(),
                content: Content::Json(said.body.clone()),
                took: asked.elapsed(),
            }),
            Err(error) => self.said_no(error, asked),
        }
    }

    /// An error as an attempt, in the words the caller gets.
    pub(in crate::proxy) fn said_no(&self, error: &ProxyError, asked: Instant) -> Attempt {
        let (status, body) = respond::as_said(error, &self.config.compat.version);
        if status.is_server_error() {
            return failed("cloud_failed", asked);
        }
        Attempt::Answered(Outcome {
            status: status.as_u16(),
            content: body.map_or(Content::Empty, Content::Json),
            took: asked.elapsed(),
        })
    }

    /// Asks Cloud within a deadline.
    pub(in crate::proxy) async fn ask_cloud_within(
        &self,
        question: &Repeatable,
        deadline: Duration,
    ) -> Attempt {
        let asked = Instant::now();
        let asking = self.ask_cloud(question.route(), question.method(), question.body());
        match tokio::time::timeout(deadline, asking).await {
            Ok(result) => self.said(&result, asked),
            Err(_) => failed("deadline", asked),
        }
    }

    /// Asks on-prem within a deadline, with the bridge's own session.
    pub(in crate::proxy) async fn ask_onprem_within(
        &self,
        question: &Repeatable,
        config: &Compare,
    ) -> Attempt {
        let asked = Instant::now();
        match tokio::time::timeout(config.deadline, self.ask_onprem(question, config, asked)).await
        {
            Ok(attempt) => attempt,
            Err(_) => failed("deadline", asked),
        }
    }

    /// How many bytes the old client has of a medium; none where it does not say, or cannot be asked.
    pub async fn measure_onprem(&self, id: &MediaId, config: &Compare) -> Option<u64> {
        self.session.as_ref()?;
        let question = Repeatable::medium(id)?;
        match self.ask_onprem_within(&question, config).await {
            Attempt::Answered(Outcome {
                status: 200,
                content: Content::Bytes { length, .. },
                ..
            }) => Some(length),
            _ => None,
        }
    }

    async fn ask_onprem(&self, question: &Repeatable, config: &Compare, asked: Instant) -> Attempt {
        let answer = match self.send_as_own(question).await {
            Ok(answer) => answer,
            Err(ProxyError::OnPrem(Unanswered::Timeout)) => return failed("timeout", asked),
            Err(ProxyError::OnPrem(_)) => return failed("unreached", asked),
            Err(_) => return failed("own_login", asked),
        };
        let (parts, incoming) = answer.into_parts();
        let head = Head::of(parts.status, &parts.headers, asked);
        let mut body = Body::passing(incoming, config.max_bytes, config.deadline);
        let observation = body.observe(head.keep_at_most(config));
        match drain(body).await {
            Ok(()) => head.after(observation).await,
            Err(crate::http::body::BodyError::TooLarge) => Attempt::NotComparable {
                reason: "too_large",
            },
            Err(_) => failed("broke_off", asked),
        }
    }

    /// Sends with the bridge's own session; logs in again once when the old client no longer accepts it.
    async fn send_as_own(&self, question: &Repeatable) -> Result<Response<Incoming>, ProxyError> {
        let (Some(onprem), Some(session)) = (&self.shadow.onprem, &self.session) else {
            return Err(ProxyError::UnknownPath);
        };
        let authorization = session.authorization(onprem, None).await?;
        let answer = onprem.send(question.request(&authorization)).await?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        let renewed = session.authorization(onprem, Some(&authorization)).await?;
        Ok(onprem.send(question.request(&renewed)).await?)
    }
}

/// Reads a body to its end and keeps nothing of it.
async fn drain(mut body: Body) -> Result<(), crate::http::body::BodyError> {
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        frame?;
    }
    Ok(())
}
