//! How values of ours are written to columns and read back.
//!
//! Only checked values are ever written, so one that cannot be read back is an error of the file, never a default.

use rusqlite::Row;
use rusqlite::types::Type;

use crate::ids::NumberName;
use crate::route::{Route, Side};

/// A limit as SQL takes it.
pub(super) fn row_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// A count or a duration as SQL takes it.
pub(super) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Reads a count or a duration.
pub(super) fn natural_at(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column)
        .map(|value| u64::try_from(value).unwrap_or(0))
}

/// Reads a duration that may be missing.
pub(super) fn natural_or_null_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<u64>> {
    row.get::<_, Option<i64>>(column)
        .map(|value| value.map(|value| u64::try_from(value).unwrap_or(0)))
}

/// Reads a number's name; only checked names are ever written.
pub(super) fn number_at(row: &Row<'_>, column: usize) -> rusqlite::Result<NumberName> {
    let text = row.get_ref(column)?.as_str()?;
    NumberName::parse(text).ok_or_else(|| unreadable(column, "not a number's name"))
}

/// Reads a route's name.
pub(super) fn route_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Route> {
    let text = row.get_ref(column)?.as_str()?;
    Route::parse(text).ok_or_else(|| unreadable(column, "not a route"))
}

/// Reads a side.
pub(super) fn side_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Side> {
    let text = row.get_ref(column)?.as_str()?;
    Side::parse(text).ok_or_else(|| unreadable(column, "not a side"))
}

/// Reads a side that may be missing.
pub(super) fn side_or_null_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Side>> {
    let text = row.get_ref(column)?.as_str_or_null()?;
    text.map(|text| Side::parse(text).ok_or_else(|| unreadable(column, "not a side")))
        .transpose()
}

/// The error for a value this program never writes.
pub(super) fn unreadable(column: usize, why: &'static str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, why.into())
}
