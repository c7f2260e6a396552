//! What can be chosen about Cloud: at the start, and while it runs.

use std::net::SocketAddr;
use std::time::Duration;

use super::super::ANY_PORT;
use super::super::tls::Tls;

/// How to start a [`super::Cloud`].
#[derive(Debug, Clone)]
pub struct CloudOptions {
    /// Where Graph listens.
    pub graph_listen: SocketAddr,
    /// Where the media host listens.
    pub media_listen: SocketAddr,
    /// Scheme and authority in the URLs that look-ups give, if clients cannot use the address listened on.
    pub media_origin: Option<String>,
    /// HTTPS on both ports.
    pub tls: Option<Tls>,
    /// The id of the one phone number.
    pub phone_number_id: String,
    /// The id of the account it belongs to.
    pub business_account_id: String,
    /// The number itself, as Meta displays it.
    pub display_phone_number: String,
    /// What can be changed later as well.
    pub behaviour: Behaviour,
    /// Whether `/_standin/` is served, on the Graph port.
    pub control: bool,
}

impl Default for CloudOptions {
    fn default() -> Self {
        Self {
            graph_listen: ANY_PORT,
            media_listen: ANY_PORT,
            media_origin: None,
            tls: None,
            phone_number_id: "106540352242922".to_owned(),
            business_account_id: "102290129340398".to_owned(),
            display_phone_number: "+1 555-093-4873".to_owned(),
            behaviour: Behaviour::default(),
            control: false,
        }
    }
}

/// The choices of Meta that are undocumented, contradictory or likely to change.
#[derive(Debug, Clone)]
pub struct Behaviour {
    /// The one token that is good, on both hosts.
    pub access_token: String,
    /// How long a URL lives.
    pub url_lifetime: Duration,
    /// How a look-up writes `file_size`.
    pub file_size: FileSize,
    /// What the media host does with `Range`.
    pub ranges: Ranges,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            access_token: "EAAG-standin-token".to_owned(),
            url_lifetime: Duration::from_secs(300),
            file_size: FileSize::Number,
            ranges: Ranges::Honoured,
        }
    }
}

/// The JSON type of `file_size`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileSize {
    /// As in every recording.
    Number,
    /// As documented.
    Text,
}

/// What becomes of a `Range` header. Meta announces ranges; no recording shows one honoured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ranges {
    /// 206 with the range asked for.
    Honoured,
    /// 200 with everything.
    Ignored,
    /// 206 with a range that starts elsewhere, and says so.
    Displaced,
    /// 206 that claims to be the range asked for, with bytes from elsewhere.
    Forged,
}
