//! The messages that are being sent at this moment, so that what Cloud tells of a message can wait until whoever sends
//! it has been told its id.
//!
//! Sends are not told apart: a send's id is only known once it is answered, and by then there is nothing to wait for.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// One number's sends under way.
#[derive(Debug)]
pub struct Sends {
    inner: Mutex<Inner>,
    /// The oldest send under way; `u64::MAX` when there is none.
    oldest: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    under_way: BTreeSet<u64>,
}

/// A send under way, for as long as this lives.
#[derive(Debug)]
pub struct UnderWay {
    sends: Arc<Sends>,
    number: u64,
}

/// All the sends that were under way at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark(u64);

impl Default for Sends {
    fn default() -> Self {
        Self {
            inner: Mutex::default(),
            oldest: watch::Sender::new(u64::MAX),
        }
    }
}

impl Sends {
    /// A send begins; it ends when what this gives is dropped, which is to be after its answer was written.
    pub fn begin(self: &Arc<Self>) -> UnderWay {
        let mut inner = self.inner();
        let number = inner.next;
        inner.next += 1;
        inner.under_way.insert(number);
        self.publish(&inner);
        UnderWay {
            sends: Arc::clone(self),
            number,
        }
    }

    /// The sends under way now, if there are any.
    pub fn mark(&self) -> Option<Mark> {
        let inner = self.inner();
        inner.under_way.last().map(|last| Mark(*last))
    }

    /// Waits until all of these are over, however many have begun since.
    pub async fn over(&self, mark: Mark) {
        let mut oldest = self.oldest.subscribe();
        // The sender lives as long as `self`.
        let _ = oldest.wait_for(|oldest| *oldest > mark.0).await;
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, inner: &Inner) {
        let oldest = inner.under_way.first().copied().unwrap_or(u64::MAX);
        self.oldest.send_if_modified(|known| {
            let is_new = *known != oldest;
            *known = oldest;
            is_new
        });
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut inner = self.sends.inner();
        inner.under_way.remove(&self.number);
        self.sends.publish(&inner);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_mark_waits_for_what_was_under_way_and_for_nothing_later() {
        let sends = Arc::new(Sends::default());
        assert_eq!(sends.mark(), None);
        let (first, second) = (sends.begin(), sends.begin());
        let mark = sends.mark().unwrap();
        let later = sends.begin();
        drop(second);
        assert!(sends.over(mark).now_or_never().is_none());
        drop(first);
        assert!(sends.over(mark).now_or_never().is_some());
        let mark = sends.mark().unwrap();
        assert!(sends.over(mark).now_or_never().is_none());
        drop(later);
        assert!(sends.over(mark).now_or_never().is_some());
        assert_eq!(sends.mark(), None);
    }

    #[tokio::test]
    async fn whoever_waits_is_woken() {
        let sends = Arc::new(Sends::default());
        let under_way = sends.begin();
        let mark = sends.mark().unwrap();
        let waiting = tokio::spawn({
            let sends = Arc::clone(&sends);
            async move { sends.over(mark).await }
        });
        tokio::task::yield_now().await;
        drop(under_way);
        waiting.await.unwrap();
    }
}
