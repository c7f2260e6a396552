//! Who may call: users with their passwords, tokens given out here, and tokens of the old client seen in passing.
//!
//! Passwords are kept as argon2, tokens never (only a keyed hash). A token is a JWT with the claims of the old
//! client's, signed with a key per number, so one number's token is worth nothing at another. What is looked up on
//! every request is in memory; the state has it too, so that a restart forgets nobody.

mod argon;
mod passwords;
mod tokens;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use secrecy::{ExposeSecret, SecretString};

use crate::config;
use crate::ids::NumberName;
use crate::state::{Session, State, StateError, StoredUser, Timestamp, TokenHash};
use passwords::Passwords;
use tokens::Tokens;

pub use tokens::{Minted, expiry_of};

/// What a password must be like.
pub const PASSWORD_RULE: &str = "The password needs 8 to 64 characters with a digit, an upper-case, a lower-case and a special character.";

/// The stored form of a password that follows the rule.
pub fn hash_password(password: &str) -> Option<String> {
    if passwords::is_strong(password) {
        argon::store(password)
    } else {
        None
    }
}

/// Users and tokens of all numbers.
pub struct Users {
    state: State,
    tokens: Tokens,
    passwords: Passwords,
    known: Mutex<Known>,
}

/// What is looked up on every request.
#[derive(Default)]
struct Known {
    users: HashMap<(NumberName, String), User>,
    sessions: HashMap<TokenHash, Session>,
    /// With the moment from which they would be worthless anyway.
    revoked: HashMap<TokenHash, Timestamp>,
}

#[derive(Clone)]
struct User {
    password_hash: String,
    must_change_password: bool,
    changed_here: bool,
}

/// What a bearer token is to the bridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bearer {
    /// Given out here, and good.
    Minted,
    /// Given out by the old client, seen by the bridge, and good.
    Learned,
    /// Given out here, and over: expired, logged out, or its user is gone.
    Ended,
    /// Never seen.
    Foreign,
}

/// Why a login failed.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// No such user, or not this password.
    #[error("wrong user or password")]
    Denied,
    /// The first login has to bring a new password.
    #[error("the password must be changed")]
    PasswordChangeRequired,
    /// The new password is too weak.
    #[error("the new password does not follow the rule")]
    WeakPassword,
    /// Too many attempts.
    #[error("too many attempts")]
    TooManyAttempts,
    /// The changed password cannot be kept.
    #[error(transparent)]
    State(#[from] StateError),
}

/// A login's words.
pub struct Attempt<'a> {
    /// At which number.
    pub number: &'a NumberName,
    /// Who.
    pub name: &'a str,
    /// With what.
    pub password: &'a SecretString,
    /// Instead of which from now on.
    pub new_password: Option<&'a SecretString>,
    /// From where.
    pub caller: IpAddr,
}

impl Users {
    /// Reads what the state has and puts the configured users beside it.
    pub async fn load(
        state: State,
        numbers: &[config::Number],
        tokens: &config::Tokens,
        limits: &config::Limits,
    ) -> Result<Self, StateError> {
        let now = Timestamp::now();
        let mut known = Known::default();
        // A password changed here outranks the configuration, and the configuration what was learnt from on-prem.
        let (changed, learned): (Vec<_>, Vec<_>) = state
            .users()
            .await?
            .into_iter()
            .partition(|user| user.changed_here);
        learned.into_iter().for_each(|user| known.put(user));
        for number in numbers {
            for user in &number.users {
                let value = User {
                    password_hash: user.password_hash.expose_secret().to_owned(),
                    must_change_password: user.must_change_password,
                    changed_here: false,
                };
                known
                    .users
                    .insert((number.name.clone(), user.name.clone()), value);
            }
        }
        changed.into_iter().for_each(|user| known.put(user));
        known.sessions = state
            .sessions(now)
            .await?
            .into_iter()
            .map(|session| (session.token, session))
            .collect();
        let until_restart = Timestamp(i64::MAX);
        let revoked = state.revocations(now).await?.into_iter();
        known.revoked = revoked.map(|token| (token, until_restart)).collect();
        let key = state.secret("token-key", 32).await?;
        Ok(Self {
            tokens: Tokens::new(&key, numbers, tokens.lifetime),
            passwords: Passwords::new(tokens.remember_password, limits.logins_per_minute),
            known: Mutex::new(known),
            state,
        })
    }

    /// Checks a login and gives out a token. Tokens given out earlier stay good.
    pub async fn login(&self, attempt: Attempt<'_>) -> Result<Minted, LoginError> {
        let user = self
            .known()
            .users
            .get(&(attempt.number.clone(), attempt.name.to_owned()))
            .cloned();
        let hash = user.as_ref().map(|user| user.password_hash.as_str());
        self.passwords.verify(&attempt, hash).await?;
        match (attempt.new_password, user) {
            (Some(new), _) => self.change_password(&attempt, new).await?,
            (None, Some(user)) if user.must_change_password => {
                return Err(LoginError::PasswordChangeRequired);
            }
            (None, _) => {}
        }
        Ok(self.tokens.mint(attempt.number, attempt.name))
    }

    async fn change_password(
        &self,
        attempt: &Attempt<'_>,
        new: &SecretString,
    ) -> Result<(), LoginError> {
        if !passwords::is_strong(new.expose_secret()) {
            return Err(LoginError::WeakPassword);
        }
        let user = StoredUser {
            number: attempt.number.clone(),
            name: attempt.name.to_owned(),
            password_hash: self.passwords.hash(new).await,
            changed_here: true,
        };
        self.state.put_user(user.clone()).await?;
        self.known().put(user);
        Ok(())
    }

    /// What a token is to the bridge. Says nothing about tokens only the old client knows.
    pub fn bearer(&self, number: &NumberName, token: &str) -> Bearer {
        let hash = self.tokens.hash(token);
        if let Some(minted) = self.tokens.read(number, token, hash) {
            let known = self.known();
            let user_exists = known.users.contains_key(&(number.clone(), minted.user));
            let good = minted.expires_at > Timestamp::now()
                && user_exists
                && !known.revoked.contains_key(&hash);
            return if good { Bearer::Minted } else { Bearer::Ended };
        }
        match self.known().sessions.get(&hash) {
            Some(session) if session.number == *number && session.expires_at > Timestamp::now() => {
                Bearer::Learned
            }
            _ => Bearer::Foreign,
        }
    }

    /// Whose a token is, where the bridge gave it out or saw it being given out.
    pub fn user_of(&self, number: &NumberName, token: &str) -> Option<String> {
        let hash = self.tokens.hash(token);
        if let Some(minted) = self.tokens.read(number, token, hash) {
            return Some(minted.user);
        }
        let known = self.known();
        let session = known.sessions.get(&hash)?;
        (session.number == *number).then(|| session.user.clone())
    }

    /// Keeps what a login at the old client showed: its token is good here too, and so will be the password.
    pub async fn learn(
        &self,
        attempt: Attempt<'_>,
        token: &str,
        expires_at: Timestamp,
    ) -> Result<(), StateError> {
        let session = Session {
            token: self.tokens.hash(token),
            number: attempt.number.clone(),
            user: attempt.name.to_owned(),
            expires_at,
        };
        self.state.put_session(session.clone()).await?;
        self.known().sessions.insert(session.token, session);
        let password = attempt.new_password.unwrap_or(attempt.password);
        let key = (attempt.number.clone(), attempt.name.to_owned());
        let _alone = self.passwords.alone_with(&attempt).await;
        let known = self.known().users.get(&key).cloned();
        let hash = known.as_ref().map(|user| user.password_hash.as_str());
        if self.passwords.is_known(&attempt, password, hash).await {
            return Ok(());
        }
        let changed_before = known.is_some_and(|user| user.changed_here);
        let user = StoredUser {
            number: attempt.number.clone(),
            name: attempt.name.to_owned(),
            password_hash: self.passwords.hash(password).await,
            // A change that passed through here outranks the configuration as one made here does.
            changed_here: changed_before || attempt.new_password.is_some(),
        };
        self.state.put_user(user.clone()).await?;
        self.known().put(user);
        Ok(())
    }

    /// Ends a token given out here, or forgets one of the old client's.
    pub async fn logout(&self, number: &NumberName, token: &str) -> Result<(), StateError> {
        let hash = self.tokens.hash(token);
        if let Some(minted) = self.tokens.read(number, token, hash) {
            self.state.revoke(hash, minted.expires_at).await?;
            self.known().revoked.insert(hash, minted.expires_at);
            return Ok(());
        }
        self.state.remove_session(&hash).await?;
        self.known().sessions.remove(&hash);
        Ok(())
    }

    /// Whether a token looks like one given out here. Tells most of the old client's apart without any arithmetic.
    pub fn may_be_minted(&self, token: &str) -> bool {
        self.tokens.may_be_minted(token)
    }

    /// Whether a token was given out here for this number, good or not.
    pub fn is_minted(&self, number: &NumberName, token: &str) -> bool {
        self.tokens
            .read(number, token, self.tokens.hash(token))
            .is_some()
    }

    /// A token's keyed hash, for remembering something about it.
    pub fn hash(&self, token: &str) -> TokenHash {
        self.tokens.hash(token)
    }

    /// Whether a number has any user to log in.
    pub fn any(&self, number: &NumberName) -> bool {
        self.known().users.keys().any(|(of, _)| of == number)
    }

    /// Forgets what is over.
    pub fn sweep(&self, now: Timestamp) {
        let mut known = self.known();
        known.sessions.retain(|_, session| session.expires_at > now);
        known.revoked.retain(|_, expires_at| *expires_at > now);
        drop(known);
        self.passwords.sweep();
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Nothing that holds the lock can leave it half-changed.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn put(&mut self, user: StoredUser) {
        let value = User {
            password_hash: user.password_hash,
            must_change_password: false,
            changed_here: user.changed_here,
        };
        self.users.insert((user.number, user.name), value);
    }
}
