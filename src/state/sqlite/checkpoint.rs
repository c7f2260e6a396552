//! The thread that moves the log into the database while writes go on.
//!
//! It only ever checkpoints passively, which waits for nobody and makes nobody wait. Under steady load the log
//! cannot start afresh this way, because it grows meanwhile; so the writer's own checkpoint stands behind it, at
//! [`LOG_PAGES`], and finds most of the work done.

use std::sync::mpsc::{Receiver, SyncSender};

use rusqlite::Connection;

/// After how many commits the thread is called. Few enough that a round is short, many enough that its two syncs
/// are few beside those of the commits.
const COMMITS: u32 = 64;

/// The length of the log at which the writer itself checkpoints; 64 MiB on disk.
pub(super) const LOG_PAGES: u32 = 16_000;

/// Counts the commits and calls the thread.
pub(super) struct Caller {
    commits: u32,
    thread: SyncSender<()>,
}

impl Caller {
    /// `thread` has room for one call: a round that was not begun yet covers what comes before it.
    pub(super) fn new(thread: SyncSender<()>) -> Self {
        Self { commits: 0, thread }
    }

    /// To be told of every commit.
    pub(super) fn committed(&mut self) {
        self.commits += 1;
        if self.commits >= COMMITS {
            self.commits = 0;
            // Full means that a round is due anyway; gone, that the writer has to do alone.
            let _ = self.thread.try_send(());
        }
    }
}

/// The thread's body: ends when the writer is gone.
pub(super) fn serve(conn: &Connection, calls: &Receiver<()>) {
    while calls.recv().is_ok() {
        // What is not moved now is moved by a later round, the writer, or the close.
        let _ = conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    }
}
