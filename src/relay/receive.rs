//! Reading what is posted to the intake listener: into memory, with a limit, and not for ever.

use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body as _, Incoming};

use crate::http::Body;
use crate::http::body::BodyError;

/// How much of a body is taken, and how slowly.
#[derive(Clone, Copy, Debug)]
pub struct Receive {
    /// The most bytes that are taken.
    pub bytes: u64,
    /// How long a body may stand still.
    pub idle: Duration,
}

/// Why a body is not taken.
#[derive(Debug, thiserror::Error)]
pub enum NotReceived {
    /// Over the limit.
    #[error("the body is larger than {0} bytes")]
    TooLarge(u64),
    /// It broke off or stood still.
    #[error("the body did not arrive")]
    Incomplete(#[source] BodyError),
}

impl Receive {
    /// All of it. One that says beforehand that it is too large is not read at all.
    pub async fn all(&self, body: Incoming) -> Result<Bytes, NotReceived> {
        if body.size_hint().lower() > self.bytes {
            return Err(NotReceived::TooLarge(self.bytes));
        }
        let body = Body::passing(body, self.bytes, self.idle).read().await;
        body.map_err(|error| match error {
            BodyError::TooLarge => NotReceived::TooLarge(self.bytes),
            error => NotReceived::Incomplete(error),
        })
    }
}
