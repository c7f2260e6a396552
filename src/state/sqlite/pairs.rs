//! The life of a pair: opened with the job that ends it, acknowledged, looked up, swept. `telling.rs` says who tells.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::columns::{integer, natural_or_null_at, number_at, row_limit, side_at, side_or_null_at};
use super::writer::Tx;
use super::{Sqlite, jobs, telling};
use crate::ids::NumberName;
use crate::route::Side;
use crate::state::{
    Ack, NewJob, NewPair, Offer, Offered, Opened, Pair, PairId, PairSide, Queue, StateError,
    Timestamp,
};

pub(super) const ANY: &str = "SELECT EXISTS (SELECT 1 FROM pairs)";
// At most the newest one is open.
pub(super) const NEWEST: &str = "SELECT id, answer, owed, closed_at IS NULL FROM pairs
    WHERE number = ?1 AND medium = ?2 ORDER BY id DESC LIMIT 1";
pub(super) const OPEN: &str =
    "INSERT INTO pairs (number, medium, answer, owed, opened_at, deadline)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
pub(super) const OPEN_SIDES: &str =
    "INSERT INTO pair_sides (pair, side) VALUES (?1, 'onprem'), (?1, 'cloud')";
pub(super) const OWE: &str = "UPDATE pairs SET owed = owed + 1, told = NULL WHERE id = ?1";
pub(super) const ACKNOWLEDGE: &str = "UPDATE pair_sides SET status = ?3, took_ms = ?4
    WHERE pair = ?1 AND side = ?2 AND took_ms IS NULL";
pub(super) const FIND: &str = "SELECT id, number, medium, answer, told, opened_at, deadline,
    o.status, o.took_ms, o.outcome, o.ended_at, c.status, c.took_ms, c.outcome, c.ended_at
    FROM pairs
    JOIN pair_sides o ON o.pair = id AND o.side = 'onprem'
    JOIN pair_sides c ON c.pair = id AND c.side = 'cloud'
    WHERE id = ?1";
pub(super) const SWEEP_SIDES: &str = "DELETE FROM pair_sides WHERE pair IN (SELECT id FROM pairs
    WHERE closed_at <= ?1 ORDER BY closed_at, id LIMIT ?2)";
pub(super) const SWEEP: &str = "DELETE FROM pairs WHERE id IN (SELECT id FROM pairs
    WHERE closed_at <= ?1 ORDER BY closed_at, id LIMIT ?2)";

/// How long a closed pair is known: a day longer than Cloud gives a medium out.
const KNOWN: Duration = Duration::from_secs(8 * 24 * 60 * 60);

impl Sqlite {
    /// Opens a pair, with the job that ends it and the job that fetches Cloud's side; or joins the open one, see
    /// [`Opened::Joined`]. To be called before either side is asked, so that no callback comes before its pair.
    pub async fn open_pair(
        &self,
        pair: NewPair,
        fetch: Option<NewJob>,
    ) -> Result<Opened, StateError> {
        // Before the commit: whoever sees no pair must be right.
        self.0.has_pairs.store(true, Ordering::Release);
        let now = Timestamp::now();
        self.write(move |tx| open(tx, &pair, fetch.as_ref(), now))
            .await
    }

    /// Says that a request for a medium is being made outside a pair, so that the callback that answers it is not
    /// taken for a repetition. To be called before the request is made, and for every retry download that does not
    /// open a pair; where no pair is known it costs nothing (none at all) or one read. `true`: a pair was known.
    pub async fn owe(&self, number: &NumberName, medium: &str) -> Result<bool, StateError> {
        if !self.0.has_pairs.load(Ordering::Acquire) {
            return Ok(false);
        }
        let (number, medium) = (number.clone(), medium.to_owned());
        let (whose, which) = (number.clone(), medium.clone());
        let known = self.read(move |conn| newest(conn, &whose, &which)).await?;
        if known.is_none() {
            return Ok(false);
        }
        self.write(move |tx| match newest(tx.conn, &number, &medium)? {
            Some(known) => tx.run(OWE, [known.id.0]).map(|_| true),
            None => Ok(false),
        })
        .await
    }

    /// Writes down what a side said when it was asked; the first word counts.
    pub async fn acknowledged(&self, pair: PairId, side: Side, ack: Ack) -> Result<(), StateError> {
        self.write(move |tx| {
            let row = params![pair.0, side.as_str(), ack.status, integer(ack.took_ms)];
            tx.run(ACKNOWLEDGE, row).map(drop)
        })
        .await
    }

    /// Offers a side's outcome and callback to the pair of its medium. Whatever the answer, it is on disk: the caller
    /// has nothing more to deliver.
    pub async fn offer(&self, offer: Offer) -> Result<Offered, StateError> {
        let now = Timestamp::now();
        self.write(move |tx| telling::offer(tx, &offer, now)).await
    }

    /// A pair, open or closed, until it is swept.
    pub async fn pair(&self, id: PairId) -> Result<Option<Pair>, StateError> {
        self.read(move |conn| {
            let mut statement = conn.prepare_cached(FIND)?;
            statement.query_row([id.0], pair).optional()
        })
        .await
    }

    /// Whether a pair of this medium is open.
    pub async fn is_paired(&self, number: &NumberName, medium: &str) -> Result<bool, StateError> {
        let (number, medium) = (number.clone(), medium.to_owned());
        self.read(move |conn| {
            let newest = newest(conn, &number, &medium)?;
            Ok(newest.is_some_and(|pair| pair.open))
        })
        .await
    }
}

/// What has to be known of a pair to say who tells.
pub(super) struct Newest {
    pub(super) id: PairId,
    pub(super) answer: Side,
    /// Requests that no callback has told yet.
    pub(super) owed: u32,
    pub(super) open: bool,
}

/// The pair that was opened last.
pub(super) fn newest(
    conn: &Connection,
    number: &NumberName,
    medium: &str,
) -> rusqlite::Result<Option<Newest>> {
    let read = |row: &Row<'_>| {
        Ok(Newest {
            id: PairId(row.get(0)?),
            answer: side_at(row, 1)?,
            owed: row.get(2)?,
            open: row.get(3)?,
        })
    };
    conn.prepare_cached(NEWEST)?
        .query_row([number.as_str(), medium], read)
        .optional()
}

/// Whether there is any pair at all.
pub(super) fn any(conn: &Connection) -> rusqlite::Result<bool> {
    conn.query_row(ANY, [], |row| row.get(0))
}

fn open(
    tx: &Tx<'_>,
    new: &NewPair,
    fetch: Option<&NewJob>,
    now: Timestamp,
) -> rusqlite::Result<Opened> {
    let known = newest(tx.conn, &new.number, &new.medium)?;
    let owed = known.as_ref().map_or(0, |known| known.owed);
    if let Some(known) = known.filter(|known| known.open) {
        tx.run(OWE, [known.id.0])?;
        if owed == 0
            && let Some(fetch) = fetch
        {
            jobs::insert(tx, fetch, now)?;
        }
        return Ok(Opened::Joined(known.id));
    }
    // Who waits for a closed pair in vain so far is told with this one.
    let row = params![
        new.number.as_str(),
        new.medium,
        new.answer.as_str(),
        owed + 1,
        now.0,
        new.deadline.0
    ];
    tx.run(OPEN, row)?;
    let id = PairId(tx.conn.last_insert_rowid());
    tx.run(OPEN_SIDES, [id.0])?;
    jobs::insert(tx, &end(id, new), now)?;
    if let Some(fetch) = fetch {
        jobs::insert(tx, fetch, now)?;
    }
    Ok(Opened::New(id))
}

/// The job that ends a pair.
fn end(id: PairId, pair: &NewPair) -> NewJob {
    NewJob {
        queue: Queue::Compare,
        number: pair.number.clone(),
        key: Some(key(id)),
        lane: None,
        payload: id.payload(),
        due_at: pair.deadline,
    }
}

/// Of the job that ends a pair.
pub(super) fn key(id: PairId) -> String {
    format!("pair/{}", id.0)
}

/// Removes at most `limit` pairs that were closed long ago; says how many.
pub(super) fn sweep(tx: &Tx<'_>, now: Timestamp, limit: usize) -> rusqlite::Result<usize> {
    let closed_by = now.0.saturating_sub(Timestamp(0).after(KNOWN).0);
    let oldest = params![closed_by, row_limit(limit)];
    tx.run(SWEEP_SIDES, oldest)?;
    tx.run(SWEEP, oldest)
}

fn pair(row: &Row<'_>) -> rusqlite::Result<Pair> {
    Ok(Pair {
        id: PairId(row.get(0)?),
        number: number_at(row, 1)?,
        medium: row.get(2)?,
        answer: side_at(row, 3)?,
        told: side_or_null_at(row, 4)?,
        opened_at: Timestamp(row.get(5)?),
        deadline: Timestamp(row.get(6)?),
        onprem: side(row, 7)?,
        cloud: side(row, 11)?,
    })
}

fn side(row: &Row<'_>, first: usize) -> rusqlite::Result<PairSide> {
    let status = row.get(first)?;
    let took_ms = natural_or_null_at(row, first + 1)?;
    Ok(PairSide {
        ack: took_ms.map(|took_ms| Ack { status, took_ms }),
        outcome: row.get(first + 2)?,
        ended_at: row.get::<_, Option<i64>>(first + 3)?.map(Timestamp),
    })
}
