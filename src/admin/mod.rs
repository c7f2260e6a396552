//! The operators' listener: health, readiness, figures, the jobs that wait, the flags, and what comparing found.
//!
//! Not the hot path, so a framework serves it. What is refused is said as `{"error": "..."}`.

mod compare;
mod cutover;
mod health;
mod jobs;
mod notifications;
mod refusal;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State as Shared};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::comparisons::Comparisons;
use crate::cutover::Cutover;
use crate::http::server::Dealer;
use crate::media::Store;
use crate::metrics::{Metrics, Waiting};
use crate::proxy::Proxy;
use crate::proxy::number::Number;
use crate::relay::notification::kept::Kept;
use crate::route::Route;
use crate::state::{Backlog, Queue, State, Timestamp};
use refusal::Refusal;

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
    /// The flags.
    pub cutover: Arc<Cutover>,
    /// Where comparisons go.
    pub comparisons: Arc<Comparisons>,
    /// What decides.
    pub proxy: Arc<Proxy>,
    /// Who has the connections.
    pub dealer: Arc<Dealer>,
    /// What Meta posted and could not be told as it was.
    pub kept: Kept,
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
        .merge(jobs::routes())
        .merge(notifications::routes())
        .merge(cutover::routes())
        .merge(compare::routes())
        .route_layer(middleware::from_fn_with_state(
            Arc::clone(&admin),
            authorize,
        ));
    let app = Router::new().merge(health::routes()).merge(guarded);
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
        let flags = number.published.load();
        let flags: serde_json::Map<_, _> = Route::ALL
            .into_iter()
            .map(|route| {
                (
                    route.as_str().to_owned(),
                    json!(flags.flag(route).to_string()),
                )
            })
            .collect();
        json!({"number": number.config.name.as_str(), "routes": flags})
    };
    Json(admin.numbers.iter().map(of).collect())
}

impl Admin {
    /// The number that is named, or the only one.
    fn number(&self, name: Option<&str>) -> Result<&Arc<Number>, Refusal> {
        let Some(name) = name else {
            return match self.numbers.as_slice() {
                [only] => Ok(only),
                _ => Err(Refusal::wrong(format!(
                    "there are several numbers; say which: {}",
                    self.names()
                ))),
            };
        };
        let found = |number: &&Arc<Number>| number.config.name.as_str() == name;
        self.numbers.iter().find(found).ok_or_else(|| {
            Refusal::unknown(format!(
                "there is no number of this name; there are: {}",
                self.names()
            ))
        })
    }

    fn names(&self) -> String {
        let names = self
            .numbers
            .iter()
            .map(|number| number.config.name.as_str());
        names.collect::<Vec<_>>().join(", ")
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
        if let Ok(count) = self.kept.count().await {
            self.metrics.kept(count);
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

/// A route by its name.
fn route(name: &str) -> Result<Route, Refusal> {
    Route::parse(name).ok_or_else(|| {
        let names = Route::ALL.map(Route::as_str).join(", ");
        Refusal::unknown(format!(
            "there is no route of this name; there are: {names}"
        ))
    })
}

fn age(backlog: &Backlog) -> Duration {
    backlog
        .oldest
        .map_or(Duration::ZERO, |oldest| Timestamp::now().since(oldest))
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let source = error
        .source()
        .map(|source| format!(": {source}"))
        .unwrap_or_default();
    format!("{error}{source}")
}
