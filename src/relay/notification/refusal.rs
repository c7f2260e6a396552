//! Why a notification is not taken, and how that is said: everybody can knock here, so the log must bear it.

use std::net::IpAddr;

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use std::num::NonZeroU32;

use super::{handshake, signature};
use crate::http::body::BodyError;
use crate::relay::receive::NotReceived;
use crate::state::StateError;

/// Why a notification is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Notifications are posted, and asked for with GET.
    #[error("no such method, only GET and POST")]
    WrongMethod,
    /// No handshake, or not with a token of ours.
    #[error(transparent)]
    Handshake(#[from] handshake::Unknown),
    /// Meta's certificate is asked for, and was not shown.
    #[error("no client certificate of the right name")]
    NoCertificate,
    /// Not signed by anybody who may.
    #[error(transparent)]
    BadSignature(#[from] signature::Unsigned),
    /// Larger than any notification is.
    #[error("the body is larger than {0} bytes")]
    TooLarge(u64),
    /// The body did not arrive.
    #[error("the body did not arrive")]
    Incomplete(#[source] BodyError),
    /// It cannot be kept.
    #[error("the notification cannot be kept")]
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
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::WrongMethod => "wrong_method",
            Self::Handshake(_) => "bad_handshake",
            Self::NoCertificate => "no_certificate",
            Self::BadSignature(_) => "bad_signature",
            Self::TooLarge(_) => "too_large",
            Self::Incomplete(_) => "incomplete",
            Self::State(_) => "not_kept",
        }
    }
}

/// Says why something was refused, once a second for each reason. All of them are counted anyway.
pub(super) struct Complaints(DefaultKeyedRateLimiter<&'static str>);

impl Complaints {
    pub(super) fn new() -> Self {
        Self(RateLimiter::keyed(Quota::per_second(NonZeroU32::MIN)))
    }

    /// Says it, or not.
    pub(super) fn note(&self, refused: &Refused, peer: IpAddr) {
        let reason = refused.word();
        if self.0.check_key(&reason).is_err() {
            return;
        }
        // Of the causes only ours says something to an operator; the others are the caller's words.
        let cause = match refused {
            Refused::State(error) => Some(error as &(dyn std::error::Error + 'static)),
            _ => None,
        };
        tracing::warn!(%peer, reason, error = cause, "a notification is refused");
    }
}
