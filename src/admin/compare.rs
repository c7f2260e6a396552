//! What comparing found, and the baselines it goes by where the old client answers no more.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Query, State as Shared};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::refusal::{self, Refusal};
use super::{Admin, route};
use crate::comparisons::{ImportError, exported, read_export};
use crate::ids::NumberName;
use crate::route::{Effect, Route, Side};
use crate::state::{ComparisonQuery, Timestamp};

/// The largest file of baselines that is taken.
const LARGEST_IMPORT: usize = 256 << 20;
/// A recording that is forgotten ends by itself.
const LONGEST_RECORDING: Duration = Duration::from_secs(31 * 24 * 3600);

pub(super) fn routes() -> Router<Arc<Admin>> {
    let import = post(import).layer(DefaultBodyLimit::max(LARGEST_IMPORT));
    Router::new()
        .route("/api/compare/report", get(report))
        .route("/api/compare/record", get(status))
        .route("/api/compare/record/start", post(start))
        .route("/api/compare/record/stop", post(stop))
        .route("/api/compare/record/clear", post(clear))
        .route("/api/compare/record/export", get(export))
        .route("/api/compare/record/import", import)
}

/// Some numbers' and routes', or all.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Of {
    number: Option<String>,
    route: Option<String>,
}

impl Of {
    fn read(&self, admin: &Admin) -> Result<(Option<NumberName>, Option<Route>), Refusal> {
        let number = self.number.as_deref();
        let number = number.map(|name| admin.number(Some(name))).transpose()?;
        let route = self.route.as_deref().map(route).transpose()?;
        Ok((number.map(|number| number.config.name.clone()), route))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReportQuery {
    number: Option<String>,
    route: Option<String>,
    /// Unix milliseconds.
    since: Option<i64>,
}

async fn report(
    Shared(admin): Shared<Arc<Admin>>,
    query: Result<Query<ReportQuery>, QueryRejection>,
) -> Result<Json<Value>, Refusal> {
    let ReportQuery {
        number,
        route,
        since,
    } = refusal::query(query)?;
    let (number, route) = Of { number, route }.read(&admin)?;
    let names = number.map_or_else(|| admin.cutover.names(), |number| vec![number]);
    let mut numbers = Vec::new();
    for number in names {
        let query = ComparisonQuery {
            number: Some(number.clone()),
            route,
            since: since.map(Timestamp),
        };
        let routes = admin.comparisons.report(&query).await?;
        let skipped = admin.comparisons.skips(&number, route);
        numbers.push(json!({
            "number": number.as_str(),
            "routes": routes,
            "skipped": skipped,
        }));
    }
    let ready = f64::from(admin.cutover.compare().ready_match_permille) / 1000.0;
    Ok(Json(json!({"numbers": numbers, "ready_match_rate": ready})))
}

async fn status(Shared(admin): Shared<Arc<Admin>>) -> Result<Json<Value>, Refusal> {
    let counts = admin.state.baseline_counts().await?;
    let count = |of: &crate::state::BaselineCount| {
        json!({
            "number": of.number.as_str(),
            "route": of.route.as_str(),
            "count": of.count,
            "oldest": of.oldest.0,
            "newest": of.newest.0,
        })
    };
    Ok(Json(json!({
        "recordings": admin.comparisons.recordings(),
        "baselines": counts.iter().map(count).collect::<Value>(),
    })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Start {
    number: Option<String>,
    route: String,
    for_s: u64,
}

async fn start(
    Shared(admin): Shared<Arc<Admin>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Refusal> {
    let asked: Start = refusal::body(body)?;
    let number = admin.number(asked.number.as_deref())?;
    let route = route(&asked.route)?;
    if number.onprem.is_none() {
        return Err(Refusal::unfit(
            "there is no old client to record: this number has no [numbers.onprem]",
        ));
    }
    if !route.is_comparable() || route.effect() == Effect::Send {
        return Err(Refusal::unfit(format!(
            "{route} cannot be compared with a baseline, so there is nothing to record of it"
        )));
    }
    let length = Duration::from_secs(asked.for_s);
    if length.is_zero() || length > LONGEST_RECORDING {
        return Err(Refusal::wrong("for_s is from one second to 31 days"));
    }
    let (name, until) = (&number.config.name, Timestamp::now().after(length));
    admin.comparisons.record(name, route, until);
    tracing::info!(number = %name, %route, for_s = asked.for_s, "recording baselines");
    let flag = number.published.load().flag(route);
    let is_asked = flag.uses(Side::OnPrem);
    let note = (!is_asked).then(|| {
        format!("the flag of {route} is \"{flag}\": on-prem is not asked, so nothing is recorded until it is")
    });
    Ok(Json(json!({
        "number": name.as_str(),
        "route": route.as_str(),
        "until": until.0,
        "note": note,
    })))
}

async fn stop(
    Shared(admin): Shared<Arc<Admin>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Refusal> {
    let (number, route) = refusal::body::<Of>(body)?.read(&admin)?;
    let stopped = admin.comparisons.stop_recording(number.as_ref(), route);
    Ok(Json(json!({"stopped": stopped})))
}

async fn clear(
    Shared(admin): Shared<Arc<Admin>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Refusal> {
    let (number, route) = refusal::body::<Of>(body)?.read(&admin)?;
    let removed = admin.state.clear_baselines(number.as_ref(), route).await?;
    Ok(Json(json!({"removed": removed})))
}

async fn export(
    Shared(admin): Shared<Arc<Admin>>,
    query: Result<Query<Of>, QueryRejection>,
) -> Result<Response, Refusal> {
    let (number, route) = refusal::query(query)?.read(&admin)?;
    let text = exported(&admin.comparisons, number.as_ref(), route).await?;
    let kind = [(header::CONTENT_TYPE, "application/x-ndjson")];
    Ok((kind, text).into_response())
}

async fn import(
    Shared(admin): Shared<Arc<Admin>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Refusal> {
    let bytes = refusal::whole(body)?;
    let comparisons = Arc::clone(&admin.comparisons);
    let read = refusal::detached(async move {
        match std::str::from_utf8(&bytes) {
            Ok(text) => read_export(&comparisons, text).await,
            Err(_) => Err(ImportError::NotBaselines),
        }
    });
    match read.await? {
        Ok(taken) => Ok(Json(json!({"taken": taken}))),
        Err(ImportError::State(error)) => Err(error.into()),
        Err(error) => Err(Refusal::unfit(error.to_string())),
    }
}
