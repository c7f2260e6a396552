//! The thread that owns the write connection: it gathers waiting operations into one commit and answers after it.
//!
//! Nobody is answered before the commit is on disk, and nobody is woken before it either. An operation may run
//! more than once, each time from nothing: when a group fails, it is rolled back and its members run one by one,
//! so that one bad operation cannot fail its neighbours.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};

use rusqlite::{Connection, Params};
use tokio::sync::oneshot;

use super::checkpoint::Caller;
use super::signals::Signals;
use crate::ids::NumberName;
use crate::state::{Queue, StateError};

/// How many operations share a commit at most; bounds what a failing group has to repeat.
const GROUP: usize = 512;

/// What an operation works on: the connection inside a transaction.
pub(super) struct Tx<'a> {
    /// The connection; operations neither begin nor commit.
    pub(super) conn: &'a Connection,
    ready: RefCell<Vec<(Queue, NumberName)>>,
}

impl<'a> Tx<'a> {
    fn new(conn: &'a Connection) -> Self {
        Self {
            conn,
            ready: RefCell::default(),
        }
    }

    /// Runs a statement and says how many rows it changed.
    pub(super) fn run(&self, sql: &str, params: impl Params) -> rusqlite::Result<usize> {
        self.conn.prepare_cached(sql)?.execute(params)
    }

    /// Notes that a job became ready; whoever waits for such jobs is woken after the commit, once per group.
    pub(super) fn made_ready(&self, queue: Queue, number: &NumberName) {
        let mut ready = self.ready.borrow_mut();
        if !ready.iter().any(|(q, n)| *q == queue && n == number) {
            ready.push((queue, number.clone()));
        }
    }
}

/// A write, and whom to answer.
pub(super) trait Operation: Send {
    /// Does the work inside a transaction.
    fn run(&mut self, tx: &Tx<'_>) -> rusqlite::Result<()>;
    /// Tells the waiter how it ended.
    fn answer(self: Box<Self>, outcome: Result<(), StateError>);
}

/// What the thread is asked to do.
pub(super) enum Request {
    /// A write.
    Run(Box<dyn Operation>),
    /// Finish what was asked before this, then end.
    Close,
}

struct Waiting<F, T> {
    run: F,
    result: Option<T>,
    waiter: oneshot::Sender<Result<T, StateError>>,
}

impl<F, T> Operation for Waiting<F, T>
where
    F: FnMut(&Tx<'_>) -> rusqlite::Result<T> + Send,
    T: Send,
{
    fn run(&mut self, tx: &Tx<'_>) -> rusqlite::Result<()> {
        self.result = Some((self.run)(tx)?);
        Ok(())
    }

    fn answer(self: Box<Self>, outcome: Result<(), StateError>) {
        let Self { result, waiter, .. } = *self;
        // Nobody listens when the caller went away; the work stands all the same.
        let _ = waiter.send(outcome.and_then(|()| result.ok_or(StateError::Closed)));
    }
}

/// Hands a write to the thread and waits for its commit. A caller that stops waiting does not undo the write.
pub(super) async fn submit<T, F>(writer: &Sender<Request>, run: F) -> Result<T, StateError>
where
    F: FnMut(&Tx<'_>) -> rusqlite::Result<T> + Send + 'static,
    T: Send + 'static,
{
    let (waiter, answer) = oneshot::channel();
    let operation = Box::new(Waiting {
        run,
        result: None,
        waiter,
    });
    writer
        .send(Request::Run(operation))
        .map_err(|_| StateError::Closed)?;
    answer.await.map_err(|_| StateError::Closed)?
}

/// The thread's body: ends on [`Request::Close`], or when the last handle is gone.
pub(super) fn serve(
    conn: &Connection,
    requests: &Receiver<Request>,
    signals: &Signals,
    mut checkpoint: Caller,
) {
    let mut group = Vec::with_capacity(GROUP);
    let mut open = true;
    while open {
        match requests.recv() {
            Ok(Request::Run(operation)) => group.push(operation),
            Ok(Request::Close) | Err(_) => break,
        }
        while group.len() < GROUP {
            match requests.try_recv() {
                Ok(Request::Run(operation)) => group.push(operation),
                Ok(Request::Close) => {
                    open = false;
                    break;
                }
                Err(_) => break,
            }
        }
        commit_group(conn, &mut group, signals);
        checkpoint.committed();
    }
}

enum Failure {
    /// No transaction could be had, so nobody's operation is to blame.
    Begin(rusqlite::Error),
    /// An operation or the commit failed; everything is rolled back.
    Work(rusqlite::Error),
}

fn commit_group(conn: &Connection, group: &mut Vec<Box<dyn Operation>>, signals: &Signals) {
    match commit(conn, group, signals) {
        Ok(()) => answer_all(group, &Ok(())),
        Err(Failure::Work(_)) if group.len() > 1 => {
            for mut operation in group.drain(..) {
                let outcome = commit(conn, std::slice::from_mut(&mut operation), signals);
                operation.answer(outcome.map_err(refusal));
            }
        }
        Err(failure) => answer_all(group, &Err(refusal(failure))),
    }
}

fn answer_all(group: &mut Vec<Box<dyn Operation>>, outcome: &Result<(), StateError>) {
    for operation in group.drain(..) {
        operation.answer(outcome.clone());
    }
}

fn refusal(failure: Failure) -> StateError {
    match failure {
        Failure::Begin(error) | Failure::Work(error) => StateError::Engine(Arc::new(error)),
    }
}

/// Runs operations in one transaction, all or none.
fn commit(
    conn: &Connection,
    operations: &mut [Box<dyn Operation>],
    signals: &Signals,
) -> Result<(), Failure> {
    let tx = Tx::new(conn);
    tx.run("BEGIN IMMEDIATE", []).map_err(Failure::Begin)?;
    let worked = operations
        .iter_mut()
        .try_for_each(|operation| operation.run(&tx));
    if let Err(error) = worked.and_then(|()| tx.run("COMMIT", []).map(drop)) {
        // Some errors, a full disk among them, have ended the transaction already.
        if !conn.is_autocommit() {
            // When even this fails the next BEGIN fails too, and says so to its callers.
            let _ = tx.run("ROLLBACK", []);
        }
        return Err(Failure::Work(error));
    }
    signals.fire(&tx.ready.into_inner());
    Ok(())
}
