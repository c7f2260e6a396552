//! The other side of a comparison: asked after the answer is decided, with credentials of its own, within a budget.
//!
//! Works on the background runtime with connections of its own, so that a hung or flooding other side takes nothing
//! from the threads that answer. A call without a permit is not compared; nothing ever waits for one.

mod ask;
mod question;

use std::sync::Arc;
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::number::Number;
use crate::backend;
use crate::compare::Attempt;
use crate::comparisons::{About, Comparisons, OnPrem};
use crate::config::{Against, Compare};

pub(super) use ask::Head;
pub(super) use question::Repeatable;

/// One number's means to ask its other side.
pub struct Shadow {
    runtime: Handle,
    onprem: Option<backend::onprem::Client>,
    permits: Arc<Semaphore>,
}

impl Shadow {
    pub(super) fn new(onprem: Option<Arc<backend::onprem::Endpoint>>, permits: usize) -> Self {
        Self {
            runtime: Handle::current(),
            onprem: onprem.map(backend::onprem::Client::new),
            permits: Arc::new(Semaphore::new(permits)),
        }
    }

    pub(super) fn permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.permits).try_acquire_owned().ok()
    }

    pub(super) fn spawn(
        &self,
        permit: OwnedSemaphorePermit,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        self.runtime.spawn(async move {
            work.await;
            drop(permit);
        });
    }
}

/// A comparison that is under way: who asks, and what about.
pub(super) struct Comparing {
    pub(super) number: Arc<Number>,
    pub(super) comparisons: Arc<Comparisons>,
    pub(super) config: Arc<Compare>,
    pub(super) about: About,
    /// Given back when the comparison is over.
    pub(super) permit: OwnedSemaphorePermit,
}

impl Comparing {
    /// On-prem has answered, or failed: asks Cloud and compares.
    pub(super) fn with_cloud(
        self,
        onprem: impl Future<Output = Attempt> + Send + 'static,
        question: Repeatable,
    ) {
        self.runtime().spawn(async move {
            let onprem = onprem.await;
            if let Attempt::NotComparable { reason } = onprem {
                return self.comparisons.skipped(&self.about, reason);
            }
            self.record(&question, &onprem);
            let deadline = self.config.deadline;
            let cloud = self.number.ask_cloud_within(&question, deadline).await;
            self.concluded(&question, &onprem, &cloud).await;
        });
    }

    /// Cloud has answered, or failed: asks on-prem, or its baseline, and compares.
    pub(super) fn with_onprem(self, cloud: Attempt, question: Repeatable) {
        self.runtime().spawn(async move {
            if self.config.against == Against::Recorded {
                return self.with_baseline(&cloud, &question).await;
            }
            let onprem = self.ask_onprem(&question).await;
            self.record(&question, &onprem);
            self.concluded(&question, &onprem, &cloud).await;
        });
    }

    /// Both sides are known, or will be without asking anybody: compares.
    pub(super) fn conclude(
        self,
        onprem: impl Future<Output = Attempt> + Send + 'static,
        cloud: Attempt,
    ) {
        let runtime = self.runtime();
        let Self {
            comparisons,
            about,
            permit,
            ..
        } = self;
        runtime.spawn(async move {
            match onprem.await {
                Attempt::NotComparable { reason } => comparisons.skipped(&about, reason),
                onprem => comparisons.conclude(&about, &OnPrem::Live(&onprem), &cloud),
            }
            drop(permit);
        });
    }

    async fn with_baseline(&self, cloud: &Attempt, question: &Repeatable) {
        let (about, comparisons) = (&self.about, &self.comparisons);
        let question = question.as_asked();
        match comparisons
            .baseline(&about.number, about.route, &question)
            .await
        {
            Ok(Some(recorded)) => {
                comparisons.conclude(about, &OnPrem::Recorded(&recorded), cloud);
            }
            Ok(None) => comparisons.skipped(about, "no_baseline"),
            Err(_) => comparisons.skipped(about, "state"),
        }
    }

    /// Compares, and now and then asks on-prem once more: what differs then is noise.
    async fn concluded(&self, question: &Repeatable, onprem: &Attempt, cloud: &Attempt) {
        self.comparisons
            .conclude(&self.about, &OnPrem::Live(onprem), cloud);
        if question.is_read() && fastrand::u8(0..100) < self.config.noise_percent {
            let again = self.ask_onprem(question).await;
            self.comparisons.observe_noise(&self.about, onprem, &again);
        }
    }

    async fn ask_onprem(&self, question: &Repeatable) -> Attempt {
        self.number.ask_onprem_within(question, &self.config).await
    }

    /// What on-prem said in a comparison is as good a baseline as what it said without one.
    fn record(&self, question: &Repeatable, onprem: &Attempt) {
        let about = &self.about;
        if let Attempt::Answered(outcome) = onprem
            && question.is_read()
            && self.comparisons.is_recording(&about.number, about.route)
        {
            self.comparisons
                .keep_baseline(about, &question.as_asked(), outcome);
        }
    }

    fn runtime(&self) -> Handle {
        self.number.shadow.runtime.clone()
    }
}

/// What a failed attempt is called.
pub(super) fn failed(reason: &'static str, since: Instant) -> Attempt {
    Attempt::Failed {
        reason,
        took: since.elapsed(),
    }
}
