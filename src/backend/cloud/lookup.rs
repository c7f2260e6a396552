//! The first hop: what is this medium, and where is it?

use hyper::{HeaderMap, StatusCode};
use secrecy::ExposeSecret;

use super::{Cloud, ForbiddenUrl, read_small};
use crate::cloud;
use crate::ids::CloudMediaId;

/// Why a look-up gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum LookUpError {
    /// Cloud answered with an error.
    #[error("Cloud refused the look-up ({status}, code {code:?}, trace {trace:?})")]
    Refused {
        /// The status.
        status: StatusCode,
        /// Graph's number.
        code: Option<i64>,
        /// Meta's name for the call.
        trace: Option<String>,
        /// What it means.
        class: cloud::error::Class,
    },
    /// Cloud could not be reached, or did not answer as Graph does.
    #[error("the look-up did not get through")]
    Unreached(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The answer names a place the token must not go to.
    #[error(transparent)]
    Forbidden(#[from] ForbiddenUrl),
}

impl Cloud {
    /// The first hop: what is this medium, and where is it for the next five minutes?
    pub async fn look_up(&self, id: &CloudMediaId) -> Result<cloud::media::LookUp, LookUpError> {
        let response = self
            .ask_graph(id)
            .await
            .map_err(|error| LookUpError::Unreached(error.without_url().into()))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = read_small(response)
            .await
            .map_err(|error| LookUpError::Unreached(error.into()))?;
        if status != StatusCode::OK {
            return Err(refused(status, &headers, &body));
        }
        // A 200 that is not a look-up is no word of Graph's, whoever sent it.
        let look_up = serde_json::from_slice::<cloud::media::LookUp>(&body);
        let look_up = look_up.map_err(|error| LookUpError::Unreached(error.into()))?;
        self.check(&look_up.url)?;
        Ok(look_up)
    }

    async fn ask_graph(&self, id: &CloudMediaId) -> Result<reqwest::Response, reqwest::Error> {
        let mut url = self.config.graph_url.clone();
        url.set_path(&format!("{}/{id}", self.config.version));
        if self.config.send_phone_number_id {
            url.query_pairs_mut()
                .append_pair("phone_number_id", &self.config.phone_number_id);
        }
        let request = self
            .client
            .http
            .get(url)
            .timeout(self.client.lookup_timeout);
        request
            .bearer_auth(self.config.access_token.expose_secret())
            .send()
            .await
    }
}

fn refused(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> LookUpError {
    let error = cloud::error::parse(body);
    let class = cloud::error::classify(status, error.as_ref(), headers);
    let (code, trace) = error.map_or((None, None), |error| (Some(error.code), error.fbtrace_id));
    LookUpError::Refused {
        status,
        code,
        trace,
        class,
    }
}
