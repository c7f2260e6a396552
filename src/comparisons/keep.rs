//! Writing comparisons down, many at a time: a commit for each would take the disk from what must not wait for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::cutover::Cutover;
use crate::state::{BaselineRow, ComparisonRow, NoiseRow, State, StateError};

/// How many wait at most. A burst beyond it is counted and not kept.
pub(super) const WAITING: usize = 8192;
/// How many are written at a time.
const BATCH: usize = 512;
/// How long the first of a batch waits for the others.
const GATHER: Duration = Duration::from_millis(250);

/// Something to be kept.
pub(super) enum Item {
    Comparison(ComparisonRow),
    Noise(Vec<NoiseRow>),
    Baseline(Box<BaselineRow>),
}

pub(super) fn channel() -> (mpsc::Sender<Item>, mpsc::Receiver<Item>) {
    mpsc::channel(WAITING)
}

/// The one that writes.
pub struct Keeper {
    state: State,
    cutover: Arc<Cutover>,
    items: mpsc::Receiver<Item>,
}

impl Keeper {
    pub(super) fn new(state: State, cutover: Arc<Cutover>, items: mpsc::Receiver<Item>) -> Self {
        Self {
            state,
            cutover,
            items,
        }
    }

    /// Writes until `stop`, and then what is left.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let stopping = tokio::select! {
                count = self.items.recv_many(&mut batch, BATCH) => count == 0,
                () = stop.cancelled() => true,
            };
            if stopping {
                self.items.close();
                while self.items.recv_many(&mut batch, BATCH).await > 0 {}
                self.write(&mut batch).await;
                return;
            }
            if batch.len() < BATCH {
                let gather = tokio::time::sleep(GATHER);
                tokio::pin!(gather);
                loop {
                    let room = BATCH - batch.len();
                    tokio::select! {
                        () = &mut gather => break,
                        () = stop.cancelled() => break,
                        count = self.items.recv_many(&mut batch, room) => {
                            if count == 0 || batch.len() >= BATCH { break }
                        }
                    }
                }
            }
            self.write(&mut batch).await;
        }
    }

    async fn write(&self, batch: &mut Vec<Item>) {
        let (mut comparisons, mut noise, mut baselines) = (Vec::new(), Vec::new(), Vec::new());
        for item in batch.drain(..) {
            match item {
                Item::Comparison(row) => comparisons.push(row),
                Item::Noise(rows) => noise.extend(rows),
                Item::Baseline(row) => baselines.push(*row),
            }
        }
        let config = self.cutover.compare();
        let (some_comparisons, some_noise, some_baselines) = (
            !comparisons.is_empty(),
            !noise.is_empty(),
            !baselines.is_empty(),
        );
        if some_comparisons {
            told(
                self.state
                    .put_comparisons(comparisons, config.keep_rows)
                    .await,
            );
        }
        if some_noise {
            told(self.state.add_noise(noise).await);
        }
        if some_baselines {
            told(
                self.state
                    .put_baselines(baselines, config.baseline_rows)
                    .await,
            );
        }
    }
}

fn told<T>(result: Result<T, StateError>) {
    if let Err(error) = result {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "comparisons are not kept"
        );
    }
}
