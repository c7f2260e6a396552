//! The checked form of one number. `entry` builds it out of what was written.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use secrecy::SecretString;
use url::Url;

use super::compare::{Against, Compare};
use super::compat::{Compat, Settings};
use crate::ids::NumberName;
use crate::route::{Flags, Means, Mode, Route};

/// One of `[[numbers]]`
#[derive(Clone, Debug)]
pub struct Number {
    /// Unique.
    pub name: NumberName,
    /// `Host` values, lower case, without port. Empty only for the only number of the public listener, or with `listen`.
    pub hosts: Vec<String>,
    /// A listener of its own.
    pub listen: Option<SocketAddr>,
    /// Gone with the old client.
    pub onprem: Option<OnPrem>,
    /// `None` only when no route of this number needs Cloud.
    pub cloud: Option<Cloud>,
    /// `None`: callbacks are accepted and discarded, as the old client did without a URL.
    pub callback: Option<Callback>,
    /// The configured users.
    pub users: Vec<User>,
    /// How closely the old client is imitated.
    pub compat: Compat,
    /// What it had been told to call back, and how.
    pub settings: Settings,
    /// The flag of every route, resolved for this number.
    pub flags: Flags,
    /// Where each of them is from, in the order of [`Route::ALL`].
    pub layers: [Layer; Route::ALL.len()],
}

impl Number {
    /// The mode of a route's flag in the file.
    pub fn mode(&self, route: Route) -> Mode {
        self.flags[route].mode
    }

    /// Where a route's flag in the file is from.
    pub fn layer(&self, route: Route) -> Layer {
        self.layers[route as usize]
    }

    /// What its flags are held against.
    pub fn means(&self, compare: &Compare) -> Means {
        Means {
            onprem: self.onprem.is_some(),
            onprem_login: self
                .onprem
                .as_ref()
                .is_some_and(|onprem| onprem.login.is_some()),
            cloud: self.cloud.is_some(),
            recorded: compare.against == Against::Recorded,
            intake: compare.intake,
        }
    }
}

/// Where a flag is from, the later one going over the earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// Nobody wrote one.
    Default,
    /// `[routes]`
    AllNumbers,
    /// `[numbers.routes]`
    Number,
}

impl Layer {
    /// The words in what operators are shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::AllNumbers => "file [routes]",
            Self::Number => "file [numbers.routes]",
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `[numbers.onprem]`
#[derive(Clone, Debug)]
pub struct OnPrem {
    /// Scheme, host and port; no path.
    pub url: Url,
    /// Trusted instead of the system's roots.
    pub ca_file: Option<PathBuf>,
    /// The operator's explicit word that the certificate is not to be checked.
    pub accept_invalid_certs: bool,
    /// Connecting.
    pub connect_timeout: Duration,
    /// From the end of the request to the head of the answer.
    pub response_timeout: Duration,
    /// For the bridge's own session, needed where it gives out tokens while routes are still on-prem.
    pub login: Option<Credentials>,
    /// Where the old client's callbacks come from; empty: from the addresses of `url`.
    pub callback_from: Vec<IpNet>,
    /// Callbacks with this as `?secret=` may come from anywhere.
    pub callback_secret: Option<SecretString>,
}

/// A user name and its password.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The name.
    pub username: String,
    /// The password.
    pub password: SecretString,
}

/// `[numbers.cloud]`
#[derive(Clone, Debug)]
pub struct Cloud {
    /// Scheme, host and port; no path.
    pub graph_url: Url,
    /// `v24.0`
    pub version: String,
    /// Decimal.
    pub phone_number_id: String,
    /// Decimal.
    pub business_account_id: Option<String>,
    /// Goes to Graph and to `media_hosts`, nowhere else.
    pub access_token: SecretString,
    /// Whether look-ups name the number. Meta then answers only for media of this number.
    pub send_phone_number_id: bool,
    /// Where media may be fetched from.
    pub media_hosts: Vec<HostRule>,
    /// Notifications are signed with one of these; several while a secret is being replaced. Empty: none are taken.
    pub app_secrets: Vec<SecretString>,
    /// What Meta says when it asks whether a webhook is ours.
    pub verify_token: Option<SecretString>,
}

/// An entry of `media_hosts`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostRule {
    /// This host, lower case.
    Exact(String),
    /// Any host ending in this; begins with a dot.
    Suffix(String),
}

impl HostRule {
    /// Whether a host, in any case, is covered.
    pub fn covers(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        match self {
            Self::Exact(exact) => host == *exact,
            Self::Suffix(suffix) => host.len() > suffix.len() && host.ends_with(suffix.as_str()),
        }
    }
}

/// `[numbers.callback]`
#[derive(Clone, Debug)]
pub struct Callback {
    /// The integration's webhook.
    pub url: Url,
    /// Sent with every callback.
    pub headers: Vec<(String, SecretString)>,
    /// Basic authentication.
    pub login: Option<Credentials>,
    /// Trusted besides the system's roots.
    pub ca_file: Option<PathBuf>,
    /// From question to answer.
    pub timeout: Duration,
    /// In flight at a time.
    pub max_concurrent_requests: usize,
    /// Step of the linear backoff.
    pub backoff_delay: Duration,
    /// Its cap.
    pub max_backoff_delay: Duration,
    /// Whether any 2xx is a success; otherwise only 200.
    pub accept_any_2xx: bool,
    /// `None`: never.
    pub give_up_after: Option<Duration>,
}

/// One of `[[numbers.users]]`
#[derive(Clone, Debug)]
pub struct User {
    /// The name.
    pub name: String,
    /// argon2, in PHC form; checked to be readable.
    pub password_hash: SecretString,
    /// The first login must bring a new password.
    pub must_change_password: bool,
}
