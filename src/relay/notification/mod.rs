//! What Meta posts, on its way to the integration: taken in once it is on disk.
//!
//! Only what is signed with a number's app secret, and, where the operator wants it, only from whoever shows Meta's
//! certificate. Events of numbers that nobody here has are acknowledged all the same: Meta would bring them for days.

pub mod events;
pub mod handshake;
pub mod kept;
pub mod process;
mod redact;
pub mod refusal;
pub mod seal;
pub mod signature;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::{Method, Request};

use crate::cloud::notification::split;
use crate::config;
use crate::http::Peer;
use crate::metrics::NotificationMetrics;
use events::{Events, UNREADABLE_BODY};
use handshake::Tokens;
use refusal::Complaints;
pub use refusal::Refused;
use signature::{Claim, Signers};

use super::receive::Receive;

/// The endpoint for those who notify the bridge.
pub struct Notifications {
    signers: Signers,
    tokens: Tokens,
    /// The name that a notifier's certificate must have; `None`: it needs none.
    client_name: Option<String>,
    receive: Receive,
    events: Arc<Events>,
    metrics: Arc<NotificationMetrics>,
    complaints: Complaints,
}

/// What is answered.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// The notification is on disk.
    Taken,
    /// This webhook is wanted.
    Challenge(Bytes),
}

impl Notifications {
    /// Ready for these numbers, in the order of their indices.
    pub fn new<'a>(
        numbers: impl Iterator<Item = &'a config::Number> + Clone,
        intake: &config::Intake,
        idle: Duration,
        events: Arc<Events>,
    ) -> Self {
        let clouds = numbers.map(|number| number.cloud.as_ref());
        let secrets = clouds
            .clone()
            .map(|cloud| cloud.map_or(&[][..], |cloud| &cloud.app_secrets));
        let tokens = clouds.filter_map(|cloud| cloud?.verify_token.clone());
        Self {
            signers: Signers::new(secrets),
            tokens: Tokens::new(tokens),
            client_name: intake
                .client_ca
                .as_ref()
                .map(|_| intake.client_name.clone()),
            receive: Receive {
                bytes: intake.body_bytes,
                idle,
            },
            metrics: Arc::clone(&events.metrics),
            events,
            complaints: Complaints::new(),
        }
    }

    /// Takes one notification in, or answers Meta's question. When this returns [`Answer::Taken`], all of it is on disk.
    pub async fn take(&self, peer: &Peer, request: Request<Incoming>) -> Result<Answer, Refused> {
        let answer = match *request.method() {
            Method::GET => self.shake_hands(request.uri().query()),
            Method::POST => self.take_posted(peer, request).await,
            _ => Err(Refused::WrongMethod),
        };
        if let Err(refused) = &answer {
            self.metrics.notified(refused.word());
            self.complaints.note(refused, peer.address.ip());
        }
        answer
    }

    /// Needs no certificate: the token is proof enough, and the operator may try it, too.
    fn shake_hands(&self, query: Option<&str>) -> Result<Answer, Refused> {
        let challenge = self.tokens.answer(query.unwrap_or_default())?;
        self.metrics.notified("handshake");
        Ok(Answer::Challenge(challenge))
    }

    async fn take_posted(
        &self,
        peer: &Peer,
        request: Request<Incoming>,
    ) -> Result<Answer, Refused> {
        let started = Instant::now();
        if !self.admits(peer) {
            return Err(Refused::NoCertificate);
        }
        // Before the body, which is not worth reading when nobody signed it.
        let claim = Claim::read(request.headers())?;
        let body = self.receive.all(request.into_body()).await?;
        let signed = self.signers.verify(&body, &claim)?;
        let word = match split(&body) {
            Ok(batch) => {
                self.events.accept(signed, batch).await?;
                "accepted"
            }
            // It would not become readable by being brought again.
            Err(_) => {
                self.events.keep(signed, UNREADABLE_BODY, &body).await?;
                "unreadable"
            }
        };
        self.metrics.taken(word, started.elapsed());
        Ok(Answer::Taken)
    }

    fn admits(&self, peer: &Peer) -> bool {
        let name = self.client_name.as_deref();
        name.is_none_or(|name| peer.is_named(name))
    }
}
