//! Opens a state file: folders, lock, the checks that it is ours, connections and their settings.
//!
//! A file that is not ours is never written to. One process at a time has the state: the lock is taken before
//! anything is looked at, and given back after the last connection is closed.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{checkpoint, jobs, pairs, schema};
use crate::state::{Examined, OpenError};

/// How long a statement waits for a foreign process, a backup for instance, that holds the database.
const BUSY: Duration = Duration::from_secs(5);

/// More than there are different statements, so that each is compiled once per connection.
const STATEMENTS: usize = 128;

/// The header of a SQLite file, and how it begins.
const HEAD: u64 = 100;
const MAGIC: &[u8] = b"SQLite format 3\0";

/// What opening yields.
pub(super) struct Opened {
    /// The only connection that writes.
    pub(super) writer: Connection,
    /// Held until the writer is closed.
    pub(super) lock: File,
    /// Whether the file holds pairs.
    pub(super) has_pairs: bool,
}

/// Opens the state at `path`, and makes a new one where there is none.
pub(super) fn open(path: &Path) -> Result<Opened, OpenError> {
    let io_error = |path: &Path| {
        let path = path.to_owned();
        move |source| OpenError::Io { path, source }
    };
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        create_folder(folder).map_err(io_error(folder))?;
    }
    let lock = lock(path)?;
    create_file(path).map_err(io_error(path))?;
    if let Some(why) = strangeness(path).map_err(io_error(path))? {
        return Err(foreign(path, why));
    }
    let mut writer = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(engine(path))?;
    let found = identify(&writer, path)?;
    prepare(&mut writer, found).map_err(engine(path))?;
    let has_pairs = pairs::any(&writer).map_err(engine(path))?;
    Ok(Opened {
        writer,
        lock,
        has_pairs,
    })
}

/// Looks whether [`open`] would take the file at `path`, and changes nothing: no file is made, no schema brought
/// up, no log written back. The lock is held for a moment only, so a running bridge never notices.
pub(super) fn examine(path: &Path) -> Result<Examined, OpenError> {
    let io_error = |source| OpenError::Io {
        path: path.to_owned(),
        source,
    };
    match File::open(beside(path, ".lock")).map(|lock| lock.try_lock_shared()) {
        Ok(Err(TryLockError::WouldBlock)) => return Err(OpenError::InUse(path.to_owned())),
        Ok(Err(TryLockError::Error(source))) => return Err(io_error(source)),
        Ok(Ok(())) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(io_error(error)),
    }
    let mut file = match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Examined::Missing),
        Err(error) => return Err(io_error(error)),
    };
    let mut head = Vec::new();
    (&mut file)
        .take(HEAD)
        .read_to_end(&mut head)
        .map_err(io_error)?;
    let has_log = beside(path, "-wal")
        .metadata()
        .is_ok_and(|log| log.len() > 0);
    identify_head(&head, has_log, path)
}

/// The first page's header holds what [`identify`] asks the engine for, except what is still in the log.
fn identify_head(head: &[u8], has_log: bool, path: &Path) -> Result<Examined, OpenError> {
    let number = |at: usize| {
        let bytes = head.get(at..at + 4)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?))
    };
    match (number(60), number(68)) {
        (None, _) | (_, None) if head.is_empty() && has_log => Err(foreign(
            path,
            "its database file is empty, but its log is not",
        )),
        (None, _) | (_, None) if head.is_empty() => Ok(Examined::Sound),
        (None, _) | (_, None) => Err(foreign(path, "it is no SQLite database")),
        _ if !head.starts_with(MAGIC) => Err(foreign(path, "it is no SQLite database")),
        (Some(found), Some(ours)) if ours == schema::APPLICATION_ID.cast_unsigned() => {
            if found > schema::VERSION {
                let (path, known) = (path.to_owned(), schema::VERSION);
                return Err(OpenError::TooNew { path, found, known });
            }
            Ok(Examined::Sound)
        }
        (Some(0), Some(0)) => Ok(Examined::Sound),
        _ => Err(foreign(path, "it is a SQLite database of another program")),
    }
}

/// One more connection, which cannot write.
pub(super) fn open_reader(path: &Path) -> Result<Connection, OpenError> {
    connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .and_then(|conn| conn.pragma_update(None, "cache_size", -1024).map(|()| conn))
        .map_err(engine(path))
}

/// One more connection, for checkpoints alone.
pub(super) fn open_checkpointer(path: &Path) -> Result<Connection, OpenError> {
    connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
        .and_then(|conn| {
            conn.pragma_update(None, "synchronous", "full")
                .map(|()| conn)
        })
        .map_err(engine(path))
}

fn create_folder(folder: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = folder
        .ancestors()
        .take_while(|folder| !folder.exists())
        .collect();
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    for folder in missing {
        sync_folder_of(folder)?;
    }
    Ok(())
}

/// A new name in a folder survives a power cut only after this.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn lock(path: &Path) -> Result<File, OpenError> {
    let lock_path = beside(path, ".lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&lock_path);
    let file = file.map_err(|source| OpenError::Io {
        path: lock_path.clone(),
        source,
    })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.to_owned())),
        Err(TryLockError::Error(source)) => Err(OpenError::Io {
            path: lock_path,
            source,
        }),
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// SQLite gives its side files the mode of this one.
fn create_file(path: &Path) -> io::Result<()> {
    match OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
    {
        Ok(_) => sync_folder_of(path),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Finds what SQLite would silently take for a new database and overwrite: a very short file of any kind,
/// and an emptied database whose log still holds everything.
fn strangeness(path: &Path) -> io::Result<Option<&'static str>> {
    const MAGIC: &[u8] = b"SQLite format 3\0";
    const SMALLEST: usize = 512;
    let mut start = Vec::with_capacity(SMALLEST);
    File::open(path)?
        .take(SMALLEST as u64)
        .read_to_end(&mut start)?;
    let log = beside(path, "-wal").metadata().map_or(0, |log| log.len());
    Ok(match start.len() {
        0 if log > 0 => Some("its database file is empty, but its log is not"),
        0 => None,
        _ if !start.starts_with(MAGIC) => Some("it is no SQLite database"),
        length if length < SMALLEST => Some("its database is cut short"),
        _ => None,
    })
}

fn connect(path: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
    let conn = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.busy_timeout(BUSY)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(conn)
}

/// The schema version of a state of ours; 0 for a new one.
fn identify(conn: &Connection, path: &Path) -> Result<u32, OpenError> {
    let number = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, i64>(0));
    let look = || {
        let application = number("PRAGMA application_id")?;
        let version = number("PRAGMA user_version")?;
        Ok((
            application,
            version,
            number("SELECT count(*) FROM sqlite_schema")?,
        ))
    };
    let (application, version, entries) =
        look().map_err(|error: rusqlite::Error| match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => foreign(path, "it is no SQLite database"),
            Some(ErrorCode::DatabaseCorrupt) => {
                foreign(path, "its database is damaged or cut short")
            }
            _ => engine(path)(error),
        })?;
    // A crash at the very first start can leave a database with nothing in it.
    if application == 0 && version == 0 && entries == 0 {
        return Ok(0);
    }
    if application != i64::from(schema::APPLICATION_ID) {
        return Err(foreign(path, "it is a SQLite database of another program"));
    }
    match u32::try_from(version) {
        Ok(found) if (1..=schema::VERSION).contains(&found) => Ok(found),
        Ok(found) if found > schema::VERSION => Err(OpenError::TooNew {
            path: path.to_owned(),
            found,
            known: schema::VERSION,
        }),
        _ => Err(foreign(path, "its schema version makes no sense")),
    }
}

/// Settings, migrations, and the leases of the process before us.
fn prepare(conn: &mut Connection, found: u32) -> rusqlite::Result<()> {
    conn.pragma_update(None, "journal_mode", "wal")?;
    conn.pragma_update(None, "synchronous", "full")?;
    conn.pragma_update(None, "temp_store", "memory")?;
    conn.pragma_update(None, "cache_size", -4096)?;
    conn.pragma_update(None, "wal_autocheckpoint", checkpoint::LOG_PAGES)?;
    // A log that keeps its length is overwritten in place, which syncs faster than growing it again.
    conn.pragma_update(None, "journal_size_limit", 64 << 20)?;
    schema::migrate(conn, found)?;
    let transaction = conn.transaction()?;
    jobs::reset_leases(&transaction)?;
    transaction.commit()
}

fn engine(path: &Path) -> impl FnOnce(rusqlite::Error) -> OpenError {
    let path = path.to_owned();
    move |source| OpenError::Engine { path, source }
}

fn foreign(path: &Path, why: &str) -> OpenError {
    OpenError::NotAState {
        path: path.to_owned(),
        why: why.to_owned(),
    }
}
