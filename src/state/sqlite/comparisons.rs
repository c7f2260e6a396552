//! Results of comparing, and noise: methods and queries.
//!
//! Results are bounded by their number and their age. Ids ascend without gaps, but for what was swept, so the span of
//! the ids bounds how many there are, and nobody has to count them while acknowledgements wait.

use rusqlite::{Connection, Row, params};

use super::columns::{
    integer, natural_at, natural_or_null_at, number_at, route_at, row_limit, side_at,
};
use super::writer::Tx;
use super::{BATCH, Sqlite};
use crate::ids::NumberName;
use crate::route::Route;
use crate::state::{
    ComparisonPage, ComparisonPlace, ComparisonQuery, ComparisonRow, NoiseRow, StateError,
    Timestamp,
};

pub(super) const PUT: &str = "INSERT INTO comparisons (at, number, route, key, verdict, reason,
    answer, onprem_status, cloud_status, onprem_ms, cloud_ms, detail)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
pub(super) const DROP_OLDEST: &str =
    "DELETE FROM comparisons WHERE id IN (SELECT id FROM comparisons
    WHERE id <= (SELECT max(id) FROM comparisons) - ?1 ORDER BY id LIMIT ?2)";
pub(super) const PAGE: &str = "SELECT id, at, number, route, key, verdict, reason, answer,
    onprem_status, cloud_status, onprem_ms, cloud_ms, detail FROM comparisons
    WHERE (at, id) > (?1, ?2) AND (?3 IS NULL OR number = ?3) AND (?4 IS NULL OR route = ?4)
    ORDER BY at, id LIMIT ?5";
const COUNT: &str = "SELECT count(*) FROM comparisons";
pub(super) const SWEEP: &str = "DELETE FROM comparisons WHERE id IN (SELECT id FROM comparisons
    WHERE at < ?1 ORDER BY at LIMIT ?2)";
pub(super) const ADD_NOISE: &str =
    "INSERT INTO noise (number, route, has_path, path, count) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT DO UPDATE SET count = count + excluded.count";
const NOISE: &str = "SELECT number, route, has_path, path, count FROM noise
    ORDER BY number, route, has_path, path";

impl Sqlite {
    /// Keeps results, in one commit, and at most `keep` altogether: those that came first go first.
    pub async fn put_comparisons(
        &self,
        rows: Vec<ComparisonRow>,
        keep: u64,
    ) -> Result<(), StateError> {
        let put = move |tx: &Tx<'_>| {
            rows.iter().try_for_each(|row| put(tx, row))?;
            drop_oldest(tx, keep)
        };
        if self.write(put).await? == BATCH {
            self.in_batches(move |tx| drop_oldest(tx, keep)).await?;
        }
        Ok(())
    }

    /// Results, oldest first: at most `limit`, from the beginning or from where the page before ended.
    pub async fn comparisons(
        &self,
        query: &ComparisonQuery,
        after: Option<ComparisonPlace>,
        limit: usize,
    ) -> Result<ComparisonPage, StateError> {
        let query = query.clone();
        self.read(move |conn| page(conn, &query, after, limit))
            .await
    }

    /// How many results are kept.
    pub async fn comparison_count(&self) -> Result<u64, StateError> {
        self.read(|conn| conn.query_row(COUNT, [], |row| natural_at(row, 0)))
            .await
    }

    /// Removes the results from before a moment. Says how many.
    pub async fn sweep_comparisons(&self, older_than: Timestamp) -> Result<u64, StateError> {
        self.in_batches(move |tx| tx.run(SWEEP, params![older_than.0, row_limit(BATCH)]))
            .await
    }

    /// Adds to the counts of noise.
    pub async fn add_noise(&self, rows: Vec<NoiseRow>) -> Result<(), StateError> {
        self.write(move |tx| rows.iter().try_for_each(|row| add_noise(tx, row)))
            .await
    }

    /// The noise counted so far.
    pub async fn noise(&self) -> Result<Vec<NoiseRow>, StateError> {
        self.read(|conn| {
            let mut statement = conn.prepare_cached(NOISE)?;
            statement.query_map([], noise)?.collect()
        })
        .await
    }
}

fn put(tx: &Tx<'_>, row: &ComparisonRow) -> rusqlite::Result<()> {
    let row = params![
        row.at.0,
        row.number.as_str(),
        row.route.as_str(),
        row.key,
        row.verdict,
        row.reason,
        row.answer.as_str(),
        row.onprem_status,
        row.cloud_status,
        row.onprem_ms.map(integer),
        row.cloud_ms.map(integer),
        row.detail
    ];
    tx.run(PUT, row).map(drop)
}

fn drop_oldest(tx: &Tx<'_>, keep: u64) -> rusqlite::Result<usize> {
    tx.run(DROP_OLDEST, params![integer(keep), row_limit(BATCH)])
}

fn page(
    conn: &Connection,
    query: &ComparisonQuery,
    after: Option<ComparisonPlace>,
    limit: usize,
) -> rusqlite::Result<ComparisonPage> {
    // No id is 0, so this is the place before everything of that moment.
    let start = ComparisonPlace {
        at: query.since.unwrap_or(Timestamp(i64::MIN)),
        id: 0,
    };
    let place = after.map_or(start, |after| after.max(start));
    let mut statement = conn.prepare_cached(PAGE)?;
    let filter = params![
        place.at.0,
        place.id,
        query.number.as_ref().map(NumberName::as_str),
        query.route.map(Route::as_str),
        row_limit(limit)
    ];
    let mut rows = Vec::new();
    let mut last = None;
    for found in statement.query_map(filter, comparison)? {
        let (id, row) = found?;
        last = Some(ComparisonPlace { at: row.at, id });
        rows.push(row);
    }
    let next = last.filter(|_| rows.len() == limit);
    Ok(ComparisonPage { rows, next })
}

fn comparison(row: &Row<'_>) -> rusqlite::Result<(i64, ComparisonRow)> {
    let comparison = ComparisonRow {
        at: Timestamp(row.get(1)?),
        number: number_at(row, 2)?,
        route: route_at(row, 3)?,
        key: row.get(4)?,
        verdict: row.get(5)?,
        reason: row.get(6)?,
        answer: side_at(row, 7)?,
        onprem_status: row.get(8)?,
        cloud_status: row.get(9)?,
        onprem_ms: natural_or_null_at(row, 10)?,
        cloud_ms: natural_or_null_at(row, 11)?,
        detail: row.get(12)?,
    };
    Ok((row.get(0)?, comparison))
}

fn add_noise(tx: &Tx<'_>, row: &NoiseRow) -> rusqlite::Result<()> {
    // A path may be empty: the root.
    let path = row.path.as_deref().unwrap_or_default();
    let row = params![
        row.number.as_str(),
        row.route.as_str(),
        row.path.is_some(),
        path,
        integer(row.count)
    ];
    tx.run(ADD_NOISE, row).map(drop)
}

fn noise(row: &Row<'_>) -> rusqlite::Result<NoiseRow> {
    let (has_path, path): (bool, String) = (row.get(2)?, row.get(3)?);
    Ok(NoiseRow {
        number: number_at(row, 0)?,
        route: route_at(row, 1)?,
        path: has_path.then_some(path),
        count: natural_at(row, 4)?,
    })
}
