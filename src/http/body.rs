//! The one body type, and the ways to make or read one. No other file names a body combinator.
//!
//! The variants are an enum rather than a box because the pass-through makes two of them per request.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};

use super::observe::{Observation, Observer};

/// A request's or an answer's body.
pub struct Body(Kind);

enum Kind {
    Full(Bytes),
    Passing(Passing),
    Stream(
        Pin<Box<dyn Stream<Item = std::io::Result<Bytes>> + Send>>,
        u64,
    ),
}

/// Something that is let go when a body has gone by.
type Held = Box<dyn std::any::Any + Send>;

/// A body that is streamed on as it comes, watched for standing still and for being too large.
struct Passing {
    incoming: Incoming,
    left: u64,
    idle: Duration,
    /// Made only when the peer is behind, so that a body that is already there costs no timer.
    waiting: Option<Pin<Box<Sleep>>>,
    progress: Option<Progress>,
    observer: Option<Box<Observer>>,
    held: Option<Held>,
}

/// When a body that is being passed on last moved, or ended.
#[derive(Clone, Debug)]
pub struct Progress(Arc<Mutex<Instant>>);

impl Progress {
    fn begin() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// The moment of the last movement.
    pub fn last(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a body ended early.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BodyError {
    /// The peer broke off or sent nonsense.
    #[error("the body broke off")]
    Broken(#[source] Arc<hyper::Error>),
    /// The peer stopped sending.
    #[error("the body stood still for too long")]
    Idle,
    /// More than the limit.
    #[error("the body is larger than allowed")]
    TooLarge,
    /// The file behind it cannot be read.
    #[error("the stored bytes cannot be read")]
    Unreadable(#[source] Arc<std::io::Error>),
}

impl Body {
    /// No bytes.
    pub fn empty() -> Self {
        Self(Kind::Full(Bytes::new()))
    }

    /// These bytes.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        Self(Kind::Full(bytes.into()))
    }

    /// What a peer sends, at most `limit` bytes, never standing still for longer than `idle`.
    pub fn passing(incoming: Incoming, limit: u64, idle: Duration) -> Self {
        if incoming.is_end_stream() {
            return Self::empty();
        }
        Self(Kind::Passing(Passing {
            incoming,
            left: limit,
            idle,
            waiting: None,
            progress: None,
            observer: None,
            held: None,
        }))
    }

    /// Tells what the body was when all of it has gone by. One that is in memory is told at once.
    pub fn observe(&mut self, keep_at_most: usize) -> Observation {
        let (mut observer, observation) = Observer::new(keep_at_most);
        match &mut self.0 {
            Kind::Passing(passing) => passing.observer = Some(Box::new(observer)),
            Kind::Full(bytes) => {
                observer.see(bytes);
                observer.end();
            }
            // A stream of the bridge's own is known by whoever made it.
            Kind::Stream(..) => {}
        }
        observation
    }

    /// Holds on to something until the body has gone by. A body that is in memory goes by at once.
    pub fn hold(&mut self, held: impl Send + 'static) {
        if let Kind::Passing(passing) = &mut self.0 {
            passing.held = Some(Box::new(held));
        }
    }

    /// A stream of known length.
    pub fn stream(
        stream: impl Stream<Item = std::io::Result<Bytes>> + Send + 'static,
        length: u64,
    ) -> Self {
        Self(Kind::Stream(Box::pin(stream), length))
    }

    /// Tells from now on when the body last moved; `None` when it is in memory already.
    pub fn watch(&mut self) -> Option<Progress> {
        let Kind::Passing(passing) = &mut self.0 else {
            return None;
        };
        Some(passing.progress.get_or_insert_with(Progress::begin).clone())
    }

    /// The whole body in memory, if it is no larger than its own limit allows.
    pub async fn read(self) -> Result<Bytes, BodyError> {
        Ok(self.collect().await?.to_bytes())
    }
}

impl Passing {
    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = Pin::new(&mut self.incoming).poll_frame(cx);
        if let (Some(progress), true) = (&self.progress, polled.is_ready()) {
            progress.note();
        }
        match polled {
            Poll::Ready(Some(Ok(frame))) => {
                self.waiting = None;
                let length = frame.data_ref().map_or(0, |data| data.len() as u64);
                match self.left.checked_sub(length) {
                    Some(left) => self.left = left,
                    None => return Poll::Ready(Some(Err(BodyError::TooLarge))),
                }
                if let Some(observer) = &mut self.observer {
                    observer.see(frame.data_ref().map_or(&[], |data| data));
                    // Whoever reads need not ask again once the end is known.
                    if self.incoming.is_end_stream() {
                        observer.end();
                    }
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                Poll::Ready(Some(Err(BodyError::Broken(Arc::new(error)))))
            }
            Poll::Ready(None) => {
                if let Some(observer) = &mut self.observer {
                    observer.end();
                }
                Poll::Ready(None)
            }
            Poll::Pending => {
                let idle = self.idle;
                let sleep = self
                    .waiting
                    .get_or_insert_with(|| Box::pin(tokio::time::sleep(idle)));
                sleep.as_mut().poll(cx).map(|()| Some(Err(BodyError::Idle)))
            }
        }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.0 {
            Kind::Full(bytes) if bytes.is_empty() => Poll::Ready(None),
            Kind::Full(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Kind::Passing(passing) => passing.poll_frame(cx),
            Kind::Stream(stream, left) => stream.as_mut().poll_next(cx).map(|next| {
                next.map(|result| {
                    let bytes = result.map_err(|error| BodyError::Unreadable(Arc::new(error)))?;
                    *left = left.saturating_sub(bytes.len() as u64);
                    Ok(Frame::data(bytes))
                })
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Full(bytes) => bytes.is_empty(),
            Kind::Passing(passing) => passing.incoming.is_end_stream(),
            Kind::Stream(_, left) => *left == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Passing(passing) => passing.incoming.size_hint(),
            Kind::Stream(_, left) => SizeHint::with_exact(*left),
        }
    }
}
