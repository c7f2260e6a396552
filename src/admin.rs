//! The operators' listener: health, readiness, figures, and the jobs that wait.
//!
//! Not the hot path, so a framework serves it.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, Request, State as Shared};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::http::server::Dealer;
use crate::ids::NumberName;
use crate::media::Store;
use crate::metrics::{Metrics, Waiting};
use crate::proxy::number::Number;
use crate::route::Route;
use crate::state::{Backlog, JobId, Queue, State, Timestamp};

/// A callback that has waited for longer than the old client's longest delay means a receiver in trouble.
const CALLBACK_PATIENCE: Duration = Duration::from_secs(900);
const LONGEST_LIST: usize = 1000;

/// What the listener shows.
pub struct Admin {
    /// Needed for everything but the two health paths, when there is one.
    pub token: Option<SecretString>,
    /// Where jobs are.
    pub state: State,
    /// Where media are.
    pub store: Store,
    /// The reserve of the media store.
    pub min_free_bytes: u64,
    /// All figures.
    pub metrics: Arc<Metrics>,
    /// All numbers.
    pub numbers: Vec<Arc<Number>>,
    /// Who has the connections.
    pub dealer: Arc<Dealer>,
}

/// Serves until `stop`.
pub async fn serve(
    listener: TcpListener,
    admin: Admin,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let admin = Arc::new(admin);
    let guarded = Router::new()
        .route("/metrics", get(metrics))
        .route("/api/routes", get(routes))
        .route("/api/jobs", get(jobs))
        .route("/api/jobs/{id}/redrive", post(redrive))
        .route_layer(middleware::from_fn_with_state(
            Arc::clone(&admin),
            authorize,
        ));
    let app = Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .merge(guarded);
    axum::serve(listener, app.with_state(admin))
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}

async fn authorize(Shared(admin): Shared<Arc<Admin>>, request: Request, next: Next) -> Response {
    let Some(token) = &admin.token else {
        return next.run(request).await;
    };
    let given = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let given = given
        .and_then(|value| value.strip_prefix("Bearer "))
        .unwrap_or_default();
    let expected = token.expose_secret().as_bytes();
    if aws_lc_rs::constant_time::verify_slices_are_equal(given.as_bytes(), expected).is_ok() {
        return next.run(request).await;
    }
    (
        StatusCode::UNAUTHORIZED,
        Json(json!({"error": "the admin token is needed (Authorization: Bearer ...)"})),
    )
        .into_response()
}

async fn healthz() -> &'static str {
    "ok\n"
}

/// One line of the readiness report.
#[derive(Serialize)]
struct Check {
    name: String,
    ok: bool,
    detail: String,
}

impl Check {
    fn new(name: impl Into<String>, result: Result<String, String>) -> Self {
        let ok = result.is_ok();
        Self {
            name: name.into(),
            ok,
            detail: result.unwrap_or_else(|fault| fault),
        }
    }
}

/// 200 while work can be accepted, 503 otherwise. A receiver in trouble is shown, but is no reason to stop accepting.
async fn readyz(Shared(admin): Shared<Arc<Admin>>) -> Response {
    let needed = [admin.check_state().await, admin.check_media().await];
    let ready = needed.iter().all(|check| check.ok);
    let advisory = admin
        .check_callbacks()
        .await
        .into_iter()
        .chain(admin.check_tokens());
    let checks: Vec<Check> = needed.into_iter().chain(advisory).collect();
    let status = match (ready, checks.iter().all(|check| check.ok)) {
        (false, _) => "not ready",
        (true, false) => "degraded",
        (true, true) => "ready",
    };
    let code = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (code, Json(json!({"status": status, "checks": checks}))).into_response()
}

impl Admin {
    async fn check_state(&self) -> Check {
        let written = self.state.is_writable().await;
        Check::new(
            "state",
            written
                .map(|()| "writable".to_owned())
                .map_err(|error| with_causes(&error)),
        )
    }

    async fn check_media(&self) -> Check {
        let (store, reserve) = (self.store.clone(), self.min_free_bytes);
        let checked = tokio::task::spawn_blocking(move || {
            store.check_writable()?;
            store.free_bytes()
        });
        let result = match checked.await {
            Ok(Ok(free)) if free < reserve => Err(format!(
                "only {free} bytes free, {reserve} are kept in reserve"
            )),
            Ok(Ok(free)) => Ok(format!("writable, {free} bytes free")),
            Ok(Err(error)) => Err(error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        Check::new("media", result)
    }

    async fn check_callbacks(&self) -> Vec<Check> {
        let backlog = match self.state.backlog().await {
            Ok(backlog) => backlog,
            Err(error) => return vec![Check::new("callbacks", Err(with_causes(&error)))],
        };
        let callbacks = backlog
            .iter()
            .filter(|backlog| backlog.queue == Queue::Callback);
        callbacks.map(check_callbacks_of).collect()
    }

    fn check_tokens(&self) -> Vec<Check> {
        let of = |number: &Arc<Number>| {
            let name = format!("cloud token of {}", number.config.name);
            let fault =
                || Err("Cloud refuses the token or its permissions; fetches wait".to_owned());
            Check::new(
                name,
                if number.metrics.has_cloud_fault() {
                    fault()
                } else {
                    Ok("no complaint".to_owned())
                },
            )
        };
        self.numbers
            .iter()
            .filter(|number| number.config.cloud.is_some())
            .map(of)
            .collect()
    }

    async fn put_states(&self) {
        if let Ok(backlog) = self.state.backlog().await {
            for number in &self.numbers {
                for queue in Queue::ALL {
                    let name = &number.config.name;
                    let found = backlog
                        .iter()
                        .find(|of| of.queue == queue && of.number == *name);
                    self.metrics.waiting(&Waiting {
                        number: name,
                        queue: queue.as_str(),
                        waiting: found.map_or(0, |of| of.waiting),
                        buried: found.map_or(0, |of| of.buried),
                        oldest: found.map_or(Duration::ZERO, age),
                    });
                }
            }
        }
        self.metrics
            .connections
            .set(i64::try_from(self.dealer.open_connections()).unwrap_or(i64::MAX));
        let store = self.store.clone();
        if let Ok(Ok(free)) = tokio::task::spawn_blocking(move || store.free_bytes()).await {
            self.metrics.media_free(free);
        }
    }
}

fn age(backlog: &Backlog) -> Duration {
    backlog
        .oldest
        .map_or(Duration::ZERO, |oldest| Timestamp::now().since(oldest))
}

fn check_callbacks_of(backlog: &Backlog) -> Check {
    let oldest = age(backlog);
    let detail = format!(
        "{} waiting, the oldest for {} s, {} buried",
        backlog.waiting,
        oldest.as_secs(),
        backlog.buried
    );
    let name = format!("callbacks of {}", backlog.number);
    Check::new(
        name,
        if oldest > CALLBACK_PATIENCE {
            Err(detail)
        } else {
            Ok(detail)
        },
    )
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let source = error
        .source()
        .map(|source| format!(": {source}"))
        .unwrap_or_default();
    format!("{error}{source}")
}

async fn metrics(Shared(admin): Shared<Arc<Admin>>) -> Response {
    admin.put_states().await;
    match admin.metrics.text() {
        Ok(text) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn routes(Shared(admin): Shared<Arc<Admin>>) -> Json<serde_json::Value> {
    let of = |number: &Arc<Number>| {
        let flags: serde_json::Map<_, _> = Route::ALL
            .into_iter()
            .map(|route| {
                (
                    route.as_str().to_owned(),
                    json!(number.mode(route).as_str()),
                )
            })
            .collect();
        json!({"number": number.config.name.as_str(), "routes": flags})
    };
    Json(admin.numbers.iter().map(of).collect())
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
        Some(None) => return refuse("queue is `fetch` or `callback`"),
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
