//! The flags: what is in force, how it is changed, what was changed, and why a call goes where it goes.

mod change;
mod show;
mod switch;

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State as Shared};
use axum::routing::{get, post};
use axum::{Json, Router};
use hyper::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::refusal::{self, Refusal};
use super::{Admin, with_causes};
use crate::proxy::Why;
use crate::state::{Change, ChangeId};

/// A longer list is not read by anybody.
const LONGEST_HISTORY: usize = 1000;
/// Names, reasons and keys are kept for ever, and shown on terminals.
const LONGEST_TEXT: usize = 500;

pub(super) fn routes() -> Router<Arc<Admin>> {
    Router::new()
        .route("/api/cutover", get(show::show))
        .route("/api/cutover/change", post(change::change))
        .route("/api/cutover/kill", post(switch::kill))
        .route("/api/cutover/revive", post(switch::revive))
        .route("/api/cutover/history", get(history))
        .route("/api/why", get(why))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HistoryQuery {
    number: Option<String>,
    /// A route, `kill switch`, or a change's `what` as it is shown.
    what: Option<String>,
    #[serde(default = "usual_length")]
    limit: usize,
}

fn usual_length() -> usize {
    50
}

async fn history(
    Shared(admin): Shared<Arc<Admin>>,
    query: Result<Query<HistoryQuery>, QueryRejection>,
) -> Result<Json<Value>, Refusal> {
    let query = refusal::query(query)?;
    let number = query.number.as_deref();
    let number = number
        .map(|name| admin.number(Some(name)))
        .transpose()?
        .map(|number| number.config.name.clone());
    let limit = query.limit.min(LONGEST_HISTORY);
    let entries = admin
        .state
        .history(number.as_ref(), query.what.as_deref(), limit)
        .await?;
    Ok(Json(entries.iter().map(entry).collect()))
}

fn entry((id, change): &(ChangeId, Change)) -> Value {
    json!({
        "change": id.0,
        "at": change.at.0,
        "who": change.who,
        "number": change.number.as_ref().map(ToString::to_string),
        "what": change.what,
        "old": change.old,
        "new": change.new,
        "reason": change.reason,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WhyQuery {
    number: Option<String>,
    method: String,
    path: String,
    caller: Option<String>,
}

async fn why(
    Shared(admin): Shared<Arc<Admin>>,
    query: Result<Query<WhyQuery>, QueryRejection>,
) -> Result<Json<Why>, Refusal> {
    let query = refusal::query(query)?;
    let number = admin.number(query.number.as_deref())?;
    let method = Method::from_bytes(query.method.to_ascii_uppercase().as_bytes())
        .map_err(|_| Refusal::wrong("this is no HTTP method; write GET, POST, ..."))?;
    if !query.path.starts_with('/') {
        return Err(Refusal::wrong(
            "a path begins with /, as in /v1/media/123/download",
        ));
    }
    // What is asked for is decided by the path alone.
    let path = query.path.split(['?', '#']).next().unwrap_or_default();
    let caller = query.caller.as_deref();
    match admin.proxy.why(number, &method, path, caller).await {
        Ok(why) => Ok(Json(why)),
        Err(error) => Err(Refusal::trouble(with_causes(&error))),
    }
}

/// A text that is kept in the history, without what would not be seen there.
fn text(name: &str, given: &str) -> Result<String, Refusal> {
    let given = given.trim();
    if given.is_empty() {
        return Err(Refusal::wrong(format!("{name} is missing or empty")));
    }
    if given.chars().count() > LONGEST_TEXT {
        return Err(Refusal::wrong(format!(
            "{name} is longer than {LONGEST_TEXT} characters"
        )));
    }
    if given.chars().any(char::is_control) {
        return Err(Refusal::wrong(format!(
            "{name} has control characters in it, such as line breaks"
        )));
    }
    Ok(given.to_owned())
}
