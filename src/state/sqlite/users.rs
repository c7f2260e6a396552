//! The queries of users, sessions, revoked tokens and the bridge's own secrets.
//!
//! No password and no token is kept as it is: only hashes come here. A secret that is made here never
//! changes; one that came with baselines may take its place.

use rusqlite::{Connection, params};

use super::columns::{number_at, row_limit};
use super::writer::Tx;
use crate::state::{Session, StoredUser, Timestamp, TokenHash};

pub(super) const USERS: &str =
    "SELECT number, name, password_hash, changed_here FROM users ORDER BY number, name";
pub(super) const PUT_USER: &str =
    "INSERT OR REPLACE INTO users (number, name, password_hash, changed_here)
    VALUES (?1, ?2, ?3, ?4)";
pub(super) const SESSIONS: &str = "SELECT token, number, user, expires_at FROM sessions WHERE expires_at > ?1 ORDER BY expires_at, token";
pub(super) const PUT_SESSION: &str =
    "INSERT OR REPLACE INTO sessions (token, number, user, expires_at) VALUES (?1, ?2, ?3, ?4)";
pub(super) const REMOVE_SESSION: &str = "DELETE FROM sessions WHERE token = ?1";
pub(super) const REVOCATIONS: &str =
    "SELECT token FROM revocations WHERE expires_at > ?1 ORDER BY expires_at, token";
// A token revoked twice stays revoked until the later moment.
pub(super) const REVOKE: &str = "INSERT INTO revocations (token, expires_at) VALUES (?1, ?2)
    ON CONFLICT (token) DO UPDATE SET expires_at = max(expires_at, excluded.expires_at)";
pub(super) const MAKE_SECRET: &str =
    "INSERT INTO secrets (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING";
pub(super) const PUT_SECRET: &str = "INSERT OR REPLACE INTO secrets (name, value) VALUES (?1, ?2)";
pub(super) const SECRET: &str = "SELECT value FROM secrets WHERE name = ?1";
pub(super) const EXPIRE_SESSIONS: &str = "DELETE FROM sessions
    WHERE token IN (SELECT token FROM sessions WHERE expires_at <= ?1 LIMIT ?2)";
pub(super) const EXPIRE_REVOCATIONS: &str = "DELETE FROM revocations
    WHERE token IN (SELECT token FROM revocations WHERE expires_at <= ?1 LIMIT ?2)";

/// Every user there is.
pub(super) fn users(conn: &Connection) -> rusqlite::Result<Vec<StoredUser>> {
    let mut statement = conn.prepare_cached(USERS)?;
    let rows = statement.query_map([], |row| {
        Ok(StoredUser {
            number: number_at(row, 0)?,
            name: row.get(1)?,
            password_hash: row.get(2)?,
            changed_here: row.get(3)?,
        })
    })?;
    rows.collect()
}

/// Writes a user down, in place of an earlier one of that name.
pub(super) fn put_user(tx: &Tx<'_>, user: &StoredUser) -> rusqlite::Result<()> {
    let row = params![
        user.number.as_str(),
        user.name,
        user.password_hash,
        user.changed_here
    ];
    tx.run(PUT_USER, row).map(drop)
}

/// The sessions that have not ended.
pub(super) fn sessions(conn: &Connection, now: Timestamp) -> rusqlite::Result<Vec<Session>> {
    let mut statement = conn.prepare_cached(SESSIONS)?;
    let rows = statement.query_map([now.0], |row| {
        Ok(Session {
            token: TokenHash(row.get(0)?),
            number: number_at(row, 1)?,
            user: row.get(2)?,
            expires_at: Timestamp(row.get(3)?),
        })
    })?;
    rows.collect()
}

/// Writes a session down.
pub(super) fn put_session(tx: &Tx<'_>, session: &Session) -> rusqlite::Result<()> {
    let row = params![
        session.token.0,
        session.number.as_str(),
        session.user,
        session.expires_at.0
    ];
    tx.run(PUT_SESSION, row).map(drop)
}

/// Forgets a session.
pub(super) fn remove_session(tx: &Tx<'_>, token: &TokenHash) -> rusqlite::Result<()> {
    tx.run(REMOVE_SESSION, params![token.0]).map(drop)
}

/// Remembers that a token is good no more.
pub(super) fn revoke(tx: &Tx<'_>, token: &TokenHash, until: Timestamp) -> rusqlite::Result<()> {
    tx.run(REVOKE, params![token.0, until.0]).map(drop)
}

/// The revoked tokens that would otherwise still be good.
pub(super) fn revocations(conn: &Connection, now: Timestamp) -> rusqlite::Result<Vec<TokenHash>> {
    let mut statement = conn.prepare_cached(REVOCATIONS)?;
    let rows = statement.query_map([now.0], |row| row.get(0).map(TokenHash))?;
    rows.collect()
}

/// Puts a secret in the place of the one of this name.
pub(super) fn put_secret(tx: &Tx<'_>, name: &str, value: &[u8]) -> rusqlite::Result<()> {
    tx.run(PUT_SECRET, params![name, value]).map(drop)
}

/// The secret of this name; `fresh` becomes it when there is none yet.
pub(super) fn secret(tx: &Tx<'_>, name: &str, fresh: &[u8]) -> rusqlite::Result<Vec<u8>> {
    tx.run(MAKE_SECRET, params![name, fresh])?;
    tx.conn
        .prepare_cached(SECRET)?
        .query_row([name], |row| row.get(0))
}

/// Removes at most `limit` sessions and as many revocations that are past; says how many.
pub(super) fn expire(tx: &Tx<'_>, now: Timestamp, limit: usize) -> rusqlite::Result<usize> {
    Ok(tx.run(EXPIRE_SESSIONS, params![now.0, row_limit(limit)])?
        + tx.run(EXPIRE_REVOCATIONS, params![now.0, row_limit(limit)])?)
}
