//! A medium that a stand-in serves: its type, its name and its bytes.
//! Bytes are either held or generated from a pattern, so that a test can serve gigabytes without owning them.

use std::io;
use std::ops::Range;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::StreamBody;
use hyper::body::Frame;

use super::body::Body;
use super::digest::Digest;

/// Size of one block of a pattern, and of the chunks in which bytes go out.
const BLOCK: u64 = 64 * 1024;
/// Every block of a pattern starts with the seed and its own index, eight bytes each.
const LABEL: usize = 16;

/// A file as somebody sent it.
#[derive(Debug, Clone)]
pub struct Medium {
    /// The type that look-up and download announce.
    pub mime_type: String,
    /// The uploader's file name, if there was one.
    pub file_name: Option<String>,
    /// The bytes.
    pub content: Content,
}

impl Medium {
    /// A medium without a file name.
    pub fn new(mime_type: impl Into<String>, content: Content) -> Self {
        Self {
            mime_type: mime_type.into(),
            file_name: None,
            content,
        }
    }

    /// The same medium under a file name.
    pub fn named(mut self, file_name: impl Into<String>) -> Self {
        self.file_name = Some(file_name.into());
        self
    }
}

/// Where the bytes of a medium come from.
#[derive(Debug, Clone)]
pub enum Content {
    /// Held in memory.
    Bytes(Bytes),
    /// Computed when asked for. No two blocks are equal, so chunks that arrive twice or in the wrong place change the hash.
    Pattern {
        /// How many bytes.
        length: u64,
        /// Different seeds give different files.
        seed: u64,
    },
}

impl Content {
    /// How many bytes there are.
    pub fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Pattern { length, .. } => *length,
        }
    }

    /// Length and SHA-256 of the whole.
    pub fn digest(&self) -> Digest {
        Digest::of(self.chunks(0..self.length()))
    }

    /// The bytes of a range in order, a block at a time.
    pub fn chunks(&self, range: Range<u64>) -> impl Iterator<Item = Bytes> + Send + use<> {
        let content = self.clone();
        let end = range.end.min(self.length());
        let mut start = range.start;
        std::iter::from_fn(move || {
            if start >= end {
                return None;
            }
            let stop = end.min((start / BLOCK + 1) * BLOCK);
            let chunk = content.within_block(start, stop);
            start = stop;
            Some(chunk)
        })
    }

    /// A range as the body of an answer.
    pub fn body(&self, range: Range<u64>) -> Body {
        let frames = self
            .chunks(range)
            .map(|chunk| Ok::<_, io::Error>(Frame::data(chunk)));
        Body::new(StreamBody::new(stream::iter(frames)))
    }

    /// `start..stop` must not cross a block boundary.
    fn within_block(&self, start: u64, stop: u64) -> Bytes {
        match self {
            // The length of what lies in memory fits a usize.
            Self::Bytes(bytes) => bytes.slice(start as usize..stop as usize),
            Self::Pattern { seed, .. } => {
                let index = start / BLOCK;
                let mut block = NOISE;
                block[..8].copy_from_slice(&seed.to_be_bytes());
                block[8..LABEL].copy_from_slice(&index.to_be_bytes());
                let offset = index * BLOCK;
                Bytes::copy_from_slice(&block[(start - offset) as usize..(stop - offset) as usize])
            }
        }
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl From<&'static [u8]> for Content {
    fn from(bytes: &'static [u8]) -> Self {
        Self::Bytes(Bytes::from_static(bytes))
    }
}

static NOISE: [u8; BLOCK as usize] = noise();

/// A block that does not compress away and costs nothing at run time: a linear congruential sequence.
const fn noise() -> [u8; BLOCK as usize] {
    let mut block = [0; BLOCK as usize];
    let mut state: u32 = 0x2545_f491;
    let mut i = 0;
    while i < block.len() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        block[i] = (state >> 24) as u8;
        i += 1;
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collected(content: &Content, range: Range<u64>) -> Vec<u8> {
        content.chunks(range).flatten().collect()
    }

    #[test]
    fn a_range_of_a_pattern_is_the_same_range_of_the_whole() {
        let content = Content::Pattern {
            length: 200_001,
            seed: 7,
        };
        let whole = collected(&content, 0..content.length());
        assert_eq!(whole.len(), 200_001);
        for range in [0..1, 65_530..65_540, 131_000..200_001, 199_999..900_000] {
            let expected = &whole[range.start as usize..whole.len().min(range.end as usize)];
            assert_eq!(collected(&content, range.clone()), expected, "{range:?}");
        }
    }

    #[test]
    fn seeds_and_blocks_differ() {
        let one = Content::Pattern {
            length: 131_072,
            seed: 1,
        };
        let two = Content::Pattern {
            length: 131_072,
            seed: 2,
        };
        assert_ne!(one.digest(), two.digest());
        let whole = collected(&one, 0..131_072);
        assert_ne!(whole[..65_536], whole[65_536..]);
    }
}
