//! What reaches customers: on-prem sends it, and what Cloud would be sent is worked out and checked, no more.

use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use serde_json::{Value, json};

use super::super::respond::ProxyError;
use super::super::{Call, Proxy};
use crate::compare::{Attempt, Content, Outcome};
use crate::http::Body;
use crate::onprem::Error;
use crate::route::{Route, Side};
use crate::translate;

impl Proxy {
    /// A message: sent once, by on-prem.
    pub(super) async fn compare_send(
        &self,
        call: &Call<'_>,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, ProxyError> {
        let (parts, incoming) = request.into_parts();
        let comparing = self.comparing(call, Route::Messages, "", &parts, Side::OnPrem);
        let Some(mut comparing) = self.if_it_fits(comparing, &incoming) else {
            return self.pass_uncompared(call, parts, incoming).await;
        };
        let body = self.read_json(incoming).await?;
        let asked = Instant::now();
        let answer = match self.pass(call, parts, Body::full(body.clone())).await {
            Ok(answer) => answer,
            Err(error) => {
                comparing
                    .comparisons
                    .skipped(&comparing.about, "unanswered");
                return Err(error);
            }
        };
        let status = answer.status();
        // Only a word about the message itself can be compared with what a check finds.
        let is_about_message = status.is_success() || status == StatusCode::BAD_REQUEST;
        if !is_about_message {
            comparing
                .comparisons
                .skipped(&comparing.about, "not_about_the_message");
            return Ok(self.hand_back(answer));
        }
        let (response, attempt) = self.hand_back_watched(answer, &comparing, asked);
        let checked = Instant::now();
        let (accepted, notes) = would_be_sent(&body);
        comparing.about.notes = notes;
        let cloud = Attempt::Answered(word_about_message(accepted, checked.elapsed()));
        let onprem = async move { as_word_about_message(attempt.await) };
        comparing.conclude(onprem, cloud);
        Ok(response)
    }
}

/// Whether Cloud would be sent this message, or the old client's code for why not; and what it would not be told.
fn would_be_sent(body: &Bytes) -> (Result<(), Value>, Vec<String>) {
    let refused = |code: u32| Err(Value::from(code));
    let Ok(message) = serde_json::from_slice::<Value>(body) else {
        return (refused(Error::INVALID_REQUEST.code), Vec::new());
    };
    let translated = match translate::message::to_cloud(&message) {
        Ok(translated) => translated,
        Err(refusal) => {
            let details = refusal.error.details.map(String::from);
            return (refused(refusal.error.code), details.into_iter().collect());
        }
    };
    let objections = translate::message::check::check(&translated.body);
    let losses = translated.notes.iter();
    let losses = losses.map(|note| format!("{}: {}", note.field, note.loss.as_str()));
    let objected = objections.iter();
    let objected = objected.map(|objection| {
        let path = Some(objection.path.as_str()).filter(|path| !path.is_empty());
        format!("{} {}", path.unwrap_or("the body"), objection.what)
    });
    let notes = losses.chain(objected).collect();
    match objections.is_empty() {
        true => (Ok(()), notes),
        false => (refused(Error::INVALID_VALUE.code), notes),
    }
}

/// What on-prem said of a message, without the ids it gave and the words it chose.
fn as_word_about_message(attempt: Attempt) -> Attempt {
    let Attempt::Answered(outcome) = attempt else {
        return attempt;
    };
    let accepted = match (outcome.status, outcome.content) {
        (200..300, _) => Ok(()),
        (_, Content::Json(body)) => Err(body["errors"][0]["code"].clone()),
        _ => Err(Value::Null),
    };
    Attempt::Answered(word_about_message(accepted, outcome.took))
}

/// Taken or refused, in the old client's shape and with nothing in it that only one side can know. What was taken has
/// the place of a code too, so that it is there that a refusal differs from it.
fn word_about_message(accepted: Result<(), Value>, took: Duration) -> Outcome {
    let (status, error) = match accepted {
        Ok(()) => (200, json!({})),
        Err(Value::Null) => (400, json!({})),
        Err(code) => (400, json!({"code": code})),
    };
    Outcome {
        status,
        content: Content::Json(json!({"errors": [error]})),
        took,
    }
}
