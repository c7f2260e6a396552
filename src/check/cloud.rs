//! Cloud: does Meta take the token, and is the number there?

use time::OffsetDateTime;

use super::clock::{self, Sighting};
use super::report::Finding;
use crate::backend::cloud::{Client, Cloud};
use crate::backend::identity::{Answer, Refusal};
use crate::backend::trouble::Trouble;
use crate::cloud::error::Class;
use crate::cloud::identity::{PhoneNumber, TokenData};
use crate::config::Number;

const TOKEN: &str = "cloud token";
const NUMBER: &str = "cloud number";
const VERSION: &str = "cloud version";
const SCOPE: &str = "whatsapp_business_messaging";
const NEW_TOKEN: &str = "make a token of a system user with whatsapp_business_messaging in Meta's business settings, and \
                         put it where access_token (or access_token_file) says";
/// A token that ends sooner is worth a word.
const SOON_S: i64 = 14 * 24 * 3600;

pub(super) async fn check(number: &Number, client: &Client) -> (Vec<Finding>, Vec<Sighting>) {
    let Some(config) = &number.cloud else {
        return Default::default();
    };
    let cloud = Cloud::new(client.clone(), config.clone());
    let origin = config.graph_url.origin().ascii_serialization();
    let token = match cloud.token().await {
        Ok(answer) => answer,
        Err(error) => return (vec![unreached(&origin, &error)], Vec::new()),
    };
    let sighting = Sighting::now(clock::CLOUD, token.date.as_deref());
    let mut findings = vec![match &token.said {
        Ok(said) => judge_token(&said.data, OffsetDateTime::now_utc().unix_timestamp()),
        Err(refusal) => judge_refused_token(refusal),
    }];
    // A token that Meta does not know gets the same answer to everything.
    let is_known = !matches!(&token.said, Err(refusal) if refusal.code() == Some(190));
    if is_known {
        match cloud.number().await {
            Ok(answer) => findings.extend(judge_number(number, &config.version, &answer)),
            Err(error) => findings.push(unreached(&origin, &error)),
        }
    }
    (findings, sighting.into_iter().collect())
}

fn unreached(origin: &str, error: &reqwest::Error) -> Finding {
    let trouble = Trouble::behind(error);
    let remedy = match trouble {
        Trouble::UnknownIssuer | Trouble::WrongName | Trouble::Expired | Trouble::Tls(_) => {
            "something between here and Meta shows a certificate of its own, or this machine's trusted certificates \
             are too old"
        }
        Trouble::NotPublic => {
            "the DNS of this machine gives a private address for Meta's host; correct it"
        }
        _ => "let this machine reach Meta (outbound https, DNS), or correct graph_url",
    };
    Finding::fail("cloud", format!("{origin}: {trouble}"), remedy)
}

fn judge_token(token: &TokenData, now: i64) -> Finding {
    let left = token.expires_at - now;
    if !token.is_valid || (token.expires_at != 0 && left <= 0) {
        return Finding::fail(TOKEN, "Meta says that it is not valid any more", NEW_TOKEN);
    }
    if !token.scopes.iter().any(|scope| scope == SCOPE) {
        let found = format!("it is valid, but lacks the permission {SCOPE}");
        return Finding::fail(TOKEN, found, NEW_TOKEN);
    }
    match token.expires_at {
        0 => Finding::ok(TOKEN, format!("valid, never expires, has {SCOPE}")),
        _ if left < SOON_S => Finding::warn(
            TOKEN,
            format!("valid, but only for {} more hours", left / 3600),
            NEW_TOKEN,
        ),
        _ => Finding::ok(
            TOKEN,
            format!("valid for {} more days, has {SCOPE}", left / 86_400),
        ),
    }
}

/// A token may be good and still not be shown to itself.
fn judge_refused_token(refusal: &Refusal) -> Finding {
    match refusal.code() {
        Some(3 | 10 | 100 | 200..=299) => Finding::warn(
            TOKEN,
            format!("{refusal}: it could not be looked at"),
            "go by the line of the number; a system user's token can be looked at",
        ),
        _ => refused(TOKEN, refusal),
    }
}

fn judge_number(number: &Number, version: &str, answer: &Answer<PhoneNumber>) -> Vec<Finding> {
    let said = match &answer.said {
        Ok(said) => judge_said(said),
        Err(refusal) => refused(NUMBER, refusal),
    };
    let version = judge_version(number.name.as_str(), version, answer.version.as_deref());
    std::iter::once(said).chain(version).collect()
}

/// Meta moves calls of an old version forward without a word in the answer itself.
fn judge_version(number: &str, asked: &str, answered: Option<&str>) -> Option<Finding> {
    let answered = answered.filter(|answered| *answered != asked)?;
    let remedy = format!(
        "set version of {number}'s [numbers.cloud] to {answered}, after a look at Meta's changelog"
    );
    let found = format!("asked for {asked}, Meta answered as {answered}");
    Some(Finding::warn(VERSION, found, remedy))
}

fn judge_said(said: &PhoneNumber) -> Finding {
    let word = |field: &Option<String>| field.clone().unwrap_or_else(|| "unknown".to_owned());
    let name = said
        .verified_name
        .as_ref()
        .map_or(String::new(), |name| format!(" \"{name}\""));
    let found = format!(
        "{}{name}: platform {}, status {}, quality {}",
        ending(said.display_phone_number.as_deref()),
        word(&said.platform_type),
        word(&said.status),
        word(&said.quality_rating),
    );
    if said.platform_type.as_deref() != Some("CLOUD_API") {
        let remedy = "the number is not on Cloud yet: register it there (POST /{phone_number_id}/register), or correct \
                      phone_number_id";
        return Finding::fail(NUMBER, found, remedy);
    }
    match (said.status.as_deref(), said.quality_rating.as_deref()) {
        (Some("CONNECTED"), Some("RED")) => Finding::warn(
            NUMBER,
            found,
            "Meta may limit this number; see its quality in WhatsApp Manager",
        ),
        (Some("CONNECTED"), _) => Finding::ok(NUMBER, found),
        _ => Finding::fail(
            NUMBER,
            found,
            "the number is not connected: register it again, or see what WhatsApp Manager says of it",
        ),
    }
}

/// Enough to tell two numbers apart, too little to call one.
fn ending(number: Option<&str>) -> String {
    let digits = number
        .unwrap_or_default()
        .chars()
        .filter(char::is_ascii_digit);
    let digits = digits.collect::<Vec<_>>();
    match digits.len() {
        0..8 => "the number".to_owned(),
        length => format!("...{}{}", digits[length - 2], digits[length - 1]),
    }
}

fn refused(check: &'static str, refusal: &Refusal) -> Finding {
    let words = refusal.to_string();
    let subcode = refusal.error.as_ref().and_then(|error| error.error_subcode);
    let fail = |found: String, remedy: &str| Finding::fail(check, found, remedy);
    match (refusal.code(), &refusal.class) {
        (Some(190), _) if matches!(subcode, Some(463 | 467)) => fail(
            format!("{words}: the token has expired or was taken back"),
            NEW_TOKEN,
        ),
        (Some(190), _) => fail(format!("{words}: the token is not valid"), NEW_TOKEN),
        (Some(104), _) => fail(format!("{words}: no token arrived"), NEW_TOKEN),
        (Some(3 | 10 | 200..=299), _) => fail(
            format!("{words}: the token lacks a permission"),
            "give the system user's token whatsapp_business_messaging, and the system user the WhatsApp account, in \
             Meta's business settings",
        ),
        (Some(33 | 100 | 803), _) => fail(
            format!("{words}: phone_number_id is not known to this token"),
            "correct phone_number_id (the id in Meta's app dashboard, not the phone number), or assign the WhatsApp \
             account to the system user of the token",
        ),
        (_, Class::Throttled(_)) => Finding::warn(
            check,
            format!("{words}: too many calls"),
            "try again later; the bridge waits by itself",
        ),
        (Some(_), _) => fail(
            format!("{words}: Meta's own trouble"),
            "try again in a few minutes; see metastatus.com",
        ),
        (None, _) => fail(
            words,
            "make sure that graph_url leads to Graph, and that no proxy answers in its place",
        ),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use hyper::StatusCode;

    use super::super::report::Verdict;
    use super::*;
    use crate::cloud::error;

    const NOW: i64 = 1_700_000_000;

    fn token(is_valid: bool, expires_at: i64, scope: &str) -> Verdict {
        let scopes = vec![scope.to_owned()];
        let data = TokenData {
            is_valid,
            expires_at,
            scopes,
            app_id: None,
        };
        judge_token(&data, NOW).verdict
    }

    #[test]
    fn a_token_is_judged_by_validity_end_and_permission() {
        assert_eq!(token(true, 0, SCOPE), Verdict::Ok);
        assert_eq!(token(true, NOW + SOON_S, SCOPE), Verdict::Ok);
        assert_eq!(token(true, NOW + 3600, SCOPE), Verdict::Warn);
        assert_eq!(token(true, NOW - 1, SCOPE), Verdict::Fail);
        assert_eq!(token(false, 0, SCOPE), Verdict::Fail);
        assert_eq!(
            token(true, 0, "whatsapp_business_management"),
            Verdict::Fail
        );
    }

    #[test]
    fn a_refusal_is_told_by_its_code() {
        for (status, body, words, verdict) in [
            (
                401,
                r#"{"error":{"code":190,"error_subcode":463}}"#,
                "expired",
                Verdict::Fail,
            ),
            (401, r#"{"error":{"code":190}}"#, "not valid", Verdict::Fail),
            (
                403,
                r#"{"error":{"code":200}}"#,
                "permission",
                Verdict::Fail,
            ),
            (
                400,
                r#"{"error":{"code":100,"error_subcode":33}}"#,
                "phone_number_id",
                Verdict::Fail,
            ),
            (
                400,
                r#"{"error":{"code":80007}}"#,
                "too many calls",
                Verdict::Warn,
            ),
            (
                500,
                r#"{"error":{"code":2}}"#,
                "Meta's own trouble",
                Verdict::Fail,
            ),
            (502, "<html>", "none of Meta's", Verdict::Fail),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let error = error::parse(body.as_bytes());
            let class = error::classify(status, error.as_ref(), &Default::default());
            let refusal = Refusal {
                status,
                error,
                class,
            };
            let finding = refused(NUMBER, &refusal);
            assert_eq!(finding.verdict, verdict, "{body}");
            assert!(finding.found.contains(words), "{}", finding.found);
        }
    }

    #[test]
    fn an_answer_of_another_version_is_worth_a_warning() {
        assert!(judge_version("support", "v24.0", Some("v24.0")).is_none());
        assert!(judge_version("support", "v24.0", None).is_none());
        let finding = judge_version("support", "v19.0", Some("v24.0")).unwrap();
        assert_eq!(finding.verdict, Verdict::Warn);
        assert!(finding.found.contains("v19.0") && finding.found.contains("v24.0"));
    }

    #[test]
    fn a_phone_number_is_never_shown_whole() {
        assert_eq!(ending(Some("+1 555-093-4873")), "...73");
        assert_eq!(ending(Some("4873")), "the number");
        assert_eq!(ending(None), "the number");
    }
}
