//! `POST /api/cutover/kill` and `revive`: everything back to the old client, and the end of that.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::extract::rejection::BytesRejection;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Admin;
use super::super::refusal::{self, Refusal};
use super::text;
use crate::cutover::{Kept, Scope};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// None: all.
    number: Option<String>,
    #[serde(default)]
    who: String,
    #[serde(default)]
    reason: String,
}

impl Asked {
    /// Of whom, who asks, and why.
    fn read(self, admin: &Admin) -> Result<(Scope, String, String), Refusal> {
        let scope = match self.number.as_deref() {
            None => Scope::All,
            Some(name) => Scope::Number(admin.number(Some(name))?.config.name.clone()),
        };
        Ok((
            scope,
            text("who", &self.who)?,
            text("reason", &self.reason)?,
        ))
    }
}

pub(super) async fn kill(
    Shared(admin): Shared<Arc<Admin>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Refusal> {
    let (scope, who, reason) = refusal::body::<Asked>(body)?.read(&admin)?;
    let cutover = Arc::clone(&admin.cutover);
    let thrown = refusal::detached(async move { cutover.kill(scope, &who, &reason).await }).await?;
    let (in_file, why) = match thrown.kept {
        Kept::InFile => (true, None),
        Kept::InMemory(why) => (false, Some(why)),
    };
    Ok(Json(json!({
        "in_file": in_file,
        "not_in_file_because": why,
        "in_history": thrown.recorded,
        "killed": killed(&admin),
        "without_onprem": without_onprem(&admin),
    })))
}

pub(super) async fn revive(
    Shared(admin): Shared<Arc<Admin>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Refusal> {
    let (scope, who, reason) = refusal::body::<Asked>(body)?.read(&admin)?;
    let cutover = Arc::clone(&admin.cutover);
    let revived = refusal::detached(async move { cutover.revive(scope, &who, &reason).await });
    let recorded = revived.await?.map_err(|error| {
        Refusal::trouble(format!(
            "the kill file cannot be changed, so the switch stays thrown: {error}"
        ))
    })?;
    Ok(Json(
        json!({"in_history": recorded, "killed": killed(&admin)}),
    ))
}

/// For whom the switch is thrown now.
fn killed(admin: &Admin) -> Vec<String> {
    let mut names = admin.cutover.names();
    names.retain(|name| admin.cutover.is_killed(name));
    names.iter().map(ToString::to_string).collect()
}

/// Those of them that have nobody to go back to.
fn without_onprem(admin: &Admin) -> Vec<String> {
    let numbers = admin.numbers.iter();
    numbers
        .filter(|number| number.onprem.is_none() && admin.cutover.is_killed(&number.config.name))
        .map(|number| number.config.name.to_string())
        .collect()
}
