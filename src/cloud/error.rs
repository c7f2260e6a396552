//! What an error of Graph means for whoever asked: the decision table for media look-ups.
//!
//! Meta says to branch on the code, not on the HTTP status, which differs between its own documents.

use std::time::Duration;

use hyper::HeaderMap;
use hyper::StatusCode;
use serde::Deserialize;

/// The `error` object. Lenient: `error_data` has been a string on other Graph products.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Error {
    /// Graph's number.
    #[serde(default)]
    pub code: i64,
    /// A hint only.
    #[serde(default)]
    pub error_subcode: Option<i64>,
    /// Meta's name for this very call, for its support.
    #[serde(default)]
    pub fbtrace_id: Option<String>,
}

/// Whose fault a failed call is, and what may be done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Class {
    /// There is no such medium, not any more, or not for us; asking again only gets the number blocked.
    Permanent,
    /// Too many calls. Meta may say for how long.
    Throttled(Option<Duration>),
    /// Meta's trouble; it passes.
    Transient,
    /// Our token or its permissions; it passes when an operator acts.
    Configuration,
}

/// Reads an error body, if it is one.
pub fn parse(body: &[u8]) -> Option<Error> {
    #[derive(Deserialize)]
    struct Envelope {
        error: Error,
    }
    serde_json::from_slice::<Envelope>(body)
        .ok()
        .map(|envelope| envelope.error)
}

/// Classes a failed look-up by code, and by status only where there is no code.
pub fn classify(status: StatusCode, error: Option<&Error>, headers: &HeaderMap) -> Class {
    match error.map(|error| error.code) {
        Some(4 | 17 | 80007 | 80008 | 130_429) => return Class::Throttled(time_to_regain(headers)),
        Some(1 | 2 | 131_000 | 131_016 | 133_004) => return Class::Transient,
        Some(0 | 3 | 10 | 104 | 190 | 200..=299 | 131_005) => return Class::Configuration,
        Some(33 | 100 | 803) if status.is_client_error() => return Class::Permanent,
        Some(_) | None => {}
    }
    match status.as_u16() {
        429 => Class::Throttled(time_to_regain(headers)),
        401 | 403 => Class::Configuration,
        // Even a 404: without Graph's own word it may be any proxy in between, and a medium given up is lost.
        _ => Class::Transient,
    }
}

/// How long Meta asks us to wait: the longest of the minutes in `X-Business-Use-Case-Usage`, else `Retry-After`.
fn time_to_regain(headers: &HeaderMap) -> Option<Duration> {
    #[derive(Deserialize)]
    struct Usage {
        #[serde(default)]
        estimated_time_to_regain_access: u64,
    }
    let usage = headers.get("x-business-use-case-usage").and_then(|value| {
        let accounts: std::collections::HashMap<String, Vec<Usage>> =
            serde_json::from_slice(value.as_bytes()).ok()?;
        accounts
            .into_values()
            .flatten()
            .map(|usage| usage.estimated_time_to_regain_access)
            .max()
    });
    let minutes = usage
        .filter(|minutes| *minutes > 0)
        .map(|minutes| minutes.saturating_mul(60));
    let seconds = minutes.or_else(|| {
        headers
            .get("retry-after")?
            .to_str()
            .ok()?
            .trim()
            .parse()
            .ok()
    })?;
    // A day is longer than any limit Meta documents; more would be a misread header that stops a number for good.
    Some(Duration::from_secs(seconds.min(86_400)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(status: u16, body: &str) -> Class {
        classify(
            StatusCode::from_u16(status).unwrap(),
            parse(body.as_bytes()).as_ref(),
            &HeaderMap::new(),
        )
    }

    fn code(code: i64) -> String {
        format!(
            r#"{{"error":{{"message":"m","type":"OAuthException","code":{code},"fbtrace_id":"A"}}}}"#
        )
    }

    #[test]
    fn the_decision_table_goes_by_code_before_status() {
        let unknown = r#"{"error":{"message":"Unsupported get request.","type":"GraphMethodException","code":100,"error_subcode":33}}"#;
        assert_eq!(class(400, unknown), Class::Permanent);
        assert_eq!(class(400, &code(100)), Class::Permanent);
        for throttled in [4, 17, 80007, 80008, 130_429] {
            assert_eq!(
                class(400, &code(throttled)),
                Class::Throttled(None),
                "{throttled}"
            );
        }
        for transient in [1, 2, 131_000, 131_016, 133_004] {
            assert_eq!(
                class(400, &code(transient)),
                Class::Transient,
                "{transient}"
            );
        }
        for ours in [0, 3, 10, 104, 190, 200, 299, 131_005] {
            assert_eq!(class(400, &code(ours)), Class::Configuration, "{ours}");
        }
    }

    #[test]
    fn without_a_code_the_status_decides() {
        for (status, expected) in [
            (429, Class::Throttled(None)),
            (401, Class::Configuration),
            (403, Class::Configuration),
            (404, Class::Transient),
            (400, Class::Transient),
            (500, Class::Transient),
            (503, Class::Transient),
        ] {
            assert_eq!(class(status, "<html>no</html>"), expected, "{status}");
        }
    }

    #[test]
    fn the_time_to_regain_access_is_in_minutes() {
        let mut headers = HeaderMap::new();
        headers.insert(
            "x-business-use-case-usage",
            r#"{"102290129340398":[{"type":"whatsapp","call_count":100,"estimated_time_to_regain_access":7},{"type":"x"}]}"#
                .parse()
                .unwrap(),
        );
        let error = parse(code(80007).as_bytes());
        let class = classify(StatusCode::BAD_REQUEST, error.as_ref(), &headers);
        assert_eq!(class, Class::Throttled(Some(Duration::from_secs(420))));
    }
}
