//! What the old client tells of its own accord: how a retry download ended. Like the real one it takes nothing but 200
//! for an answer, and waits a little longer after every failure.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, Method, Response, StatusCode};
use reqwest::redirect;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;

use super::super::body::{self, Body};
use super::super::digest::Digest;
use super::super::fault::{Call, Fault, Faults, Hop};
use super::super::log::{Recorder, Seen};
use super::super::medium::Medium;
use super::Scene;

/// How long a webhook may take for one answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The real one stops adding after three hundred steps.
const MOST_STEPS: u32 = 300;

#[derive(Debug)]
pub(super) struct Callbacks {
    /// Every attempt.
    pub(super) recorder: Recorder,
    faults: Faults,
    webhook: Mutex<Option<Url>>,
    step: Duration,
    /// How often the held ones were let go.
    released: watch::Sender<u64>,
    stopping: CancellationToken,
    http: reqwest::Client,
}

/// One callback on its way.
struct Due {
    webhook: Url,
    medium: Option<String>,
    body: Bytes,
}

impl Callbacks {
    pub(super) fn new(faults: Faults, step: Duration) -> io::Result<Self> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .timeout(PATIENCE)
            .build()
            .map_err(io::Error::other)?;
        Ok(Self {
            recorder: Recorder::new(),
            faults,
            webhook: Mutex::default(),
            step,
            released: watch::Sender::new(0),
            stopping: CancellationToken::new(),
            http,
        })
    }

    /// Its end is the end of all callbacks.
    pub(super) fn stopping(&self) -> DropGuard {
        self.stopping.clone().drop_guard()
    }

    pub(super) fn set_webhook(&self, webhook: Option<Url>) {
        *self.webhook.lock().unwrap_or_else(PoisonError::into_inner) = webhook;
    }

    pub(super) fn release(&self) {
        self.released.send_modify(|times| *times += 1);
    }

    pub(super) async fn post(&self, callback: &Value) -> io::Result<u16> {
        let webhook = self
            .webhook()
            .ok_or_else(|| io::Error::other("the stand-in has no webhook"))?;
        let due = Due {
            webhook,
            medium: None,
            body: callback.to_string().into(),
        };
        self.attempt(&due, None).await.map_err(io::Error::other)
    }

    fn webhook(&self) -> Option<Url> {
        self.webhook
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Posts until the webhook says 200.
    async fn deliver(&self, due: &Due, mut fault: Option<Fault>) {
        for failures in 1.. {
            let status = self.attempt(due, fault.take()).await;
            if status.is_ok_and(|status| status == StatusCode::OK.as_u16()) {
                return;
            }
            tokio::time::sleep(self.step * MOST_STEPS.min(failures)).await;
        }
    }

    async fn attempt(&self, due: &Due, fault: Option<Fault>) -> reqwest::Result<u16> {
        let number = self.record(due, fault);
        let request = self
            .http
            .post(due.webhook.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(due.body.clone());
        let status = request.send().await?.status().as_u16();
        self.recorder.answered(number, status);
        Ok(status)
    }

    fn record(&self, due: &Due, fault: Option<Fault>) -> u64 {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.recorder.record(Seen {
            number: 0,
            at: SystemTime::now(),
            arrived: Instant::now(),
            hop: Hop::Callback,
            medium: due.medium.clone(),
            method: Method::POST,
            path: due.webhook.path().to_owned(),
            headers,
            body: due.body.clone(),
            fault,
            status: None,
        })
    }

    /// Follows the fault, if there is one.
    async fn run(&self, due: Due, fault: Option<Fault>, released: u64) {
        match fault {
            Some(Fault::Silent) => {
                self.record(&due, fault);
            }
            Some(Fault::Held) => {
                // The sender lives as long as this, so the wait ends only by a release.
                let mut letting_go = self.released.subscribe();
                let _ = letting_go.wait_for(|times| *times > released).await;
                self.deliver(&due, fault).await;
            }
            Some(Fault::Twice) => {
                self.deliver(&due, fault).await;
                self.deliver(&due, None).await;
            }
            fault => self.deliver(&due, fault).await,
        }
    }
}

impl Scene {
    /// Accepts a retry download. What becomes of it is told after the answer, if there is a webhook to tell.
    pub(super) fn accept_download(&self, id: &str) -> Response<Body> {
        let accepted = self.enveloped(StatusCode::OK, json!({"media_items": [{"id": id}]}));
        let Some(webhook) = self.callbacks.webhook() else {
            return accepted;
        };
        // Chosen now and not later, so that faults fall in the order of the requests.
        let fault = self.callbacks.faults.take(&Call {
            hop: Hop::Callback,
            path: webhook.path(),
            medium: Some(id),
        });
        let due = Due {
            webhook,
            medium: Some(id.to_owned()),
            body: told(id, self.files.get(id), fault.as_ref()),
        };
        let (response, written) = body::watched(accepted);
        let callbacks: Arc<Callbacks> = self.callbacks.clone();
        let released = *callbacks.released.borrow();
        tokio::spawn(async move {
            let telling = async {
                written.await;
                callbacks.run(due, fault, released).await;
            };
            callbacks.stopping.run_until_cancelled(telling).await
        });
        response
    }
}

/// The body of the callback.
fn told(id: &str, file: Option<(Medium, Digest)>, fault: Option<&Fault>) -> Bytes {
    let item = match (file, fault) {
        (_, Some(Fault::Body { body, .. })) => return body.clone().into(),
        (None, _) | (Some(_), Some(Fault::NotFound)) => json!({
            "errors": [{"code": 400, "details": "Media not found in the datastore.", "title": "Parameter not valid"}],
            "image": {"id": id, "status": "downloaded"},
            "type": "image",
        }),
        (Some((medium, digest)), fault) => {
            let kind = kind(&medium.mime_type);
            let mime_type = match fault {
                Some(Fault::MimeType(other)) => other,
                _ => &medium.mime_type,
            };
            let sha256 = match fault {
                Some(Fault::WrongBytes) => Digest::of([Bytes::from(digest.sha256)]).sha256,
                _ => digest.sha256,
            };
            json!({
                kind: {"id": id, "mime_type": mime_type, "sha256": sha256, "status": "downloaded"},
                "type": kind,
            })
        }
    };
    json!({"media_items": [item]}).to_string().into()
}

/// The kind that goes with a type.
fn kind(mime_type: &str) -> &'static str {
    match mime_type.split(['/', ';']).next() {
        _ if mime_type.starts_with("image/webp") => "sticker",
        _ if mime_type.starts_with("audio/ogg") => "voice",
        Some("image") => "image",
        Some("audio") => "audio",
        Some("video") => "video",
        Some(_) | None => "document",
    }
}
