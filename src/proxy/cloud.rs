//! What Cloud (or the bridge in its place) answers to the routes with small JSON bodies, in the old shape.
//!
//! Used by the side that answers and, in a comparison, by the one that does not: nothing here knows the caller.

use bytes::Bytes;
use hyper::{Method, Response, StatusCode};
use serde_json::{Value, json};

use super::number::Number;
use super::respond::{self, ProxyError};
use crate::backend::cloud::ProfileError;
use crate::http::Body;
use crate::onprem::{self, Meta};
use crate::route::Route;
use crate::translate::{self, Refusal};

/// An answer that is not written yet.
#[derive(Debug, PartialEq)]
pub(super) struct Said {
    pub(super) status: StatusCode,
    pub(super) body: Value,
}

impl Said {
    pub(super) fn into_response(self) -> Response<Body> {
        respond::json(self.status, &self.body)
    }

    fn ok(body: &impl serde::Serialize) -> Self {
        Self {
            status: StatusCode::OK,
            // The wire types hold nothing that cannot be written as JSON.
            body: serde_json::to_value(body).unwrap_or_default(),
        }
    }
}

impl Number {
    /// Asks Cloud what a route with a small JSON body asks of it.
    pub(super) async fn ask_cloud(
        &self,
        route: Route,
        method: &Method,
        body: &Bytes,
    ) -> Result<Said, ProxyError> {
        let meta = Meta::stable(&self.config.compat.version);
        let asked = match (route, *method == Method::GET) {
            (Route::Health, _) => {
                let health = translate::health::health(self.metrics.has_cloud_fault());
                return Ok(Said::ok(&onprem::health::Answer { health, meta }));
            }
            (Route::Contacts, _) => translate::contact::check(&json(body)?)
                .map(|contacts| Said::ok(&onprem::contact::Answer { contacts, meta })),
            (Route::BusinessProfile, true) => {
                let profile = self.profile().await?;
                let settings: onprem::profile::BusinessSettings =
                    translate::profile::to_onprem(profile).into();
                Ok(Said::ok(&onprem::profile::Answer { meta, settings }))
            }
            (Route::ProfileAbout, true) => {
                let about = translate::profile::about_to_onprem(self.profile().await?);
                let settings: onprem::profile::AboutSettings = about.into();
                Ok(Said::ok(&onprem::profile::Answer { meta, settings }))
            }
            (Route::BusinessProfile, false) => {
                self.change_profile(translate::profile::to_cloud(&json(body)?))
                    .await?
            }
            (Route::ProfileAbout, false) => {
                self.change_profile(translate::profile::about_to_cloud(&json(body)?))
                    .await?
            }
            _ => return Err(ProxyError::UnknownPath),
        };
        Ok(asked.unwrap_or_else(|refusal| self.refused(refusal)))
    }

    async fn profile(&self) -> Result<crate::cloud::profile::Profile, ProxyError> {
        let cloud = self.cloud.as_ref().ok_or(ProxyError::UnknownPath)?;
        Ok(cloud.profile().await?)
    }

    async fn change_profile(
        &self,
        change: Result<crate::cloud::profile::Change, Refusal>,
    ) -> Result<Result<Said, Refusal>, ProxyError> {
        let change = match change {
            Ok(change) => change,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let cloud = self.cloud.as_ref().ok_or(ProxyError::UnknownPath)?;
        if !change.is_empty() {
            cloud.set_profile(&change).await?;
        }
        let meta = Meta::stable(&self.config.compat.version);
        Ok(Ok(Said::ok(&onprem::Empty { meta })))
    }

    /// What the old client would have said no to.
    fn refused(&self, refusal: Refusal) -> Said {
        Said {
            status: StatusCode::BAD_REQUEST,
            body: json!({
                "errors": [refusal.error],
                "meta": Meta::stable(&self.config.compat.version),
            }),
        }
    }
}

fn json(body: &Bytes) -> Result<Value, ProxyError> {
    serde_json::from_slice(body).map_err(|_| ProxyError::NotJson)
}

impl From<ProfileError> for ProxyError {
    fn from(error: ProfileError) -> Self {
        Self::Cloud(Box::new(error))
    }
}
