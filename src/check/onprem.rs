//! The old client: is it there, does it take the bridge's own login, and is it connected?

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use serde_json::Value;

use super::clock::Sighting;
use super::report::Finding;
use crate::backend::login::{Health, LoginError};
use crate::backend::onprem::{Client, Endpoint, Unanswered};
use crate::backend::trouble::Trouble;
use crate::config::{Number, OnPrem};

const CHECK: &str = "on-prem";
const LOGIN: &str = "on-prem login";
/// The configured limit is made for the slowest of all calls; these two are quick.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) async fn check(number: &Number) -> (Vec<Finding>, Vec<Sighting>) {
    let Some(config) = &number.onprem else {
        return Default::default();
    };
    let mut quick = config.clone();
    quick.response_timeout = quick.response_timeout.min(PATIENCE);
    let endpoint = match Endpoint::new(quick) {
        Ok(endpoint) => endpoint,
        Err(error) => {
            let remedy = "correct url and ca_file of the number's [numbers.onprem]";
            return (
                vec![Finding::fail(CHECK, error.to_string(), remedy)],
                Vec::new(),
            );
        }
    };
    let client = Client::new(Arc::new(endpoint));
    // An answer that trickles keeps to every limit but this one.
    let asked = tokio::time::timeout(3 * PATIENCE, ask(&client, number, config)).await;
    asked.unwrap_or_else(|_| {
        let timeout = LoginError::Unanswered(Unanswered::Timeout);
        let origin = config.url.origin().ascii_serialization();
        (vec![unreached(&origin, config, &timeout)], Vec::new())
    })
}

async fn ask(client: &Client, number: &Number, config: &OnPrem) -> (Vec<Finding>, Vec<Sighting>) {
    let origin = config.url.origin().ascii_serialization();
    let (mut findings, mut authorization) = (Vec::new(), None);
    if let Some(login) = &config.login {
        match client.log_in(login).await {
            Ok(value) => {
                findings.push(Finding::ok(LOGIN, format!("{} may log in", login.username)));
                authorization = Some(value);
            }
            Err(LoginError::Refused(status)) => findings.push(refused(status)),
            Err(error) => return (vec![unreached(&origin, config, &error)], Vec::new()),
        }
    }
    let knows_us = authorization.is_some();
    match client.health(authorization).await {
        Ok(health) => {
            let sighting = Sighting::now("the on-prem client", health.date.as_deref());
            findings.push(match knows_us {
                true => healthy(&origin, number, &health),
                false => answering(&origin, &health),
            });
            (findings, sighting.into_iter().collect())
        }
        Err(error) => {
            findings.push(unreached(&origin, config, &error));
            (findings, Vec::new())
        }
    }
}

fn refused(status: StatusCode) -> Finding {
    Finding::fail(
        LOGIN,
        format!("the old client refuses the bridge's own login ({status})"),
        "correct username and password of the number's [numbers.onprem]; a user that must change its password first \
         cannot be used",
    )
}

/// Without a session, that it answers in its own way is all there is to see.
fn answering(origin: &str, health: &Health) -> Finding {
    let is_its_own = health.body.get("meta").is_some() || health.body.get("errors").is_some();
    match health.status {
        StatusCode::OK | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if is_its_own => {
            Finding::ok(
                CHECK,
                format!("{origin} answers; without a login its health is not known"),
            )
        }
        status => strange(origin, status),
    }
}

fn strange(origin: &str, status: StatusCode) -> Finding {
    Finding::warn(
        CHECK,
        format!("{origin} answers GET /v1/health with {status}, not as the old client does"),
        "make sure that url leads to the Webapp itself and that its Coreapp runs",
    )
}

fn healthy(origin: &str, number: &Number, health: &Health) -> Finding {
    let statuses = statuses(&health.body);
    if health.status != StatusCode::OK || statuses.is_empty() {
        return strange(origin, health.status);
    }
    let version = health.body["meta"]["version"].as_str();
    let shown = version.map_or(String::new(), |version| format!(", version {version}"));
    let found = format!("{origin} is {}{shown}", statuses.join(", "));
    if statuses.iter().any(|status| *status != "connected") {
        let remedy = "the old client has no connection to WhatsApp: messages it is asked to send will not go out";
        return Finding::warn(CHECK, found, remedy);
    }
    match version {
        Some(version) if version != number.compat.version => Finding::warn(
            CHECK,
            format!(
                "{found}; the bridge's own answers say {}",
                number.compat.version
            ),
            "set compat.version to the same, since integrations go by it",
        ),
        _ => Finding::ok(CHECK, found),
    }
}

/// Of the only instance, or of each node of a cluster.
fn statuses(body: &Value) -> Vec<&str> {
    let of = |node: &'_ Value| node.get("gateway_status").is_some();
    let health = &body["health"];
    let nodes = match health.as_object() {
        Some(_) if of(health) => vec![health],
        Some(nodes) => nodes.values().collect(),
        None => Vec::new(),
    };
    nodes
        .into_iter()
        .map(|node| {
            node["gateway_status"]
                .as_str()
                .unwrap_or("of unknown health")
        })
        .collect()
}

fn unreached(origin: &str, config: &OnPrem, error: &LoginError) -> Finding {
    let trouble = match error {
        LoginError::Unanswered(Unanswered::Timeout) => Trouble::Timeout,
        error => Trouble::behind(error),
    };
    let remedy = match trouble {
        Trouble::UnknownIssuer if config.ca_file.is_some() => {
            "ca_file does not hold the certificate that issued this one; put it there (PEM)"
        }
        Trouble::UnknownIssuer => {
            "put the certificate (PEM) of its issuer, or itself if self-signed, into ca_file of [numbers.onprem]; \
             only where nobody can sit in between, accept_invalid_certs = true"
        }
        Trouble::WrongName => {
            "write the name that stands in the certificate into url of [numbers.onprem]; only where nobody can sit in \
             between, accept_invalid_certs = true"
        }
        Trouble::Expired => {
            "renew the old client's certificate; only where nobody can sit in between, accept_invalid_certs = true"
        }
        _ => {
            "start the old client, or correct url of [numbers.onprem]; once it is gone for good, take its section out"
        }
    };
    Finding::fail(CHECK, format!("{origin}: {trouble}"), remedy)
}
