//! The state on SQLite: a handle whose methods are the whole interface, one thread that writes, two that read, one that tends the log.
//!
//! The rule that must not break: a write is answered only after the commit that holds it was synced. `writer.rs`
//! says how writes share commits; `jobs.rs`, `operators.rs`, `media.rs` and `users.rs` hold the queries of the methods
//! here. What belongs to moving from one side to the other is whole in a file each, methods and queries: `cutover.rs`,
//! `pairs.rs` (with `telling.rs`), `comparisons.rs` and `baselines.rs`; so is what belongs to notifications: `events.rs`
//! and `kept.rs`.

mod baselines;
mod checkpoint;
mod columns;
mod comparisons;
mod cutover;
mod events;
mod jobs;
mod kept;
mod media;
mod open;
mod operators;
mod pairs;
mod reader;
mod schema;
mod signals;
mod telling;
#[cfg(test)]
mod tests;
mod users;
mod writer;

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use aws_lc_rs::rand;
use tokio::sync::watch;

use self::checkpoint::Caller;
use self::signals::Signals;
use self::writer::Tx;
use super::{
    Backlog, Enqueued, Examined, Job, JobId, JobRecord, Medium, NewJob, OpenError, Queue, Session,
    Settlement, StateError, StoredUser, Timestamp, TokenHash,
};
use crate::ids::{MediaId, NumberName};

/// Two, so that a long listing does not hold up a lookup.
const READERS: usize = 2;

/// How many rows one commit of a mass change touches; acknowledgements wait no longer than that takes.
const BATCH: usize = 1000;

/// The state of one bridge. Cheap to clone; the file is given back when the last clone is gone, or by [`Sqlite::close`].
#[derive(Clone)]
pub struct Sqlite(Arc<Shared>);

struct Shared {
    writer: Sender<writer::Request>,
    readers: Sender<reader::Request>,
    signals: Arc<Signals>,
    /// Whether there may be pairs; where none was ever opened, nobody looks for one.
    has_pairs: AtomicBool,
    threads: Mutex<Option<Threads>>,
}

struct Threads {
    writer: JoinHandle<()>,
    readers: Vec<JoinHandle<()>>,
}

impl Sqlite {
    /// Opens the state at `path`, making it and its folders where they are missing. Jobs that were leased
    /// when the last process ended are ready again. Blocks; meant for the start of the program.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let open::Opened {
            writer: conn,
            lock,
            has_pairs,
        } = open::open(path)?;
        let signals = Arc::new(Signals::default());
        let mut threads = Vec::with_capacity(READERS);
        let (readers, read_requests) = mpsc::channel();
        let read_requests = Arc::new(Mutex::new(read_requests));
        for _ in 0..READERS {
            let (conn, requests) = (open::open_reader(path)?, Arc::clone(&read_requests));
            threads.push(spawn("state-reader", path, move || {
                reader::serve(&conn, &requests)
            })?);
        }
        let (call, calls) = mpsc::sync_channel(1);
        let log = open::open_checkpointer(path)?;
        let mover = spawn("state-log", path, move || checkpoint::serve(&log, &calls))?;
        let (writer, write_requests) = mpsc::channel();
        let heard = Arc::clone(&signals);
        let thread = spawn("state-writer", path, move || {
            writer::serve(&conn, &write_requests, &heard, Caller::new(call));
            // The last connection to close moves the rest of the log; only then may another process have the file.
            let _ = mover.join();
            drop(conn);
            drop(lock);
        })?;
        let threads = Mutex::new(Some(Threads {
            writer: thread,
            readers: threads,
        }));
        Ok(Self(Arc::new(Shared {
            writer,
            readers,
            signals,
            has_pairs: AtomicBool::new(has_pairs),
            threads,
        })))
    }

    /// Whether [`Sqlite::open`] would work, without changing anything or disturbing a running bridge. Blocks.
    pub fn examine(path: &Path) -> Result<Examined, OpenError> {
        open::examine(path)
    }

    /// Finishes the reads and writes asked for so far and gives the file back. Later ones are refused.
    pub async fn close(&self) {
        let threads = self
            .0
            .threads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(threads) = threads else { return };
        let shared = Arc::clone(&self.0);
        let stop = tokio::task::spawn_blocking(move || shared.stop(threads));
        // A panic in there is one of a thread that ended early; the file is free all the same.
        let _ = stop.await;
    }

    /// Keeps a job. When this returns [`Enqueued::New`], it is on disk.
    pub async fn enqueue(&self, job: NewJob) -> Result<Enqueued, StateError> {
        let now = Timestamp::now();
        self.write(move |tx| jobs::insert(tx, &job, now)).await
    }

    /// Hands out at most `limit` jobs that are due, oldest due first. Each is this caller's until it is settled.
    pub async fn lease(
        &self,
        queue: Queue,
        number: &NumberName,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Job>, StateError> {
        let number = number.clone();
        self.write(move |tx| jobs::lease(tx, queue, &number, now, limit))
            .await
    }

    /// Writes down what became of a leased job. A job that is not leased any more is left as it is, and nothing
    /// follows from it a second time.
    pub async fn settle(&self, id: JobId, settlement: Settlement) -> Result<(), StateError> {
        let now = Timestamp::now();
        self.write(move |tx| jobs::settle(tx, id, &settlement, now))
            .await
    }

    /// When the next ready job of a queue and number is due; that may be in the past.
    pub async fn next_due(
        &self,
        queue: Queue,
        number: &NumberName,
    ) -> Result<Option<Timestamp>, StateError> {
        let number = number.clone();
        self.read(move |conn| jobs::next_due(conn, queue, &number))
            .await
    }

    /// Makes a number's jobs due now that would be due after `horizon`: no delay is that long, so the clock jumped back.
    /// Says how many.
    pub async fn pull_in(
        &self,
        queue: Queue,
        number: &NumberName,
        horizon: Timestamp,
        now: Timestamp,
    ) -> Result<u64, StateError> {
        let number = number.clone();
        self.in_batches(move |tx| jobs::pull_in(tx, queue, &number, horizon, now, BATCH))
            .await
    }

    /// How much waits, for every queue and number with jobs.
    pub async fn backlog(&self) -> Result<Vec<Backlog>, StateError> {
        self.read(operators::backlog).await
    }

    /// Jobs for an operator's eyes, in the order of acceptance.
    pub async fn jobs(
        &self,
        queue: Option<Queue>,
        number: Option<&NumberName>,
        buried_only: bool,
        limit: usize,
    ) -> Result<Vec<JobRecord>, StateError> {
        let number = number.cloned();
        self.read(move |conn| operators::list(conn, queue, number.as_ref(), buried_only, limit))
            .await
    }

    /// Brings a buried job back, with all its attempts before it. When an unfinished job has its key by now, that
    /// one stands for it and the buried one goes. `false`: no such buried job.
    pub async fn redrive(&self, id: JobId, now: Timestamp) -> Result<bool, StateError> {
        self.write(move |tx| operators::redrive(tx, id, now)).await
    }

    /// Changes after every commit that made a job of this queue and number ready, be it due or not.
    pub fn subscribe(&self, queue: Queue, number: &NumberName) -> watch::Receiver<u64> {
        self.0.signals.subscribe(queue, number)
    }

    /// What is known of a medium, by either of its names.
    pub async fn medium(
        &self,
        number: &NumberName,
        id: &MediaId,
    ) -> Result<Option<Medium>, StateError> {
        let (number, id) = (number.clone(), id.clone());
        self.read(move |conn| media::find(conn, &number, &id)).await
    }

    /// Writes a medium down, in place of what was known of it.
    pub async fn put_medium(&self, medium: Medium) -> Result<(), StateError> {
        self.write(move |tx| media::put(tx, &medium)).await
    }

    /// Every user of every number.
    pub async fn users(&self) -> Result<Vec<StoredUser>, StateError> {
        self.read(users::users).await
    }

    /// Writes a user down, in place of an earlier one of that name.
    pub async fn put_user(&self, user: StoredUser) -> Result<(), StateError> {
        self.write(move |tx| users::put_user(tx, &user)).await
    }

    /// The sessions that have not ended.
    pub async fn sessions(&self, now: Timestamp) -> Result<Vec<Session>, StateError> {
        self.read(move |conn| users::sessions(conn, now)).await
    }

    /// Writes a session down.
    pub async fn put_session(&self, session: Session) -> Result<(), StateError> {
        self.write(move |tx| users::put_session(tx, &session)).await
    }

    /// Forgets a session; one that is not there is no error.
    pub async fn remove_session(&self, token: &TokenHash) -> Result<(), StateError> {
        let token = *token;
        self.write(move |tx| users::remove_session(tx, &token))
            .await
    }

    /// Remembers until `expires_at` that a token is good no more.
    pub async fn revoke(&self, token: TokenHash, expires_at: Timestamp) -> Result<(), StateError> {
        self.write(move |tx| users::revoke(tx, &token, expires_at))
            .await
    }

    /// The revoked tokens that would otherwise still be good.
    pub async fn revocations(&self, now: Timestamp) -> Result<Vec<TokenHash>, StateError> {
        self.read(move |conn| users::revocations(conn, now)).await
    }

    /// The bridge's own secret of this name: made at random the first time, with `len` bytes, and the same ever after.
    pub async fn secret(&self, name: &'static str, len: usize) -> Result<Vec<u8>, StateError> {
        let mut fresh = vec![0; len];
        rand::fill(&mut fresh).map_err(|_| StateError::NoRandomness)?;
        self.write(move |tx| users::secret(tx, name, &fresh)).await
    }

    /// Puts a secret that was brought along in the place of the bridge's own.
    pub async fn put_secret(&self, name: &'static str, value: Vec<u8>) -> Result<(), StateError> {
        self.write(move |tx| users::put_secret(tx, name, &value))
            .await
    }

    /// Removes what is past: sessions, revocations, the memory of media that failed, pairs closed long ago, and events
    /// that cannot come again.
    pub async fn sweep(&self, now: Timestamp) -> Result<(), StateError> {
        self.in_batches(move |tx| users::expire(tx, now, BATCH))
            .await?;
        self.in_batches(move |tx| media::forgive(tx, now, BATCH))
            .await?;
        self.in_batches(move |tx| pairs::sweep(tx, now, BATCH))
            .await?;
        self.in_batches(move |tx| events::forget(tx, now, BATCH))
            .await?;
        Ok(())
    }

    /// Writes and syncs something tiny; for readiness.
    pub async fn is_writable(&self) -> Result<(), StateError> {
        self.write(|tx| tx.run("UPDATE probe SET count = count + 1", []).map(drop))
            .await
    }

    async fn write<T, F>(&self, run: F) -> Result<T, StateError>
    where
        F: FnMut(&Tx<'_>) -> rusqlite::Result<T> + Send + 'static,
        T: Send + 'static,
    {
        writer::submit(&self.0.writer, run).await
    }

    /// Repeats a bounded change until nothing is left to change, others' writes in between.
    async fn in_batches<F>(&self, change: F) -> Result<u64, StateError>
    where
        F: Fn(&Tx<'_>) -> rusqlite::Result<usize> + Clone + Send + 'static,
    {
        let mut total = 0;
        loop {
            match self.write(change.clone()).await? {
                0 => return Ok(total),
                changed => total += changed as u64,
            }
        }
    }

    async fn read<T, F>(&self, run: F) -> Result<T, StateError>
    where
        F: FnOnce(&rusqlite::Connection) -> rusqlite::Result<T> + Send + 'static,
        T: Send + 'static,
    {
        reader::submit(&self.0.readers, run).await
    }
}

impl Shared {
    /// Readers first: what they hold open would keep the log from being written back.
    fn stop(&self, threads: Threads) {
        for _ in &threads.readers {
            // A thread that is gone already needs no word.
            let _ = self.readers.send(reader::Request::Close);
        }
        for thread in threads.readers {
            let _ = thread.join();
        }
        let _ = self.writer.send(writer::Request::Close);
        let _ = threads.writer.join();
    }
}

fn spawn(
    name: &str,
    path: &Path,
    body: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, OpenError> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(body)
        .map_err(|source| OpenError::Io {
            path: path.to_owned(),
            source,
        })
}
