//! Everybody who takes part, and how they are waited for.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::bridge::Bridge;
use super::configuration;
use super::trouble::{Trouble, within};
use crate::standin::{
    Callback, Caller, Cloud, CloudOptions, Onprem, OnpremOptions, Receiver, ReceiverOptions, Seen,
};

/// The user that the old client knows.
pub(super) const USER: &str = "admin";
/// Its password there.
pub(super) const PASSWORD: &str = "Standin-1";
/// The version that the old client and the bridge say they are.
pub(super) const VERSION: &str = "v2.57.2";

/// How long a callback may take, trouble included.
const CALLBACK: Duration = Duration::from_secs(30);

/// A bridge and everybody around it.
///
/// The order of the fields is the order in which they end: the bridge before the folder it writes to.
pub(super) struct World {
    /// The real one.
    pub(super) bridge: Bridge,
    /// The integration's program, on the asking side.
    pub(super) integration: Caller,
    /// The integration's webhook.
    pub(super) receiver: Receiver,
    /// Meta.
    pub(super) cloud: Cloud,
    /// The old client.
    pub(super) onprem: Onprem,
    folder: Folder,
}

/// What belongs to the bridge on disk.
enum Folder {
    /// Removed in the end.
    Temporary(TempDir),
    /// Left for looking into it.
    Kept(PathBuf),
}

impl Folder {
    fn new(keep: bool) -> Result<Self, Trouble> {
        let folder = tempfile::Builder::new()
            .prefix("waba-bridge-demo-")
            .tempdir()?;
        Ok(match keep {
            true => Self::Kept(folder.keep()),
            false => Self::Temporary(folder),
        })
    }

    fn path(&self) -> &Path {
        match self {
            Self::Temporary(folder) => folder.path(),
            Self::Kept(path) => path,
        }
    }
}

impl World {
    /// Starts everybody on free ports of loopback.
    pub(super) async fn start(keep: bool) -> Result<Self, Trouble> {
        let users = vec![(USER.to_owned(), PASSWORD.to_owned())];
        let options = OnpremOptions {
            users,
            version: VERSION.to_owned(),
            ..OnpremOptions::default()
        };
        let onprem = Onprem::start(options).await?;
        let cloud = Cloud::start(CloudOptions::default()).await?;
        let receiver = Receiver::start(ReceiverOptions::default()).await?;
        let folder = Folder::new(keep)?;
        let number = configuration::number(&cloud, &onprem, &receiver);
        let bridge = Bridge::start(folder.path(), number).await?;
        let integration = Caller::new(bridge.url())?;
        Ok(Self {
            bridge,
            integration,
            receiver,
            cloud,
            onprem,
            folder,
        })
    }

    /// The folder, if it is kept.
    pub(super) fn kept_folder(&self) -> Option<&Path> {
        match &self.folder {
            Folder::Kept(path) => Some(path),
            Folder::Temporary(_) => None,
        }
    }

    /// The callback about a medium, now or later.
    pub(super) async fn callback_about(&self, id: &str) -> Result<Callback, Trouble> {
        let what = format!("the callback about {id}");
        self.callback_like(what, |callback| is_about(callback, id))
            .await
    }

    /// The first callback of this form, now or later.
    pub(super) async fn message_like(
        &self,
        what: &str,
        is_it: impl Fn(&Value) -> bool,
    ) -> Result<Callback, Trouble> {
        self.callback_like(what.to_owned(), |callback| is_it(&callback.json()))
            .await
    }

    async fn callback_like(
        &self,
        what: String,
        is_it: impl Fn(&Callback) -> bool,
    ) -> Result<Callback, Trouble> {
        let mut found = None;
        let came = self.receiver.wait_until(|log| {
            found = log.iter().map(Callback::from).find(&is_it);
            found.is_some()
        });
        tokio::select! {
            came = within(&*what, CALLBACK, came) => came?,
            () = self.bridge.ended() => return Err(Trouble::Ended(what)),
        }
        found.ok_or(Trouble::TooLong {
            what,
            limit: CALLBACK,
        })
    }

    /// How many callbacks about a medium have come.
    pub(super) fn callbacks_about(&self, id: &str) -> u64 {
        let callbacks = self.receiver.callbacks();
        callbacks.iter().filter(|it| is_about(it, id)).count() as u64
    }

    /// Who was asked for a medium.
    pub(super) fn asked_of(&self, id: &str) -> &'static str {
        let path = format!("/v1/media/{id}/download");
        let onprem = self
            .onprem
            .log(|log| log.iter().any(|seen| seen.path == path));
        match (onprem, !self.asked_at_cloud(id).is_empty()) {
            (true, true) => "both sides",
            (true, false) => "the old client alone",
            (false, true) => "Cloud alone",
            (false, false) => "nobody",
        }
    }

    /// What Cloud was asked about a medium, in order.
    pub(super) fn asked_at_cloud(&self, id: &str) -> Vec<Seen> {
        self.cloud.log(|log| {
            log.iter()
                .filter(|seen| seen.medium.as_deref() == Some(id))
                .cloned()
                .collect()
        })
    }
}

/// Callbacks of every kind carry the id in the object that is named by their type.
fn is_about(callback: &Callback, id: &str) -> bool {
    let json = callback.json();
    let item = &json["media_items"][0];
    item["type"]
        .as_str()
        .is_some_and(|kind| item[kind]["id"] == id)
}
