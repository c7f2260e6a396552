//! Health and readiness: needs nothing but a listener, and says what is wrong.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use serde_json::json;

use super::{Admin, age, with_causes};
use crate::cutover::{FileStatus, Shown};
use crate::proxy::number::Number;
use crate::state::{Backlog, Queue};

/// A callback that has waited for longer than the old client's longest delay means a receiver in trouble.
const CALLBACK_PATIENCE: Duration = Duration::from_secs(900);

pub(super) fn routes() -> Router<Arc<Admin>> {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
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
        .chain(admin.check_tokens())
        .chain([admin.check_kept().await])
        .chain(admin.check_flags().await);
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

    /// No fault of anything here, but somebody should look.
    async fn check_kept(&self) -> Check {
        let count = self.kept.count().await;
        let told = count.map(|count| match count {
            0 => "none".to_owned(),
            1 => "1 could not be told as it was".to_owned(),
            _ => format!("{count} could not be told as they were"),
        });
        Check::new(
            "kept notifications",
            told.map_err(|error| with_causes(&error)),
        )
    }

    /// What the flags say and cannot have, none of which keeps a call from being answered.
    async fn check_flags(&self) -> Vec<Check> {
        let mut checks = vec![check_configuration(&self.cutover.file_status())];
        for shown in self.cutover.show().await {
            checks.extend(check_flags_of(&shown));
        }
        checks
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

fn check_configuration(file: &FileStatus) -> Check {
    let name = "configuration";
    if let Some(refused) = &file.refused {
        let first = refused.lines().next().unwrap_or_default();
        let more = match refused.lines().count().saturating_sub(1) {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        let fault = format!(
            "what the file says now is refused, the last good one stays in force: {first}{more}"
        );
        return Check::new(name, Err(fault));
    }
    Check::new(
        name,
        match file.needs_restart.is_empty() {
            true => Ok("in force".to_owned()),
            false => Err(format!(
                "a restart is needed for: {}",
                file.needs_restart.join(", ")
            )),
        },
    )
}

fn check_flags_of(shown: &Shown) -> Vec<Check> {
    let number = &shown.number;
    let mut checks = Vec::new();
    if let Some(why) = &shown.unfit {
        let fault = format!("flags set at run time are not in force, the file's are: {why}");
        checks.push(Check::new(format!("flags of {number}"), Err(fault)));
    }
    if shown.killed {
        let fault = match shown.has_onprem {
            true => "thrown: every route that is not off goes to on-prem",
            false => "thrown: nothing is compared; there is no old client to go back to",
        };
        let name = format!("kill switch of {number}");
        checks.push(Check::new(name, Err(fault.to_owned())));
    }
    checks
}
