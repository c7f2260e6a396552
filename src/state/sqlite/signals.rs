//! Wakes the workers of a queue and number after a commit that gave them something to do.
//!
//! A signal is only a hint to look again; what there is to do stands in the jobs alone.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use crate::ids::NumberName;
use crate::state::Queue;

/// Who wants to be woken. A queue and number nobody asked for costs nothing.
#[derive(Default)]
pub(super) struct Signals(Mutex<HashMap<(Queue, NumberName), watch::Sender<u64>>>);

impl Signals {
    /// A receiver that changes after every commit that made a job of this queue and number ready.
    pub(super) fn subscribe(&self, queue: Queue, number: &NumberName) -> watch::Receiver<u64> {
        let mut senders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        senders
            .entry((queue, number.clone()))
            .or_default()
            .subscribe()
    }

    /// Wakes everybody who waits for one of these.
    pub(super) fn fire(&self, ready: &[(Queue, NumberName)]) {
        if ready.is_empty() {
            return;
        }
        let senders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for sender in ready.iter().filter_map(|who| senders.get(who)) {
            sender.send_modify(|commits| *commits = commits.wrapping_add(1));
        }
    }
}
