//! The queries of operators: how much waits, what it is, and bringing a buried job back.
//!
//! They may read much, so all but the last run on a reader's connection and hold up no acknowledgement.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::columns::{number_at, row_limit};
use super::jobs::{READY, code, entry_state, exists, job, queue_at};
use super::writer::Tx;
use crate::ids::NumberName;
use crate::state::{Backlog, JobId, JobRecord, Queue, Timestamp};

// Ids ascend in the order of acceptance, so the oldest job is the one with the smallest.
pub(super) const BACKLOG: &str = "SELECT queue, number, state, count(*), min(id) FROM jobs
    GROUP BY queue, number, state";
pub(super) const CREATED_AT: &str = "SELECT created_at FROM jobs WHERE id = ?1";
pub(super) const LIST: &str = "SELECT id, queue, number, key, lane, payload, attempts, created_at, due_at, state, reason
    FROM jobs WHERE (?1 IS NULL OR queue = ?1) AND (?2 IS NULL OR number = ?2) ORDER BY id LIMIT ?3";
pub(super) const LIST_BURIED: &str =
    "SELECT id, queue, number, key, lane, payload, attempts, created_at, due_at, state, reason
    FROM jobs WHERE state = 3 AND (?1 IS NULL OR queue = ?1) AND (?2 IS NULL OR number = ?2) ORDER BY id LIMIT ?3";
pub(super) const BURIED: &str =
    "SELECT queue, number, key, lane FROM jobs WHERE id = ?1 AND state = 3";
pub(super) const KEY_IS_TAKEN: &str = "SELECT EXISTS (SELECT 1 FROM jobs
    WHERE queue = ?1 AND number = ?2 AND key = ?3 AND state <> 3)";
pub(super) const DROP: &str = "DELETE FROM jobs WHERE id = ?1";
pub(super) const REDRIVE: &str =
    "UPDATE jobs SET state = ?2, due_at = ?3, attempts = 0 WHERE id = ?1";

const BURIED_STATE: i64 = 3;

/// How much waits.
pub(super) fn backlog(conn: &Connection) -> rusqlite::Result<Vec<Backlog>> {
    // One view for the counts and the lookups after them.
    let view = conn.unchecked_transaction()?;
    let mut statement = view.prepare_cached(BACKLOG)?;
    let mut rows = statement.query([])?;
    let mut found: Vec<(Backlog, i64)> = Vec::new();
    while let Some(row) = rows.next()? {
        let (queue, number) = (queue_at(row, 0)?, number_at(row, 1)?);
        let (state, count, smallest): (i64, u32, i64) = (row.get(2)?, row.get(3)?, row.get(4)?);
        if found
            .last()
            .is_none_or(|(last, _)| last.queue != queue || last.number != number)
        {
            found.push((
                Backlog {
                    queue,
                    number,
                    waiting: 0,
                    buried: 0,
                    oldest: None,
                },
                i64::MAX,
            ));
        }
        let Some((backlog, oldest)) = found.last_mut() else {
            continue;
        };
        if state == BURIED_STATE {
            backlog.buried += u64::from(count);
        } else {
            backlog.waiting += u64::from(count);
            *oldest = smallest.min(*oldest);
        }
    }
    let mut created_at = view.prepare_cached(CREATED_AT)?;
    for (backlog, oldest) in &mut found {
        backlog.oldest = created_at
            .query_row([*oldest], |row| row.get(0).map(Timestamp))
            .optional()?;
    }
    Ok(found.into_iter().map(|(backlog, _)| backlog).collect())
}

/// Jobs as operators see them, in the order of acceptance.
pub(super) fn list(
    conn: &Connection,
    queue: Option<Queue>,
    number: Option<&NumberName>,
    buried_only: bool,
    limit: usize,
) -> rusqlite::Result<Vec<JobRecord>> {
    let mut statement = conn.prepare_cached(if buried_only { LIST_BURIED } else { LIST })?;
    let filter = params![
        queue.map(code),
        number.map(NumberName::as_str),
        row_limit(limit)
    ];
    let rows = statement.query_map(filter, |row| {
        Ok(JobRecord {
            job: job(row)?,
            buried: row.get::<_, i64>(9)? == BURIED_STATE,
            due_at: Timestamp(row.get(8)?),
            reason: row.get(10)?,
        })
    })?;
    rows.collect()
}

/// Brings a buried job back, or drops it for an unfinished one with its key. `false` when it is not buried.
pub(super) fn redrive(tx: &Tx<'_>, id: JobId, now: Timestamp) -> rusqlite::Result<bool> {
    type Place = (Queue, NumberName, Option<String>, Option<String>);
    let place = |row: &Row<'_>| {
        Ok((
            queue_at(row, 0)?,
            number_at(row, 1)?,
            row.get(2)?,
            row.get(3)?,
        ))
    };
    let buried = tx
        .conn
        .prepare_cached(BURIED)?
        .query_row(params![id.0], place)
        .optional()?;
    let Some((queue, number, key, lane)): Option<Place> = buried else {
        return Ok(false);
    };
    if let Some(key) = key
        && exists(tx, KEY_IS_TAKEN, code(queue), number.as_str(), &key)?
    {
        tx.run(DROP, params![id.0])?;
        return Ok(true);
    }
    let state = match lane {
        None => READY,
        Some(lane) => entry_state(tx, code(queue), number.as_str(), &lane)?,
    };
    tx.run(REDRIVE, params![id.0, state, now.0])?;
    if state == READY {
        tx.made_ready(queue, &number);
    }
    Ok(true)
}
