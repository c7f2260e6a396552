//! Durable work: what a job carries, when it is tried again, and the loop that runs it.

pub mod retry;
pub mod runner;

use serde::{Deserialize, Serialize};

use crate::ids::{MediaId, NumberName};
use crate::state::{NewJob, Queue, Timestamp};

/// The payload of a job that fetches a medium.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchOrder {
    /// As the integration asked for it, and as its callback will name it.
    pub id: String,
    /// How often a download was refused, or arrived damaged.
    #[serde(default)]
    pub refusals: u32,
    /// Nobody asked for it yet: it is put aside, and nobody is told.
    #[serde(default)]
    pub quiet: bool,
}

impl FetchOrder {
    /// An order nobody has worked on.
    pub fn new(id: &MediaId) -> Self {
        Self {
            id: id.to_string(),
            refusals: 0,
            quiet: false,
        }
    }

    /// An order that nobody is told of.
    pub fn quiet(id: &MediaId) -> Self {
        Self {
            quiet: true,
            ..Self::new(id)
        }
    }

    /// Reads a payload.
    pub fn read(payload: &[u8]) -> Option<Self> {
        serde_json::from_slice(payload).ok()
    }

    /// The payload.
    pub fn payload(&self) -> Vec<u8> {
        // A string and a number always serialize.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The job; requests for one id while it waits join it.
    pub fn job(&self, number: &NumberName) -> NewJob {
        NewJob {
            queue: Queue::Fetch,
            number: number.clone(),
            // Whoever waits for a callback must not join an order that makes none.
            key: Some(match self.quiet {
                true => format!("quiet:{}", self.id),
                false => self.id.clone(),
            }),
            lane: None,
            payload: self.payload(),
            due_at: Timestamp::now(),
        }
    }
}

/// What one side of a pair came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PairOutcome {
    /// It called back, or would have: the element of `media_items`.
    CalledBack {
        /// As it was, or would have been, posted.
        item: serde_json::Value,
        /// How many bytes are stored, where that is known.
        #[serde(default)]
        stored_bytes: Option<u64>,
    },
    /// It refused when it was asked, or gave no answer.
    Refused {
        /// With this HTTP status.
        status: Option<u16>,
    },
    /// It is not asked: a baseline stands for it.
    Recorded,
}

impl PairOutcome {
    /// Reads what [`PairOutcome::write`] wrote.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// As the state keeps it.
    pub fn write(&self) -> Vec<u8> {
        // JSON, numbers and words always serialize.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// A job that processes an event of a notification, as it was written down.
pub fn notification(number: &NumberName, event: Vec<u8>, contact: Option<String>) -> NewJob {
    NewJob {
        queue: Queue::Notification,
        ..callback(number, event, contact)
    }
}

/// A job that delivers these very bytes, now and on every retry. Callbacks of one contact go in order.
pub fn callback(number: &NumberName, body: Vec<u8>, contact: Option<String>) -> NewJob {
    let due_at = Timestamp::now();
    NewJob {
        queue: Queue::Callback,
        number: number.clone(),
        key: None,
        lane: contact,
        payload: body,
        due_at,
    }
}
