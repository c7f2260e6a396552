//! How the connection under an answer can end badly.
//!
//! HTTP libraries take care never to announce more than they send. A stand-in must be able to, to the byte, so the ending is not
//! arranged in the body but here, under HTTP: `Wire` names the place,
//! `line` counts what the server writes and closes or resets the socket there.

use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

const HEAD_END: &[u8; 4] = b"\r\n\r\n";

/// How a connection ends before its answer is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// An orderly close: the peer sees the end of the stream.
    Close,
    /// A TCP reset. What the peer's kernel has not yet taken is lost, so the peer may see less than was sent.
    Reset,
}

/// The handle with which whoever answers a request decides over its connection.
#[derive(Debug, Clone)]
pub struct Wire {
    cut: Arc<Mutex<Option<Cut>>>,
    stopping: CancellationToken,
}

impl Wire {
    pub(super) fn new(stopping: CancellationToken) -> Self {
        Self {
            cut: Arc::default(),
            stopping,
        }
    }

    /// Ends the connection before a byte of the answer.
    pub fn cut_before_answer(&self, ending: Ending) {
        self.set(Some(Cut {
            ending,
            left: None,
            matched: 0,
        }));
    }

    /// Ends the connection after the head and `bytes` of the body. A body that is not longer arrives whole.
    pub fn cut_after(&self, bytes: u64, ending: Ending) {
        self.set(Some(Cut {
            ending,
            left: Some(bytes),
            matched: 0,
        }));
    }

    /// Never answers: returns only when the stand-in stops, and then the connection is reset.
    pub async fn hang(&self) {
        self.stopping.cancelled().await;
        self.cut_before_answer(Ending::Reset);
    }

    /// Forgets what an earlier request on the same connection asked for.
    pub(super) fn heal(&self) {
        self.set(None);
    }

    fn set(&self, cut: Option<Cut>) {
        *self.cut.lock().unwrap_or_else(PoisonError::into_inner) = cut;
    }

    /// Looks at the cut, for the line.
    pub(super) fn with<T>(&self, look: impl FnOnce(&mut Option<Cut>) -> T) -> T {
        look(&mut self.cut.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[derive(Debug, Clone)]
pub(super) struct Cut {
    pub(super) ending: Ending,
    /// Bytes of the body that may still pass; `None` if not even the head may.
    left: Option<u64>,
    /// How much of `HEAD_END` has been seen; all of it once the body has begun.
    matched: usize,
}

impl Cut {
    /// How many of these bytes may pass.
    pub(super) fn allowed(&self, bytes: &[u8]) -> usize {
        let Some(left) = self.left else { return 0 };
        let mut ahead = self.clone();
        let head = ahead.skip_head(bytes);
        let body = (bytes.len() - head) as u64;
        head + body.min(left) as usize
    }

    /// Counts what has passed.
    pub(super) fn advance(&mut self, written: &[u8]) {
        let head = self.skip_head(written);
        let body = (written.len() - head) as u64;
        self.left = self.left.map(|left| left.saturating_sub(body));
    }

    /// How many of these bytes still belong to the head.
    fn skip_head(&mut self, bytes: &[u8]) -> usize {
        for (index, byte) in bytes.iter().enumerate() {
            if self.matched == HEAD_END.len() {
                return index;
            }
            self.matched = match *byte {
                byte if byte == HEAD_END[self.matched] => self.matched + 1,
                b'\r' => 1,
                _ => 0,
            };
        }
        bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_counts_body_bytes_however_the_writes_fall() {
        let answer = b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n0123456789";
        for first in 0..answer.len() {
            let mut cut = Cut {
                ending: Ending::Close,
                left: Some(4),
                matched: 0,
            };
            let mut passed = Vec::new();
            for part in [&answer[..first], &answer[first..]] {
                let allowed = cut.allowed(part);
                cut.advance(&part[..allowed]);
                passed.extend_from_slice(&part[..allowed]);
                if allowed < part.len() {
                    break;
                }
            }
            assert_eq!(
                passed, b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n0123",
                "split at {first}"
            );
        }
    }
}
