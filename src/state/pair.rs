//! The two sides of a retry download that is compared: one pair per medium and accepted request.
//!
//! A pair is open from the acceptance until both outcomes are known or its deadline has passed; the job of
//! [`super::Queue::Compare`] that was kept with it ends it, so it must never be given up (buried). Whichever way it
//! goes, one callback is told, and that is decided in the commit that keeps the callback: the side that answers tells,
//! the other one's callback is withheld and kept with the pair in case the answering side stays silent.
//!
//! What a callback needs to be told is somebody who waits for it. A request begins to wait when it opens or joins a
//! pair, or comes outside of one while a pair of its medium is known ([`super::State::owe`]); every callback that is
//! told ends the waiting of all, and a request that the answering side refused waits no more. So a callback that is
//! repeated, comes twice, or comes late has nobody left to tell, however much later it comes, and one that answers a
//! new request is told. A closed pair is known for eight days.

use super::{NewJob, Timestamp};
use crate::ids::NumberName;
use crate::route::Side;

/// A pair's identity; ascending, never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PairId(pub i64);

impl PairId {
    /// The payload of the job that ends the pair: the number as text.
    pub fn payload(self) -> Vec<u8> {
        self.0.to_string().into_bytes()
    }

    /// Reads a payload.
    pub fn read(payload: &[u8]) -> Option<Self> {
        std::str::from_utf8(payload).ok()?.parse().ok().map(Self)
    }
}

/// A pair to be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPair {
    /// Whose.
    pub number: NumberName,
    /// The medium, by the id it was asked for, as [`crate::ids::MediaId`] writes it; at most one pair of a number and
    /// medium is open.
    pub medium: String,
    /// Whose callback the integration gets.
    pub answer: Side,
    /// When the job that ends the pair runs at the latest.
    pub deadline: Timestamp,
}

/// What became of a pair that was to be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    /// It is on disk.
    New(PairId),
    /// One was open already and stands for this request too. The fetch job is kept only if the pair had been told
    /// already: then this request waits for a callback of its own, and the answering side has to be asked again.
    Joined(PairId),
}

impl Opened {
    /// The pair, whoever opened it.
    pub fn id(self) -> PairId {
        match self {
            Self::New(id) | Self::Joined(id) => id,
        }
    }
}

/// What one side said when it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    /// Its HTTP status; `None`: no answer.
    pub status: Option<u16>,
    /// How long that took.
    pub took_ms: u64,
}

/// A side's outcome, offered to the pair of its medium.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Whose.
    pub number: NumberName,
    /// The medium, by the id it was asked for.
    pub medium: String,
    /// Which side.
    pub side: Side,
    /// What it came to; the state does not look inside. The first one of a side is kept, while the pair is open.
    pub outcome: Vec<u8>,
    /// The callback that tells of it; `None` when the side refused at once and nothing is to be told. The answering
    /// side's refusal ends the waiting of one request, so it is offered for every request it refused, joined or not;
    /// while others wait, it is not the pair's outcome.
    pub callback: Option<NewJob>,
}

/// What became of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    /// No pair of this medium is known: the callback is kept like any other.
    Unpaired,
    /// The callback is kept for delivery: this side tells. It is the side that answers, or the pair is closed and nobody
    /// has told. Or the answering side refused, and nobody waits any more.
    Told,
    /// The callback is not delivered: the other side tells, or nobody waits.
    Withheld,
}

/// A pair as the job that ends it finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Its identity.
    pub id: PairId,
    /// Whose.
    pub number: NumberName,
    /// The medium, by the id it was asked for.
    pub medium: String,
    /// Whose callback the integration was to get.
    pub answer: Side,
    /// Whose it got, or is about to get; of two in a row, the later. `None`: somebody waits.
    pub told: Option<Side>,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When the job ends it at the latest.
    pub deadline: Timestamp,
    /// The old client's side.
    pub onprem: PairSide,
    /// Cloud's side.
    pub cloud: PairSide,
}

/// One side of a pair.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PairSide {
    /// What it said when it was asked.
    pub ack: Option<Ack>,
    /// See [`Offer::outcome`].
    pub outcome: Option<Vec<u8>>,
    /// When the outcome came.
    pub ended_at: Option<Timestamp>,
}
