//! The question Meta asks before it posts notifications: whether this webhook is wanted.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use bytes::Bytes;
use secrecy::{ExposeSecret, SecretString};
use url::form_urlencoded;

/// Longer than any challenge of Meta's, which are ten digits.
const LONGEST_CHALLENGE: usize = 1024;

/// What Meta may say so that it is believed.
pub struct Tokens(Vec<SecretString>);

/// It is not Meta that asks, or it asks for something else.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no handshake with a known token")]
pub struct Unknown;

impl Tokens {
    /// All numbers' tokens.
    pub fn new(tokens: impl Iterator<Item = SecretString>) -> Self {
        Self(tokens.collect())
    }

    /// What is answered to this query: its challenge.
    pub fn answer(&self, query: &str) -> Result<Bytes, Unknown> {
        let value = |name: &str| {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            let found = pairs.find(|(key, _)| key == name);
            found.map(|(_, value)| value).unwrap_or_default()
        };
        if value("hub.mode") != "subscribe" || !self.know(value("hub.verify_token").as_bytes()) {
            return Err(Unknown);
        }
        let challenge = value("hub.challenge");
        if is_challenge(&challenge) {
            Ok(Bytes::from(challenge.into_owned()))
        } else {
            Err(Unknown)
        }
    }

    fn know(&self, given: &[u8]) -> bool {
        let fits = |token: &SecretString| {
            let token = token.expose_secret().as_bytes();
            !token.is_empty() && verify_slices_are_equal(given, token).is_ok()
        };
        self.0.iter().any(fits)
    }
}

/// Nothing is echoed that is more than a short line.
fn is_challenge(text: &str) -> bool {
    (1..=LONGEST_CHALLENGE).contains(&text.len())
        && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(query: &str) -> Option<Bytes> {
        let tokens = ["one", "zwei&drei=ü", ""].map(SecretString::from);
        Tokens::new(tokens.into_iter()).answer(query).ok()
    }

    #[test]
    fn who_knows_a_token_gets_the_challenge_back() {
        for token in ["one", "zwei%26drei%3D%C3%BC"] {
            let query =
                format!("hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={token}");
            assert_eq!(answer(&query).as_deref(), Some(&b"1158201444"[..]));
        }
    }

    #[test]
    fn nobody_else_gets_anything() {
        let long = "1".repeat(LONGEST_CHALLENGE);
        let of = |mode: &str, token: &str, challenge: &str| {
            format!("hub.mode={mode}&hub.verify_token={token}&hub.challenge={challenge}")
        };
        assert!(answer(&of("subscribe", "one", &long)).is_some());
        for query in [
            "",
            "hub.mode=subscribe&hub.challenge=1",
            "hub.mode=subscribe&hub.verify_token=one",
            &of("subscribe", "", "1"),
            &of("subscribe", "on", "1"),
            &of("subscribe", "One", "1"),
            &of("subscribe", "onee", "1"),
            &of("unsubscribe", "one", "1"),
            &of("", "one", "1"),
            &of("subscribe", "one", ""),
            &of("subscribe", "one", &format!("{long}1")),
            &of("subscribe", "one", "a%0d%0ab"),
            &of("subscribe", "one", "%C3%BC"),
            "mode=subscribe&verify_token=one&challenge=1",
        ] {
            assert!(answer(query).is_none(), "{query}");
        }
    }
}
