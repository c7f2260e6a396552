//! What a stand-in has seen: every request, in order, with a way to wait for one.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use hyper::{HeaderMap, Method};
use tokio::sync::watch;

use super::fault::{Fault, Hop};

/// How many requests are remembered in full. Older ones are still counted.
const REMEMBERED: usize = 100_000;

/// One request.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Counts from 0 in the order of arrival.
    pub number: u64,
    /// When it arrived, by the wall clock.
    pub at: SystemTime,
    /// When it arrived, for measuring distances.
    pub arrived: Instant,
    /// Which call it was.
    pub hop: Hop,
    /// The medium it was about.
    pub medium: Option<String>,
    /// The method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// All headers.
    pub headers: HeaderMap,
    /// The body, where the stand-in reads bodies as a whole: callbacks, logins, messages, settings. Otherwise empty.
    pub body: Bytes,
    /// The fault that struck.
    pub fault: Option<Fault>,
    /// The status it was answered with, as soon as it was.
    pub status: Option<u16>,
}

impl Seen {
    /// A header as text, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether what it asks for may have been done: it was answered with the `good` status, or its connection died
    /// after the whole body had come, and then nobody outside can know.
    pub fn may_be_done(&self, good: u16) -> bool {
        match self.fault {
            Some(Fault::Reset(None) | Fault::Hang) => {
                serde_json::from_slice::<serde::de::IgnoredAny>(&self.body).is_ok()
            }
            _ => self.status == Some(good),
        }
    }
}

/// All that was seen.
#[derive(Debug, Default)]
pub struct Log {
    recent: VecDeque<Seen>,
    total: u64,
    by_hop: HashMap<Hop, u64>,
    by_medium: HashMap<(Hop, String), u64>,
}

impl Log {
    /// The requests in the order of arrival.
    pub fn iter(&self) -> impl Iterator<Item = &Seen> {
        self.recent.iter()
    }

    /// How many requests there were.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// How many of one kind.
    pub fn count(&self, hop: Hop) -> u64 {
        self.by_hop.get(&hop).copied().unwrap_or_default()
    }

    /// How many of one kind about one medium.
    pub fn count_of(&self, hop: Hop, medium: &str) -> u64 {
        self.by_medium
            .get(&(hop, medium.to_owned()))
            .copied()
            .unwrap_or_default()
    }

    /// The request with this number or the next younger one that is remembered.
    pub(super) fn first_since(&self, number: u64) -> Option<&Seen> {
        let oldest = self.recent.front()?.number;
        self.recent
            .get(usize::try_from(number.saturating_sub(oldest)).ok()?)
    }

    fn push(&mut self, mut seen: Seen) -> u64 {
        let number = self.total;
        seen.number = number;
        self.total += 1;
        *self.by_hop.entry(seen.hop).or_default() += 1;
        if let Some(medium) = &seen.medium {
            *self
                .by_medium
                .entry((seen.hop, medium.clone()))
                .or_default() += 1;
        }
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(seen);
        number
    }

    fn set_status(&mut self, number: u64, status: u16) {
        let Some(oldest) = self.recent.front().map(|seen| seen.number) else {
            return;
        };
        let index = number
            .checked_sub(oldest)
            .and_then(|index| usize::try_from(index).ok());
        if let Some(seen) = index.and_then(|index| self.recent.get_mut(index)) {
            seen.status = Some(status);
        }
    }
}

/// Writes the log and wakes those who wait. Clones share one log.
#[derive(Debug, Clone)]
pub(super) struct Recorder {
    log: Arc<Mutex<Log>>,
    changed: watch::Sender<()>,
}

impl Recorder {
    pub(super) fn new() -> Self {
        Self {
            log: Arc::default(),
            changed: watch::Sender::new(()),
        }
    }

    pub(super) fn record(&self, seen: Seen) -> u64 {
        let number = self.lock().push(seen);
        self.changed.send_replace(());
        number
    }

    pub(super) fn answered(&self, number: u64, status: u16) {
        self.lock().set_status(number, status);
        self.changed.send_replace(());
    }

    pub(super) fn read<T>(&self, look: impl FnOnce(&Log) -> T) -> T {
        look(&self.lock())
    }

    /// Waits until the log yields something; looks again after every change.
    pub(super) async fn wait_for<T>(&self, mut look: impl FnMut(&Log) -> Option<T>) -> T {
        let mut changes = self.changed.subscribe();
        loop {
            if let Some(found) = self.read(&mut look) {
                return found;
            }
            if changes.changed().await.is_err() {
                // Cannot happen while `self` holds the sender; if it did, nothing would ever change again.
                std::future::pending::<()>().await;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
