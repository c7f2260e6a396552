//! How events are kept that could not be told as they are: encrypted, or without what anybody wrote.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use secrecy::ExposeSecret;

use super::redact::redact;
use crate::config::{self, Keep};
use crate::state::{State, StateError};

/// The state's own secret that events are encrypted with, unless the operator has one.
const SECRET: &str = "kept notifications";
/// What the key is for, so that a secret used elsewhere gives another one.
const PURPOSE: &[u8] = b"waba-bridge kept notifications 1";

/// Closes events, and opens those that were encrypted.
pub struct Seal {
    keep: Keep,
    /// Also there when events are redacted: some may have been encrypted before.
    key: RandomizedNonceKey,
}

/// There is no key to encrypt with.
#[derive(Debug, thiserror::Error)]
pub enum NoKey {
    /// The bridge's own secret cannot be had.
    #[error("the key of kept notifications cannot be read")]
    State(#[from] StateError),
    /// It makes no key.
    #[error("the key of kept notifications cannot be used")]
    Unusable,
}

/// It was encrypted with another key, or altered since; nobody can say which.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("it cannot be opened with this key")]
pub struct Sealed;

impl Seal {
    /// With the operator's key, or with one that the state keeps.
    pub async fn new(config: &config::Notifications, state: &State) -> Result<Self, NoKey> {
        let seal = match &config.key {
            Some(key) => Self::with(config.keep, key.expose_secret().as_bytes()),
            None => Self::with(config.keep, &state.secret(SECRET, 32).await?),
        };
        seal.map_err(|_| NoKey::Unusable)
    }

    fn with(keep: Keep, secret: &[u8]) -> Result<Self, Unspecified> {
        let mut key = [0; 32];
        let secret = Salt::new(HKDF_SHA256, &[]).extract(secret);
        secret.expand(&[PURPOSE], HKDF_SHA256)?.fill(&mut key)?;
        let key = RandomizedNonceKey::new(&AES_256_GCM, &key)?;
        Ok(Self { keep, key })
    }

    /// What is kept of an event, and whether that is encrypted; otherwise it is redacted.
    pub fn close(&self, raw: &[u8]) -> (bool, Vec<u8>) {
        let encrypted = match self.keep {
            Keep::Encrypted => self.encrypt(raw).ok(),
            Keep::Redacted => None,
        };
        match encrypted {
            Some(body) => (true, body),
            None => (false, redact(raw)),
        }
    }

    /// The event that was encrypted.
    pub fn open(&self, closed: &[u8]) -> Result<Vec<u8>, Sealed> {
        let (nonce, body) = closed.split_at_checked(NONCE_LEN).ok_or(Sealed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Sealed)?;
        let mut body = body.to_vec();
        let opened = self.key.open_in_place(nonce, Aad::empty(), &mut body);
        let length = opened.map_err(|_| Sealed)?.len();
        body.truncate(length);
        Ok(body)
    }

    /// The nonce stands before what is encrypted with it.
    fn encrypt(&self, raw: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let mut body = raw.to_vec();
        let nonce = self.key.seal_in_place_append_tag(Aad::empty(), &mut body)?;
        Ok([nonce.as_ref().as_slice(), body.as_slice()].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RAW: &[u8] = br#"{"type":"hologram","from":"15550001111"}"#;

    fn seal(keep: Keep, secret: &[u8]) -> Seal {
        Seal::with(keep, secret).unwrap()
    }

    #[test]
    fn what_is_encrypted_can_be_opened_again() {
        let (sealed, body) = seal(Keep::Encrypted, b"one").close(RAW);
        assert!(sealed);
        assert!(!String::from_utf8_lossy(&body).contains("hologram"));
        // Whatever is done with new ones now.
        for keep in [Keep::Encrypted, Keep::Redacted] {
            assert_eq!(seal(keep, b"one").open(&body).unwrap(), RAW);
        }
        assert_ne!(seal(Keep::Encrypted, b"one").close(RAW).1, body);
    }

    #[test]
    fn another_key_does_not_open_it() {
        let (_, body) = seal(Keep::Encrypted, b"one").close(RAW);
        let refused = seal(Keep::Encrypted, b"two").open(&body).unwrap_err();
        assert_eq!(refused.to_string(), "it cannot be opened with this key");
    }

    #[test]
    fn what_was_altered_is_not_opened() {
        let seal = seal(Keep::Encrypted, b"one");
        let (_, body) = seal.close(RAW);
        for at in 0..body.len() {
            let mut altered = body.clone();
            altered[at] ^= 1;
            assert_eq!(seal.open(&altered), Err(Sealed), "{at}");
            assert_eq!(seal.open(&body[..at]), Err(Sealed), "{at}");
        }
    }

    #[test]
    fn what_is_redacted_cannot_be_opened() {
        let seal = seal(Keep::Redacted, b"one");
        let (sealed, body) = seal.close(RAW);
        assert!(!sealed);
        assert_eq!(seal.open(&body), Err(Sealed));
        let body = String::from_utf8(body).unwrap();
        assert_eq!(body, r#"{"from":"…(11)","type":"hologram"}"#);
    }

    #[tokio::test]
    async fn the_states_own_key_is_the_same_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let config = |key: Option<&str>| config::Notifications {
            keep: Keep::Encrypted,
            keep_rows: 1,
            key: key.map(Into::into),
            media_wait: std::time::Duration::ZERO,
            status_wait: std::time::Duration::ZERO,
        };
        let open = || State::open(&folder.path().join("state")).unwrap();
        let state = open();
        let seal = Seal::new(&config(None), &state).await.unwrap();
        let (_, body) = seal.close(RAW);
        state.close().await;
        let state = open();
        let again = Seal::new(&config(None), &state).await.unwrap();
        assert_eq!(again.open(&body).unwrap(), RAW);
        let own = Seal::new(&config(Some("brought along")), &state).await;
        assert_eq!(own.unwrap().open(&body), Err(Sealed));
    }
}
