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
    /// What notifications are signed with.
    pub app_secret: String,
    /// What the operator told Meta to ask webhooks for.
    pub verify_token: String,
    /// Certificate and key in PEM that are shown to webhooks which ask for one (mutual TLS).
    pub client_certificate: Option<Vec<u8>>,
    /// Certificates in PEM that webhooks may have beside those that everybody trusts.
    pub webhook_ca: Option<Vec<u8>>,
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
            app_secret: "standin-app-secret".to_owned(),
            verify_token: "standin-verify-token".to_owned(),
            client_certificate: None,
            webhook_ca: None,
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
    /// How many seconds Meta's clock is ahead of this machine's.
    pub clock_ahead_s: i64,
    /// How it notifies.
    pub notifying: Notifying,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            access_token: "EAAG-standin-token".to_owned(),
            url_lifetime: Duration::from_secs(300),
            file_size: FileSize::Number,
            ranges: Ranges::Honoured,
            clock_ahead_s: 0,
            notifying: Notifying::default(),
        }
    }
}

/// How Meta posts notifications. It says nothing of its pauses but that they grow.
#[derive(Debug, Clone)]
pub struct Notifying {
    /// Whether JSON is escaped as Graph does: slashes, and whatever is not ASCII.
    pub escaped: bool,
    /// How long a webhook may take for one answer.
    pub patience: Duration,
    /// The pauses after failures; the last one repeats.
    pub pauses: Vec<Duration>,
    /// After so many attempts a notification is lost.
    pub attempts: usize,
}

impl Default for Notifying {
    fn default() -> Self {
        Self {
            escaped: true,
            patience: Duration::from_secs(20),
            pauses: [0, 50, 100, 200, 400, 800]
                .map(Duration::from_millis)
                .to_vec(),
            attempts: 200,
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
