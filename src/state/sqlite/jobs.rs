//! The queries of jobs: acceptance, leases, settlements, and the order of lanes. Operators have `operators.rs`.
//!
//! The rule that must not break: of the unfinished jobs of a lane all but one are blocked, and whatever ends
//! that one makes the next one ready in the same commit. `schema.rs` lists the numbers of `state`.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::columns::{number_at, row_limit};
use super::telling;
use super::writer::Tx;
use crate::ids::NumberName;
use crate::state::{Enqueued, Job, JobId, NewJob, Queue, Settlement, Timestamp};

// The conflict that does nothing is the one of `jobs_by_key`.
pub(super) const INSERT: &str =
    "INSERT INTO jobs (queue, number, state, due_at, created_at, key, payload)
    VALUES (?1, ?2, 0, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING";
pub(super) const INSERT_IN_LANE: &str =
    "INSERT INTO jobs (queue, number, state, due_at, created_at, key, payload, lane)
    VALUES (?1, ?2, ?7, ?3, ?4, ?5, ?6, ?8) ON CONFLICT DO NOTHING";
pub(super) const LANE_IS_BUSY: &str = "SELECT EXISTS (SELECT 1 FROM jobs
    WHERE queue = ?1 AND number = ?2 AND lane = ?3 AND state < 3)";
pub(super) const UNBLOCK: &str = "UPDATE jobs SET state = 0 WHERE id = (SELECT id FROM jobs
    WHERE queue = ?1 AND number = ?2 AND lane = ?3 AND state = 2 ORDER BY id LIMIT 1)";
pub(super) const LEASE: &str = "UPDATE jobs SET state = 1 WHERE id IN (SELECT id FROM jobs
    WHERE queue = ?1 AND number = ?2 AND state = 0 AND due_at <= ?3 ORDER BY due_at, id LIMIT ?4)
    RETURNING id, queue, number, key, lane, payload, attempts, created_at, due_at";
pub(super) const FINISH: &str =
    "DELETE FROM jobs WHERE id = ?1 AND state = 1 RETURNING queue, number, lane";
pub(super) const RETRY: &str =
    "UPDATE jobs SET state = 0, attempts = attempts + 1, due_at = ?2, reason = ?3,
    payload = coalesce(?4, payload)
    WHERE id = ?1 AND state = 1 RETURNING queue, number, lane";
pub(super) const RELEASE: &str =
    "UPDATE jobs SET state = 0, due_at = ?2 WHERE id = ?1 AND state = 1
    RETURNING queue, number, lane";
pub(super) const BURY: &str = "UPDATE jobs SET state = 3, attempts = attempts + 1, reason = ?2
    WHERE id = ?1 AND state = 1 RETURNING queue, number, lane";
pub(super) const NEXT_DUE: &str =
    "SELECT due_at FROM jobs WHERE queue = ?1 AND number = ?2 AND state = 0
    ORDER BY due_at LIMIT 1";
pub(super) const NEXT_NUMBER: &str = "SELECT number FROM jobs WHERE queue = ?1 AND number > ?2
    ORDER BY number LIMIT 1";
pub(super) const PULL_IN: &str = "UPDATE jobs SET due_at = ?5 WHERE id IN (SELECT id FROM jobs
    WHERE queue = ?1 AND number = ?2 AND state = ?3 AND due_at > ?4 LIMIT ?6)";
pub(super) const UNLEASE: &str = "UPDATE jobs SET state = 0 WHERE id IN (SELECT id FROM jobs
    WHERE queue = ?1 AND number = ?2 AND state = 1)";
pub(super) const READY: i64 = 0;
const BLOCKED: i64 = 2;

/// Keeps a job, unless an unfinished one has its key.
pub(super) fn insert(tx: &Tx<'_>, job: &NewJob, now: Timestamp) -> rusqlite::Result<Enqueued> {
    let (queue, number) = (code(job.queue), job.number.as_str());
    let (state, kept) = match &job.lane {
        None => {
            let row = params![queue, number, job.due_at.0, now.0, job.key, job.payload];
            (READY, tx.run(INSERT, row)?)
        }
        Some(lane) => {
            let state = entry_state(tx, queue, number, lane)?;
            let row = params![
                queue,
                number,
                job.due_at.0,
                now.0,
                job.key,
                job.payload,
                state,
                lane
            ];
            (state, tx.run(INSERT_IN_LANE, row)?)
        }
    };
    if kept == 0 {
        return Ok(Enqueued::Joined);
    }
    if state == READY {
        tx.made_ready(job.queue, &job.number);
    }
    Ok(Enqueued::New)
}

/// How a job comes into a lane: blocked behind an unfinished one, else ready.
pub(super) fn entry_state(
    tx: &Tx<'_>,
    queue: i64,
    number: &str,
    lane: &str,
) -> rusqlite::Result<i64> {
    let busy = exists(tx, LANE_IS_BUSY, queue, number, lane)?;
    Ok(if busy { BLOCKED } else { READY })
}

pub(super) fn exists(
    tx: &Tx<'_>,
    sql: &str,
    queue: i64,
    number: &str,
    word: &str,
) -> rusqlite::Result<bool> {
    tx.conn
        .prepare_cached(sql)?
        .query_row(params![queue, number, word], |row| row.get(0))
}

/// Hands out the jobs that are due, oldest due first.
pub(super) fn lease(
    tx: &Tx<'_>,
    queue: Queue,
    number: &NumberName,
    now: Timestamp,
    limit: usize,
) -> rusqlite::Result<Vec<Job>> {
    let mut statement = tx.conn.prepare_cached(LEASE)?;
    let rows = statement.query_map(
        params![code(queue), number.as_str(), now.0, row_limit(limit)],
        |row| Ok((row.get::<_, i64>(8)?, job(row)?)),
    )?;
    let mut leased = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    // RETURNING promises no order.
    leased.sort_unstable_by_key(|(due_at, job)| (*due_at, job.id));
    Ok(leased.into_iter().map(|(_, job)| job).collect())
}

/// Writes down what became of a leased job. Does nothing when it is not leased (any more).
pub(super) fn settle(
    tx: &Tx<'_>,
    id: JobId,
    settlement: &Settlement,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let Some((queue, number, lane)) = end_lease(tx, id, settlement)? else {
        return Ok(());
    };
    match settlement {
        Settlement::Retry { .. } | Settlement::Release { .. } => tx.made_ready(queue, &number),
        Settlement::Bury { .. } => unblock(tx, queue, &number, lane.as_deref())?,
        Settlement::Paired { pair, tell } => {
            unblock(tx, queue, &number, lane.as_deref())?;
            telling::close(tx, *pair, *tell, now)?;
        }
        Settlement::Done { follow_up, offer } => {
            // Those that wait in the lane were accepted before whatever follows.
            unblock(tx, queue, &number, lane.as_deref())?;
            for job in follow_up {
                insert(tx, job, now)?;
            }
            if let Some(offer) = offer {
                telling::offer(tx, offer, now)?;
            }
        }
    }
    Ok(())
}

type Place = (Queue, NumberName, Option<String>);

/// Changes the job's own row; says where it stood, if it was leased.
fn end_lease(tx: &Tx<'_>, id: JobId, settlement: &Settlement) -> rusqlite::Result<Option<Place>> {
    let place = |row: &Row<'_>| Ok((queue_at(row, 0)?, number_at(row, 1)?, row.get(2)?));
    let statement = |sql| tx.conn.prepare_cached(sql);
    let stood = match settlement {
        Settlement::Done { .. } | Settlement::Paired { .. } => {
            statement(FINISH)?.query_row(params![id.0], place)
        }
        Settlement::Retry {
            due_at,
            reason,
            payload,
        } => statement(RETRY)?.query_row(params![id.0, due_at.0, reason, payload], place),
        Settlement::Release { due_at } => {
            statement(RELEASE)?.query_row(params![id.0, due_at.0], place)
        }
        Settlement::Bury { reason } => statement(BURY)?.query_row(params![id.0, reason], place),
    };
    stood.optional()
}

fn unblock(
    tx: &Tx<'_>,
    queue: Queue,
    number: &NumberName,
    lane: Option<&str>,
) -> rusqlite::Result<()> {
    let Some(lane) = lane else { return Ok(()) };
    if tx.run(UNBLOCK, params![code(queue), number.as_str(), lane])? > 0 {
        tx.made_ready(queue, number);
    }
    Ok(())
}

/// Makes at most `limit` jobs of a number due now that were due after `horizon`; says how many.
pub(super) fn pull_in(
    tx: &Tx<'_>,
    queue: Queue,
    number: &NumberName,
    horizon: Timestamp,
    now: Timestamp,
    limit: usize,
) -> rusqlite::Result<usize> {
    // A moment past the horizon would be pulled in again and again.
    let due_at = now.min(horizon);
    let mut pulled = 0;
    for state in [READY, BLOCKED] {
        let left = row_limit(limit - pulled);
        let row = params![
            code(queue),
            number.as_str(),
            state,
            horizon.0,
            due_at.0,
            left
        ];
        let changed = tx.run(PULL_IN, row)?;
        pulled += changed;
        if changed > 0 && state == READY {
            tx.made_ready(queue, number);
        }
    }
    Ok(pulled)
}

/// Whoever held a lease died with the process that opened the state before us.
pub(super) fn reset_leases(conn: &Connection) -> rusqlite::Result<()> {
    for queue in Queue::ALL {
        for number in numbers(conn, queue)? {
            conn.prepare_cached(UNLEASE)?
                .execute(params![code(queue), number.as_str()])?;
        }
    }
    Ok(())
}

/// The numbers with jobs in a queue; jumps from one to the next instead of reading every job.
fn numbers(conn: &Connection, queue: Queue) -> rusqlite::Result<Vec<NumberName>> {
    let mut statement = conn.prepare_cached(NEXT_NUMBER)?;
    let mut found: Vec<NumberName> = Vec::new();
    loop {
        let last = found.last().map_or("", NumberName::as_str);
        let next = statement.query_row(params![code(queue), last], |row| number_at(row, 0));
        match next.optional()? {
            Some(number) => found.push(number),
            None => return Ok(found),
        }
    }
}

/// When the next job will be due.
pub(super) fn next_due(
    conn: &Connection,
    queue: Queue,
    number: &NumberName,
) -> rusqlite::Result<Option<Timestamp>> {
    conn.prepare_cached(NEXT_DUE)?
        .query_row(params![code(queue), number.as_str()], |row| {
            row.get(0).map(Timestamp)
        })
        .optional()
}

/// Reads the first eight columns of [`LEASE`] and of `LIST` in `operators.rs`.
pub(super) fn job(row: &Row<'_>) -> rusqlite::Result<Job> {
    Ok(Job {
        id: JobId(row.get(0)?),
        queue: queue_at(row, 1)?,
        number: number_at(row, 2)?,
        key: row.get(3)?,
        lane: row.get(4)?,
        payload: row.get(5)?,
        attempts: row.get(6)?,
        created_at: Timestamp(row.get(7)?),
    })
}

pub(super) fn code(queue: Queue) -> i64 {
    match queue {
        Queue::Fetch => 0,
        Queue::Callback => 1,
        Queue::Compare => 2,
        Queue::Notification => 3,
    }
}

pub(super) fn queue_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Queue> {
    let found: i64 = row.get(column)?;
    Queue::ALL
        .into_iter()
        .find(|queue| code(*queue) == found)
        .ok_or(rusqlite::Error::IntegralValueOutOfRange(column, found))
}
