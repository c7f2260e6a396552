//! Taking events in: repetitions, the work they make, the names they are told by.
//!
//! The rule that must not break: an event whose lane has unfinished work in the queue of notifications is processed
//! behind it, so that no callback overtakes one that waits for a medium.

use rusqlite::{Connection, OptionalExtension, params};

use super::columns::row_limit;
use super::writer::Tx;
use super::{Sqlite, jobs, kept, media};
use crate::ids::NumberName;
use crate::state::{
    Enqueued, JobId, NewAlias, NewEvent, NewJob, Queue, SeenKey, StateError, TakenIn, Timestamp,
};

/// Events of one commit, so that acknowledgements of others do not wait behind a batch of a thousand.
const CHUNK: usize = 250;
/// How long a repetition is known: a day longer than Meta repeats.
const REMEMBERED_MS: i64 = 8 * 86_400_000;

// The conflict that does nothing is the one of the key.
pub(super) const SEE: &str = "INSERT INTO seen (key, at) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
// Ascending ids are ascending times, but for a clock that was set back; so the oldest stand first.
pub(super) const FORGET: &str = "DELETE FROM seen WHERE id IN
    (SELECT id FROM (SELECT id, at FROM seen ORDER BY id LIMIT ?2) WHERE at < ?1)";
pub(super) const NAME: &str = "INSERT INTO aliases (number, told, cloud) VALUES (?1, ?2, ?3)
    ON CONFLICT (number, told) DO NOTHING";
pub(super) const ALIAS: &str = "SELECT cloud FROM aliases WHERE number = ?1 AND told = ?2";
pub(super) const HASTEN: &str = "UPDATE jobs SET due_at = ?2 WHERE id = ?1 AND state IN (0, 2)
    AND due_at > ?2 RETURNING queue, number, state";

impl Sqlite {
    /// Takes events in, each with all that follows from it. When this returns, they are on disk; of a batch that fails
    /// some may be, and are known as repetitions when they come again. Beyond `keep_rows` the oldest kept events go.
    pub async fn take_in(
        &self,
        mut events: Vec<NewEvent>,
        keep_rows: u64,
    ) -> Result<Vec<TakenIn>, StateError> {
        let mut taken = Vec::with_capacity(events.len());
        while !events.is_empty() {
            let rest = events.split_off(events.len().min(CHUNK));
            let chunk = std::mem::replace(&mut events, rest);
            let now = Timestamp::now();
            let chunk = self.write(move |tx| {
                let events = chunk.iter();
                let taken = events.map(|event| take_in(tx, event, keep_rows, now));
                taken.collect::<rusqlite::Result<Vec<_>>>()
            });
            taken.extend(chunk.await?);
        }
        Ok(taken)
    }

    /// Makes jobs due that were held back. Those that are under way or done are left as they are.
    pub async fn hasten(&self, held: Vec<JobId>, now: Timestamp) -> Result<(), StateError> {
        self.write(move |tx| held.iter().try_for_each(|id| hasten(tx, *id, now)))
            .await
    }

    /// What Cloud calls what callbacks call so.
    pub async fn alias(
        &self,
        number: &NumberName,
        told: &str,
    ) -> Result<Option<String>, StateError> {
        let (number, told) = (number.clone(), told.to_owned());
        self.read(move |conn| alias(conn, &number, &told)).await
    }
}

pub(super) fn take_in(
    tx: &Tx<'_>,
    event: &NewEvent,
    keep_rows: u64,
    now: Timestamp,
) -> rusqlite::Result<TakenIn> {
    if let Some(SeenKey(key)) = &event.seen
        && tx.run(SEE, params![key, now.0])? == 0
    {
        return Ok(TakenIn::Duplicate);
    }
    if let Some(medium) = &event.medium {
        media::introduce(tx, medium)?;
    }
    for NewAlias {
        number,
        told,
        cloud,
    } in &event.aliases
    {
        tx.run(NAME, params![number.as_str(), told, cloud])?;
    }
    if let Some(new) = &event.kept {
        kept::keep(tx, new, keep_rows, now)?;
    }
    if let Some(order) = &event.order {
        jobs::insert(tx, order, now)?;
    }
    let Some(job) = work(tx, event)? else {
        return Ok(TakenIn::New { held: None });
    };
    let is_new = jobs::insert(tx, job, now)? == Enqueued::New;
    let is_held = is_new && job.due_at > now;
    let held = is_held.then(|| JobId(tx.conn.last_insert_rowid()));
    Ok(TakenIn::New { held })
}

/// The job an event makes: its callback, or what will make it.
fn work<'a>(tx: &Tx<'_>, event: &'a NewEvent) -> rusqlite::Result<Option<&'a NewJob>> {
    let (Some(direct), Some(processed)) = (&event.direct, &event.processed) else {
        return Ok(event.direct.as_ref().or(event.processed.as_ref()));
    };
    let Some(lane) = &direct.lane else {
        return Ok(Some(direct));
    };
    let queue = jobs::code(Queue::Notification);
    let number = direct.number.as_str();
    let waits = jobs::exists(tx, jobs::LANE_IS_BUSY, queue, number, lane)?;
    Ok(Some(if waits { processed } else { direct }))
}

fn hasten(tx: &Tx<'_>, id: JobId, now: Timestamp) -> rusqlite::Result<()> {
    let hastened = tx
        .conn
        .prepare_cached(HASTEN)?
        .query_row(params![id.0, now.0], |row| {
            let (queue, number) = (jobs::queue_at(row, 0)?, super::columns::number_at(row, 1)?);
            Ok((queue, number, row.get::<_, i64>(2)?))
        });
    if let Some((queue, number, jobs::READY)) = hastened.optional()? {
        tx.made_ready(queue, &number);
    }
    Ok(())
}

fn alias(conn: &Connection, number: &NumberName, told: &str) -> rusqlite::Result<Option<String>> {
    conn.prepare_cached(ALIAS)?
        .query_row(params![number.as_str(), told], |row| row.get(0))
        .optional()
}

/// Forgets at most `limit` events that cannot come again; says how many.
pub(super) fn forget(tx: &Tx<'_>, now: Timestamp, limit: usize) -> rusqlite::Result<usize> {
    let oldest = now.0.saturating_sub(REMEMBERED_MS);
    tx.run(FORGET, params![oldest, row_limit(limit)])
}
