//! What operators changed at run time, and its history: methods and queries.
//!
//! A change and its entry in the history are one commit. The history only grows; triggers in the schema refuse
//! anything else.

use rusqlite::{Connection, Row, params};

use super::Sqlite;
use super::columns::{number_at, route_at, row_limit, side_at, unreadable};
use super::writer::Tx;
use crate::ids::NumberName;
use crate::route::{Flag, KeyKind, Mode};
use crate::state::{Change, ChangeId, Edit, Pin, RunTime, SetFlag, StateError, Timestamp};

pub(super) const APPEND: &str = "INSERT INTO changes (at, who, number, what, old, new, reason)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
pub(super) const SET_FLAG: &str =
    "INSERT OR REPLACE INTO flags (number, route, mode, answer, percent, change)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
pub(super) const RESET_FLAG: &str = "DELETE FROM flags WHERE number = ?1 AND route = ?2";
pub(super) const PIN: &str =
    "INSERT OR REPLACE INTO pins (number, kind, key, side) VALUES (?1, ?2, ?3, ?4)";
pub(super) const UNPIN: &str = "DELETE FROM pins WHERE number = ?1 AND kind = ?2 AND key = ?3";
pub(super) const PUT_RAMP: &str =
    "INSERT OR REPLACE INTO ramps (number, route, ramp) VALUES (?1, ?2, ?3)";
pub(super) const DROP_RAMP: &str = "DELETE FROM ramps WHERE number = ?1 AND route = ?2";
const FLAGS: &str =
    "SELECT flags.number, route, mode, answer, percent, change, at, who, reason FROM flags
    JOIN changes ON changes.id = change ORDER BY flags.number, route";
const PINS: &str = "SELECT number, kind, key, side FROM pins ORDER BY number, kind, key";
const RAMPS: &str = "SELECT number, route, ramp FROM ramps ORDER BY number, route";
pub(super) const HISTORY: &str = "SELECT id, at, who, number, what, old, new, reason FROM changes
    WHERE (?1 IS NULL OR number IS NULL OR number = ?1)
    AND (?2 IS NULL OR what = ?2 OR what = ?2 || ' ramp' OR instr(', ' || what || ', ', ', ' || ?2 || ', '))
    ORDER BY id DESC LIMIT ?3";

impl Sqlite {
    /// Carries out the edits, in their order, and appends the change to the history: all of it or nothing.
    pub async fn change(&self, edits: Vec<Edit>, change: Change) -> Result<ChangeId, StateError> {
        self.write(move |tx| {
            let id = append(tx, &change)?;
            edits.iter().try_for_each(|edit| carry_out(tx, edit, id))?;
            Ok(id)
        })
        .await
    }

    /// Everything that was changed at run time and still holds, as of one moment.
    pub async fn run_time(&self) -> Result<RunTime, StateError> {
        self.read(run_time).await
    }

    /// The history, newest first. One number's includes what concerns all numbers; `what` is [`Change::what`], or one of
    /// the routes that it names.
    pub async fn history(
        &self,
        number: Option<&NumberName>,
        what: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(ChangeId, Change)>, StateError> {
        let (number, what) = (number.cloned(), what.map(str::to_owned));
        self.read(move |conn| {
            let number = number.as_ref().map(NumberName::as_str);
            let mut statement = conn.prepare_cached(HISTORY)?;
            let rows = statement.query_map(params![number, what, row_limit(limit)], entry)?;
            rows.collect()
        })
        .await
    }
}

fn append(tx: &Tx<'_>, change: &Change) -> rusqlite::Result<ChangeId> {
    let row = params![
        change.at.0,
        change.who,
        change.number.as_ref().map(NumberName::as_str),
        change.what,
        change.old,
        change.new,
        change.reason
    ];
    tx.run(APPEND, row)?;
    Ok(ChangeId(tx.conn.last_insert_rowid()))
}

fn carry_out(tx: &Tx<'_>, edit: &Edit, change: ChangeId) -> rusqlite::Result<()> {
    let changed = match edit {
        Edit::SetFlag {
            number,
            route,
            flag,
        } => {
            let (mode, answer) = (flag.mode.as_str(), flag.answer.as_str());
            let (number, route) = (number.as_str(), route.as_str());
            let row = params![number, route, mode, answer, flag.percent, change.0];
            tx.run(SET_FLAG, row)
        }
        Edit::ResetFlag { number, route } => tx.run(RESET_FLAG, [number.as_str(), route.as_str()]),
        Edit::Pin(pin) => {
            let (kind, side) = (pin.kind.as_str(), pin.side.as_str());
            tx.run(PIN, [pin.number.as_str(), kind, &pin.key, side])
        }
        Edit::Unpin { number, kind, key } => tx.run(UNPIN, [number.as_str(), kind.as_str(), key]),
        Edit::PutRamp {
            number,
            route,
            ramp,
        } => tx.run(PUT_RAMP, params![number.as_str(), route.as_str(), ramp]),
        Edit::DropRamp { number, route } => tx.run(DROP_RAMP, [number.as_str(), route.as_str()]),
    };
    changed.map(drop)
}

fn run_time(conn: &Connection) -> rusqlite::Result<RunTime> {
    let view = conn.unchecked_transaction()?;
    Ok(RunTime {
        flags: all(&view, FLAGS, flag)?,
        pins: all(&view, PINS, pin)?,
        ramps: all(&view, RAMPS, |row| {
            Ok((number_at(row, 0)?, route_at(row, 1)?, row.get(2)?))
        })?,
    })
}

fn all<T>(
    conn: &Connection,
    sql: &str,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    let mut statement = conn.prepare_cached(sql)?;
    statement.query_map([], read)?.collect()
}

fn flag(row: &Row<'_>) -> rusqlite::Result<SetFlag> {
    let mode = Mode::parse(row.get_ref(2)?.as_str()?).ok_or_else(|| unreadable(2, "not a mode"))?;
    let (answer, percent) = (side_at(row, 3)?, row.get(4)?);
    Ok(SetFlag {
        number: number_at(row, 0)?,
        route: route_at(row, 1)?,
        flag: Flag {
            mode,
            answer,
            percent,
        },
        change: ChangeId(row.get(5)?),
        at: Timestamp(row.get(6)?),
        who: row.get(7)?,
        reason: row.get(8)?,
    })
}

fn pin(row: &Row<'_>) -> rusqlite::Result<Pin> {
    let kind = KeyKind::parse(row.get_ref(1)?.as_str()?);
    Ok(Pin {
        number: number_at(row, 0)?,
        kind: kind.ok_or_else(|| unreadable(1, "not a kind of key"))?,
        key: row.get(2)?,
        side: side_at(row, 3)?,
    })
}

fn entry(row: &Row<'_>) -> rusqlite::Result<(ChangeId, Change)> {
    let number = match row.get_ref(3)?.as_str_or_null()? {
        None => None,
        Some(_) => Some(number_at(row, 3)?),
    };
    let change = Change {
        at: Timestamp(row.get(1)?),
        who: row.get(2)?,
        number,
        what: row.get(4)?,
        old: row.get(5)?,
        new: row.get(6)?,
        reason: row.get(7)?,
    };
    Ok((ChangeId(row.get(0)?), change))
}
