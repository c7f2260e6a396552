//! The three parties outside, per number: the old client, Cloud, the integration's webhook.

use std::net::IpAddr;

use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};

use super::reader::Reader;
use super::values::UrlRule;
use super::{Callback, Cloud, HostRule, OnPrem, headers, host};
use crate::route::{Flag, Route};

/// A number's section, laid over what every number has.
pub(super) struct Part<'a> {
    pub reader: Reader<'a>,
    /// The number's own entry has the section, be it empty.
    pub is_written: bool,
    /// The number's own entry says `url = ""`: not for this number, whatever holds for the others.
    pub is_refused: bool,
}

impl Part<'_> {
    fn is_wanted_for(&self, key: &str) -> bool {
        !self.is_refused && (self.is_written || self.reader.is_set(key))
    }

    fn allows_http(&mut self) -> bool {
        self.reader.flag("allow_http") || self.reader.context.insecure
    }

    fn required(&mut self, key: &str, what: &str) {
        if !self.reader.is_set(key) {
            self.reader.problem(key, format!("is missing; {what}"));
        }
    }
}

/// `[numbers.onprem]`
pub(super) fn onprem(part: &mut Part<'_>) -> (Option<OnPrem>, bool) {
    if !part.is_wanted_for("url") {
        return (None, false);
    }
    part.required(
        "url",
        "write https://HOST:PORT, or leave the section out if the old client is gone",
    );
    let http = part.allows_http();
    let reader = &mut part.reader;
    let url = reader.url(
        "url",
        UrlRule {
            http,
            origin: true,
            public: false,
        },
    );
    let accept_invalid_certs = reader.flag("accept_invalid_certs");
    if accept_invalid_certs {
        let key = reader.key("accept_invalid_certs");
        reader.context.findings.warning(format!(
            "{key} is on: nobody checks that this is the old client"
        ));
    }
    let (ca_file, login) = (reader.ca_file("ca_file"), reader.login());
    let connect_timeout = reader.seconds("connect_timeout_s", 1);
    let response_timeout = reader.seconds("response_timeout_s", 1);
    let callback_from = networks(reader, "callback_from");
    let callback_secret = reader.secret("callback_secret");
    let onprem = url.map(|url| OnPrem {
        url,
        ca_file,
        accept_invalid_certs,
        connect_timeout,
        response_timeout,
        login,
        callback_from,
        callback_secret,
    });
    (onprem, true)
}

/// Addresses and networks.
fn networks(reader: &mut Reader<'_>, name: &str) -> Vec<IpNet> {
    let mut networks = Vec::new();
    for text in reader.texts(name) {
        let network = text.parse::<IpNet>().map(|network| network.trunc());
        let network = network.or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        match network {
            Ok(network) => networks.push(network),
            Err(_) => reader.problem(
                name,
                format!("\"{text}\" is neither an address nor a network; write \"10.0.0.5\" or \"10.0.0.0/24\""),
            ),
        }
    }
    networks
}

/// `[numbers.cloud]`. Written without a token it is not ready yet, which is fine until a route needs it. `needed_by`:
/// the flags that cannot do without it.
pub(super) fn cloud(part: &mut Part<'_>, needed_by: &[(Route, Flag)]) -> (Option<Cloud>, bool) {
    let has_token = part.reader.has_secret("access_token");
    let is_needed = !needed_by.is_empty();
    let is_notified = part.reader.has_secret("app_secret");
    if !(part.is_wanted_for("phone_number_id") || has_token || is_needed || is_notified) {
        return (None, false);
    }
    part.required("phone_number_id", "write the number's id at Meta (digits)");
    if !has_token && is_needed {
        let flags = needed_by
            .iter()
            .map(|(route, flag)| format!("{route} = \"{}\"", flag.mode));
        let flags = flags.collect::<Vec<_>>().join(", ");
        let needs = if needed_by.len() == 1 {
            "needs"
        } else {
            "need"
        };
        let what = format!("is missing; {flags} {needs} it (or access_token_file)");
        part.reader.problem("access_token", what);
    }
    if !has_token && !is_needed && is_notified {
        let what = "is missing; app_secret is set, and the media of notifications need it (or access_token_file)";
        part.reader.problem("access_token", what);
    }
    if !has_token && !is_needed && !is_notified {
        let path = &part.reader.path;
        let what = format!("{path} has no access_token; it is not used until it has one");
        part.reader.context.findings.warning(what);
    }
    (identity(&mut part.reader), true)
}

fn identity(reader: &mut Reader<'_>) -> Option<Cloud> {
    let insecure = reader.context.insecure;
    if !reader.is_set("graph_url") {
        reader.problem(
            "graph_url",
            "is missing; write \"https://graph.facebook.com\"",
        );
    }
    let rule = UrlRule {
        http: insecure,
        origin: true,
        public: !insecure,
    };
    let graph_url = reader.url("graph_url", rule);
    let version = reader.text("version");
    if !is_version(&version) || version.matches('.').count() != 1 {
        reader.problem(
            "version",
            "is not a version of the Graph API; write it as \"v24.0\"",
        );
    }
    let phone_number_id = digits(reader, "phone_number_id");
    let business_account_id = digits(reader, "business_account_id");
    let access_token = token(reader);
    let send_phone_number_id = reader.flag("send_phone_number_id");
    let media_hosts = media_hosts(reader);
    let app_secrets = app_secrets(reader);
    let verify_token = reader.secret("verify_token");
    Some(Cloud {
        graph_url: graph_url?,
        version,
        phone_number_id: phone_number_id?,
        business_account_id,
        access_token: access_token?,
        send_phone_number_id,
        media_hosts,
        app_secrets,
        verify_token,
    })
}

/// `[numbers.callback]`
pub(super) fn callback(part: &mut Part<'_>) -> (Option<Callback>, bool) {
    if !part.is_wanted_for("url") {
        return (None, false);
    }
    part.required("url", "write the URL of the integration's webhook");
    let http = part.allows_http();
    let reader = &mut part.reader;
    let url = reader.url(
        "url",
        UrlRule {
            http,
            origin: false,
            public: false,
        },
    );
    let has_login = reader.is_set("username");
    let (login, headers) = (reader.login(), headers::read(reader, has_login));
    let backoff_delay = reader.milliseconds("callback_backoff_delay_ms");
    let max_backoff_delay = reader.milliseconds("max_callback_backoff_delay_ms");
    if max_backoff_delay < backoff_delay {
        reader.problem(
            "max_callback_backoff_delay_ms",
            "is less than callback_backoff_delay_ms, the step it caps",
        );
    }
    let ca_file = reader.ca_file("ca_file");
    let timeout = reader.seconds("timeout_s", 1);
    let max_concurrent_requests = reader.size("max_concurrent_requests", 1..=64);
    let accept_any_2xx = reader.flag("accept_any_2xx");
    let give_up_after = Some(reader.seconds("give_up_after_s", 0)).filter(|after| !after.is_zero());
    let callback = url.map(|url| Callback {
        url,
        headers,
        login,
        ca_file,
        timeout,
        max_concurrent_requests,
        backoff_delay,
        max_backoff_delay,
        accept_any_2xx,
        give_up_after,
    });
    (callback, true)
}

/// `v` and numbers with dots in between.
pub(super) fn is_version(text: &str) -> bool {
    let is_number = |part: &str| {
        (1..=5).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    text.strip_prefix('v')
        .is_some_and(|numbers| numbers.contains('.') && numbers.split('.').all(is_number))
}

fn digits(reader: &mut Reader<'_>, name: &str) -> Option<String> {
    let text = reader.optional_text(name)?;
    if text.len() > 32 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        reader.problem(name, "is not an id of Meta's; write its digits in quotes");
    }
    Some(text)
}

fn token(reader: &mut Reader<'_>) -> Option<SecretString> {
    let token = reader.secret("access_token")?;
    if !token
        .expose_secret()
        .bytes()
        .all(|byte| byte.is_ascii_graphic())
    {
        reader.problem(
            "access_token",
            "has characters that no token has; copy it again",
        );
    }
    Some(token)
}

/// One or, while it is being replaced, several: blanks stand between them.
fn app_secrets(reader: &mut Reader<'_>) -> Vec<SecretString> {
    let Some(text) = reader.secret("app_secret") else {
        return Vec::new();
    };
    let secrets = text.expose_secret().split_whitespace();
    let secrets = secrets.map(|secret| SecretString::from(secret.to_owned()));
    secrets.collect()
}

fn media_hosts(reader: &mut Reader<'_>) -> Vec<HostRule> {
    let texts = reader.texts("media_hosts");
    if texts.is_empty() {
        reader.problem(
            "media_hosts",
            "is empty; media could not be fetched from anywhere",
        );
    }
    let mut rules = Vec::new();
    for text in texts {
        match host::rule(&text) {
            Some(rule) => rules.push(rule),
            None => reader.problem(
                "media_hosts",
                format!("\"{text}\" is neither a host nor a suffix such as \".fbsbx.com\" with at least two labels"),
            ),
        }
    }
    rules
}
