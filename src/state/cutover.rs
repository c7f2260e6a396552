//! What operators changed while the bridge was running: flags, pins, ramps, and the history of it all.

use super::Timestamp;
use crate::ids::NumberName;
use crate::route::{Flag, KeyKind, Route, Side};

/// What one change does. All edits of a change are written with its entry in the history, in one commit.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// A flag that outranks the file's.
    SetFlag {
        /// Whose.
        number: NumberName,
        /// Of which route.
        route: Route,
        /// What it says.
        flag: Flag,
    },
    /// The file's flag holds again.
    ResetFlag {
        /// Whose.
        number: NumberName,
        /// Of which route.
        route: Route,
    },
    /// Ties a key to a side, in place of an earlier pin.
    Pin(Pin),
    /// Lets a key go.
    Unpin {
        /// Whose.
        number: NumberName,
        /// What the key names.
        kind: KeyKind,
        /// The key.
        key: String,
    },
    /// A ramp as it stands now, in place of an earlier one of that route.
    PutRamp {
        /// Whose.
        number: NumberName,
        /// Of which route.
        route: Route,
        /// The state does not look inside.
        ramp: Vec<u8>,
    },
    /// No ramp any more.
    DropRamp {
        /// Whose.
        number: NumberName,
        /// Of which route.
        route: Route,
    },
}

/// A key tied to a side, on every route of a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// Whose.
    pub number: NumberName,
    /// What the key names.
    pub kind: KeyKind,
    /// The key.
    pub key: String,
    /// Where it is tied to.
    pub side: Side,
}

/// A flag set at run time, with the change that set it.
#[derive(Clone, Debug, PartialEq)]
pub struct SetFlag {
    /// Whose.
    pub number: NumberName,
    /// Of which route.
    pub route: Route,
    /// What it says.
    pub flag: Flag,
    /// The entry in the history.
    pub change: ChangeId,
    /// See [`Change::at`].
    pub at: Timestamp,
    /// See [`Change::who`].
    pub who: String,
    /// See [`Change::reason`].
    pub reason: String,
}

/// An entry's identity; ascending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChangeId(pub i64);

/// An entry of the history. Never changed, never removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// When.
    pub at: Timestamp,
    /// Who, as they named themselves.
    pub who: String,
    /// Of which number; `None`: of all.
    pub number: Option<NumberName>,
    /// What was changed: a route's name, `kill switch`, `pin medium 123`, `file`.
    pub what: String,
    /// What it was.
    pub old: String,
    /// What it is now.
    pub new: String,
    /// Why.
    pub reason: String,
}

/// Everything that was changed at run time and still holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunTime {
    /// Flags.
    pub flags: Vec<SetFlag>,
    /// Pins.
    pub pins: Vec<Pin>,
    /// Ramps: whose, of which route, and what the caller of [`Edit::PutRamp`] wrote.
    pub ramps: Vec<(NumberName, Route, Vec<u8>)>,
}
