//! Tests of the engine on real files. `agreement.rs` compares it with a plain model.

#![allow(clippy::unwrap_used)]

mod agreement;
mod comparing;
mod cutover;
mod engine;
mod events;
mod files;
mod model;
mod pairs;
mod plans;
mod steps;
mod telling;
mod users;

use std::future::Future;

use super::Sqlite;
use crate::ids::NumberName;
use crate::state::{Job, JobRecord, NewJob, Queue, Settlement, Timestamp};

fn number(name: &str) -> NumberName {
    NumberName::parse(name).unwrap()
}

/// A job for the queue and number most tests use, due at moment 0.
fn job(payload: &str) -> NewJob {
    NewJob {
        queue: Queue::Fetch,
        number: number("support"),
        key: None,
        lane: None,
        payload: payload.as_bytes().to_vec(),
        due_at: Timestamp(0),
    }
}

fn done() -> Settlement {
    Settlement::Done {
        follow_up: Vec::new(),
        offer: None,
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

async fn all(state: &Sqlite) -> Vec<JobRecord> {
    state.jobs(None, None, false, usize::MAX).await.unwrap()
}

async fn lease(state: &Sqlite, limit: usize) -> Vec<Job> {
    state
        .lease(Queue::Fetch, &number("support"), Timestamp(1000), limit)
        .await
        .unwrap()
}

fn payloads(jobs: &[Job]) -> Vec<&str> {
    jobs.iter()
        .map(|job| std::str::from_utf8(&job.payload).unwrap())
        .collect()
}
