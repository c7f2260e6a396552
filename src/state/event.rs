//! What is written down when a notification is taken in, and what is kept of one that could not be told as it is.

use aws_lc_rs::digest::{Context, SHA256};

use super::{JobId, Medium, NewJob, Timestamp};
use crate::ids::NumberName;

/// By what a second delivery of the same event is known. It cannot be turned back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SeenKey(pub [u8; 16]);

impl SeenKey {
    /// Of a message, or of one status of it.
    pub fn of(number: &NumberName, id: &str, status: Option<&str>) -> Self {
        let number = number.as_str().as_bytes();
        match status {
            None => Self::digest([b"m", number, id.as_bytes(), b""]),
            Some(status) => Self::digest([b"s", number, id.as_bytes(), status.as_bytes()]),
        }
    }

    /// Of something without a name.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self::digest([b"b", bytes, b"", b""])
    }

    /// Lengths go in beside the pieces, so that no two lists of pieces are the same bytes.
    fn digest(pieces: [&[u8]; 4]) -> Self {
        let mut context = Context::new(&SHA256);
        for piece in pieces {
            context.update(&(piece.len() as u64).to_le_bytes());
            context.update(piece);
        }
        let mut key = [0; 16];
        key.copy_from_slice(&context.finish().as_ref()[..16]);
        Self(key)
    }
}

/// One event, and all that follows from it; kept in one commit, or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewEvent {
    /// If this was seen already, nothing else happens. `None`: it is never a repetition.
    pub seen: Option<SeenKey>,
    /// Its callback, ready to be delivered; unless something of its lane waits to be processed.
    pub direct: Option<NewJob>,
    /// The job that makes its callback, where it has to wait for its turn or for a medium. Same lane.
    pub processed: Option<NewJob>,
    /// What it says of a medium. What is known of its bytes already stays.
    pub medium: Option<Medium>,
    /// An order for that medium.
    pub order: Option<NewJob>,
    /// Names of the bridge's own making that its callback has.
    pub aliases: Vec<NewAlias>,
    /// The event itself.
    pub kept: Option<NewKept>,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakenIn {
    /// It is on disk.
    New {
        /// Its job, if that is not due yet.
        held: Option<JobId>,
    },
    /// It was seen before.
    Duplicate,
}

/// A name that callbacks have instead of Cloud's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAlias {
    /// Whose.
    pub number: NumberName,
    /// As callbacks say it.
    pub told: String,
    /// As Cloud says it.
    pub cloud: String,
}

/// An event to be kept for an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKept {
    /// Whose, where that could be read.
    pub number: Option<NumberName>,
    /// What it is.
    pub kind: String,
    /// Why it is kept.
    pub reason: String,
    /// Whether the body is encrypted; otherwise it is redacted.
    pub sealed: bool,
    /// The event.
    pub body: Vec<u8>,
}

/// A kept event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptRow {
    /// Its name.
    pub id: i64,
    /// When it was taken in.
    pub at: Timestamp,
    /// What was kept.
    pub kept: NewKept,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_events_have_different_keys() {
        let number = |name| NumberName::parse(name).unwrap();
        let keys = [
            SeenKey::of(&number("a"), "id", None),
            SeenKey::of(&number("b"), "id", None),
            SeenKey::of(&number("a"), "id2", None),
            SeenKey::of(&number("a"), "id", Some("")),
            SeenKey::of(&number("a"), "id", Some("sent")),
            SeenKey::of(&number("a"), "ids", Some("ent")),
            SeenKey::of(&number("ai"), "d", Some("sent")),
            SeenKey::of_bytes(b"id"),
        ];
        for (index, key) in keys.iter().enumerate() {
            assert!(!keys[..index].contains(key), "{index}");
        }
        assert_eq!(keys[0], SeenKey::of(&number("a"), "id", None));
    }
}
