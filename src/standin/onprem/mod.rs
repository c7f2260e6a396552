//! The old client: logs users in (`users`), keeps media (`files`), takes messages, and says of everything else exactly what arrived (`echo`),
//! so that a test can prove that a pass-through changed nothing. `settings` are kept and told back, `callbacks` tell how retry downloads ended.

mod callbacks;
mod contacts;
mod echo;
mod files;
mod routes;
mod settings;
#[cfg(test)]
mod tests;
mod users;

pub(super) use users::basic;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio_util::sync::DropGuard;
use url::Url;

use super::fault::{Faults, Hop};
use super::log::{Log, Seen};
use super::medium::Medium;
use super::server::Server;
use super::stage::Stage;
use super::tls::Tls;
use super::{ANY_PORT, Digest};
use callbacks::Callbacks;
use files::Files;
use settings::Settings;
use users::Users;

/// How to start an [`Onprem`].
#[derive(Debug, Clone)]
pub struct OnpremOptions {
    /// Where it listens.
    pub listen: SocketAddr,
    /// HTTPS, as the real one always has it.
    pub tls: Option<Tls>,
    /// Names and passwords.
    pub users: Vec<(String, String)>,
    /// For `Authorization: Apikey` on the monitoring routes.
    pub api_key: Option<String>,
    /// The version in `meta`.
    pub version: String,
    /// How much longer each wait between two attempts at a callback is; the real one takes three seconds.
    pub callback_step: Duration,
    /// Whether `/_standin/` is served.
    pub control: bool,
}

impl Default for OnpremOptions {
    fn default() -> Self {
        Self {
            listen: ANY_PORT,
            tls: None,
            users: vec![("admin".to_owned(), "Standin-1".to_owned())],
            api_key: None,
            version: "v2.57.2".to_owned(),
            callback_step: Duration::from_millis(20),
            control: false,
        }
    }
}

/// A running old client. Dropping it ends it at once.
#[derive(Debug)]
pub struct Onprem {
    scene: Arc<Scene>,
    server: Server,
    /// Ends the callbacks under way.
    _calling: DropGuard,
}

#[derive(Debug)]
struct Scene {
    version: String,
    api_key: Option<String>,
    users: Users,
    files: Files,
    settings: Settings,
    callbacks: Arc<Callbacks>,
    stage: Stage,
}

impl Onprem {
    /// Listens.
    pub async fn start(options: OnpremOptions) -> io::Result<Self> {
        let stage = Stage::new(options.control);
        let callbacks = Callbacks::new(stage.faults.clone(), options.callback_step)?;
        let calling = callbacks.stopping();
        let scene = Arc::new(Scene {
            version: options.version,
            api_key: options.api_key,
            users: Users::new(options.users),
            files: Files::default(),
            settings: Settings::default(),
            callbacks: Arc::new(callbacks),
            stage,
        });
        let playing = scene.clone();
        let server = Server::start(
            options.listen,
            options.tls.as_ref(),
            move |request, wire| routes::enter(playing.clone(), request, wire),
        )
        .await?;
        Ok(Self {
            scene,
            server,
            _calling: calling,
        })
    }

    /// Scheme and address.
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

    /// Makes every token given out so far worthless.
    pub fn revoke_all_tokens(&self) {
        self.scene.users.revoke_all();
    }

    /// Adds a medium, as if it had been uploaded or received.
    pub fn add_medium(&self, id: impl Into<String>, medium: Medium) -> Digest {
        self.scene.files.put(id.into(), medium)
    }

    /// Length and hash of an uploaded or added medium.
    pub fn medium(&self, id: &str) -> Option<(Medium, Digest)> {
        self.scene.files.get(id)
    }

    /// From now on the end of every retry download is told to this URL. Without one nothing is told, as before.
    pub fn set_webhook(&self, webhook: impl Into<Option<Url>>) {
        self.scene.callbacks.set_webhook(webhook.into());
    }

    /// Posts any callback to the webhook, once, and gives the status it was answered with.
    pub async fn post_callback(&self, callback: &Value) -> io::Result<u16> {
        self.scene.callbacks.post(callback).await
    }

    /// Makes the callbacks that the fault `held` keeps back until now.
    pub fn release_callbacks(&self) {
        self.scene.callbacks.release();
    }

    /// Every attempt at a callback, oldest first. One that the fault `silent` swallowed is among them, without a status.
    pub fn callbacks(&self) -> Vec<Seen> {
        self.scene
            .callbacks
            .recorder
            .read(|log| log.iter().cloned().collect())
    }

    /// Waits until this holds of the callbacks; looks again after every attempt and every answer. The caller sets the limit.
    pub async fn wait_until_called_back(&self, mut holds: impl FnMut(&Log) -> bool) {
        self.scene
            .callbacks
            .recorder
            .wait_for(|log| holds(log).then_some(()))
            .await;
    }

    /// The bodies of all messages that were accepted, or whose connection was cut after the body had come:
    /// each of them the customer may have got.
    pub fn messages(&self) -> Vec<Bytes> {
        self.log(routes::messages)
    }

    /// Changes these fields of the business profile; the others stay.
    pub fn set_profile(&self, fields: &Value) {
        self.scene.settings.set_profile(fields);
    }

    /// Changes the about text.
    pub fn set_about(&self, text: impl Into<String>) {
        self.scene.settings.set_about(text.into());
    }

    /// The faults.
    pub fn faults(&self) -> &Faults {
        &self.scene.stage.faults
    }

    /// How many logins were tried.
    pub fn logins(&self) -> u64 {
        self.log(|log| log.count(Hop::Login))
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

    /// Stops, letting answers under way finish for a moment.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}
