//! Notifications: does everything fit that they need, and do they get through from outside?

use hyper::StatusCode;
use secrecy::SecretString;
use url::Url;
use uuid::Uuid;

use super::report::Finding;
use crate::backend::cloud::{Client, Cloud, WebhookError};
use crate::backend::intake::{Answered, Doorstep};
use crate::backend::trouble::Trouble;
use crate::cloud::webhook::is_at;
use crate::config::{self, Config, Number};

const CHECK: &str = "notifications";
const HANDSHAKE: &str = "webhook handshake";
const SIGNATURE: &str = "webhook signature";
const SUBSCRIPTION: &str = "webhook subscription";
const WRONG_PLACE: &str =
    "let public_url lead to this bridge's intake listener, with the path /cloud as it is";

/// What the configuration alone says.
pub(super) fn offline(config: &Config, number: &Number) -> Vec<Finding> {
    let Some(cloud) = &number.cloud else {
        return Vec::new();
    };
    let (has_secret, has_token) = (!cloud.app_secrets.is_empty(), cloud.verify_token.is_some());
    let mut findings = Vec::new();
    let mut warn = |found: &str, remedy: &str| findings.push(Finding::warn(CHECK, found, remedy));
    match (has_secret, has_token) {
        (true, false) => warn(
            "app_secret is set without verify_token: Meta would be told that the webhook is not wanted",
            "set verify_token in [numbers.cloud] to any text",
        ),
        (false, true) => warn(
            "verify_token is set without app_secret: every notification would be refused",
            "set app_secret in [numbers.cloud] to the secret of Meta's app (App settings, Basic)",
        ),
        (true, true) | (false, false) => {}
    }
    if has_secret && config.intake.listen.is_none() {
        warn(
            "app_secret is set, and nobody takes notifications: [intake] listen is \"\"",
            "set listen in [intake]",
        );
    }
    if has_secret && config.intake.public_url.is_none() {
        warn(
            "app_secret is set without [intake] public_url: `notifications subscribe` needs it, and nothing can be tried \
             from outside",
            "set public_url in [intake] to \"https://HOST\"",
        );
    }
    if has_secret && has_token && findings.is_empty() {
        let found = "app_secret, verify_token and public_url are set";
        findings.push(Finding::ok(CHECK, found));
    }
    findings
}

/// From outside in, and what Meta says of it.
pub(super) async fn online(config: &Config, number: &Number, client: &Client) -> Vec<Finding> {
    let (Some(cloud), Some(own)) = (&number.cloud, config.intake.notified_at()) else {
        return Vec::new();
    };
    let (mut findings, subscription) = tokio::join!(
        knock(config, cloud, &own),
        subscription(cloud, client, &own)
    );
    findings.extend(subscription);
    findings
}

/// The two questions that anybody may ask at the bridge's door.
async fn knock(config: &Config, cloud: &config::Cloud, own: &Url) -> Vec<Finding> {
    if cloud.app_secrets.is_empty() && cloud.verify_token.is_none() {
        return Vec::new();
    }
    let doorstep = match Doorstep::new(own.clone()) {
        Ok(doorstep) => doorstep,
        Err(error) => {
            let found = format!("no connection can be prepared: {error}");
            let remedy = "look at the system's trusted certificates";
            return vec![Finding::fail(HANDSHAKE, found, remedy)];
        }
    };
    let mut findings = Vec::new();
    if let Some(token) = &cloud.verify_token {
        findings.push(handshake(&doorstep, token, own).await);
    }
    // Nobody is there to be asked twice.
    if findings.iter().all(Finding::is_ok) {
        let needs_certificate = config.intake.client_ca.is_some();
        let forged = doorstep.forge().await;
        findings.push(match forged {
            Ok(answered) => judge_forged(&answered, own, needs_certificate),
            Err(error) => unreached(SIGNATURE, own, &error),
        });
    }
    findings
}

async fn handshake(doorstep: &Doorstep, token: &SecretString, own: &Url) -> Finding {
    // Ten digits, as Meta's.
    let challenge = format!("{:010}", Uuid::new_v4().as_u128() % 10_000_000_000);
    match doorstep.shake_hands(token, &challenge).await {
        Ok(answered) => judge_handshake(&answered, &challenge, own),
        Err(error) => unreached(HANDSHAKE, own, &error),
    }
}

fn judge_handshake(answered: &Answered, challenge: &str, own: &Url) -> Finding {
    match answered.status {
        StatusCode::OK if answered.body == challenge.as_bytes() => {
            Finding::ok(HANDSHAKE, format!("{own} gives the challenge back"))
        }
        StatusCode::OK => {
            let found = format!("{own} answers 200, and not with the challenge");
            Finding::fail(HANDSHAKE, found, WRONG_PLACE)
        }
        StatusCode::FORBIDDEN => Finding::fail(
            HANDSHAKE,
            format!("{own} answers 403: whoever listens there does not know this verify_token"),
            "restart the bridge if verify_token was changed, and let public_url lead to it",
        ),
        status => Finding::fail(HANDSHAKE, format!("{own} answers {status}"), WRONG_PLACE),
    }
}

fn judge_forged(answered: &Answered, own: &Url, needs_certificate: bool) -> Finding {
    match answered.status {
        StatusCode::UNAUTHORIZED => Finding::ok(
            SIGNATURE,
            "a notification that nobody signed is refused (401)",
        ),
        StatusCode::FORBIDDEN if needs_certificate => Finding::ok(
            SIGNATURE,
            "a notification without Meta's certificate is refused (403)",
        ),
        status => Finding::fail(
            SIGNATURE,
            format!("{own} answers {status} to a notification that nobody signed, and not 401"),
            WRONG_PLACE,
        ),
    }
}

fn unreached(check: &'static str, own: &Url, error: &reqwest::Error) -> Finding {
    let trouble = Trouble::behind(error);
    let remedy = match trouble {
        Trouble::UnknownIssuer | Trouble::WrongName | Trouble::Expired => {
            "Meta takes no such certificate: give the intake listener, or what stands before it, a good one for this name"
        }
        _ => "start the bridge, or correct public_url, its DNS and what stands before the bridge",
    };
    Finding::fail(check, format!("{own}: {trouble}"), remedy)
}

async fn subscription(cloud: &config::Cloud, client: &Client, own: &Url) -> Option<Finding> {
    let has_secret = !cloud.app_secrets.is_empty();
    let asked = Cloud::new(client.clone(), cloud.clone());
    let webhooks = match asked.webhooks().await {
        Ok(webhooks) => webhooks,
        // Whoever does not want notifications here need not know.
        Err(_) if !has_secret => return None,
        Err(error) => {
            let found = format!("where notifications go is not known: {error}");
            return Some(Finding::warn(SUBSCRIPTION, found, error.remedy()));
        }
    };
    let subscribe = "waba-bridge notifications subscribe, once this bridge is to have them";
    let is_own = |uri: &str| is_at(uri, own);
    Some(match (webhooks.in_force(), has_secret) {
        (Some((level, uri)), true) if is_own(uri) => match is_subscribed(&asked, cloud).await {
            Ok(false) => Finding::warn(
                SUBSCRIPTION,
                format!(
                    "the {}'s webhook is this bridge, but the app is not subscribed to the account",
                    level.shown()
                ),
                subscribe,
            ),
            Ok(true) => Finding::ok(
                SUBSCRIPTION,
                format!("the {}'s webhook is this bridge", level.shown()),
            ),
            Err(error) => {
                let found =
                    format!("whether the app is subscribed to the account is not known: {error}");
                Finding::warn(SUBSCRIPTION, found, error.remedy())
            }
        },
        (Some((_, uri)), false) if is_own(uri) => Finding::fail(
            SUBSCRIPTION,
            "Meta posts notifications to this bridge, which refuses them: app_secret is not set",
            "set app_secret in [numbers.cloud] to the secret of Meta's app (App settings, Basic)",
        ),
        (_, false) => return None,
        (Some((level, _)), true) => {
            let found = format!(
                "the {}'s webhook is in force, and is not this bridge",
                level.shown()
            );
            Finding::warn(SUBSCRIPTION, found, subscribe)
        }
        (None, true) => Finding::warn(SUBSCRIPTION, "no webhook is in force", subscribe),
    })
}

/// Without the account's id nobody can ask, and the webhook itself is all that is known.
async fn is_subscribed(asked: &Cloud, cloud: &config::Cloud) -> Result<bool, WebhookError> {
    match &cloud.business_account_id {
        Some(account) => asked.is_app_subscribed(account).await,
        None => Ok(true),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::report::Verdict;
    use super::*;

    fn answered(status: u16, body: &str) -> Answered {
        Answered {
            status: StatusCode::from_u16(status).unwrap(),
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn only_the_challenge_is_a_handshake() {
        let own = Url::parse("https://bridge.example/cloud").unwrap();
        for (status, body, verdict) in [
            (200, "123", Verdict::Ok),
            (200, "1234", Verdict::Fail),
            (200, "<html>", Verdict::Fail),
            (403, "", Verdict::Fail),
            (404, "123", Verdict::Fail),
        ] {
            let finding = judge_handshake(&answered(status, body), "123", &own);
            assert_eq!(finding.verdict, verdict, "{status} {body}");
        }
    }

    #[test]
    fn what_nobody_signed_must_be_refused() {
        let own = Url::parse("https://bridge.example/cloud").unwrap();
        for (status, needs_certificate, verdict) in [
            (401, false, Verdict::Ok),
            (403, true, Verdict::Ok),
            (403, false, Verdict::Fail),
            (200, false, Verdict::Fail),
            (404, true, Verdict::Fail),
        ] {
            let finding = judge_forged(&answered(status, ""), &own, needs_certificate);
            assert_eq!(finding.verdict, verdict, "{status} {needs_certificate}");
        }
    }
}
