//! The old client: logs users in (`users`), keeps media (`files`), takes messages, and says of everything else exactly what arrived (`echo`),
//! so that a test can prove that a pass-through changed nothing.

mod echo;
mod files;
mod routes;
#[cfg(test)]
mod tests;
mod users;

pub(super) use users::basic;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use super::fault::{Faults, Hop};
use super::log::{Log, Seen};
use super::medium::Medium;
use super::server::Server;
use super::stage::Stage;
use super::tls::Tls;
use super::{ANY_PORT, Digest};
use files::Files;
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
            control: false,
        }
    }
}

/// A running old client. Dropping it ends it at once.
#[derive(Debug)]
pub struct Onprem {
    scene: Arc<Scene>,
    server: Server,
}

#[derive(Debug)]
struct Scene {
    version: String,
    api_key: Option<String>,
    users: Users,
    files: Files,
    stage: Stage,
}

impl Onprem {
    /// Listens.
    pub async fn start(options: OnpremOptions) -> io::Result<Self> {
        let scene = Arc::new(Scene {
            version: options.version,
            api_key: options.api_key,
            users: Users::new(options.users),
            files: Files::default(),
            stage: Stage::new(options.control),
        });
        let playing = scene.clone();
        let server = Server::start(
            options.listen,
            options.tls.as_ref(),
            move |request, wire| routes::enter(playing.clone(), request, wire),
        )
        .await?;
        Ok(Self { scene, server })
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
