//! The threads that read, each with a read-only connection of its own, so that reading never waits for a commit.
//!
//! What a read sees is on disk already: connections see commits, and commits are synced.

use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::state::StateError;

/// What a reader thread is asked to do.
pub(super) enum Request {
    /// A read.
    Run(Box<dyn FnOnce(&Connection) + Send>),
    /// One thread ends.
    Close,
}

/// Hands a read to a thread and waits for what it found.
pub(super) async fn submit<T, F>(readers: &Sender<Request>, run: F) -> Result<T, StateError>
where
    F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    T: Send + 'static,
{
    let (waiter, answer) = oneshot::channel();
    let read = move |conn: &Connection| {
        let found = run(conn).map_err(|error| StateError::Engine(Arc::new(error)));
        // Nobody listens when the caller went away.
        let _ = waiter.send(found);
    };
    readers
        .send(Request::Run(Box::new(read)))
        .map_err(|_| StateError::Closed)?;
    answer.await.map_err(|_| StateError::Closed)?
}

/// A thread's body: ends on [`Request::Close`], or when the last handle is gone.
pub(super) fn serve(conn: &Connection, requests: &Mutex<Receiver<Request>>) {
    loop {
        // The lock is held while waiting: one thread waits for a request, the others for the lock.
        let request = requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv();
        match request {
            Ok(Request::Run(read)) => read(conn),
            Ok(Request::Close) | Err(_) => return,
        }
    }
}
