//! Meta's Cloud API as far as the bridge needs it: the Graph host (`graph`) and the host behind the short-lived URLs (`media_host`), on a port each.
//! `address` makes and checks those URLs, `shelf` keeps the media,
//! `node` answers questions about the number and the token, `profile` keeps the business profile, `messages` takes messages
//! (`wamid` names them), `webhook` knows where notifications go, `notify` makes them.

mod address;
mod graph;
mod media_host;
mod messages;
mod node;
pub mod notify;
mod options;
mod profile;
mod shelf;
#[cfg(test)]
mod tests;
mod wamid;
mod webhook;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde_json::Value;

use super::digest::Digest;
use super::fault::{Faults, Hop};
use super::log::{Log, Seen};
use super::medium::Medium;
use super::server::Server;
use super::stage::Stage;
use notify::Notifier;
pub use notify::{Attachment, Delivery, NotifiedUrl, Signed};
pub use options::{Behaviour, CloudOptions, FileSize, Notifying, Ranges};
use profile::Kept;
use shelf::Shelf;
use tokio_util::sync::DropGuard;
use webhook::Webhooks;

/// A running Cloud. Dropping it ends it at once.
#[derive(Debug)]
pub struct Cloud {
    scene: Arc<Scene>,
    graph: Server,
    media_host: Server,
    /// Ends the notifications under way.
    _notifying: DropGuard,
}

/// What both hosts share.
#[derive(Debug)]
struct Scene {
    options: CloudOptions,
    behaviour: Mutex<Behaviour>,
    shelf: Shelf,
    profile: Kept,
    webhooks: Webhooks,
    notifier: Notifier,
    /// Scheme and authority of the media host.
    media_origin: String,
    stage: Stage,
}

impl Scene {
    fn behaviour(&self) -> Behaviour {
        self.behaviour
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Cloud {
    /// Listens on both ports.
    pub async fn start(options: CloudOptions) -> io::Result<Self> {
        // The media host must be known by address before Graph can name it, and needs the scene; so it finds the scene later.
        let (announce, scene) = tokio::sync::watch::channel(None::<Arc<Scene>>);
        let media_host = Server::start(
            options.media_listen,
            options.tls.as_ref(),
            move |request, wire| {
                let mut scene = scene.clone();
                async move { media_host::enter(&mut scene, request, wire).await }
            },
        )
        .await?;
        let stage = Stage::new(options.control);
        let notifier = Notifier::new(&options, stage.faults.clone())?;
        let notifying = notifier.stopping();
        let scene = Arc::new(Scene {
            behaviour: Mutex::new(options.behaviour.clone()),
            shelf: Shelf::default(),
            profile: Kept::default(),
            webhooks: Webhooks::default(),
            notifier,
            media_origin: options
                .media_origin
                .clone()
                .unwrap_or_else(|| media_host.url()),
            stage,
            options,
        });
        announce.send_replace(Some(scene.clone()));
        let playing = scene.clone();
        let graph = Server::start(
            scene.options.graph_listen,
            scene.options.tls.as_ref(),
            move |request, wire| graph::enter(playing.clone(), request, wire),
        )
        .await?;
        Ok(Self {
            scene,
            graph,
            media_host,
            _notifying: notifying,
        })
    }

    /// What an operator configures as `graph_url`.
    pub fn graph_url(&self) -> String {
        self.graph.url()
    }

    /// Scheme and address of the media host.
    pub fn media_url(&self) -> String {
        self.media_host.url()
    }

    /// The id of the phone number.
    pub fn phone_number_id(&self) -> &str {
        &self.scene.options.phone_number_id
    }

    /// The token that is good now.
    pub fn access_token(&self) -> String {
        self.scene.behaviour().access_token
    }

    /// What notifications are signed with.
    pub fn app_secret(&self) -> &str {
        &self.scene.options.app_secret
    }

    /// What webhooks are asked for when they are to say that they are wanted.
    pub fn verify_token(&self) -> &str {
        &self.scene.options.verify_token
    }

    /// Changes what Meta chooses, from the next request on.
    pub fn change(&self, change: impl FnOnce(&mut Behaviour)) {
        change(
            &mut self
                .scene
                .behaviour
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
    }

    /// Adds or replaces a medium. Its bytes are hashed here, once.
    pub fn add_medium(&self, id: impl Into<String>, medium: Medium) -> Digest {
        self.scene.shelf.put(id.into(), medium)
    }

    /// Makes Meta forget a medium, as it does after seven days.
    pub fn remove_medium(&self, id: &str) -> bool {
        self.scene.shelf.remove(id)
    }

    /// A fresh URL as a `messages` notification carries it. `None` for an unknown medium.
    pub fn notified_url(&self, id: &str) -> Option<String> {
        self.scene.shelf.get(id)?;
        Some(address::make(
            &self.scene,
            id,
            address::Source::Notification,
        ))
    }

    /// A URL of a medium as an advertisement has it: good for ever and for everybody.
    pub fn open_url(&self, id: &str) -> String {
        media_host::open_url(&self.scene.media_origin, id)
    }

    /// Replaces the business profile by these fields; what is not among them is not set.
    pub fn set_profile(&self, fields: &Value) {
        self.scene.profile.replace(fields);
    }

    /// The business profile as it is now.
    pub fn profile(&self) -> Value {
        self.scene.profile.told()
    }

    /// The bodies of all messages that were accepted, or whose connection was cut after the body had come:
    /// each of them the customer may have got.
    pub fn messages(&self) -> Vec<Bytes> {
        self.log(messages::sent)
    }

    /// The faults of both hosts.
    pub fn faults(&self) -> &Faults {
        &self.scene.stage.faults
    }

    /// How often a medium was looked up.
    pub fn lookups(&self, id: &str) -> u64 {
        self.log(|log| log.count_of(Hop::Lookup, id))
    }

    /// How often a medium's URL was asked for.
    pub fn downloads(&self, id: &str) -> u64 {
        self.log(|log| log.count_of(Hop::Download, id))
    }

    /// Looks at what was seen.
    pub fn log<T>(&self, look: impl FnOnce(&Log) -> T) -> T {
        self.scene.stage.recorder.read(look)
    }

    /// Everything that was seen, copied.
    pub fn requests(&self) -> Vec<Seen> {
        self.log(|log| log.iter().cloned().collect())
    }

    /// Waits until this holds; looks again after every request and every answer. The caller sets the limit.
    pub async fn wait_until(&self, mut holds: impl FnMut(&Log) -> bool) {
        self.scene
            .stage
            .recorder
            .wait_for(|log| holds(log).then_some(()))
            .await;
    }

    /// Stops both hosts, letting answers under way finish for a moment.
    pub async fn stop(self) {
        tokio::join!(self.graph.stop(), self.media_host.stop());
    }
}
