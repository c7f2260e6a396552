//! SHA-256 as the stand-ins announce it: lower-case hex, computed while the bytes pass by.
//! Deliberately separate from the product's own hashing, so that one mistake cannot hide on both sides.

use std::fmt::Write as _;

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Body;

/// Length and hash of a sequence of bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// How many bytes there were.
    pub length: u64,
    /// Their SHA-256 in lower-case hex.
    pub sha256: String,
}

impl Digest {
    /// Hashes chunks one after the other.
    pub fn of(chunks: impl IntoIterator<Item = Bytes>) -> Self {
        let mut running = Running::new();
        for chunk in chunks {
            running.update(&chunk);
        }
        running.finish()
    }

    /// Reads a body to its end without keeping it. `None` if the body broke off.
    pub async fn of_body<B>(mut body: B) -> Option<Self>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let mut running = Running::new();
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame.ok()?.into_data() {
                running.update(&data);
            }
        }
        Some(running.finish())
    }
}

struct Running {
    length: u64,
    context: Context,
}

impl Running {
    fn new() -> Self {
        Self {
            length: 0,
            context: Context::new(&SHA256),
        }
    }

    fn update(&mut self, chunk: &[u8]) {
        self.length += chunk.len() as u64;
        self.context.update(chunk);
    }

    fn finish(self) -> Digest {
        Digest {
            length: self.length,
            sha256: hex(self.context.finish().as_ref()),
        }
    }
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_abc_is_the_published_one() {
        let digest = Digest::of([Bytes::from_static(b"a"), Bytes::from_static(b"bc")]);
        assert_eq!(digest.length, 3);
        assert_eq!(
            digest.sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
