//! The loop that runs one number's jobs of one queue: a permit, a lease, a step, and its settlement.
//!
//! Each number has loops of its own, so a dead peer of one number never takes a permit of another. A step that
//! panics counts as a failed attempt. When the loop is told to stop, unfinished jobs go back to the state untried.

use std::error::Error;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::ids::NumberName;
use crate::state::{Job, Queue, Settlement, State, StateError, Timestamp};

/// Due times are by the wall clock. Looking again this often bounds what a clock that jumped can delay.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// Between attempts to write down what became of a job, while the state refuses (a full disk).
const SETTLE_AGAIN: Duration = Duration::from_secs(1);
/// How soon it is noticed that a step allows more jobs at a time than are under way.
const ALLOW_AGAIN: Duration = Duration::from_secs(1);
/// Due times have milliseconds; a job that is due within one is not worth a round each.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
/// After a panic, and after a lease that the state refused.
const AFTER_FAULT: Duration = Duration::from_secs(5);

/// What a queue's jobs need done.
pub trait Step: Send + Sync + 'static {
    /// Does one job; may be called twice for the same one.
    fn run(&self, job: &Job) -> impl Future<Output = Settlement> + Send;

    /// When the next job may be taken; later than now while the number rests.
    fn not_before(&self) -> Timestamp;

    /// How many jobs may be under way now, besides what the permits allow.
    fn at_a_time(&self) -> usize;
}

/// One number's loop over one queue.
pub struct Runner<S> {
    /// Which queue.
    pub queue: Queue,
    /// Whose jobs.
    pub number: NumberName,
    /// Where they are kept.
    pub state: State,
    /// Jobs at a time.
    pub permits: usize,
    /// A due time further away than this can only come from a clock that was set back.
    pub horizon: Duration,
    /// What to do.
    pub step: Arc<S>,
}

impl<S: Step> Runner<S> {
    /// Runs jobs until `stop`, then lets the running ones finish until `abandon`.
    pub async fn run(self, stop: CancellationToken, abandon: CancellationToken) {
        let permits = Arc::new(Semaphore::new(self.permits));
        let ended = Arc::new(Notify::new());
        let tracker = TaskTracker::new();
        let mut changes = self.state.subscribe(self.queue, &self.number);
        let mut clock_checked = Instant::now();
        while !stop.is_cancelled() {
            changes.mark_unchanged();
            let pause = match self.take(&permits, &stop).await {
                Ok(taken) => {
                    for (job, permit) in taken.jobs {
                        let (state, step, abandon) =
                            (self.state.clone(), Arc::clone(&self.step), abandon.clone());
                        let ended = Arc::clone(&ended);
                        tracker.spawn(async move {
                            let settlement = attempt(&*step, &job, &abandon).await;
                            // The next job need not wait until this one's end is on disk.
                            drop(permit);
                            ended.notify_one();
                            settle(&state, &job, settlement, &abandon).await;
                        });
                    }
                    match taken.next {
                        Next::Now => Duration::ZERO,
                        Next::WhenDue => self.until_next(&mut clock_checked).await,
                        Next::WhenOneEnds => {
                            tokio::select! {
                                () = stop.cancelled() => break,
                                () = ended.notified() => Duration::ZERO,
                                () = tokio::time::sleep(ALLOW_AGAIN) => Duration::ZERO,
                            }
                        }
                    }
                }
                Err(error) => {
                    tracing::error!(number = %self.number, queue = self.queue.as_str(), error = &error as &dyn Error, "jobs cannot be taken");
                    AFTER_FAULT
                }
            };
            tokio::select! {
                () = stop.cancelled() => break,
                _ = changes.changed(), if pause > Duration::ZERO => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        tracker.close();
        tracker.wait().await;
    }

    /// Takes as many jobs as there are permits, after waiting for the first permit.
    async fn take(
        &self,
        permits: &Arc<Semaphore>,
        stop: &CancellationToken,
    ) -> Result<Taken, StateError> {
        let none = Taken {
            jobs: Vec::new(),
            next: Next::WhenDue,
        };
        let first = tokio::select! {
            () = stop.cancelled() => return Ok(none),
            permit = Arc::clone(permits).acquire_owned() => permit,
        };
        let Ok(first) = first else { return Ok(none) };
        if self.step.not_before() > Timestamp::now() {
            return Ok(none);
        }
        let mut held = vec![first];
        let under_way = self.permits - 1 - permits.available_permits();
        let more = self
            .step
            .at_a_time()
            .saturating_sub(under_way)
            .min(self.permits);
        if more == 0 {
            let next = Next::WhenOneEnds;
            return Ok(Taken { next, ..none });
        }
        while held.len() < more
            && let Ok(permit) = Arc::clone(permits).try_acquire_owned()
        {
            held.push(permit);
        }
        let wanted = held.len();
        let jobs = self
            .state
            .lease(self.queue, &self.number, Timestamp::now(), wanted)
            .await?;
        Ok(Taken {
            next: if jobs.len() == wanted {
                Next::Now
            } else {
                Next::WhenDue
            },
            jobs: jobs.into_iter().zip(held).collect(),
        })
    }

    /// How long there is nothing to do, unless a job comes.
    async fn until_next(&self, clock_checked: &mut Instant) -> Duration {
        let now = Timestamp::now();
        if clock_checked.elapsed() >= LOOK_AGAIN {
            *clock_checked = Instant::now();
            let _ = self
                .state
                .pull_in(self.queue, &self.number, now.after(self.horizon), now)
                .await;
        }
        let rest = self.step.not_before().since(now);
        match self.state.next_due(self.queue, &self.number).await {
            Ok(Some(due)) => due.since(now).max(rest).clamp(SHORTEST_PAUSE, LOOK_AGAIN),
            Ok(None) => LOOK_AGAIN,
            Err(_) => AFTER_FAULT,
        }
    }
}

struct Taken {
    jobs: Vec<(Job, OwnedSemaphorePermit)>,
    next: Next,
}

/// When it is worth looking again.
enum Next {
    /// Every permit found a job, so there may be more.
    Now,
    /// When a job is due or comes in.
    WhenDue,
    /// As many are under way as the step allows.
    WhenOneEnds,
}

/// Does one job; says what is to be written down of it.
async fn attempt<S: Step>(step: &S, job: &Job, abandon: &CancellationToken) -> Settlement {
    let attempt = AssertUnwindSafe(step.run(job)).catch_unwind();
    tokio::select! {
        result = attempt => result.unwrap_or_else(|_| {
            tracing::error!(number = %job.number, queue = job.queue.as_str(), job = job.id.0, "a job panicked");
            let due_at = Timestamp::now().after(AFTER_FAULT);
            Settlement::Retry { due_at, reason: "panicked".to_owned(), payload: None }
        }),
        () = abandon.cancelled() => Settlement::Release { due_at: Timestamp::now() },
    }
}

/// Writes down what became of a job. While the state takes nothing, no further jobs can be leased either.
async fn settle(state: &State, job: &Job, settlement: Settlement, abandon: &CancellationToken) {
    loop {
        let Err(error) = state.settle(job.id, settlement.clone()).await else {
            return;
        };
        tracing::error!(number = %job.number, job = job.id.0, error = &error as &dyn Error, "a job's outcome cannot be written down");
        tokio::select! {
            () = tokio::time::sleep(SETTLE_AGAIN) => {}
            // The job is still in the state and will run again after the next start.
            () = abandon.cancelled() => return,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // in tests a failed step is a failed test
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::jobs;

    /// One job at a time, each of which takes a while.
    #[derive(Default)]
    struct OneAtATime {
        asked: AtomicUsize,
        ran: AtomicUsize,
    }

    impl Step for OneAtATime {
        async fn run(&self, _: &Job) -> Settlement {
            tokio::time::sleep(Duration::from_millis(200)).await;
            self.ran.fetch_add(1, Ordering::SeqCst);
            Settlement::Done {
                follow_up: Vec::new(),
                offer: None,
            }
        }

        fn not_before(&self) -> Timestamp {
            Timestamp(0)
        }

        fn at_a_time(&self) -> usize {
            self.asked.fetch_add(1, Ordering::SeqCst);
            1
        }
    }

    #[tokio::test]
    async fn due_jobs_that_must_wait_for_another_are_not_polled_for() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&folder.path().join("bridge.db")).unwrap();
        let number = NumberName::parse("support").unwrap();
        for _ in 0..3 {
            let job = jobs::callback(&number, b"{}".to_vec(), None);
            state.enqueue(job).await.unwrap();
        }
        let step = Arc::new(OneAtATime::default());
        let runner = Runner {
            queue: Queue::Callback,
            number: number.clone(),
            state: state.clone(),
            permits: 4,
            horizon: Duration::from_secs(60),
            step: Arc::clone(&step),
        };
        let (stop, abandon) = (CancellationToken::new(), CancellationToken::new());
        let running = tokio::spawn(runner.run(stop.clone(), abandon));
        while !state.backlog().await.unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stop.cancel();
        running.await.unwrap();
        assert_eq!(step.ran.load(Ordering::SeqCst), 3);
        let asked = step.asked.load(Ordering::SeqCst);
        assert!(asked < 20, "asked {asked} times for 3 jobs");
    }
}
