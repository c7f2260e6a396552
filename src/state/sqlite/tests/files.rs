//! What `open` makes of the files it finds.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::super::{Sqlite, schema};
use super::{all, block_on, job, lease, number, payloads};
use crate::ids::MediaId;
use crate::state::{Examined, Fate, OpenError, RunTime};
use uuid::Uuid;

fn refusal(path: &Path) -> OpenError {
    match Sqlite::open(path) {
        Ok(_) => panic!("{} was opened", path.display()),
        Err(error) => error,
    }
}

fn why(path: &Path) -> String {
    let before = fs::read(path).unwrap();
    let why = match refusal(path) {
        OpenError::NotAState { why, .. } => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        fs::read(path).unwrap(),
        before,
        "a file that is not ours was changed"
    );
    why
}

#[test]
fn a_new_state_is_private() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/er/state.db");
    let state = Sqlite::open(&path).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder.path().join("deep")), 0o700);
    assert_eq!(mode(&folder.path().join("deep/er")), 0o700);
    block_on(async { state.is_writable().await.unwrap() });
    for name in ["state.db", "state.db-wal", "state.db-shm", "state.db.lock"] {
        assert_eq!(mode(&path.with_file_name(name)), 0o600, "{name}");
    }
}

#[test]
fn one_process_at_a_time_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let state = Sqlite::open(&path).unwrap();
    assert!(matches!(refusal(&path), OpenError::InUse(_)));
    block_on(state.close());
    Sqlite::open(&path).unwrap();
}

#[test]
fn leases_end_with_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    block_on(async {
        let state = Sqlite::open(&path).unwrap();
        state.enqueue(job("a")).await.unwrap();
        assert_eq!(lease(&state, 1).await.len(), 1);
        assert!(lease(&state, 1).await.is_empty());
        state.close().await;
        let state = Sqlite::open(&path).unwrap();
        let again = lease(&state, 1).await;
        assert_eq!((again.len(), again[0].attempts), (1, 0));
    });
}

#[test]
fn a_file_that_is_no_state_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    for text in ["x", &"all work and no play\n".repeat(1000)] {
        fs::write(&path, text).unwrap();
        assert_eq!(why(&path), "it is no SQLite database");
    }
    fs::remove_file(&path).unwrap();
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE theirs (x)")
        .unwrap();
    assert_eq!(why(&path), "it is a SQLite database of another program");
    assert!(matches!(
        refusal(folder.path()),
        OpenError::Engine { .. } | OpenError::Io { .. }
    ));
}

#[test]
fn a_state_cut_short_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    block_on(async {
        let state = Sqlite::open(&path).unwrap();
        state.enqueue(job("a")).await.unwrap();
        state.close().await;
    });
    let whole = fs::read(&path).unwrap();
    for length in [50, 4096, whole.len() / 2] {
        fs::write(&path, &whole[..length]).unwrap();
        let why = why(&path);
        assert!(
            why.contains("cut short") || why.contains("no SQLite"),
            "{length}: {why}"
        );
    }
    fs::write(&path, "").unwrap();
    fs::write(folder.path().join("state.db-wal"), "what is left").unwrap();
    assert_eq!(why(&path), "its database file is empty, but its log is not");
    fs::remove_file(folder.path().join("state.db-wal")).unwrap();
    fs::write(&path, whole).unwrap();
    let state = Sqlite::open(&path).unwrap();
    assert_eq!(block_on(all(&state)).len(), 1);
}

#[test]
fn a_newer_schema_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    block_on(Sqlite::open(&path).unwrap().close());
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.pragma_update(None, "user_version", 77).unwrap();
    drop(conn);
    assert!(matches!(
        refusal(&path),
        OpenError::TooNew {
            found: 77,
            known: 3,
            ..
        }
    ));
}

#[test]
fn a_state_of_the_first_version_is_brought_up_with_all_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let mut conn = rusqlite::Connection::open(&path).unwrap();
    schema::migrate_to(&mut conn, 0, 1).unwrap();
    conn.execute_batch(
        "INSERT INTO jobs (queue, number, state, due_at, created_at, payload) VALUES (0, 'support', 1, 5, 5, x'61');
        INSERT INTO media VALUES ('support', '1761991787669262', x'00000000000000000000000000000007', 'voice', 'audio/ogg', NULL, 9, 1, NULL, NULL);
        INSERT INTO secrets VALUES ('salt', x'07');",
    )
    .unwrap();
    drop(conn);
    assert_eq!(Sqlite::examine(&path).unwrap(), Examined::Sound);
    let fresh = folder.path().join("fresh.db");
    block_on(async {
        for _ in 0..2 {
            let state = Sqlite::open(&path).unwrap();
            assert_eq!(payloads(&lease(&state, 9).await), ["a"]);
            assert_eq!(state.secret("salt", 1).await.unwrap(), [7]);
            assert_eq!(state.run_time().await.unwrap(), RunTime::default());
            let id = MediaId::parse("1761991787669262").unwrap();
            let medium = state
                .medium(&number("support"), &id)
                .await
                .unwrap()
                .unwrap();
            assert_eq!((medium.id, medium.length), (Uuid::from_u128(7), Some(9)));
            assert_eq!(medium.fate, Fate::Stored);
            state.close().await;
        }
        Sqlite::open(&fresh).unwrap().close().await;
    });
    assert_eq!(tables(&path), tables(&fresh));
}

fn tables(path: &Path) -> Vec<(String, Option<String>)> {
    let conn = rusqlite::Connection::open(path).unwrap();
    let sql = "SELECT name, sql FROM sqlite_schema ORDER BY name";
    let mut statement = conn.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}
