//! What must survive a crash: jobs, media, users, sessions, the bridge's own secrets, what operators changed at run
//! time, and what comparing the two sides leaves behind.
//!
//! Every write returns only after it is on disk (commit with fsync); that is the one meaning of "durable"
//! in this program. The engine is the only place with SQL, and it decides nothing: flows say what happens.
//!
//! A job is kept until it is done or buried. Taking one (`lease`) hands it to exactly one worker; a job
//! leased by a process that died is handed out again when the state is next opened, so every job may run twice.

mod compare;
mod cutover;
mod event;
mod pair;
mod sqlite;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::{CloudMediaId, MediaId, NumberName};
use crate::onprem;
use crate::route::Side;

pub use compare::{
    BaselineCount, BaselineRow, ComparisonPage, ComparisonPlace, ComparisonQuery, ComparisonRow,
    NoiseRow,
};
pub use cutover::{Change, ChangeId, Edit, Pin, RunTime, SetFlag};
pub use event::{KeptRow, NewAlias, NewEvent, NewKept, SeenKey, TakenIn};
pub use pair::{Ack, NewPair, Offer, Offered, Opened, Pair, PairId, PairSide};
pub use sqlite::Sqlite as State;

/// Unix milliseconds by the wall clock: due times have to mean the same after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The present, by the wall clock.
    pub fn now() -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }

    /// This moment and a duration later.
    pub fn after(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// How long from `earlier` to this moment; zero when the clock went backwards.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// What kind of work a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Queue {
    /// Fetch a medium from Cloud and tell the integration.
    Fetch,
    /// Deliver a callback to the integration.
    Callback,
    /// End a pair: compare the two outcomes of a retry download.
    Compare,
    /// Process a notification: fetch its medium, then make its callback.
    Notification,
}

impl Queue {
    /// Every queue.
    pub const ALL: [Self; 4] = [
        Self::Fetch,
        Self::Callback,
        Self::Compare,
        Self::Notification,
    ];

    /// The word in logs, metrics and the state.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::Callback => "callback",
            Self::Compare => "compare",
            Self::Notification => "notification",
        }
    }
}

/// A job's identity; ascending in the order of acceptance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub i64);

/// A job to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJob {
    /// Which worker it is for.
    pub queue: Queue,
    /// Whose it is.
    pub number: NumberName,
    /// At most one unfinished job of a queue and number has this key; a second one joins the first.
    pub key: Option<String>,
    /// Jobs of one lane run strictly one after the other, in the order of acceptance. A buried job lets its lane go on.
    pub lane: Option<String>,
    /// What the worker needs; the state does not look inside.
    pub payload: Vec<u8>,
    /// Not before this moment.
    pub due_at: Timestamp,
}

/// What became of a job that was to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enqueued {
    /// It is on disk.
    New,
    /// An unfinished job with this key was there already; it stands for this one too.
    Joined,
}

/// A job as a worker gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its identity.
    pub id: JobId,
    /// Its queue.
    pub queue: Queue,
    /// Whose it is.
    pub number: NumberName,
    /// See [`NewJob::key`].
    pub key: Option<String>,
    /// See [`NewJob::lane`].
    pub lane: Option<String>,
    /// See [`NewJob::payload`].
    pub payload: Vec<u8>,
    /// How often it was tried and failed.
    pub attempts: u32,
    /// When it was accepted.
    pub created_at: Timestamp,
}

/// What is to be written down when a worker is through with a job; all of it in one commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// Finished: the job goes, and what follows from it is kept.
    Done {
        /// Jobs that follow.
        follow_up: Vec<NewJob>,
        /// What is offered to the pair of a medium, as by [`State::offer`]: without a pair, its callback is kept like a
        /// follow-up. A job that may have served a compared request offers its callback and does not have it follow.
        offer: Option<Box<Offer>>,
    },
    /// Finished: the pair is closed. Where somebody waits and `tell` names a side whose callback was withheld, that
    /// callback is delivered after all. With nobody told, the next callback of either side is.
    Paired {
        /// Which pair.
        pair: PairId,
        /// Who tells, if somebody waits.
        tell: Option<Side>,
    },
    /// To be tried again; counts as an attempt.
    Retry {
        /// Not before this moment.
        due_at: Timestamp,
        /// Shown to operators; free of personal data.
        reason: String,
        /// What the worker needs next time, where that has changed.
        payload: Option<Vec<u8>>,
    },
    /// Handed back untried, for instance on shutdown or while its number is paused; not counted as an attempt.
    Release {
        /// Not before this moment.
        due_at: Timestamp,
    },
    /// Given up, kept for an operator.
    Bury {
        /// Shown to operators; free of personal data.
        reason: String,
    },
}

/// What is known of one medium of one number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Medium {
    /// Whose it is.
    pub number: NumberName,
    /// The id in the old client's form, and the name of the stored file.
    pub id: Uuid,
    /// The id at Cloud; `None`: it is not there, but somewhere an advertisement linked to.
    pub cloud_id: Option<CloudMediaId>,
    /// From what told us of it; `None` means: go by the mime type.
    pub kind: Option<onprem::media::Kind>,
    /// With parameters, when whoever told us gave them.
    pub mime_type: Option<String>,
    /// Of the plain bytes.
    pub sha256: Option<[u8; 32]>,
    /// In bytes.
    pub length: Option<u64>,
    /// Where it stands.
    pub fate: Fate,
    /// What the message said that brought it.
    pub about: Option<Box<About>>,
}

impl Medium {
    /// Its name for operators: Cloud's, where it has one.
    pub fn shown(&self) -> MediaId {
        let cloud_id = self.cloud_id.clone().map(MediaId::Cloud);
        cloud_id.unwrap_or(MediaId::Uuid(self.id))
    }
}

/// What a message says of its medium.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// As callbacks name them.
    pub sender: Option<String>,
    /// The message's id, as callbacks have it.
    pub message: Option<String>,
    /// As the sender named it.
    pub file_name: Option<String>,
    /// As the sender wrote it.
    pub caption: Option<String>,
    /// In Unix seconds.
    pub sent_at: Option<i64>,
    /// When the notification came.
    pub received_at: Timestamp,
}

/// Where a medium stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Known, not fetched.
    Known,
    /// Its bytes were published in the media store.
    Stored,
    /// Its bytes are here, and are published when somebody asks for them.
    Held,
    /// Cloud will not give it; remembered so that a polling integration does not make us ask again.
    Failed {
        /// What the integration was told.
        error: onprem::Error,
        /// Until when the answer stands.
        until: Timestamp,
    },
}

/// A user of one number, as learnt from the old client or changed at a login. The configuration's users are not here.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredUser {
    /// Whose.
    pub number: NumberName,
    /// The user's name.
    pub name: String,
    /// argon2, in PHC form.
    pub password_hash: String,
    /// Where it comes from: `true` when the user changed it at a login of ours, `false` when learnt from the old client.
    pub changed_here: bool,
}

/// A keyed hash of a bearer token; the token itself is never kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TokenHash(pub [u8; 32]);

/// A token of the old client that the bridge saw being given out.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// Which token.
    pub token: TokenHash,
    /// Whose.
    pub number: NumberName,
    /// The user's name.
    pub user: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// How much work waits, by queue and number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// Which queue.
    pub queue: Queue,
    /// Whose.
    pub number: NumberName,
    /// Unfinished jobs, buried ones aside.
    pub waiting: u64,
    /// Given up.
    pub buried: u64,
    /// When the oldest waiting job was accepted.
    pub oldest: Option<Timestamp>,
}

/// A job as operators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRecord {
    /// The job.
    pub job: Job,
    /// Whether it is buried.
    pub buried: bool,
    /// When it will be tried.
    pub due_at: Timestamp,
    /// Why the last attempt failed.
    pub reason: Option<String>,
}

/// What stands where the state is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Examined {
    /// Nothing yet.
    Missing,
    /// A state, free, that this version knows.
    Sound,
}

/// Why the state cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another bridge has it.
    #[error("{path} is in use by another process; one state belongs to one bridge", path = .0.display())]
    InUse(PathBuf),
    /// It is there, but no state of this program.
    #[error("{path} is not a state of waba-bridge: {why}", path = .path.display())]
    NotAState {
        /// Which file.
        path: PathBuf,
        /// What was found instead.
        why: String,
    },
    /// It was written by a newer version.
    #[error("{path} was written by a newer version (schema {found}, this version knows {known})", path = .path.display())]
    TooNew {
        /// Which file.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// The disk says no.
    #[error("{path} cannot be opened", path = .path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What the disk said.
        #[source]
        source: std::io::Error,
    },
    /// The engine says no.
    #[error("{path} cannot be opened", path = .path.display())]
    Engine {
        /// Which file.
        path: PathBuf,
        /// What the engine said.
        #[source]
        source: rusqlite::Error,
    },
}

/// Why a read or a write did not happen. Nothing of a failed write is kept.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StateError {
    /// The engine says no: a full disk, for instance.
    #[error("the state refused the work")]
    Engine(#[source] Arc<rusqlite::Error>),
    /// The state is being closed.
    #[error("the state is closed")]
    Closed,
    /// The operating system gave no random bytes for a secret.
    #[error("the system gave no randomness")]
    NoRandomness,
}
