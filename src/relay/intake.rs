//! The old client's callbacks on their way to the integration: taken in once they are on disk, forwarded unchanged.
//!
//! Only from the old client: by its address, by the addresses the operator names, or by a secret in the URL. A retry
//! download's callback may belong to a pair, which then decides whether it is told. Everything else is forwarded
//! whether anybody asked for it or not.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::{Method, Request};
use secrecy::{ExposeSecret, SecretString};
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::backend::peers::Peers;
use crate::comparisons::Comparisons;
use crate::config;
use crate::http::body::BodyError;
use crate::ids::{MediaId, NumberName};
use crate::jobs::{self, PairOutcome};
use crate::metrics::NumberMetrics;
use crate::relay::receive::{NotReceived, Receive};
use crate::route::Side;
use crate::state::{Offer, Offered, State, StateError};

/// The listener for those who call the bridge.
pub struct Intake {
    numbers: HashMap<String, Number>,
    state: State,
    comparisons: Arc<Comparisons>,
    receive: Receive,
}

struct Number {
    name: NumberName,
    /// None: there is no old client, so nobody to take callbacks from.
    peers: Option<Peers>,
    secret: Option<SecretString>,
    metrics: Arc<NumberMetrics>,
}

/// Why a callback is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// No such path, or no such number.
    #[error("no such path")]
    UnknownPath,
    /// Callbacks are posted.
    #[error("no such method, only POST")]
    WrongMethod,
    /// Not the old client.
    #[error("not from the old client of this number")]
    Stranger,
    /// Larger than any callback is.
    #[error("the body is larger than {0} bytes")]
    TooLarge(u64),
    /// The body did not arrive.
    #[error("the body did not arrive")]
    Incomplete(#[source] BodyError),
    /// No JSON object.
    #[error("the body is no JSON object")]
    NotJson,
    /// It cannot be kept.
    #[error("the callback cannot be kept")]
    State(#[from] StateError),
}

impl From<NotReceived> for Refused {
    fn from(error: NotReceived) -> Self {
        match error {
            NotReceived::TooLarge(limit) => Self::TooLarge(limit),
            NotReceived::Incomplete(error) => Self::Incomplete(error),
        }
    }
}

impl Refused {
    fn word(&self) -> &'static str {
        match self {
            Self::UnknownPath | Self::WrongMethod => "unknown_path",
            Self::Stranger => "stranger",
            Self::TooLarge(_) => "too_large",
            Self::Incomplete(_) => "incomplete",
            Self::NotJson => "not_json",
            Self::State(_) => "not_kept",
        }
    }
}

impl Intake {
    /// Ready for these numbers.
    pub fn new<'a>(
        numbers: impl Iterator<Item = (&'a config::Number, Arc<NumberMetrics>)>,
        state: State,
        comparisons: Arc<Comparisons>,
        receive: Receive,
    ) -> Self {
        let number = |(config, metrics): (&config::Number, Arc<NumberMetrics>)| {
            let onprem = config.onprem.as_ref();
            let number = Number {
                name: config.name.clone(),
                peers: onprem.map(Peers::new),
                secret: onprem.and_then(|onprem| onprem.callback_secret.clone()),
                metrics,
            };
            (config.name.to_string(), number)
        };
        Self {
            numbers: numbers.map(number).collect(),
            state,
            comparisons,
            receive,
        }
    }

    /// Takes one callback in. When this returns without a refusal, it is on disk.
    pub async fn take(&self, peer: SocketAddr, request: Request<Incoming>) -> Result<(), Refused> {
        let path = request.uri().path();
        let name = path.strip_prefix("/onprem/").unwrap_or_default();
        let number = self
            .numbers
            .get(name.trim_end_matches('/'))
            .ok_or(Refused::UnknownPath)?;
        let taken = self.take_for(number, peer, request).await;
        match &taken {
            Ok(word) => number.metrics.taken_in(word),
            Err(refused) => {
                number.metrics.taken_in(refused.word());
                let cause = refused as &dyn std::error::Error;
                tracing::warn!(number = %number.name, peer = %peer.ip(), error = cause, "a callback of the old client is not taken");
            }
        }
        taken.map(drop)
    }

    async fn take_for(
        &self,
        number: &Number,
        peer: SocketAddr,
        request: Request<Incoming>,
    ) -> Result<&'static str, Refused> {
        if request.method() != Method::POST {
            return Err(Refused::WrongMethod);
        }
        if !number.admits(peer, request.uri().query()).await {
            return Err(Refused::Stranger);
        }
        let body = self.receive.all(request.into_body()).await?;
        if !is_object(&body) {
            return Err(Refused::NotJson);
        }
        // What no value can hold belongs to no pair and to no contact.
        let callback: Value = serde_json::from_slice(&body).unwrap_or_default();
        match retry_download(&callback) {
            Some((medium, item)) => self.offer(number, medium, item, body).await,
            None => {
                let job = jobs::callback(&number.name, body.to_vec(), contact(&callback));
                self.state.enqueue(job).await?;
                Ok("forwarded")
            }
        }
    }

    async fn offer(
        &self,
        number: &Number,
        medium: String,
        item: &Value,
        body: Bytes,
    ) -> Result<&'static str, Refused> {
        self.comparisons
            .observe_callback(&number.name, &number.metrics, &medium, item);
        let outcome = PairOutcome::CalledBack {
            item: item.clone(),
            stored_bytes: None,
        };
        let offered = self
            .state
            .offer(Offer {
                number: number.name.clone(),
                medium: medium.clone(),
                side: Side::OnPrem,
                outcome: outcome.write(),
                callback: Some(jobs::callback(&number.name, body.to_vec(), None)),
            })
            .await?;
        tracing::debug!(number = %number.name, medium, ?offered, "a retry download's callback came from on-prem");
        Ok(match offered {
            Offered::Unpaired => "forwarded",
            Offered::Told => "told",
            Offered::Withheld => "withheld",
        })
    }
}

impl Number {
    async fn admits(&self, peer: SocketAddr, query: Option<&str>) -> bool {
        let Some(peers) = &self.peers else {
            return false;
        };
        if let Some(secret) = &self.secret {
            let mut pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
            let given = pairs.find(|(key, _)| key == "secret");
            let given = given.map(|(_, value)| value).unwrap_or_default();
            let expected = secret.expose_secret().as_bytes();
            if aws_lc_rs::constant_time::verify_slices_are_equal(given.as_bytes(), expected).is_ok()
            {
                return true;
            }
        }
        peers.knows(peer).await
    }
}

/// Whether a body is a JSON object. More are than a [`Value`] can hold (half a surrogate pair in a text that was cut,
/// nesting without end), and those are forwarded too: the old client would bring them again for ever.
fn is_object(body: &[u8]) -> bool {
    body.trim_ascii_start().first() == Some(&b'{')
        && serde_json::from_slice::<IgnoredAny>(body).is_ok()
}

/// The medium and the item of a callback that tells of one retry download and of nothing else.
fn retry_download(callback: &Value) -> Option<(String, &Value)> {
    let [item] = callback.get("media_items")?.as_array()?.as_slice() else {
        return None;
    };
    let kind = item.get("type")?.as_str()?;
    let id = item.get(kind)?.get("id")?.as_str()?;
    // As the integration's request named it, in one spelling.
    let id = MediaId::parse(id).map_or_else(|| id.to_owned(), |id| id.to_string());
    Some((id, item))
}

/// Whom a callback is about; callbacks of one contact go in order.
fn contact(callback: &Value) -> Option<String> {
    let of = |list: &str, field: &str| {
        let first = callback.get(list)?.as_array()?.first()?;
        first.get(field)?.as_str().map(str::to_owned)
    };
    of("messages", "from")
        .or_else(|| of("statuses", "recipient_id"))
        .or_else(|| of("contacts", "wa_id"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_single_item_can_belong_to_a_pair() {
        let item =
            json!({"type": "image", "image": {"id": "F043AFD0-F0AE-4B9C-AB3D-696FB4C8CD68"}});
        let callback = json!({"media_items": [item]});
        let (medium, _) = retry_download(&callback).unwrap();
        assert_eq!(medium, "f043afd0-f0ae-4b9c-ab3d-696fb4c8cd68");
        for other in [
            json!({"media_items": [item, item]}),
            json!({"media_items": []}),
            json!({"media_items": [{"type": "image"}]}),
            json!({"messages": [{"from": "1"}]}),
            json!({"media_items": 1}),
        ] {
            assert!(retry_download(&other).is_none(), "{other}");
        }
    }

    #[test]
    fn callbacks_are_in_order_by_whom_they_are_about() {
        for (callback, expected) in [
            (
                json!({"messages": [{"from": "1"}], "contacts": [{"wa_id": "2"}]}),
                Some("1"),
            ),
            (json!({"statuses": [{"recipient_id": "3"}]}), Some("3")),
            (json!({"contacts": [{"wa_id": "2"}]}), Some("2")),
            (json!({"errors": [{"code": 1}]}), None),
        ] {
            assert_eq!(contact(&callback).as_deref(), expected, "{callback}");
        }
    }
}
