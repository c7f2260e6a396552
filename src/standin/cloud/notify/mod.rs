//! Meta's notifying side: what happened is posted to the webhook, signed, and posted again until the webhook says 200.
//! An answer that breaks off or comes too late is a failure, so the same notification can arrive twice, as Meta's do.
//!
//! `envelope` writes the bodies, `happening` makes the values, `customer` plays somebody by curl.

mod customer;
mod envelope;
mod happening;

use std::io;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};
use hyper::{HeaderMap, Method, StatusCode};
use reqwest::redirect;
use serde_json::Value;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;

use super::super::fault::{Call, Fault, Faults, Hop};
use super::super::log::{Log, Recorder, Seen};
use super::{Cloud, CloudOptions, Notifying, Scene};
pub(super) use customer::play;
pub use envelope::merged;
pub use happening::{Attachment, NotifiedUrl};

const SIGNATURE: HeaderName = HeaderName::from_static("x-hub-signature-256");
const NAME: HeaderValue = HeaderValue::from_static("facebookexternalua");
/// How many notifications are on their way at a time.
const CONNECTIONS: usize = 64;

/// How a notification is signed.
#[derive(Debug, Clone)]
pub enum Signed {
    /// With the app's secret.
    Rightly,
    /// With another secret.
    With(String),
    /// Not at all: the header has this text, or is left out.
    Not(Option<String>),
}

/// A notification on its way.
#[derive(Debug, Clone)]
pub struct Delivery {
    body: Bytes,
    progress: watch::Receiver<Progress>,
}

#[derive(Debug, Clone, Default)]
struct Progress {
    attempts: Vec<Option<u16>>,
    ended: bool,
}

impl Delivery {
    /// The bytes that are posted.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// What each attempt so far was answered with; `None` for one without a whole answer.
    pub fn attempts(&self) -> Vec<Option<u16>> {
        self.progress.borrow().attempts.clone()
    }

    /// Waits until the webhook took it or Meta gave it up; says what each attempt was answered with.
    /// The caller sets the limit.
    pub async fn ended(&self) -> Vec<Option<u16>> {
        self.after(|progress| progress.ended).await
    }

    /// Waits until so many attempts were made.
    pub async fn attempted(&self, times: usize) -> Vec<Option<u16>> {
        self.after(|progress| progress.ended || progress.attempts.len() >= times)
            .await
    }

    async fn after(&self, holds: impl Fn(&Progress) -> bool) -> Vec<Option<u16>> {
        let mut progress = self.progress.clone();
        // An error means that Cloud was stopped; then it stays at what there is.
        let _ = progress.wait_for(holds).await;
        self.attempts()
    }
}

#[derive(Debug)]
pub(super) struct Notifier {
    /// Every attempt.
    pub(super) recorder: Recorder,
    pub(super) http: reqwest::Client,
    faults: Faults,
    connections: Semaphore,
    /// How often the held ones were let go.
    released: watch::Sender<u64>,
    stopping: CancellationToken,
}

/// One notification to be made.
struct Due {
    body: Bytes,
    headers: HeaderMap,
    medium: Option<String>,
    progress: watch::Sender<Progress>,
}

impl Notifier {
    pub(super) fn new(options: &CloudOptions, faults: Faults) -> io::Result<Self> {
        let mut http = reqwest::Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none());
        if let Some(pem) = &options.client_certificate {
            http = http.identity(reqwest::Identity::from_pem(pem).map_err(io::Error::other)?);
        }
        if let Some(pem) = &options.webhook_ca {
            let trusted = reqwest::Certificate::from_pem_bundle(pem).map_err(io::Error::other)?;
            http = http.tls_certs_merge(trusted);
        }
        Ok(Self {
            recorder: Recorder::new(),
            http: http.build().map_err(io::Error::other)?,
            faults,
            connections: Semaphore::new(CONNECTIONS),
            released: watch::Sender::new(0),
            stopping: CancellationToken::new(),
        })
    }

    /// Its end is the end of all notifications.
    pub(super) fn stopping(&self) -> DropGuard {
        self.stopping.clone().drop_guard()
    }
}

impl Scene {
    fn notify(self: &Arc<Self>, body: Bytes, signed: &Signed) -> Delivery {
        let medium = medium_of(&body);
        let webhook = self.webhooks.current();
        let fault = self.notifier.faults.take(&Call {
            hop: Hop::Notification,
            path: webhook.as_ref().map_or("/", |url| url.path()),
            medium: medium.as_deref(),
        });
        let (progress, followed) = watch::channel(Progress::default());
        let due = Due {
            headers: self.headers(&body, signed, fault.as_ref()),
            body: body.clone(),
            medium,
            progress,
        };
        // Now and not when the task begins: what is let go after this call is let go for it.
        let released = *self.notifier.released.borrow();
        let scene = self.clone();
        tokio::spawn(async move {
            let stopping = &scene.notifier.stopping;
            stopping
                .run_until_cancelled(scene.make(&due, fault, released))
                .await
        });
        Delivery {
            body,
            progress: followed,
        }
    }

    /// Follows the fault, if there is one.
    async fn make(&self, due: &Due, fault: Option<Fault>, released: u64) {
        match fault {
            Some(Fault::Silent) => {
                self.record(due, "/", fault);
            }
            Some(Fault::Held) => {
                let mut letting_go = self.notifier.released.subscribe();
                // The sender lives as long as this, so the wait ends only by a release.
                let _ = letting_go.wait_for(|times| *times > released).await;
                self.deliver(due, fault).await;
            }
            Some(Fault::Twice) => {
                tokio::join!(self.deliver(due, fault), self.deliver(due, None));
            }
            fault => self.deliver(due, fault).await,
        }
        due.progress.send_modify(|progress| progress.ended = true);
    }

    /// Posts until the webhook says 200, or Meta has had enough.
    async fn deliver(&self, due: &Due, mut fault: Option<Fault>) {
        for failures in 0.. {
            let status = self.attempt(due, fault.take()).await;
            due.progress
                .send_modify(|progress| progress.attempts.push(status));
            // Asked anew each time, as all of it may be changed in between.
            let Notifying {
                pauses, attempts, ..
            } = self.behaviour().notifying;
            if status == Some(StatusCode::OK.as_u16()) || failures + 1 >= attempts {
                return;
            }
            let pause = pauses.get(failures).or(pauses.last());
            tokio::time::sleep(pause.copied().unwrap_or_default()).await;
        }
    }

    /// One POST; the status, if the whole answer came.
    async fn attempt(&self, due: &Due, fault: Option<Fault>) -> Option<u16> {
        // The semaphore is never closed.
        let _connection = self.notifier.connections.acquire().await.ok()?;
        let webhook = self.webhooks.current()?;
        let lost = matches!(fault, Some(Fault::Reset(_)));
        let number = self.record(due, webhook.path(), fault);
        let status = self.post(due, webhook).await.ok()?;
        if lost {
            return None;
        }
        self.notifier.recorder.answered(number, status);
        Some(status)
    }

    async fn post(&self, due: &Due, webhook: Url) -> reqwest::Result<u16> {
        let request = self
            .notifier
            .http
            .post(webhook)
            .headers(due.headers.clone())
            .timeout(self.behaviour().notifying.patience)
            .body(due.body.clone());
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        answer.bytes().await?;
        Ok(status)
    }

    fn record(&self, due: &Due, path: &str, fault: Option<Fault>) -> u64 {
        self.notifier.recorder.record(Seen {
            number: 0,
            at: SystemTime::now(),
            arrived: Instant::now(),
            hop: Hop::Notification,
            medium: due.medium.clone(),
            method: Method::POST,
            path: path.to_owned(),
            headers: due.headers.clone(),
            body: due.body.clone(),
            fault,
            status: None,
        })
    }

    fn headers(&self, body: &[u8], signed: &Signed, fault: Option<&Fault>) -> HeaderMap {
        let secret = &self.options.app_secret;
        let signature = match (fault, signed) {
            (Some(Fault::WrongBytes), _) => Some(envelope::signature(secret, b"other bytes")),
            (_, Signed::Rightly) => Some(envelope::signature(secret, body)),
            (_, Signed::With(other)) => Some(envelope::signature(other, body)),
            (_, Signed::Not(text)) => text.clone(),
        };
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, NAME);
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(Ok(value)) = signature.map(|text| HeaderValue::from_str(&text)) {
            headers.insert(SIGNATURE, value);
        }
        headers
    }
}

/// The first medium in it, so that faults can be aimed.
fn medium_of(body: &[u8]) -> Option<String> {
    let whole: Value = serde_json::from_slice(body).ok()?;
    let message = &whole["entry"][0]["changes"][0]["value"]["messages"][0];
    let kind = message["type"].as_str()?;
    Some(message[kind]["id"].as_str()?.to_owned())
}

impl Cloud {
    /// Asks the webhook whether it is wanted, as the dashboard does, and notifies it from then on.
    pub async fn subscribe(&self, url: Url, verify_token: &str) -> io::Result<()> {
        let asked = self.scene.shake_hands(&url, verify_token).await;
        asked.map_err(io::Error::other)?;
        self.set_webhook(url);
        Ok(())
    }

    /// Notifies this webhook from now on, without asking it. What is on its way goes there, too.
    pub fn set_webhook(&self, url: impl Into<Option<Url>>) {
        self.scene.webhooks.set_application(url.into());
    }

    /// Notifies of one value, again and again until the webhook takes it.
    pub fn notify(&self, value: Value) -> Delivery {
        self.notify_batch(vec![value])
    }

    /// Notifies of several values at once.
    pub fn notify_batch(&self, values: Vec<Value>) -> Delivery {
        self.notify_raw(self.written(&values), &Signed::Rightly)
    }

    /// A notification of these values, as it is posted.
    pub fn written(&self, values: &[Value]) -> Bytes {
        let scene = &self.scene;
        let whole = envelope::envelope(&scene.options.business_account_id, values);
        match scene.behaviour().notifying.escaped {
            true => envelope::escaped(&whole),
            false => whole.to_string().into(),
        }
    }

    /// Notifies by these bytes, whatever they are.
    pub fn notify_raw(&self, body: impl Into<Bytes>, signed: &Signed) -> Delivery {
        self.scene.notify(body.into(), signed)
    }

    /// Makes the notifications that the fault `held` keeps back until now.
    pub fn release_notifications(&self) {
        self.scene
            .notifier
            .released
            .send_modify(|times| *times += 1);
    }

    /// Every attempt at a notification, oldest first. One that the fault `silent` swallowed is among them.
    pub fn deliveries(&self) -> Vec<Seen> {
        let recorder = &self.scene.notifier.recorder;
        recorder.read(|log| log.iter().cloned().collect())
    }

    /// Waits until this holds of the attempts; looks again after each and after every answer. The caller sets the limit.
    pub async fn wait_until_notified(&self, mut holds: impl FnMut(&Log) -> bool) {
        let recorder = &self.scene.notifier.recorder;
        recorder.wait_for(|log| holds(log).then_some(())).await;
    }
}
