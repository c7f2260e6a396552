//! Events kept for operators: what could not be told as it is.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::columns::{row_limit, unreadable};
use super::writer::Tx;
use super::{Sqlite, events};
use crate::ids::NumberName;
use crate::state::{KeptRow, NewEvent, NewKept, StateError, Timestamp};

pub(super) const KEEP: &str = "INSERT INTO kept (at, number, kind, reason, sealed, body)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
// Ids ascend one by one, so this many back is this many rows or fewer.
pub(super) const TRIM: &str = "DELETE FROM kept WHERE id <= ?1 - ?2";
pub(super) const LIST: &str = "SELECT id, at, number, kind, reason, sealed, body FROM kept
    ORDER BY id DESC LIMIT ?1";
pub(super) const ONE: &str =
    "SELECT id, at, number, kind, reason, sealed, body FROM kept WHERE id = ?1";
pub(super) const DROP: &str = "DELETE FROM kept WHERE id = ?1";
pub(super) const COUNT: &str = "SELECT count(*) FROM kept";

impl Sqlite {
    /// The newest kept events, newest first.
    pub async fn kept(&self, limit: usize) -> Result<Vec<KeptRow>, StateError> {
        self.read(move |conn| {
            let mut statement = conn.prepare_cached(LIST)?;
            statement.query_map([row_limit(limit)], row)?.collect()
        })
        .await
    }

    /// One of them.
    pub async fn kept_one(&self, id: i64) -> Result<Option<KeptRow>, StateError> {
        self.read(move |conn| one(conn, id)).await
    }

    /// How many there are.
    pub async fn kept_count(&self) -> Result<u64, StateError> {
        self.read(|conn| {
            conn.prepare_cached(COUNT)?
                .query_row([], |row| row.get::<_, i64>(0))
        })
        .await
        .map(|count| u64::try_from(count).unwrap_or_default())
    }

    /// Forgets one; `false`: it is not there.
    pub async fn drop_kept(&self, id: i64) -> Result<bool, StateError> {
        self.write(move |tx| tx.run(DROP, [id]).map(|dropped| dropped > 0))
            .await
    }

    /// Takes a kept event in again and forgets it, in one commit; `false`: it is not there (any more).
    pub async fn redrive_kept(&self, id: i64, event: NewEvent) -> Result<bool, StateError> {
        let event = NewEvent {
            // It was seen, of course.
            seen: None,
            kept: None,
            ..event
        };
        let now = Timestamp::now();
        self.write(move |tx| {
            if tx.run(DROP, [id])? == 0 {
                return Ok(false);
            }
            events::take_in(tx, &event, 0, now).map(|_| true)
        })
        .await
    }
}

pub(super) fn keep(
    tx: &Tx<'_>,
    new: &NewKept,
    keep_rows: u64,
    now: Timestamp,
) -> rusqlite::Result<()> {
    if keep_rows == 0 {
        return Ok(());
    }
    let number = new.number.as_ref().map(NumberName::as_str);
    let row = params![now.0, number, new.kind, new.reason, new.sealed, new.body];
    tx.run(KEEP, row)?;
    let rows = i64::try_from(keep_rows).unwrap_or(i64::MAX);
    tx.run(TRIM, [tx.conn.last_insert_rowid(), rows])?;
    Ok(())
}

fn one(conn: &Connection, id: i64) -> rusqlite::Result<Option<KeptRow>> {
    conn.prepare_cached(ONE)?.query_row([id], row).optional()
}

fn row(row: &Row<'_>) -> rusqlite::Result<KeptRow> {
    let number = row.get_ref(2)?.as_str_or_null()?;
    let number = number
        .map(|name| NumberName::parse(name).ok_or_else(|| unreadable(2, "not a number's name")))
        .transpose()?;
    Ok(KeptRow {
        id: row.get(0)?,
        at: Timestamp(row.get(1)?),
        kept: NewKept {
            number,
            kind: row.get(3)?,
            reason: row.get(4)?,
            sealed: row.get(5)?,
            body: row.get(6)?,
        },
    })
}
