//! The loops that work off each number's jobs.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32};
use std::time::Duration;

use anyhow::Context;
use tokio_util::task::TaskTracker;

use super::{App, Ending};
use crate::backend;
use crate::jobs::runner::{Runner, Step};
use crate::proxy::number::Number;
use crate::relay::deliver::Deliver;
use crate::relay::fetch::order::Orders;
use crate::relay::fetch::{Fetch, InFlight};
use crate::relay::notification::process::Process;
use crate::relay::pair::EndPair;
use crate::state::Queue;

/// Fetches never wait for longer than a throttled number's day.
const FETCH_HORIZON: Duration = Duration::from_secs(24 * 3600 + 60);
/// How much later than by its own schedule a job may be due, before it is the clock that is wrong.
const MARGIN: Duration = Duration::from_secs(60);

/// How a loop runs.
struct Terms {
    queue: Queue,
    /// Jobs at a time.
    permits: usize,
    /// No delay of these jobs is longer.
    horizon: Duration,
}

/// Starts loops.
struct Starter<'a> {
    app: &'a App,
    ending: &'a Ending,
    runners: TaskTracker,
}

impl App {
    /// Four loops for each number: its fetches, its notifications, its callbacks, and the ends of its pairs.
    pub(super) fn start_jobs(&self, ending: &Ending) -> anyhow::Result<TaskTracker> {
        let starter = Starter {
            app: self,
            ending,
            runners: TaskTracker::new(),
        };
        for number in &self.numbers {
            let fetch = Arc::new(self.fetch(number));
            let permits = self.config.fetch.max_concurrent;
            let terms = Terms {
                queue: Queue::Fetch,
                permits,
                horizon: FETCH_HORIZON,
            };
            starter.start(number, terms, self.orders(number, &fetch));
            let terms = Terms {
                queue: Queue::Notification,
                permits,
                horizon: FETCH_HORIZON,
            };
            starter.start(number, terms, self.process(number, &fetch));
            let callback = number.config.callback.as_ref();
            let longest = callback.map_or(Duration::ZERO, |callback| callback.max_backoff_delay);
            let terms = Terms {
                queue: Queue::Callback,
                permits: callback.map_or(1, |callback| callback.max_concurrent_requests),
                horizon: longest.max(self.config.notifications.status_wait) + MARGIN,
            };
            starter.start(number, terms, deliver(number)?);
            let terms = Terms {
                queue: Queue::Compare,
                permits: self.config.compare.permits,
                horizon: self.config.compare.callback_deadline + MARGIN,
            };
            starter.start(number, terms, self.end_pair(number));
        }
        starter.runners.close();
        Ok(starter.runners)
    }

    fn end_pair(&self, number: &Arc<Number>) -> EndPair {
        let (asked, cutover) = (Arc::clone(number), Arc::clone(&self.cutover));
        EndPair {
            number: number.config.name.clone(),
            state: self.state.clone(),
            comparisons: Arc::clone(&self.comparisons),
            metrics: Arc::clone(&number.metrics),
            published: Arc::clone(&number.published),
            compat: number.config.compat.clone(),
            measure: Arc::new(move |id| {
                let (number, config) = (Arc::clone(&asked), cutover.compare());
                Box::pin(async move { number.measure_onprem(&id, &config).await })
            }),
        }
    }

    fn fetch(&self, number: &Number) -> Fetch {
        let cloud = number.config.cloud.clone();
        Fetch {
            number: number.config.name.clone(),
            cloud: cloud.map(|cloud| backend::cloud::Cloud::new(self.cloud.clone(), cloud)),
            client: self.cloud.clone(),
            config: self.config.fetch.clone(),
            state: self.state.clone(),
            store: self.store.clone(),
            metrics: Arc::clone(&number.metrics),
            in_flight: InFlight::default(),
            rests_until: AtomicI64::new(0),
            in_vain: AtomicU32::new(0),
        }
    }

    fn orders(&self, number: &Number, fetch: &Arc<Fetch>) -> Orders {
        Orders {
            fetch: Arc::clone(fetch),
            compat: number.config.compat.clone(),
            published: Arc::clone(&number.published),
        }
    }

    fn process(&self, number: &Number, fetch: &Arc<Fetch>) -> Process {
        Process {
            number: number.config.name.clone(),
            compat: number.config.compat.clone(),
            settings: number.config.settings.clone(),
            fetch: Arc::clone(fetch),
            state: self.state.clone(),
            media_wait: self.config.notifications.media_wait,
            metrics: Arc::clone(&number.metrics),
        }
    }
}

impl Starter<'_> {
    fn start<S: Step>(&self, number: &Number, terms: Terms, step: S) {
        let runner = Runner {
            queue: terms.queue,
            number: number.config.name.clone(),
            state: self.app.state.clone(),
            permits: terms.permits,
            horizon: terms.horizon,
            step: Arc::new(step),
        };
        let running = runner.run(self.ending.stop.clone(), self.ending.abandon.clone());
        self.runners.spawn(running);
    }
}

fn deliver(number: &Number) -> anyhow::Result<Deliver> {
    let webhook = match number.config.callback.clone() {
        Some(config) => {
            let callback = backend::callback::Callback::new(config.clone());
            Some((
                callback.with_context(|| format!("number {}", number.config.name))?,
                config,
            ))
        }
        None => None,
    };
    Ok(Deliver {
        webhook,
        metrics: Arc::clone(&number.metrics),
    })
}
