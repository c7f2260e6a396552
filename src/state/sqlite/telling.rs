//! Who tells: which callback of a pair is kept for delivery, and which is withheld.
//!
//! The rule that must not break: while a pair is known, a callback is kept for delivery exactly when somebody waits
//! for one (`pairs.owed`), and nobody waits after it. It is decided in the commit that keeps the callback.

use rusqlite::{OptionalExtension, Row, params};

use super::columns::number_at;
use super::jobs::{self, code, queue_at};
use super::pairs::{self, Newest};
use super::writer::Tx;
use crate::route::Side;
use crate::state::{NewJob, Offer, Offered, PairId, Queue, Timestamp};

pub(super) const END: &str = "UPDATE pair_sides SET outcome = ?3, ended_at = ?4
    WHERE pair = ?1 AND side = ?2 AND ended_at IS NULL";
pub(super) const ENDED: &str = "SELECT NOT EXISTS (SELECT 1 FROM pair_sides
    WHERE pair = ?1 AND ended_at IS NULL)";
// The second word about the state lets `jobs_by_key` be used.
pub(super) const HASTEN: &str = "UPDATE jobs SET due_at = ?4
    WHERE queue = ?1 AND number = ?2 AND key = ?3 AND state = 0 AND state <> 3 AND due_at > ?4";
pub(super) const TELL: &str = "UPDATE pairs SET owed = 0, told = ?2 WHERE id = ?1";
pub(super) const OWE_LESS: &str = "UPDATE pairs SET owed = owed - 1 WHERE id = ?1";
// The first callback a side made goes with the outcome that is kept of it.
pub(super) const WITHHOLD: &str =
    "INSERT INTO withheld (pair, side, queue, number, key, lane, payload, due_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING";
pub(super) const WITHHELD: &str = "SELECT queue, number, key, lane, payload, due_at FROM withheld
    WHERE pair = ?1 AND side = ?2";
pub(super) const FORGET: &str = "DELETE FROM withheld WHERE pair = ?1";
pub(super) const CLOSE: &str =
    "UPDATE pairs SET closed_at = ?2 WHERE id = ?1 AND closed_at IS NULL RETURNING owed";

/// Takes a side's outcome and callback.
pub(super) fn offer(tx: &Tx<'_>, offer: &Offer, now: Timestamp) -> rusqlite::Result<Offered> {
    let Some(pair) = pairs::newest(tx.conn, &offer.number, &offer.medium)? else {
        if let Some(callback) = &offer.callback {
            jobs::insert(tx, callback, now)?;
        }
        return Ok(Offered::Unpaired);
    };
    let answers = offer.side == pair.answer;
    let refused_one_of_many = answers && offer.callback.is_none() && pair.owed > 1;
    if pair.open && !refused_one_of_many {
        end_side(tx, &pair, offer, now)?;
    }
    match &offer.callback {
        Some(callback) if pair.owed > 0 && (answers || !pair.open) => {
            tell(tx, pair.id, offer.side, callback, now)
        }
        Some(callback) if pair.open && !answers => {
            withhold(tx, pair.id, offer.side, callback)?;
            Ok(Offered::Withheld)
        }
        None if answers && pair.owed == 1 => {
            tx.run(TELL, params![pair.id.0, offer.side.as_str()])?;
            Ok(Offered::Told)
        }
        None if refused_one_of_many => {
            tx.run(OWE_LESS, [pair.id.0])?;
            Ok(Offered::Withheld)
        }
        _ => Ok(Offered::Withheld),
    }
}

/// Keeps the first outcome of a side. With both there, nothing is left to wait for.
fn end_side(tx: &Tx<'_>, pair: &Newest, offer: &Offer, now: Timestamp) -> rusqlite::Result<()> {
    let row = params![pair.id.0, offer.side.as_str(), offer.outcome, now.0];
    if tx.run(END, row)? == 0 {
        return Ok(());
    }
    let mut ended = tx.conn.prepare_cached(ENDED)?;
    if !ended.query_row([pair.id.0], |row| row.get::<_, bool>(0))? {
        return Ok(());
    }
    let queue = Queue::Compare;
    let number = offer.number.as_str();
    let row = params![code(queue), number, pairs::key(pair.id), now.0];
    if tx.run(HASTEN, row)? > 0 {
        tx.made_ready(queue, &offer.number);
    }
    Ok(())
}

fn tell(
    tx: &Tx<'_>,
    pair: PairId,
    side: Side,
    callback: &NewJob,
    now: Timestamp,
) -> rusqlite::Result<Offered> {
    jobs::insert(tx, callback, now)?;
    tx.run(TELL, params![pair.0, side.as_str()])?;
    Ok(Offered::Told)
}

fn withhold(tx: &Tx<'_>, pair: PairId, side: Side, job: &NewJob) -> rusqlite::Result<()> {
    let row = params![
        pair.0,
        side.as_str(),
        code(job.queue),
        job.number.as_str(),
        job.key,
        job.lane,
        job.payload,
        job.due_at.0
    ];
    tx.run(WITHHOLD, row).map(drop)
}

/// Closes a pair. Where somebody waits still and the callback of `teller` was withheld, it is delivered after all.
pub(super) fn close(
    tx: &Tx<'_>,
    pair: PairId,
    teller: Option<Side>,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let mut closing = tx.conn.prepare_cached(CLOSE)?;
    let owed = closing.query_row([pair.0, now.0], |row| row.get::<_, u32>(0));
    let Some(owed) = owed.optional()? else {
        return Ok(());
    };
    if owed > 0
        && let Some(side) = teller
    {
        let mut statement = tx.conn.prepare_cached(WITHHELD)?;
        let found = statement.query_row(params![pair.0, side.as_str()], withheld);
        if let Some(callback) = found.optional()? {
            tell(tx, pair, side, &callback, now)?;
        }
    }
    tx.run(FORGET, [pair.0]).map(drop)
}

fn withheld(row: &Row<'_>) -> rusqlite::Result<NewJob> {
    Ok(NewJob {
        queue: queue_at(row, 0)?,
        number: number_at(row, 1)?,
        key: row.get(2)?,
        lane: row.get(3)?,
        payload: row.get(4)?,
        due_at: Timestamp(row.get(5)?),
    })
}
