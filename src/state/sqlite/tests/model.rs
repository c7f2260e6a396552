//! What the state promises, said in plain maps: the other side of the property test.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{CloudMediaId, NumberName};
use crate::state::{
    Enqueued, Fate, Job, JobId, JobRecord, Medium, NewJob, Queue, Settlement, Timestamp,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Ready,
    Leased,
    Blocked,
    Buried,
}

/// The plain truth: every job ever seen in the order of acceptance, and a map of media.
#[derive(Default)]
pub(super) struct Model {
    pub(super) last: i64,
    pub(super) jobs: BTreeMap<JobId, (JobRecord, Stage)>,
    pub(super) media: BTreeMap<(NumberName, CloudMediaId), Medium>,
    pub(super) woken: BTreeSet<(Queue, NumberName)>,
}

impl Model {
    pub(super) fn ready(&mut self, id: JobId) {
        let (record, stage) = self.jobs.get_mut(&id).unwrap();
        *stage = Stage::Ready;
        self.woken
            .insert((record.job.queue, record.job.number.clone()));
    }

    /// Takes over the engine's ids for the jobs accepted in the last step: they ascend, but may leave gaps.
    pub(super) fn adopt(&mut self, known: i64, actual: &[JobRecord]) {
        let accepted = self.jobs.split_off(&JobId(known + 1));
        let ids = actual
            .iter()
            .map(|record| record.job.id)
            .filter(|id| id.0 > known);
        assert_eq!(ids.clone().count(), accepted.len());
        for (id, (mut record, stage)) in ids.zip(accepted.into_values()) {
            record.job.id = id;
            self.last = id.0;
            self.jobs.insert(id, (record, stage));
        }
    }

    pub(super) fn unfinished(&self, like: &Job, same: impl Fn(&Job) -> bool) -> bool {
        self.jobs.values().any(|(record, stage)| {
            let job = &record.job;
            *stage != Stage::Buried
                && (job.queue, &job.number) == (like.queue, &like.number)
                && same(job)
        })
    }

    pub(super) fn key_is_taken(&self, job: &Job) -> bool {
        job.key.is_some() && self.unfinished(job, |other| other.key == job.key)
    }

    pub(super) fn enter(&mut self, record: JobRecord) {
        let (id, job) = (record.job.id, &record.job);
        let blocked = job.lane.is_some() && self.unfinished(job, |other| other.lane == job.lane);
        self.jobs.insert(id, (record, Stage::Blocked));
        if !blocked {
            self.ready(id);
        }
    }

    pub(super) fn enqueue(&mut self, new: NewJob) -> Enqueued {
        let NewJob {
            queue,
            number,
            key,
            lane,
            payload,
            due_at,
        } = new;
        let (id, created_at) = (JobId(self.last + 1), Timestamp(0));
        let job = Job {
            id,
            queue,
            number,
            key,
            lane,
            payload,
            attempts: 0,
            created_at,
        };
        if self.key_is_taken(&job) {
            return Enqueued::Joined;
        }
        self.last += 1;
        self.enter(JobRecord {
            job,
            buried: false,
            due_at,
            reason: None,
        });
        Enqueued::New
    }

    pub(super) fn lease(
        &mut self,
        queue: Queue,
        number: &NumberName,
        now: Timestamp,
        limit: usize,
    ) -> Vec<Job> {
        let mut due: Vec<_> = self
            .jobs
            .values_mut()
            .filter(|(record, stage)| {
                (record.job.queue, &record.job.number) == (queue, number)
                    && *stage == Stage::Ready
                    && record.due_at <= now
            })
            .collect();
        due.sort_by_key(|(record, _)| (record.due_at, record.job.id));
        due.truncate(limit);
        due.into_iter()
            .map(|(record, stage)| {
                *stage = Stage::Leased;
                record.job.clone()
            })
            .collect()
    }

    pub(super) fn settle(&mut self, id: JobId, settlement: Settlement) {
        let Some((record, stage @ Stage::Leased)) = self.jobs.get_mut(&id) else {
            return;
        };
        match settlement {
            Settlement::Paired { .. } => unreachable!("`telling.rs` settles pairs"),
            Settlement::Done { follow_up, offer } => {
                let (record, _) = self.jobs.remove(&id).unwrap();
                self.unblock(&record.job);
                let callback = offer.and_then(|offer| offer.callback);
                for job in follow_up.into_iter().chain(callback) {
                    self.enqueue(job);
                }
            }
            Settlement::Retry {
                due_at,
                reason,
                payload,
            } => {
                if let Some(payload) = payload {
                    record.job.payload = payload;
                }
                (record.due_at, record.reason) = (due_at, Some(reason));
                record.job.attempts += 1;
                self.ready(id);
            }
            Settlement::Release { due_at } => {
                record.due_at = due_at;
                self.ready(id);
            }
            Settlement::Bury { reason } => {
                *stage = Stage::Buried;
                (record.buried, record.reason) = (true, Some(reason));
                record.job.attempts += 1;
                let job = record.job.clone();
                self.unblock(&job);
            }
        }
    }

    pub(super) fn unblock(&mut self, ended: &Job) {
        let next = self.jobs.values().find(|(record, stage)| {
            let job = &record.job;
            *stage == Stage::Blocked
                && (job.queue, &job.number, &job.lane) == (ended.queue, &ended.number, &ended.lane)
        });
        if let Some(id) = next.map(|(record, _)| record.job.id) {
            self.ready(id);
        }
    }

    pub(super) fn redrive(&mut self, id: JobId, now: Timestamp) -> bool {
        let Some((_, Stage::Buried)) = self.jobs.get(&id) else {
            return false;
        };
        let (mut record, _) = self.jobs.remove(&id).unwrap();
        if !self.key_is_taken(&record.job) {
            record.job.attempts = 0;
            (record.buried, record.due_at) = (false, now);
            self.enter(record);
        }
        true
    }

    pub(super) fn pull_in(
        &mut self,
        queue: Queue,
        number: &NumberName,
        horizon: Timestamp,
        now: Timestamp,
    ) -> u64 {
        let mut pulled = 0;
        for (record, stage) in self.jobs.values_mut() {
            let waits = matches!(stage, Stage::Ready | Stage::Blocked);
            let theirs = record.job.queue == queue && record.job.number == *number;
            if theirs && waits && record.due_at > horizon {
                record.due_at = now.min(horizon);
                pulled += 1;
                if *stage == Stage::Ready {
                    self.woken.insert((queue, record.job.number.clone()));
                }
            }
        }
        pulled
    }

    pub(super) fn put_medium(&mut self, medium: Medium) {
        let cloud_id = medium.cloud_id.clone().unwrap();
        self.media.insert((medium.number.clone(), cloud_id), medium);
    }

    pub(super) fn sweep(&mut self, now: Timestamp) {
        for medium in self.media.values_mut() {
            if matches!(medium.fate, Fate::Failed { until, .. } if until <= now) {
                medium.fate = Fate::Known;
            }
        }
    }

    pub(super) fn restart(&mut self) {
        for (_, stage) in self
            .jobs
            .values_mut()
            .filter(|(_, stage)| *stage == Stage::Leased)
        {
            *stage = Stage::Ready;
        }
        self.woken.clear();
    }
}
