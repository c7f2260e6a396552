//! The fault language: what goes wrong, in which call, and how often.
//!
//! A rule is one line of text, `<point>[@<medium>]:<fault>[=<value>][:<when>]`, the same in tests, on a command line and over the control surface:
//!
//! ```text
//! lookup:status=503:every=3
//! download:truncate=1000:next=2
//! download@1761991787669262:reset=4096:always
//! callback:redirect=http://127.0.0.1:9/elsewhere:next=1
//! callback@1761991787669262:twice
//! /v1/settings:hang
//! ```
//!
//! `text` reads and writes the lines, `registry` decides which rule applies to a call, `effect` makes it happen.

mod effect;
mod registry;
mod text;

use std::num::NonZeroU64;

pub(super) use effect::answered;
pub(super) use registry::Call;
pub use registry::Faults;
pub use text::NotARule;

/// The calls that a stand-in tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hop {
    /// Cloud: a look-up of a medium.
    Lookup,
    /// Cloud: the download from the short-lived URL.
    Download,
    /// Cloud's media host: what an advertisement shows.
    Picture,
    /// Cloud: a deletion of a medium.
    Delete,
    /// Cloud: a question about the phone number.
    Number,
    /// Cloud: a question about the access token.
    Token,
    /// Cloud: the business profile, read or changed.
    Profile,
    /// Cloud: a message, or the mark that one was read.
    Message,
    /// Cloud: where the notifications of the number go, changed.
    Webhook,
    /// Cloud: the subscription of the app to the account, read or changed.
    Subscription,
    /// Cloud: a notification that it makes. `reset` loses the answer, `wrong-bytes` spoils the signature.
    Notification,
    /// On-prem: a login.
    Login,
    /// On-prem: everything but the login; tell routes apart by their path.
    Route,
    /// Receiver: a callback that arrives. On-prem: a callback that it makes.
    Callback,
    /// A call that the stand-in does not know.
    Unknown,
}

/// Where a fault strikes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Point {
    /// In every call.
    Any,
    /// In one kind of call.
    Hop(Hop),
    /// In calls whose path begins like this.
    Path(String),
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// An error status, with the body that this peer sends with it.
    Status(u16),
    /// A status with a body of one's own; JSON if it begins like JSON.
    Body {
        /// The status.
        status: u16,
        /// The body.
        body: String,
    },
    /// The request is read and never answered.
    Hang,
    /// A TCP reset, before the answer or after so many bytes of its body.
    Reset(Option<u64>),
    /// The full length is announced, so many bytes come, then the connection is closed in an orderly way.
    Truncate(u64),
    /// The right length, but other bytes; in a callback, their digest.
    WrongBytes,
    /// Status 200 with an error page in HTML in place of the content.
    Html,
    /// The right answer, slowly.
    Slow {
        /// The rate of the body.
        bytes_per_second: u64,
    },
    /// The token is refused as expired.
    ExpiredToken,
    /// Too many calls; access comes back after so many minutes, says the answer.
    Throttle {
        /// The announced wait.
        minutes: u64,
    },
    /// Status 302 to another place.
    Redirect(String),
    /// This peer's way to say that the thing does not exist.
    NotFound,
    /// A callback or notification is never made.
    Silent,
    /// A callback or notification is made twice.
    Twice,
    /// A callback or notification is made only when those that are held are let go.
    Held,
    /// A callback names another type.
    MimeType(String),
}

/// How often a rule applies to the calls that match it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// To all of them.
    Always,
    /// To the next so many, then never again.
    Next(u64),
    /// To each third, for example, and not to the two before it.
    Every(NonZeroU64),
}

/// One line of the fault language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// In which calls.
    pub point: Point,
    /// Only in calls about this medium, if given.
    pub medium: Option<String>,
    /// What goes wrong.
    pub fault: Fault,
    /// How often.
    pub when: When,
}

impl Rule {
    /// A rule for one kind of call.
    pub fn at(hop: Hop, fault: Fault, when: When) -> Self {
        Self {
            point: Point::Hop(hop),
            medium: None,
            fault,
            when,
        }
    }

    /// The same rule for one medium only.
    pub fn of_medium(mut self, id: impl Into<String>) -> Self {
        self.medium = Some(id.into());
        self
    }
}
