//! Tokens given out by the bridge: JWTs with the claims of the old client's.

use std::collections::HashMap;
use std::time::Duration;

use aws_lc_rs::hmac;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use moka::sync::Cache;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::macros::format_description;
use uuid::Uuid;

use crate::config;
use crate::ids::NumberName;
use crate::state::{Timestamp, TokenHash};

/// Tokens remembered as read; a caller uses one for days.
const REMEMBERED: u64 = 10_000;

/// `{"typ":"JWT","alg":"HS256"}`
const HEADER: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9";

/// The claims of a real client's token. Nobody needs to read them; a few may.
#[derive(Serialize, Deserialize)]
struct Claims {
    user: String,
    iat: i64,
    exp: i64,
    #[serde(rename = "wa:rand")]
    rand: String,
}

/// A token that was just given out.
pub struct Minted {
    /// The token.
    pub token: String,
    /// `YYYY-MM-DD HH:MM:SS+00:00`
    pub expires_after: String,
}

/// A token of ours that was read.
#[derive(Clone)]
pub(super) struct Read {
    pub(super) user: String,
    pub(super) expires_at: Timestamp,
}

/// The keys, and what was read with them.
pub(super) struct Tokens {
    hashing: hmac::Key,
    signing: HashMap<NumberName, (EncodingKey, DecodingKey)>,
    lifetime: Duration,
    validation: Validation,
    read: Cache<(NumberName, TokenHash), Option<Read>>,
}

impl Tokens {
    pub(super) fn new(key: &[u8], numbers: &[config::Number], lifetime: Duration) -> Self {
        let master = hmac::Key::new(hmac::HMAC_SHA256, key);
        let derive = |purpose: &str| hmac::sign(&master, purpose.as_bytes());
        let signing = numbers.iter().map(|number| {
            let secret = derive(&format!("sign/{}", number.name));
            let keys = (
                EncodingKey::from_secret(secret.as_ref()),
                DecodingKey::from_secret(secret.as_ref()),
            );
            (number.name.clone(), keys)
        });
        let mut validation = Validation::new(Algorithm::HS256);
        // Expiry is judged by the caller: an expired token of ours is still ours, not the old client's.
        validation.validate_exp = false;
        validation.required_spec_claims.clear();
        Self {
            hashing: hmac::Key::new(hmac::HMAC_SHA256, derive("hash").as_ref()),
            signing: signing.collect(),
            lifetime,
            validation,
            read: Cache::new(REMEMBERED),
        }
    }

    pub(super) fn mint(&self, number: &NumberName, user: &str) -> Minted {
        let issued = OffsetDateTime::now_utc();
        let expires = issued + self.lifetime;
        let claims = Claims {
            user: user.to_owned(),
            iat: issued.unix_timestamp(),
            exp: expires.unix_timestamp(),
            rand: Uuid::new_v4().simple().to_string(),
        };
        let token = self.signing.get(number).and_then(|(key, _)| {
            jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, key).ok()
        });
        Minted {
            // Every configured number has a key, and these claims always serialize.
            token: token.unwrap_or_default(),
            expires_after: format_expiry(expires),
        }
    }

    /// Reads a token if it was signed here for this number, expired or not.
    pub(super) fn read(&self, number: &NumberName, token: &str, hash: TokenHash) -> Option<Read> {
        if !self.may_be_minted(token) {
            return None;
        }
        self.read.get_with((number.clone(), hash), || {
            let (_, key) = self.signing.get(number)?;
            let claims = jsonwebtoken::decode::<Claims>(token, key, &self.validation)
                .ok()?
                .claims;
            Some(Read {
                user: claims.user,
                expires_at: Timestamp(claims.exp.saturating_mul(1000)),
            })
        })
    }

    /// The first part of a JWT is the same for all that one writer signs; the old client's is spelled with blanks.
    pub(super) fn may_be_minted(&self, token: &str) -> bool {
        token
            .strip_prefix(HEADER)
            .is_some_and(|rest| rest.starts_with('.'))
    }

    pub(super) fn hash(&self, token: &str) -> TokenHash {
        let mut hash = [0; 32];
        hash.copy_from_slice(hmac::sign(&self.hashing, token.as_bytes()).as_ref());
        TokenHash(hash)
    }
}

/// A space, not a `T`, and a numeric offset: a real client parses exactly this and nothing else.
fn format_expiry(moment: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]+00:00");
    moment.format(format).unwrap_or_default()
}

/// When a token of the old client ends: what its answer says, else the documented seven days.
pub fn expiry_of(expires_after: Option<&str>) -> Timestamp {
    let seven_days = Duration::from_secs(7 * 24 * 3600);
    expires_after
        .and_then(parse_expiry)
        .unwrap_or_else(|| Timestamp::now().after(seven_days))
}

fn parse_expiry(text: &str) -> Option<Timestamp> {
    let format = format_description!(
        "[year]-[month]-[day] [hour]:[minute]:[second][offset_hour sign:mandatory]:[offset_minute]"
    );
    let moment = OffsetDateTime::parse(text, format).ok()?;
    Some(Timestamp(moment.unix_timestamp().saturating_mul(1000)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expiry_has_the_observed_form() {
        let moment = OffsetDateTime::from_unix_timestamp(1_627_203_048).unwrap();
        assert_eq!(format_expiry(moment), "2021-07-25 08:50:48+00:00");
        assert_eq!(
            parse_expiry("2021-07-25 08:50:48+00:00"),
            Some(Timestamp(1_627_203_048_000))
        );
        assert_eq!(parse_expiry("2021-07-25T08:50:48Z"), None);
    }
}
