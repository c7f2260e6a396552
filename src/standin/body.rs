//! Bodies of answers: complete ones, spoiled ones, slow ones.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Body as _, Frame};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::Value;

/// The body of every answer of a stand-in.
pub type Body = UnsyncBoxBody<Bytes, io::Error>;

/// How often a slow body sends a piece.
const BEAT: Duration = Duration::from_millis(50);

/// A body of known bytes.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// An answer with a type and known bytes.
pub fn answer(status: StatusCode, content_type: &str, bytes: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(full(bytes));
    *response.status_mut() = status;
    if let Ok(value) = HeaderValue::from_str(content_type) {
        response.headers_mut().insert(CONTENT_TYPE, value);
    }
    response
}

/// An answer with neither type nor bytes.
pub fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(full(Bytes::new()));
    *response.status_mut() = status;
    response
}

/// An answer in compact JSON, without a charset and without a trailing newline.
pub fn json(status: StatusCode, value: &Value) -> Response<Body> {
    answer(status, "application/json", value.to_string())
}

/// Announces the length of a streamed body, so that it is not sent in chunks.
pub fn announce_length(response: &mut Response<Body>, length: u64) {
    response
        .headers_mut()
        .insert(CONTENT_LENGTH, HeaderValue::from(length));
}

/// The same length, other bytes: the first byte of every chunk is inverted.
pub fn flipped(body: Body) -> Body {
    body.map_frame(|frame| frame.map_data(invert_first))
        .boxed_unsync()
}

fn invert_first(data: Bytes) -> Bytes {
    let mut bytes = data.to_vec();
    if let Some(first) = bytes.first_mut() {
        *first = !*first;
    }
    bytes.into()
}

/// The same answer, and what ends when its body has been handed on or dropped.
pub fn watched(mut response: Response<Body>) -> (Response<Body>, impl Future<Output = ()> + Send) {
    let (written, done) = tokio::sync::oneshot::channel::<()>();
    if let Some(length) = response.body().size_hint().exact() {
        announce_length(&mut response, length);
    }
    let response = response.map(|body| {
        let keep = move |frame| {
            // Lives as long as the body does.
            let _ = &written;
            frame
        };
        body.map_frame(keep).boxed_unsync()
    });
    // Nothing is ever sent: the end of the sender is the word.
    (response, async { done.await.unwrap_or_default() })
}

/// The same bytes at a given rate.
pub fn slowed(body: Body, bytes_per_second: u64) -> Body {
    let start = (body, Bytes::new(), Pace::new(bytes_per_second));
    let frames = stream::unfold(start, |(mut body, mut rest, mut pace)| async move {
        while rest.is_empty() {
            match body.frame().await? {
                Ok(frame) => rest = frame.into_data().unwrap_or_default(),
                Err(error) => return Some((Err(error), (body, rest, pace))),
            }
        }
        if let Some(pause) = pace.pause() {
            tokio::time::sleep(pause).await;
        }
        let next = rest.split_to(pace.take(rest.len()));
        Some((Ok(Frame::data(next)), (body, rest, pace)))
    });
    Body::new(StreamBody::new(frames))
}

/// How many bytes may go out between two pauses.
struct Pace {
    pause: Duration,
    piece: usize,
    /// What is left of the piece.
    left: usize,
}

impl Pace {
    fn new(bytes_per_second: u64) -> Self {
        let beats_per_second = 1000 / BEAT.as_millis() as u64;
        let (pause, piece) = if bytes_per_second >= beats_per_second {
            (BEAT, bytes_per_second / beats_per_second)
        } else {
            (Duration::from_secs(1) / bytes_per_second.max(1) as u32, 1)
        };
        Self {
            pause,
            piece: usize::try_from(piece).unwrap_or(usize::MAX),
            left: 0,
        }
    }

    /// The pause that is due before more bytes may go out, if any.
    fn pause(&mut self) -> Option<Duration> {
        if self.left > 0 {
            return None;
        }
        self.left = self.piece;
        Some(self.pause)
    }

    /// How many of these bytes may go out now.
    fn take(&mut self, bytes: usize) -> usize {
        let taken = bytes.min(self.left);
        self.left -= taken;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The time that a body takes which comes in chunks of this size.
    fn duration(bytes_per_second: u64, chunk: usize, chunks: usize) -> Duration {
        let mut pace = Pace::new(bytes_per_second);
        let mut total = Duration::ZERO;
        for _ in 0..chunks {
            let mut rest = chunk;
            while rest > 0 {
                total += pace.pause().unwrap_or_default();
                rest -= pace.take(rest);
            }
        }
        total
    }

    #[test]
    fn a_rate_holds_however_small_the_chunks_are() {
        assert_eq!(duration(20_000_000, 10_000, 2_000), Duration::from_secs(1));
        assert_eq!(duration(20_000_000, 5_000_000, 4), Duration::from_secs(1));
        assert_eq!(duration(1_000, 64_000, 1), Duration::from_secs(64));
        assert_eq!(duration(2, 4, 1), Duration::from_secs(2));
    }
}
