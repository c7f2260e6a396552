//! Passwords: argon2, and a short memory of the ones just verified.
//!
//! Some integrations log in before every send. A verified password is therefore remembered for a few minutes as a
//! keyed hash over user, password and the stored argon2 hash: a changed password is forgotten by itself.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use moka::sync::Cache;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{Mutex, MutexGuard};

use super::argon::Argon;
use super::{Attempt, LoginError};

const REMEMBERED: u64 = 10_000;
/// More than there are logins that have to be checked at one moment.
const QUEUES: usize = 64;

/// Verified for a user who does not exist, so that a caller cannot tell by the time it takes.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5bm9ib2R5$3dYl5kz0pWcYqS8v2KcQwHcQq6vD2vR5mEd1o0b8q7s";

pub(super) struct Passwords {
    key: hmac::Key,
    verified: Cache<[u8; 32], ()>,
    argon: Argon,
    queues: [Mutex<()>; QUEUES],
    /// `None`: no limit.
    attempts: Option<DefaultKeyedRateLimiter<(IpAddr, [u8; 32])>>,
}

impl Passwords {
    pub(super) fn new(remember: Duration, per_minute: u32) -> Self {
        Self {
            key: hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).unwrap_or_else(
                |_| hmac::Key::new(hmac::HMAC_SHA256, uuid::Uuid::new_v4().as_bytes()),
            ),
            verified: Cache::builder()
                .max_capacity(REMEMBERED)
                .time_to_live(remember)
                .build(),
            argon: Argon::new(),
            queues: [const { Mutex::const_new(()) }; QUEUES],
            attempts: NonZeroU32::new(per_minute)
                .map(|rate| RateLimiter::keyed(Quota::per_minute(rate))),
        }
    }

    /// Checks a password against the stored hash, if there is one.
    pub(super) async fn verify(
        &self,
        attempt: &Attempt<'_>,
        hash: Option<&str>,
    ) -> Result<(), LoginError> {
        let mark = self.mark(attempt, attempt.password, hash.unwrap_or(NOBODY));
        if self.verified.contains_key(&mark) {
            return Ok(());
        }
        // Those who say the same wait for the first of them: a crowd after a start costs one attempt and one run.
        let _turn = self.turn(&mark).await;
        if self.verified.contains_key(&mark) {
            return Ok(());
        }
        let user = self.user(attempt);
        if let Some(attempts) = &self.attempts
            && attempts.check_key(&(attempt.caller, user)).is_err()
        {
            return Err(LoginError::TooManyAttempts);
        }
        let matches = self
            .argon
            .matches(attempt.password, hash.unwrap_or(NOBODY))
            .await;
        if !matches || hash.is_none() {
            return Err(LoginError::Denied);
        }
        self.verified.insert(mark, ());
        Ok(())
    }

    /// Whether the stored hash is of this password already. The password itself is not in question.
    pub(super) async fn is_known(
        &self,
        attempt: &Attempt<'_>,
        password: &SecretString,
        hash: Option<&str>,
    ) -> bool {
        let Some(hash) = hash else { return false };
        let mark = self.mark(attempt, password, hash);
        if self.verified.contains_key(&mark) {
            return true;
        }
        let matches = self.argon.matches(password, hash).await;
        if matches {
            self.verified.insert(mark, ());
        }
        matches
    }

    /// Keeps others from looking at the same user until it is dropped.
    pub(super) async fn alone_with(&self, attempt: &Attempt<'_>) -> MutexGuard<'_, ()> {
        self.turn(&self.user(attempt)).await
    }

    /// The stored form of a password.
    pub(super) async fn hash(&self, password: &SecretString) -> String {
        // No password verifies against the hash of nobody; the user stays locked out rather than let in.
        let stored = self.argon.store(password).await;
        stored.unwrap_or_else(|| NOBODY.to_owned())
    }

    /// Forgets callers whose attempts were long enough ago.
    pub(super) fn sweep(&self) {
        if let Some(attempts) = &self.attempts {
            attempts.retain_recent();
            attempts.shrink_to_fit();
        }
    }

    async fn turn(&self, tag: &[u8; 32]) -> MutexGuard<'_, ()> {
        self.queues[usize::from(tag[0]) % QUEUES].lock().await
    }

    fn user(&self, attempt: &Attempt<'_>) -> [u8; 32] {
        self.tag(&[attempt.number.as_str(), attempt.name])
    }

    fn mark(&self, attempt: &Attempt<'_>, password: &SecretString, hash: &str) -> [u8; 32] {
        self.tag(&[
            attempt.number.as_str(),
            attempt.name,
            password.expose_secret(),
            hash,
        ])
    }

    /// A keyed hash of parts that cannot run into each other.
    fn tag(&self, parts: &[&str]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        let mut tag = [0; 32];
        tag.copy_from_slice(context.sign().as_ref());
        tag
    }
}

/// The old client's rule: 8 to 64 characters, with a digit, both cases, and a special character.
pub(super) fn is_strong(password: &str) -> bool {
    let any = |test: fn(&char) -> bool| password.chars().any(|character| test(&character));
    (8..=64).contains(&password.chars().count())
        && any(char::is_ascii_digit)
        && any(char::is_ascii_uppercase)
        && any(char::is_ascii_lowercase)
        && any(char::is_ascii_punctuation)
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::phc::PasswordHash;

    use super::*;

    #[test]
    fn a_password_needs_all_four_kinds_and_a_fair_length() {
        assert!(is_strong("Secret-123"));
        for weak in [
            "Sec-123",
            "secret-123",
            "SECRET-123",
            "Secret-abc",
            "Secret1234",
            &"Aa1-".repeat(17),
        ] {
            assert!(!is_strong(weak), "{weak}");
        }
    }

    #[test]
    fn the_hash_of_nobody_is_one_that_takes_as_long_as_any() {
        assert!(PasswordHash::new(NOBODY).is_ok());
    }
}
