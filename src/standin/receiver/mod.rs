//! The integration's webhook: takes callbacks, remembers them, and misbehaves on request.

mod strict;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex as Lock, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{HeaderMap, Request, Response, StatusCode};
use tokio::sync::{Mutex, watch};

use super::ANY_PORT;
use super::body::{self, Body};
use super::control::whole_body;
use super::fault::{Faults, Hop};
use super::log::{Log, Seen};
use super::onprem::basic;
use super::refusal::Peer;
use super::server::Server;
use super::stage::{Arrival, Stage};
use super::tls::Tls;
use super::wire::Wire;

pub use strict::objections;

/// How to start a [`Receiver`].
#[derive(Debug, Clone)]
pub struct ReceiverOptions {
    /// Where it listens.
    pub listen: SocketAddr,
    /// HTTPS.
    pub tls: Option<Tls>,
    /// Name and password that callbacks must bring.
    pub basic_auth: Option<(String, String)>,
    /// Whether callbacks that a real integration would not understand are answered 400.
    pub strict: bool,
    /// Whether `/_standin/` is served.
    pub control: bool,
}

impl Default for ReceiverOptions {
    fn default() -> Self {
        Self {
            listen: ANY_PORT,
            tls: None,
            basic_auth: None,
            strict: false,
            control: false,
        }
    }
}

/// One POST, as it arrived.
#[derive(Debug, Clone)]
pub struct Callback {
    /// Path and query.
    pub path: String,
    /// All headers.
    pub headers: HeaderMap,
    /// The raw body.
    pub body: Bytes,
    /// When its last byte had arrived.
    pub arrived: Instant,
    /// What it was answered with; `None` while it waits, and for one that was left hanging.
    pub status: Option<u16>,
}

impl Callback {
    /// The body as JSON; `Null` if it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl From<&Seen> for Callback {
    fn from(seen: &Seen) -> Self {
        Self {
            path: seen.path.clone(),
            headers: seen.headers.clone(),
            body: seen.body.clone(),
            arrived: seen.arrived,
            status: seen.status,
        }
    }
}

/// A running receiver. Dropping it ends it at once.
#[derive(Debug)]
pub struct Receiver {
    scene: Arc<Scene>,
    server: Server,
    /// The number of the next callback to hand out. Held while waiting, so that each is handed out once and in order.
    next: Mutex<u64>,
}

#[derive(Debug)]
struct Scene {
    stage: Stage,
    basic_auth: Option<(String, String)>,
    /// What was not understood; `None`: everything is.
    objections: Option<Lock<Vec<String>>>,
    status: AtomicU16,
    held: watch::Sender<bool>,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
}

impl Receiver {
    /// Listens.
    pub async fn start(options: ReceiverOptions) -> io::Result<Self> {
        let scene = Arc::new(Scene {
            stage: Stage::new(options.control),
            basic_auth: options.basic_auth,
            objections: options.strict.then(Lock::default),
            status: AtomicU16::new(200),
            held: watch::Sender::new(false),
            in_flight: AtomicUsize::new(0),
            most_in_flight: AtomicUsize::new(0),
        });
        let playing = scene.clone();
        let server = Server::start(
            options.listen,
            options.tls.as_ref(),
            move |request, wire| enter(playing.clone(), request, wire),
        )
        .await?;
        Ok(Self {
            scene,
            server,
            next: Mutex::new(0),
        })
    }

    /// Scheme and address; any path will do.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The address listened on.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// How many connections were ever accepted.
    pub fn connections(&self) -> u64 {
        self.server.connections()
    }

    /// Answers with this status from now on.
    pub fn answer_with(&self, status: u16) {
        self.scene.status.store(status, Ordering::Relaxed);
    }

    /// Takes callbacks but answers none until [`Receiver::release`].
    pub fn hold(&self) {
        self.scene.held.send_replace(true);
    }

    /// Answers what is held and whatever comes.
    pub fn release(&self) {
        self.scene.held.send_replace(false);
    }

    /// The oldest callback not yet handed out, as soon as there is one. The caller sets the limit; giving up loses nothing.
    pub async fn next_callback(&self) -> Callback {
        let mut next = self.next.lock().await;
        let wanted = *next;
        let recorder = &self.scene.stage.recorder;
        let (number, callback) = recorder
            .wait_for(|log| {
                let seen = log.first_since(wanted)?;
                Some((seen.number, Callback::from(seen)))
            })
            .await;
        *next = number + 1;
        callback
    }

    /// Everything that came, in the order of arrival.
    pub fn callbacks(&self) -> Vec<Callback> {
        self.log(|log| log.iter().map(Callback::from).collect())
    }

    /// The largest number of callbacks that ever waited for their answer at once.
    pub fn max_in_flight(&self) -> usize {
        self.scene.most_in_flight.load(Ordering::SeqCst)
    }

    /// Why callbacks were answered 400, since the start; always empty unless it is strict.
    pub fn objections(&self) -> Vec<String> {
        let objections = self.scene.objections.as_ref();
        objections.map_or_else(Vec::new, |objections| kept(objections).clone())
    }

    /// The faults.
    pub fn faults(&self) -> &Faults {
        &self.scene.stage.faults
    }

    /// Looks at what was seen.
    pub fn log<T>(&self, look: impl FnOnce(&Log) -> T) -> T {
        self.scene.stage.recorder.read(look)
    }

    /// Waits until this holds; looks again after every request and every answer. The caller sets the limit.
    pub async fn wait_until(&self, mut holds: impl FnMut(&Log) -> bool) {
        self.scene
            .stage
            .recorder
            .wait_for(|log| holds(log).then_some(()))
            .await;
    }

    /// Stops, letting answers under way finish for a moment.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

async fn enter(scene: Arc<Scene>, request: Request<Incoming>, wire: Wire) -> Response<Body> {
    if scene.stage.controls(&request) {
        return scene.stage.control(request).await;
    }
    let _flight = Flight::begin(&scene);
    let (head, incoming) = request.into_parts();
    let Some(bytes) = whole_body(incoming).await else {
        return body::empty(StatusCode::BAD_REQUEST);
    };
    let arrival = Arrival {
        hop: Hop::Callback,
        medium: None,
        body: bytes.clone(),
        peer: Peer::Receiver,
    };
    let request = Request::from_parts(head, Full::new(bytes));
    let healthy = |request: Request<Full<Bytes>>| answer(&scene, request);
    scene.stage.answer(arrival, &wire, request, healthy).await
}

async fn answer(scene: &Scene, request: Request<Full<Bytes>>) -> Response<Body> {
    if scene.basic_auth.is_some() && basic(request.headers()) != scene.basic_auth {
        return Peer::Receiver.refuses(401);
    }
    // The sender lives in the scene, so this ends only by a release.
    let _ = scene.held.subscribe().wait_for(|held| !held).await;
    if let Some(objections) = &scene.objections {
        let Ok(body) = request.into_body().collect().await;
        let mut found = self::objections(&body.to_bytes());
        if !found.is_empty() {
            kept(objections).append(&mut found);
            return Peer::Receiver.refuses(400);
        }
    }
    match scene.status.load(Ordering::Relaxed) {
        200 => body::empty(StatusCode::OK),
        status => Peer::Receiver.refuses(status),
    }
}

/// A panic elsewhere does not spoil a list of texts.
fn kept(objections: &Lock<Vec<String>>) -> MutexGuard<'_, Vec<String>> {
    objections.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts a callback while it waits for its answer, however it ends.
struct Flight<'a>(&'a Scene);

impl<'a> Flight<'a> {
    fn begin(scene: &'a Scene) -> Self {
        let now = scene.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        scene.most_in_flight.fetch_max(now, Ordering::SeqCst);
        Self(scene)
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests;
