//! What on-prem answered, kept to be compared with later: methods and queries.
//!
//! One answer per request, the newest. How many there are is kept by triggers in the schema, so that the bound costs
//! no counting.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::columns::{integer, natural_at, number_at, route_at, row_limit};
use super::writer::Tx;
use super::{BATCH, Sqlite};
use crate::ids::NumberName;
use crate::route::Route;
use crate::state::{BaselineCount, BaselineRow, StateError, Timestamp};

pub(super) const PUT: &str =
    "INSERT INTO baselines (number, route, key, at, took_ms, request, answer)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
    ON CONFLICT (number, route, key) DO UPDATE SET at = excluded.at, took_ms = excluded.took_ms,
    request = excluded.request, answer = excluded.answer WHERE excluded.at >= at";
// A limit below zero would be none.
pub(super) const DROP_OLDEST: &str = "DELETE FROM baselines WHERE id IN (SELECT id FROM baselines
    ORDER BY at, id LIMIT max(0, min(?2, (SELECT count FROM baseline_total WHERE id = 1) - ?1)))";
pub(super) const FIND: &str = "SELECT number, route, key, at, took_ms, request, answer
    FROM baselines WHERE number = ?1 AND route = ?2 AND key = ?3";
pub(super) const PAGE: &str = "SELECT number, route, key, at, took_ms, request, answer
    FROM baselines WHERE (number, route, key) > (?1, ?2, ?3)
    AND (?4 IS NULL OR number = ?4) AND (?5 IS NULL OR route = ?5)
    ORDER BY number, route, key LIMIT ?6";
pub(super) const COUNTS: &str = "SELECT number, route, count(*), min(at), max(at) FROM baselines
    GROUP BY number, route";
pub(super) const CLEAR: &str = "DELETE FROM baselines WHERE id IN (SELECT id FROM baselines
    WHERE (?1 IS NULL OR route = ?1) LIMIT ?2)";
pub(super) const CLEAR_NUMBER: &str = "DELETE FROM baselines WHERE id IN (SELECT id FROM baselines
    WHERE number = ?3 AND (?1 IS NULL OR route = ?1) LIMIT ?2)";

impl Sqlite {
    /// Keeps answers, in one commit, and at most `keep` altogether: the oldest go first. Of the answers to one request
    /// the newest is kept.
    pub async fn put_baselines(&self, rows: Vec<BaselineRow>, keep: u64) -> Result<(), StateError> {
        let put = move |tx: &Tx<'_>| {
            rows.iter().try_for_each(|row| put(tx, row))?;
            drop_oldest(tx, keep)
        };
        if self.write(put).await? == BATCH {
            self.in_batches(move |tx| drop_oldest(tx, keep)).await?;
        }
        Ok(())
    }

    /// What was answered to this request.
    pub async fn baseline(
        &self,
        number: &NumberName,
        route: Route,
        key: &str,
    ) -> Result<Option<BaselineRow>, StateError> {
        let (number, key) = (number.clone(), key.to_owned());
        self.read(move |conn| {
            let mut statement = conn.prepare_cached(FIND)?;
            let place = [number.as_str(), route.as_str(), &key];
            statement.query_row(place, baseline).optional()
        })
        .await
    }

    /// Answers in the order of number, route and key: at most `limit`, from the beginning or after those of the last
    /// row of the page before.
    pub async fn baselines(
        &self,
        number: Option<&NumberName>,
        route: Option<Route>,
        after: Option<(NumberName, Route, String)>,
        limit: usize,
    ) -> Result<Vec<BaselineRow>, StateError> {
        let number = number.cloned();
        self.read(move |conn| page(conn, number.as_ref(), route, after.as_ref(), limit))
            .await
    }

    /// How many answers there are, for every number and route with any.
    pub async fn baseline_counts(&self) -> Result<Vec<BaselineCount>, StateError> {
        self.read(|conn| {
            let mut statement = conn.prepare_cached(COUNTS)?;
            statement.query_map([], count)?.collect()
        })
        .await
    }

    /// Removes the answers of one number, of one route, or all. Says how many.
    pub async fn clear_baselines(
        &self,
        number: Option<&NumberName>,
        route: Option<Route>,
    ) -> Result<u64, StateError> {
        let number = number.cloned();
        let route = route.map(Route::as_str);
        let limit = row_limit(BATCH);
        self.in_batches(move |tx| match &number {
            None => tx.run(CLEAR, params![route, limit]),
            Some(number) => tx.run(CLEAR_NUMBER, params![route, limit, number.as_str()]),
        })
        .await
    }
}

fn put(tx: &Tx<'_>, row: &BaselineRow) -> rusqlite::Result<()> {
    let row = params![
        row.number.as_str(),
        row.route.as_str(),
        row.key,
        row.at.0,
        integer(row.took_ms),
        row.request,
        row.answer
    ];
    tx.run(PUT, row).map(drop)
}

fn drop_oldest(tx: &Tx<'_>, keep: u64) -> rusqlite::Result<usize> {
    tx.run(DROP_OLDEST, params![integer(keep), row_limit(BATCH)])
}

fn page(
    conn: &Connection,
    number: Option<&NumberName>,
    route: Option<Route>,
    after: Option<&(NumberName, Route, String)>,
    limit: usize,
) -> rusqlite::Result<Vec<BaselineRow>> {
    let number = number.map(NumberName::as_str);
    let place = match after {
        Some((number, route, key)) => (number.as_str(), route.as_str(), key.as_str()),
        None => (number.unwrap_or_default(), "", ""),
    };
    let mut statement = conn.prepare_cached(PAGE)?;
    let filter = params![
        place.0,
        place.1,
        place.2,
        number,
        route.map(Route::as_str),
        row_limit(limit)
    ];
    statement.query_map(filter, baseline)?.collect()
}

fn baseline(row: &Row<'_>) -> rusqlite::Result<BaselineRow> {
    Ok(BaselineRow {
        number: number_at(row, 0)?,
        route: route_at(row, 1)?,
        key: row.get(2)?,
        at: Timestamp(row.get(3)?),
        took_ms: natural_at(row, 4)?,
        request: row.get(5)?,
        answer: row.get(6)?,
    })
}

fn count(row: &Row<'_>) -> rusqlite::Result<BaselineCount> {
    Ok(BaselineCount {
        number: number_at(row, 0)?,
        route: route_at(row, 1)?,
        count: natural_at(row, 2)?,
        oldest: Timestamp(row.get(3)?),
        newest: Timestamp(row.get(4)?),
    })
}
