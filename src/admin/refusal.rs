//! What an operator is told instead of an answer.

use axum::Json;
use axum::body::Bytes;
use axum::extract::Query;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::with_causes;
use crate::cutover::Refused;
use crate::state::StateError;

/// A status and the words.
pub(super) struct Refusal(StatusCode, String);

impl Refusal {
    /// 400: the question cannot be understood.
    pub(super) fn wrong(what: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, what.into())
    }

    /// 404: it names what there is not.
    pub(super) fn unknown(what: impl Into<String>) -> Self {
        Self(StatusCode::NOT_FOUND, what.into())
    }

    /// 409: it is understood, and cannot be done as things are.
    pub(super) fn conflict(what: impl Into<String>) -> Self {
        Self(StatusCode::CONFLICT, what.into())
    }

    /// 422: it is understood, and does not fit.
    pub(super) fn unfit(what: impl Into<String>) -> Self {
        Self(StatusCode::UNPROCESSABLE_ENTITY, what.into())
    }

    /// 503: something of ours does not work.
    pub(super) fn trouble(what: impl Into<String>) -> Self {
        Self(StatusCode::SERVICE_UNAVAILABLE, what.into())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"error": self.1}))).into_response()
    }
}

impl From<StateError> for Refusal {
    fn from(error: StateError) -> Self {
        Self::trouble(with_causes(&error))
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        let status = match &refused {
            Refused::UnknownNumber(_) => StatusCode::NOT_FOUND,
            Refused::Overtaken { .. } | Refused::TakenBack { .. } => StatusCode::CONFLICT,
            Refused::Unfit(_) | Refused::Nothing(_) | Refused::Ramp(_) => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Refused::State(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self(status, with_causes(&refused))
    }
}

/// A query that could be read, or what is wrong with it.
pub(super) fn query<T>(read: Result<Query<T>, QueryRejection>) -> Result<T, Refusal> {
    match read {
        Ok(Query(query)) => Ok(query),
        Err(rejection) => Err(Refusal::wrong(rejection.body_text())),
    }
}

/// A body of JSON that could be read, or what is wrong with it.
pub(super) fn body<T: DeserializeOwned>(read: Result<Bytes, BytesRejection>) -> Result<T, Refusal> {
    let bytes = whole(read)?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Refusal::wrong(format!("the body cannot be read: {error}")))
}

/// A body that arrived, or what kept it.
pub(super) fn whole(read: Result<Bytes, BytesRejection>) -> Result<Bytes, Refusal> {
    read.map_err(|rejection| Refusal(rejection.status(), rejection.body_text()))
}

/// Goes on to its end even when whoever asked has left: half a change would be none that anybody could see.
pub(super) async fn detached<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, Refusal> {
    tokio::spawn(work)
        .await
        .map_err(|error| Refusal::trouble(error.to_string()))
}
