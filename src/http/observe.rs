//! Watching a body go by: what it was is told when it has ended, and nothing of it is kept that is not wanted.

use aws_lc_rs::digest::{Context, SHA256};
use bytes::{Bytes, BytesMut};
use tokio::sync::oneshot;

/// What went by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observed {
    /// The bytes themselves.
    Kept(Bytes),
    /// Too many to keep, or not wanted.
    Counted {
        /// How many.
        length: u64,
        /// Their digest.
        sha256: [u8; 32],
    },
}

/// Tells what went by; an error when the body did not reach its end.
pub type Observation = oneshot::Receiver<Observed>;

/// Sits on a body and looks at its bytes.
pub struct Observer {
    /// While they are few enough.
    kept: Option<BytesMut>,
    keep_at_most: usize,
    digest: Context,
    length: u64,
    tell: Option<oneshot::Sender<Observed>>,
}

impl Observer {
    /// Keeps bodies up to this size, and digests larger ones.
    pub fn new(keep_at_most: usize) -> (Self, Observation) {
        let (tell, observation) = oneshot::channel();
        let observer = Self {
            kept: (keep_at_most > 0).then(BytesMut::new),
            keep_at_most,
            digest: Context::new(&SHA256),
            length: 0,
            tell: Some(tell),
        };
        (observer, observation)
    }

    pub(super) fn see(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        if let Some(kept) = &mut self.kept {
            if kept.len() + bytes.len() <= self.keep_at_most {
                kept.extend_from_slice(bytes);
                return;
            }
            self.digest.update(kept);
            self.kept = None;
        }
        self.digest.update(bytes);
    }

    pub(super) fn end(&mut self) {
        let Some(tell) = self.tell.take() else { return };
        let observed = match self.kept.take() {
            Some(kept) => Observed::Kept(kept.freeze()),
            None => {
                let mut sha256 = [0; 32];
                sha256.copy_from_slice(self.digest.clone().finish().as_ref());
                Observed::Counted {
                    length: self.length,
                    sha256,
                }
            }
        };
        // Nobody listens when the comparison was given up meanwhile.
        let _ = tell.send(observed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_body_is_kept_and_a_large_one_digested_whole() {
        let (mut observer, mut observation) = Observer::new(8);
        observer.see(b"four");
        observer.see(b"more");
        observer.end();
        let kept = observation.try_recv().unwrap();
        assert_eq!(kept, Observed::Kept(Bytes::from_static(b"fourmore")));

        let (mut observer, mut observation) = Observer::new(8);
        for part in [&b"four"[..], b"more", b"and one"] {
            observer.see(part);
        }
        observer.end();
        let digest = aws_lc_rs::digest::digest(&SHA256, b"fourmoreand one");
        let expected = Observed::Counted {
            length: 15,
            sha256: digest.as_ref().try_into().unwrap(),
        };
        assert_eq!(observation.try_recv().unwrap(), expected);
    }

    #[test]
    fn a_body_that_breaks_off_tells_nothing() {
        let (mut observer, mut observation) = Observer::new(8);
        observer.see(b"half");
        drop(observer);
        assert!(observation.try_recv().is_err());
    }
}
