//! Logins as the old client spoke of them.

use serde::{Deserialize, Serialize};

use super::Meta;

/// The optional body of a login.
#[derive(Debug, Default, Deserialize)]
pub struct Login {
    /// Changes the password in the same step; required at the first login.
    pub new_password: Option<String>,
}

/// The answer to a login. Always status 200 exactly: a real client compares it.
#[derive(Debug, Serialize)]
pub struct LoggedIn<'a> {
    /// One entry.
    pub users: [Session<'a>; 1],
    /// The closing block.
    pub meta: Meta<'a>,
}

/// The element of [`LoggedIn`].
#[derive(Debug, Serialize)]
pub struct Session<'a> {
    /// `YYYY-MM-DD HH:MM:SS+00:00`; a real client parses exactly this.
    pub expires_after: &'a str,
    /// The bearer token.
    pub token: &'a str,
}

/// What the bridge reads out of the old client's own answer to a login.
#[derive(Debug, Deserialize)]
pub struct ObservedLogin {
    /// One entry.
    pub users: Vec<ObservedSession>,
}

/// The element of [`ObservedLogin`].
#[derive(Debug, Deserialize)]
pub struct ObservedSession {
    /// The bearer token.
    pub token: String,
    /// Absent or unreadable values fall back to the documented seven days.
    #[serde(default)]
    pub expires_after: Option<String>,
}
