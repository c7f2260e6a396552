//! Random work on the engine and on the model, with closings and crashes in between: always the same picture.

use std::fs;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use tempfile::TempDir;
use tokio::sync::watch;

use super::super::Sqlite;
use super::model::{Model, Stage};
use super::steps::{Step, steps};
use super::{block_on, number};
use crate::ids::{CloudMediaId, MediaId, NumberName, media_uuid};
use crate::state::{Backlog, Job, JobId, JobRecord, Queue, Timestamp};

/// The engine beside the model.
struct Pair {
    folder: TempDir,
    state: Sqlite,
    wakes: Vec<((Queue, NumberName), watch::Receiver<u64>)>,
    model: Model,
    seen: Vec<JobId>,
}

fn places() -> impl Iterator<Item = (Queue, NumberName)> {
    Queue::ALL
        .into_iter()
        .flat_map(|queue| ["sales", "support"].map(|name| (queue, number(name))))
}

fn subscriptions(state: &Sqlite) -> Vec<((Queue, NumberName), watch::Receiver<u64>)> {
    places()
        .map(|(queue, number)| ((queue, number.clone()), state.subscribe(queue, &number)))
        .collect()
}

impl Pair {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = Sqlite::open(&folder.path().join("state.db")).unwrap();
        let wakes = subscriptions(&state);
        Self {
            folder,
            state,
            wakes,
            model: Model::default(),
            seen: Vec::new(),
        }
    }

    async fn step(&mut self, step: Step) {
        let (state, model) = (&self.state, &mut self.model);
        // Mostly jobs at the stage the step is about; also ones at another stage, gone, or never there.
        let pick = |which: Index, stage: Stage, model: &Model| {
            let fitting = model
                .jobs
                .iter()
                .filter(|(_, (_, at))| *at == stage)
                .map(|(id, _)| *id);
            let fitting: Vec<JobId> = fitting.collect();
            let any = self
                .seen
                .iter()
                .rev()
                .take(2)
                .copied()
                .chain([JobId(1_000_000)]);
            *which.get(&fitting.repeat(4).into_iter().chain(any).collect::<Vec<_>>())
        };
        match step {
            Step::Enqueue(job) => {
                assert_eq!(
                    state.enqueue(job.clone()).await.unwrap(),
                    model.enqueue(job)
                );
            }
            Step::Lease(queue, number, now, limit) => {
                let mut leased = state.lease(queue, &number, now, limit).await.unwrap();
                for job in &mut leased {
                    assert!(job.created_at > Timestamp(0));
                    job.created_at = Timestamp(0);
                }
                assert_eq!(leased, model.lease(queue, &number, now, limit));
            }
            Step::Settle(which, settlement) => {
                let id = pick(which, Stage::Leased, model);
                state.settle(id, settlement.clone()).await.unwrap();
                model.settle(id, settlement);
            }
            Step::Redrive(which, now) => {
                let id = pick(which, Stage::Buried, model);
                assert_eq!(
                    state.redrive(id, now).await.unwrap(),
                    model.redrive(id, now)
                );
            }
            Step::PullIn(queue, number, horizon, now) => {
                let pulled = state.pull_in(queue, &number, horizon, now).await.unwrap();
                assert_eq!(pulled, model.pull_in(queue, &number, horizon, now));
            }
            Step::PutMedium(medium) => {
                state.put_medium(medium.clone()).await.unwrap();
                model.put_medium(medium);
            }
            Step::Sweep(now) => {
                state.sweep(now).await.unwrap();
                model.sweep(now);
            }
            Step::Reopen => self.restart(false).await,
            Step::Crash => self.restart(true).await,
        }
    }

    async fn restart(&mut self, crash: bool) {
        if crash {
            // What a power cut leaves: the files as they are, without the memory of the process.
            let copy = tempfile::tempdir().unwrap();
            for name in ["state.db", "state.db-wal"] {
                fs::copy(self.folder.path().join(name), copy.path().join(name)).unwrap();
            }
            self.state.close().await;
            self.folder = copy;
        } else {
            self.state.close().await;
        }
        self.state = Sqlite::open(&self.folder.path().join("state.db")).unwrap();
        self.wakes = subscriptions(&self.state);
        self.model.restart();
    }

    async fn listing(
        &self,
        queue: Option<Queue>,
        number: Option<&NumberName>,
        buried: bool,
    ) -> Vec<JobRecord> {
        let mut found = self
            .state
            .jobs(queue, number, buried, usize::MAX)
            .await
            .unwrap();
        for record in &mut found {
            record.job.created_at = Timestamp(0);
        }
        found
    }

    async fn compare(&mut self, known: i64) {
        let raw = self
            .state
            .jobs(None, None, false, usize::MAX)
            .await
            .unwrap();
        self.model.adopt(known, &raw);
        for (place, wake) in &mut self.wakes {
            assert_eq!(
                wake.has_changed().unwrap(),
                self.model.woken.contains(place),
                "{place:?}"
            );
            wake.mark_unchanged();
        }
        self.model.woken.clear();
        let records = || self.model.jobs.values().map(|(record, _)| record);
        let everything: Vec<JobRecord> = records().cloned().collect();
        assert_eq!(self.listing(None, None, false).await, everything);
        self.seen
            .extend(everything.iter().map(|record| record.job.id));
        self.seen.sort_unstable();
        self.seen.dedup();
        let mut backlog = Vec::new();
        for (queue, number) in places() {
            let here = |job: &Job| (job.queue, &job.number) == (queue, &number);
            let buried: Vec<JobRecord> = records()
                .filter(|record| here(&record.job) && record.buried)
                .cloned()
                .collect();
            assert_eq!(self.listing(Some(queue), Some(&number), true).await, buried);
            let ready = self
                .model
                .jobs
                .values()
                .filter(|(_, stage)| *stage == Stage::Ready);
            let due = ready
                .filter(|(record, _)| here(&record.job))
                .map(|(record, _)| record.due_at);
            assert_eq!(
                self.state.next_due(queue, &number).await.unwrap(),
                due.min()
            );
            let waiting: Vec<&JobRecord> = raw
                .iter()
                .filter(|record| here(&record.job) && !record.buried)
                .collect();
            let oldest = waiting.first().map(|record| record.job.created_at);
            let (waiting, buried) = (waiting.len() as u64, buried.len() as u64);
            if waiting + buried > 0 {
                backlog.push(Backlog {
                    queue,
                    number,
                    waiting,
                    buried,
                    oldest,
                });
            }
        }
        assert_eq!(self.state.backlog().await.unwrap(), backlog);
        self.compare_media().await;
    }

    async fn compare_media(&self) {
        for number in ["sales", "support"].map(number) {
            for cloud_id in ["1", "2", "3"].map(|id| CloudMediaId::parse(id).unwrap()) {
                let expected = self.model.media.get(&(number.clone(), cloud_id.clone()));
                let uuid = media_uuid(&number, &cloud_id);
                for id in [MediaId::Cloud(cloud_id), MediaId::Uuid(uuid)] {
                    assert_eq!(
                        self.state.medium(&number, &id).await.unwrap().as_ref(),
                        expected
                    );
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_agrees_with_the_model(steps in vec(steps(), 1..80)) {
        block_on(async {
            let mut pair = Pair::new();
            for step in steps {
                let known = pair.model.last;
                pair.step(step).await;
                pair.compare(known).await;
            }
        });
    }
}
