//! Users of the old client, and the tokens they hold.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use hyper::header::AUTHORIZATION;
use hyper::{HeaderMap, Response, StatusCode};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{Duration, OffsetDateTime};

use super::super::body::Body;
use super::Scene;

const TOKEN_LIFE: Duration = Duration::days(7);
/// A space and not a `T`: there is a client that parses exactly this.
const EXPIRY: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second]+00:00");

#[derive(Debug)]
pub(super) struct Users(Mutex<Known>);

#[derive(Debug)]
struct Known {
    passwords: HashMap<String, String>,
    tokens: HashSet<String>,
}

impl Users {
    pub(super) fn new(users: Vec<(String, String)>) -> Self {
        Self(Mutex::new(Known {
            passwords: users.into_iter().collect(),
            tokens: HashSet::new(),
        }))
    }

    pub(super) fn knows_token(&self, token: &str) -> bool {
        self.lock().tokens.contains(token)
    }

    pub(super) fn revoke_all(&self) {
        self.lock().tokens.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Scene {
    /// Older tokens stay good: some clients log in before every call.
    pub(super) fn login(&self, headers: &HeaderMap, body: &Bytes) -> Response<Body> {
        let Some((name, password)) = basic(headers) else {
            return self.denied();
        };
        let mut known = self.users.lock();
        if known.passwords.get(&name) != Some(&password) {
            return self.denied();
        }
        let asked: Value = serde_json::from_slice(body).unwrap_or_default();
        if let Some(new) = asked["new_password"].as_str() {
            known.passwords.insert(name.clone(), new.to_owned());
        }
        let expires = OffsetDateTime::now_utc() + TOKEN_LIFE;
        let (Ok(token), Ok(expires_after)) = (token(&name, expires), expires.format(EXPIRY)) else {
            return self.error(
                StatusCode::INTERNAL_SERVER_ERROR,
                (1014, "Internal error", "No token."),
            );
        };
        known.tokens.insert(token.clone());
        self.enveloped(
            StatusCode::OK,
            json!({"users": [{"token": token, "expires_after": expires_after}]}),
        )
    }

    /// Only the token used dies.
    pub(super) fn logout(&self, headers: &HeaderMap) -> Response<Body> {
        let presented = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        if let Some((_, token)) = presented.and_then(|value| value.split_once(' ')) {
            self.users.lock().tokens.remove(token.trim());
        }
        self.enveloped(StatusCode::OK, json!({}))
    }
}

/// Name and password of `Authorization: Basic`.
pub(in super::super) fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (name, password) = decoded.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

/// A JWT with the claims of the real one.
fn token(name: &str, expires: OffsetDateTime) -> jsonwebtoken::errors::Result<String> {
    let claims = json!({
        "user": name,
        "iat": (expires - TOKEN_LIFE).unix_timestamp(),
        "exp": expires.unix_timestamp(),
        "wa:rand": uuid::Uuid::new_v4().simple().to_string(),
    });
    let key = EncodingKey::from_secret(b"stand-in");
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)
}
