//! What every stand-in has: its faults, its log, and the one path that a request takes through both.

use std::time::{Instant, SystemTime};

use bytes::Bytes;
use hyper::body::Body as HttpBody;
use hyper::{Request, Response};

use super::body::Body;
use super::fault::{self, Call, Faults, Hop};
use super::log::{Recorder, Seen};
use super::refusal::Peer;
use super::wire::Wire;

#[derive(Debug, Clone)]
pub(super) struct Stage {
    pub faults: Faults,
    pub recorder: Recorder,
    /// Whether the control surface is offered.
    pub control: bool,
}

/// What is known about a request before it is answered.
pub(super) struct Arrival<'a> {
    pub hop: Hop,
    pub medium: Option<&'a str>,
    /// The body, if it has been read already.
    pub body: Bytes,
    pub peer: Peer<'a>,
}

impl Stage {
    pub(super) fn new(control: bool) -> Self {
        Self {
            faults: Faults::default(),
            recorder: Recorder::new(),
            control,
        }
    }

    /// Chooses the fault, writes the log, answers.
    pub(super) async fn answer<B, H, F>(
        &self,
        arrival: Arrival<'_>,
        wire: &Wire,
        request: Request<B>,
        healthy: H,
    ) -> Response<Body>
    where
        B: HttpBody<Data = Bytes> + Unpin,
        H: FnOnce(Request<B>) -> F,
        F: Future<Output = Response<Body>>,
    {
        let path = request
            .uri()
            .path_and_query()
            .map_or("/", |path| path.as_str());
        let fault = self.faults.take(&Call {
            hop: arrival.hop,
            path,
            medium: arrival.medium,
        });
        let number = self.recorder.record(Seen {
            number: 0,
            at: SystemTime::now(),
            arrived: Instant::now(),
            hop: arrival.hop,
            medium: arrival.medium.map(str::to_owned),
            method: request.method().clone(),
            path: path.to_owned(),
            headers: request.headers().clone(),
            body: arrival.body,
            fault: fault.clone(),
            status: None,
        });
        let response = fault::answered(fault, arrival.peer, wire, request, healthy).await;
        self.recorder.answered(number, response.status().as_u16());
        response
    }
}
