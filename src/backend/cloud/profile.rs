//! The business profile: read, and changed.

use std::error::Error;

use hyper::{HeaderMap, StatusCode};
use reqwest::RequestBuilder;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Cloud;
use crate::cloud;
use crate::cloud::profile::{Answer, Change, Profile};

/// The largest answer that is read. Graph's are a thousandth of it.
const ANSWER_LIMIT: usize = 1024 * 1024;

/// Why a call about the profile gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// Cloud answered with an error.
    #[error("Cloud refused the call ({status}, code {code:?}, trace {trace:?})")]
    Refused {
        /// The status.
        status: StatusCode,
        /// Graph's number.
        code: Option<i64>,
        /// Meta's name for the call.
        trace: Option<String>,
        /// Whose fault it is; `Permanent` here means that the call itself was wrong.
        class: cloud::error::Class,
    },
    /// Cloud could not be reached, or did not answer as Graph does. A change may have been made all the same.
    #[error("the call did not get through")]
    Unreached(#[source] Box<dyn Error + Send + Sync>),
}

impl Cloud {
    /// The business profile with the about text.
    pub async fn profile(&self) -> Result<Profile, ProfileError> {
        let mut url = self.profile_url();
        url.query_pairs_mut().append_pair("fields", Profile::FIELDS);
        let answer: Answer = self.call(self.client.http.get(url)).await?;
        Ok(answer.into_profile())
    }

    /// Changes the fields that are there. Asked once, whatever comes of it; a change of nothing is not asked for at all.
    pub async fn set_profile(&self, change: &Change) -> Result<(), ProfileError> {
        #[derive(Deserialize)]
        struct Done {
            success: bool,
        }
        if change.is_empty() {
            return Ok(());
        }
        let request = self.client.http.post(self.profile_url()).json(change);
        match self.call(request).await? {
            Done { success: true } => Ok(()),
            Done { success: false } => Err(ProfileError::Unreached(
                "Graph says that it did not succeed, and not why".into(),
            )),
        }
    }

    fn profile_url(&self) -> url::Url {
        let mut url = self.config.graph_url.clone();
        url.set_path(&format!(
            "{}/{}/whatsapp_business_profile",
            self.config.version, self.config.phone_number_id
        ));
        url
    }

    async fn call<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ProfileError> {
        let response = request
            .timeout(self.client.lookup_timeout)
            .bearer_auth(self.config.access_token.expose_secret())
            .send()
            .await
            .map_err(|error| ProfileError::Unreached(error.without_url().into()))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = read(response).await.map_err(ProfileError::Unreached)?;
        if status != StatusCode::OK {
            return Err(refused(status, &headers, &body));
        }
        // A 200 that is no answer of Graph's is no word of Graph's, whoever sent it.
        serde_json::from_slice(&body).map_err(|error| ProfileError::Unreached(error.into()))
    }
}

fn refused(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> ProfileError {
    let error = cloud::error::parse(body);
    let class = cloud::error::classify(status, error.as_ref(), headers);
    let (code, trace) = error.map_or((None, None), |error| (Some(error.code), error.fbtrace_id));
    ProfileError::Refused {
        status,
        code,
        trace,
        class,
    }
}

async fn read(mut response: reqwest::Response) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(reqwest::Error::without_url)?
    {
        if body.len() + chunk.len() > ANSWER_LIMIT {
            return Err("the answer is larger than any of Graph's".into());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
