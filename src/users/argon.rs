//! argon2, a few runs at a time.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

/// A run takes 19 MiB; more at a time would let callers fill the memory.
const RUNS_AT_A_TIME: usize = 2;

pub(super) struct Argon(Semaphore);

impl Argon {
    pub(super) fn new() -> Self {
        Self(Semaphore::new(RUNS_AT_A_TIME))
    }

    /// Whether a stored form is of this password.
    pub(super) async fn matches(&self, password: &SecretString, stored: &str) -> bool {
        let stored = stored.to_owned();
        let matches = move |password: &str| {
            let stored = PasswordHash::new(&stored).ok()?;
            Argon2::default()
                .verify_password(password.as_bytes(), &stored)
                .ok()
        };
        self.run(password, matches).await.is_some()
    }

    /// A new stored form of a password; `None` when the system gives no randomness for its salt.
    pub(super) async fn store(&self, password: &SecretString) -> Option<String> {
        self.run(password, store).await
    }

    async fn run<T: Send + 'static>(
        &self,
        password: &SecretString,
        work: impl FnOnce(&str) -> Option<T> + Send + 'static,
    ) -> Option<T> {
        // Closed never; a missing permit would only mean one run more.
        let _run = self.0.acquire().await;
        let password = password.clone();
        let run = tokio::task::spawn_blocking(move || work(password.expose_secret()));
        run.await.ok().flatten()
    }
}

/// The stored form of a password, in PHC form with the recommended parameters.
pub(super) fn store(password: &str) -> Option<String> {
    let hash = Argon2::default().hash_password(password.as_bytes()).ok()?;
    Some(hash.to_string())
}
