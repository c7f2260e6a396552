//! What Meta posted and could not be told as it was.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State as Shared};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::refusal::{Refusal, detached, query};
use super::{Admin, with_causes};
use crate::ids::NumberName;
use crate::relay::notification::kept::{Refused, Shown};
use crate::state::KeptRow;

const LONGEST_LIST: usize = 1000;

pub(super) fn routes() -> Router<Arc<Admin>> {
    Router::new()
        .route("/api/notifications/kept", get(list))
        .route("/api/notifications/kept/{id}", get(show).delete(forget))
        .route("/api/notifications/kept/{id}/redrive", post(redrive))
}

#[derive(Deserialize)]
struct ListQuery {
    #[serde(default = "default_limit")]
    limit: usize,
}

fn default_limit() -> usize {
    50
}

/// Without their bodies, which hold what a customer wrote.
async fn list(
    Shared(admin): Shared<Arc<Admin>>,
    read: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<Value>, Refusal> {
    let limit = query(read)?.limit.min(LONGEST_LIST);
    let rows = admin.kept.list(limit).await?;
    Ok(Json(rows.iter().map(row_as_json).collect()))
}

async fn show(Shared(admin): Shared<Arc<Admin>>, Path(id): Path<i64>) -> Result<Response, Refusal> {
    let Shown { row, body } = admin.kept.show(id).await?;
    let mut told = row_as_json(&row);
    // What is no JSON is shown as text.
    let body = serde_json::from_slice(&body)
        .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&body)));
    told["body"] = body;
    let mut response = Json(told).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

async fn redrive(
    Shared(admin): Shared<Arc<Admin>>,
    Path(id): Path<i64>,
) -> Result<Json<Value>, Refusal> {
    let redriven = detached(async move { admin.kept.redrive(id).await }).await?;
    let events = redriven?;
    Ok(Json(json!({"redriven": id, "events": events})))
}

async fn forget(
    Shared(admin): Shared<Arc<Admin>>,
    Path(id): Path<i64>,
) -> Result<Json<Value>, Refusal> {
    admin.kept.drop(id).await?;
    Ok(Json(json!({"dropped": id})))
}

fn row_as_json(row: &KeptRow) -> Value {
    let kept = &row.kept;
    json!({
        "id": row.id,
        "at_ms": row.at.0,
        "number": kept.number.as_ref().map(NumberName::as_str),
        "kind": kept.kind,
        "reason": kept.reason,
        "form": if kept.sealed { "encrypted" } else { "redacted" },
    })
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Unknown => Self::unknown(refused.to_string()),
            Refused::State(error) => error.into(),
            Refused::Sealed(_)
            | Refused::Redacted
            | Refused::StillUnknown
            | Refused::NothingToTell
            | Refused::NoNumber => Self::conflict(with_causes(&refused)),
        }
    }
}
