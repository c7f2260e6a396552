//! The commands that operate a running bridge, through its admin API; and those that tell Meta where it is.

pub mod compare;
pub mod cutover;
mod jobs;
pub mod notifications;
mod place;
mod routes;
mod table;
pub mod webhook;

use anyhow::bail;
use hyper::StatusCode;
use serde_json::Value;

use crate::backend::admin::{Admin, Answer};
use crate::backend::trouble::Trouble;
use crate::config::Problems;

pub use jobs::{Redrive, Wanted, jobs, redrive};
pub use place::Place;
pub use routes::routes;

/// Why a command came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The file that names the bridge cannot be used.
    #[error("{0}")]
    Configuration(#[from] Problems),
    /// Anything else.
    #[error("{0:#}")]
    Other(#[from] anyhow::Error),
}

const UNWRITTEN: &str = "the answer cannot be written";
const NOT_A_BRIDGE: &str = "the answer is not that of a bridge of this version";

fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(work)
}

/// What the bridge says to a question.
async fn get(admin: &Admin, path: &str, query: &[(&str, &str)]) -> anyhow::Result<Value> {
    accepted(admin, admin.get(path, query).await)
}

/// What the bridge says to a request.
async fn post(admin: &Admin, path: &str, body: &Value) -> anyhow::Result<Value> {
    let body = serde_json::to_vec(body)?;
    accepted(admin, admin.send(path, body).await)
}

fn accepted(admin: &Admin, answer: Result<Answer, reqwest::Error>) -> anyhow::Result<Value> {
    let origin = admin.origin();
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => match Trouble::behind(&error) {
            Trouble::Refused => bail!(
                "no bridge is running at {origin}: nobody listens there; start it, or name another with --admin"
            ),
            trouble => bail!("the bridge at {origin} cannot be asked: {trouble}"),
        },
    };
    let said = answer.body["error"].as_str().unwrap_or("without a reason");
    match answer.status {
        StatusCode::OK => Ok(answer.body),
        StatusCode::UNAUTHORIZED => bail!(
            "the bridge at {origin} does not take the token; name the file of admin.token with --admin-token-file"
        ),
        status => bail!("the bridge at {origin} refuses ({status}): {said}"),
    }
}
