//! The jobs that wait, and those that were given up.

use std::sync::Arc;

use axum::extract::{Path, Query, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::{Admin, with_causes};
use crate::ids::NumberName;
use crate::state::{JobId, Queue, Timestamp};

const LONGEST_LIST: usize = 1000;

pub(super) fn routes() -> Router<Arc<Admin>> {
    Router::new()
        .route("/api/jobs", get(jobs))
        .route("/api/jobs/{id}/redrive", post(redrive))
}

#[derive(Deserialize)]
struct JobsQuery {
    queue: Option<String>,
    number: Option<String>,
    #[serde(default)]
    buried: bool,
    #[serde(default = "default_limit")]
    limit: usize,
}

fn default_limit() -> usize {
    50
}

/// Jobs without their payload, which may hold what a customer wrote.
async fn jobs(Shared(admin): Shared<Arc<Admin>>, Query(query): Query<JobsQuery>) -> Response {
    let refuse =
        |what: &str| (StatusCode::BAD_REQUEST, Json(json!({"error": what}))).into_response();
    let queue = match query
        .queue
        .as_deref()
        .map(|word| Queue::ALL.into_iter().find(|queue| queue.as_str() == word))
    {
        Some(None) => return refuse("queue is `fetch`, `callback`, `compare` or `notification`"),
        Some(queue) => queue,
        None => None,
    };
    let number = match query.number.as_deref().map(NumberName::parse) {
        Some(None) => return refuse("no such number"),
        Some(number) => number,
        None => None,
    };
    let limit = query.limit.min(LONGEST_LIST);
    match admin
        .state
        .jobs(queue, number.as_ref(), query.buried, limit)
        .await
    {
        Ok(records) => Json(records.iter().map(job_as_json).collect::<Vec<_>>()).into_response(),
        Err(error) => (
            StatusCode::SERVICE_UNAVAILABLE,
            Json(json!({"error": with_causes(&error)})),
        )
            .into_response(),
    }
}

fn job_as_json(record: &crate::state::JobRecord) -> serde_json::Value {
    let now = Timestamp::now();
    json!({
        "id": record.job.id.0,
        "queue": record.job.queue.as_str(),
        "number": record.job.number.as_str(),
        "attempts": record.job.attempts,
        "age_s": now.since(record.job.created_at).as_secs(),
        "due_in_s": record.due_at.since(now).as_secs(),
        "buried": record.buried,
        "reason": record.reason,
        "medium": record.job.key,
    })
}

async fn redrive(Shared(admin): Shared<Arc<Admin>>, Path(id): Path<i64>) -> Response {
    match admin.state.redrive(JobId(id), Timestamp::now()).await {
        Ok(true) => Json(json!({"redriven": id})).into_response(),
        Ok(false) => (
            StatusCode::NOT_FOUND,
            Json(json!({"error": "no buried job has this id"})),
        )
            .into_response(),
        Err(error) => (
            StatusCode::SERVICE_UNAVAILABLE,
            Json(json!({"error": with_causes(&error)})),
        )
            .into_response(),
    }
}
