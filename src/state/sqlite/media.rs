//! The queries of media: what is known of each, found by either of its names.
//!
//! A medium is written whole: the newest word about it replaces the one before.

use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::columns::{number_at, row_limit, unreadable};
use super::writer::Tx;
use crate::ids::{CloudMediaId, MediaId, NumberName};
use crate::onprem;
use crate::state::{Fate, Medium, Timestamp};

// REPLACE also drops another medium of the same id at Cloud, so that an id names one medium and a write cannot fail for it.
pub(super) const PUT: &str = "INSERT OR REPLACE INTO media
    (number, uuid, cloud_id, kind, mime_type, sha256, length, fate, error, until, about)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
// What is known of the bytes stays; what the newest message says of the medium is added.
pub(super) const INTRODUCE: &str = "INSERT INTO media
    (number, uuid, cloud_id, kind, mime_type, sha256, length, fate, error, until, about)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
    ON CONFLICT (number, uuid) DO UPDATE SET kind = coalesce(excluded.kind, kind),
    mime_type = coalesce(excluded.mime_type, mime_type), sha256 = coalesce(sha256, excluded.sha256),
    about = coalesce(excluded.about, about)";
pub(super) const BY_CLOUD_ID: &str =
    "SELECT number, uuid, cloud_id, kind, mime_type, sha256, length, fate, error, until, about
    FROM media WHERE number = ?1 AND cloud_id = ?2";
pub(super) const BY_UUID: &str =
    "SELECT number, uuid, cloud_id, kind, mime_type, sha256, length, fate, error, until, about
    FROM media WHERE number = ?1 AND uuid = ?2";
pub(super) const FORGIVE: &str = "UPDATE media SET fate = 0, error = NULL, until = NULL
    WHERE (number, uuid) IN (SELECT number, uuid FROM media WHERE fate = 2 AND until <= ?1 LIMIT ?2)";

/// Writes a medium down.
pub(super) fn put(tx: &Tx<'_>, medium: &Medium) -> rusqlite::Result<()> {
    write(tx, PUT, medium)
}

/// Writes down what a message says of a medium.
pub(super) fn introduce(tx: &Tx<'_>, medium: &Medium) -> rusqlite::Result<()> {
    write(tx, INTRODUCE, medium)
}

fn write(tx: &Tx<'_>, statement: &str, medium: &Medium) -> rusqlite::Result<()> {
    let (fate, error, until) = match &medium.fate {
        Fate::Known => (0, None, None),
        Fate::Stored => (1, None, None),
        Fate::Held => (3, None, None),
        Fate::Failed { error, until } => (2, Some(to_json(error)?), Some(until.0)),
    };
    let length = medium
        .length
        .map(|length| i64::try_from(length).unwrap_or(i64::MAX));
    let row = params![
        medium.number.as_str(),
        medium.id.as_bytes(),
        medium.cloud_id.as_ref().map(CloudMediaId::as_str),
        medium.kind.map(onprem::media::Kind::as_str),
        medium.mime_type,
        medium.sha256,
        length,
        fate,
        error,
        until,
        medium.about.as_deref().map(to_json).transpose()?,
    ];
    tx.run(statement, row).map(drop)
}

fn to_json(value: &impl serde::Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value)
        .map_err(|problem| rusqlite::Error::ToSqlConversionFailure(problem.into()))
}

/// Finds a medium by either name.
pub(super) fn find(
    conn: &Connection,
    number: &NumberName,
    id: &MediaId,
) -> rusqlite::Result<Option<Medium>> {
    let number = number.as_str();
    let found = match id {
        MediaId::Cloud(id) => conn
            .prepare_cached(BY_CLOUD_ID)?
            .query_row(params![number, id.as_str()], medium),
        MediaId::Uuid(id) => conn
            .prepare_cached(BY_UUID)?
            .query_row(params![number, id.as_bytes()], medium),
    };
    found.optional()
}

/// Forgets at most `limit` failures that stand no more; says how many.
pub(super) fn forgive(tx: &Tx<'_>, now: Timestamp, limit: usize) -> rusqlite::Result<usize> {
    tx.run(FORGIVE, params![now.0, row_limit(limit)])
}

fn medium(row: &Row<'_>) -> rusqlite::Result<Medium> {
    let cloud_id = row.get_ref(2)?.as_str_or_null()?;
    let cloud_id = cloud_id
        .map(|id| CloudMediaId::parse(id).ok_or_else(|| unreadable(2, "not an id of Cloud")))
        .transpose()?;
    let about = row.get_ref(10)?.as_str_or_null()?;
    let about = about
        .map(|about| {
            serde_json::from_str(about).map_err(|_| unreadable(10, "not as it was written"))
        })
        .transpose()?;
    let kind = row
        .get_ref(3)?
        .as_str_or_null()?
        .map(|word| onprem::media::Kind::parse(word).ok_or_else(|| unreadable(3, "not a kind")))
        .transpose()?;
    Ok(Medium {
        number: number_at(row, 0)?,
        id: Uuid::from_bytes(row.get(1)?),
        cloud_id,
        kind,
        mime_type: row.get(4)?,
        sha256: row.get(5)?,
        length: row
            .get::<_, Option<i64>>(6)?
            .and_then(|length| u64::try_from(length).ok()),
        fate: fate(row)?,
        about,
    })
}

fn fate(row: &Row<'_>) -> rusqlite::Result<Fate> {
    match row.get::<_, i64>(7)? {
        0 => Ok(Fate::Known),
        1 => Ok(Fate::Stored),
        3 => Ok(Fate::Held),
        2 => {
            let error = serde_json::from_str(row.get_ref(8)?.as_str()?)
                .map_err(|_| unreadable(8, "not an error object"))?;
            Ok(Fate::Failed {
                error,
                until: Timestamp(row.get(9)?),
            })
        }
        other => Err(rusqlite::Error::IntegralValueOutOfRange(7, other)),
    }
}
