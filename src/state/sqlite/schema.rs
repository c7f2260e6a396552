//! The tables, and how an older file becomes a current one.
//!
//! A step that was ever released is never edited: a change is a new step at the end. Every step runs in one
//! transaction with the new version number, so a crash in between leaves the old schema, whole.

use rusqlite::{Connection, TransactionBehavior};

/// Marks a file as ours: `WABR`, read as a big-endian number.
pub(super) const APPLICATION_ID: i32 = 0x5741_4252;

/// The schema this program writes; one step per version.
pub(super) const VERSION: u32 = STEPS.len() as u32;

// `jobs.state`: 0 ready, 1 leased, 2 blocked (an earlier job of its lane is unfinished), 3 buried.
// `media.fate`: 0 known, 1 stored, 2 failed, 3 held (here, but not published).
// `pairs.owed`: requests that no callback has told, see `state/pair.rs`.
//
// Every accepted job writes the table, `jobs_by_state` and, with a key or a lane, one index more. That is the cost
// of an acknowledgement, so think twice before adding an index. `jobs_by_state` carries leases, due times and
// the backlog at once. Ids are never used twice (AUTOINCREMENT): a worker that settles late must not hit another job.
const STEPS: [&str; 3] = [
    "
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    queue INTEGER NOT NULL,
    number TEXT NOT NULL,
    state INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    key TEXT,
    lane TEXT,
    reason TEXT,
    payload BLOB NOT NULL
) STRICT;
CREATE INDEX jobs_by_state ON jobs (queue, number, state, due_at);
CREATE UNIQUE INDEX jobs_by_key ON jobs (queue, number, key) WHERE key IS NOT NULL AND state <> 3;
CREATE INDEX jobs_by_lane ON jobs (queue, number, lane, state) WHERE lane IS NOT NULL;
CREATE INDEX jobs_buried ON jobs (id) WHERE state = 3;

CREATE TABLE media (
    number TEXT NOT NULL,
    cloud_id TEXT NOT NULL,
    uuid BLOB NOT NULL,
    kind TEXT,
    mime_type TEXT,
    sha256 BLOB,
    length INTEGER,
    fate INTEGER NOT NULL,
    error TEXT,
    until INTEGER,
    PRIMARY KEY (number, cloud_id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX media_by_uuid ON media (number, uuid);
CREATE INDEX media_failed ON media (until) WHERE fate = 2;

CREATE TABLE users (
    number TEXT NOT NULL,
    name TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    changed_here INTEGER NOT NULL,
    PRIMARY KEY (number, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    token BLOB PRIMARY KEY,
    number TEXT NOT NULL,
    user TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE revocations (
    token BLOB PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX revocations_by_expiry ON revocations (expires_at);

CREATE TABLE secrets (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE probe (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    count INTEGER NOT NULL
) STRICT;
INSERT INTO probe VALUES (1, 0);
",
    "
CREATE TABLE changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    who TEXT NOT NULL,
    number TEXT,
    what TEXT NOT NULL,
    old TEXT NOT NULL,
    new TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT;
CREATE TRIGGER changes_are_not_edited BEFORE UPDATE ON changes
    BEGIN SELECT RAISE(ABORT, 'the history is append-only'); END;
CREATE TRIGGER changes_are_not_removed BEFORE DELETE ON changes
    BEGIN SELECT RAISE(ABORT, 'the history is append-only'); END;

CREATE TABLE flags (
    number TEXT NOT NULL,
    route TEXT NOT NULL,
    mode TEXT NOT NULL,
    answer TEXT NOT NULL,
    percent INTEGER NOT NULL,
    change INTEGER NOT NULL,
    PRIMARY KEY (number, route)
) STRICT, WITHOUT ROWID;

CREATE TABLE pins (
    number TEXT NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    side TEXT NOT NULL,
    PRIMARY KEY (number, kind, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE ramps (
    number TEXT NOT NULL,
    route TEXT NOT NULL,
    ramp BLOB NOT NULL,
    PRIMARY KEY (number, route)
) STRICT, WITHOUT ROWID;

CREATE TABLE pairs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    number TEXT NOT NULL,
    medium TEXT NOT NULL,
    answer TEXT NOT NULL,
    owed INTEGER NOT NULL DEFAULT 1,
    told TEXT,
    opened_at INTEGER NOT NULL,
    deadline INTEGER NOT NULL,
    closed_at INTEGER,
    CHECK ((told IS NULL) = (owed > 0))
) STRICT;
CREATE INDEX pairs_by_medium ON pairs (number, medium);
CREATE INDEX pairs_closed ON pairs (closed_at) WHERE closed_at IS NOT NULL;

CREATE TABLE pair_sides (
    pair INTEGER NOT NULL,
    side TEXT NOT NULL,
    status INTEGER,
    took_ms INTEGER,
    outcome BLOB,
    ended_at INTEGER,
    PRIMARY KEY (pair, side)
) STRICT, WITHOUT ROWID;

CREATE TABLE withheld (
    pair INTEGER NOT NULL,
    side TEXT NOT NULL,
    queue INTEGER NOT NULL,
    number TEXT NOT NULL,
    key TEXT,
    lane TEXT,
    payload BLOB NOT NULL,
    due_at INTEGER NOT NULL,
    PRIMARY KEY (pair, side)
) STRICT, WITHOUT ROWID;

CREATE TABLE comparisons (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    number TEXT NOT NULL,
    route TEXT NOT NULL,
    key TEXT NOT NULL,
    verdict TEXT NOT NULL,
    reason TEXT,
    answer TEXT NOT NULL,
    onprem_status INTEGER,
    cloud_status INTEGER,
    onprem_ms INTEGER,
    cloud_ms INTEGER,
    detail TEXT NOT NULL
) STRICT;
CREATE INDEX comparisons_by_time ON comparisons (at, id);

CREATE TABLE noise (
    number TEXT NOT NULL,
    route TEXT NOT NULL,
    has_path INTEGER NOT NULL,
    path TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (number, route, has_path, path)
) STRICT, WITHOUT ROWID;

CREATE TABLE baselines (
    id INTEGER PRIMARY KEY,
    number TEXT NOT NULL,
    route TEXT NOT NULL,
    key TEXT NOT NULL,
    at INTEGER NOT NULL,
    took_ms INTEGER NOT NULL,
    request TEXT NOT NULL,
    answer TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX baselines_by_key ON baselines (number, route, key);
CREATE INDEX baselines_by_route ON baselines (number, route, at);
CREATE INDEX baselines_by_time ON baselines (at);

CREATE TABLE baseline_total (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    count INTEGER NOT NULL
) STRICT;
INSERT INTO baseline_total VALUES (1, 0);
CREATE TRIGGER baselines_come AFTER INSERT ON baselines
    BEGIN UPDATE baseline_total SET count = count + 1; END;
CREATE TRIGGER baselines_go AFTER DELETE ON baselines
    BEGIN UPDATE baseline_total SET count = count - 1; END;
",
    "
CREATE TABLE media_by_their_ids (
    number TEXT NOT NULL,
    uuid BLOB NOT NULL,
    cloud_id TEXT,
    kind TEXT,
    mime_type TEXT,
    sha256 BLOB,
    length INTEGER,
    fate INTEGER NOT NULL,
    error TEXT,
    until INTEGER,
    about TEXT,
    PRIMARY KEY (number, uuid)
) STRICT, WITHOUT ROWID;
INSERT INTO media_by_their_ids
    SELECT number, uuid, cloud_id, kind, mime_type, sha256, length, fate, error, until, NULL FROM media;
DROP TABLE media;
ALTER TABLE media_by_their_ids RENAME TO media;
CREATE UNIQUE INDEX media_by_cloud_id ON media (number, cloud_id) WHERE cloud_id IS NOT NULL;
CREATE INDEX media_failed ON media (until) WHERE fate = 2;

CREATE TABLE seen (
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,
    at INTEGER NOT NULL
) STRICT;

CREATE TABLE aliases (
    number TEXT NOT NULL,
    told TEXT NOT NULL,
    cloud TEXT NOT NULL,
    PRIMARY KEY (number, told)
) STRICT, WITHOUT ROWID;

CREATE TABLE kept (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    number TEXT,
    kind TEXT NOT NULL,
    reason TEXT NOT NULL,
    sealed INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;
",
];

/// Runs the steps the file has not seen. `found` is its version, and not above [`VERSION`].
pub(super) fn migrate(conn: &mut Connection, found: u32) -> rusqlite::Result<()> {
    migrate_to(conn, found, VERSION)
}

/// The same, but stops at an earlier version.
pub(super) fn migrate_to(conn: &mut Connection, found: u32, last: u32) -> rusqlite::Result<()> {
    for (step, version) in STEPS.iter().zip(1..=last).skip(found as usize) {
        let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}
