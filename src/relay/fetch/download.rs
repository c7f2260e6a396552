//! The second hop: from the short-lived URL to a published file.
//!
//! Bytes go from the socket to a thread that hashes and writes them, a few chunks ahead at most, so a download costs
//! the same memory whatever its size. Nothing is published whose length or digest is not what the look-up said.

use std::io;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::StatusCode;
use tokio::sync::mpsc;
use url::Url;
use uuid::Uuid;

use super::{Fetch, Shelf, blocking};
use crate::backend::cloud::{Client, Cloud, Download, DownloadError, ForbiddenUrl};
use crate::cloud;
use crate::cloud::media::LookUp;
use crate::media::{Finished, Partial, Store};
use crate::state::{Fate, Medium, Timestamp};

/// Chunks the network may be ahead of the disk.
const CHUNKS_AHEAD: usize = 3;
/// A URL this close to its death is not begun with.
const URL_MARGIN: Duration = Duration::from_secs(15);

/// Why a download gave no medium.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("the media host refused the download ({0})")]
    Refused(StatusCode),
    #[error("the media host asks to slow down")]
    Throttled(Option<Duration>),
    #[error("the download broke off: {0}")]
    Broken(String),
    #[error("the medium arrived damaged: {0}")]
    Damaged(String),
    #[error("the medium is larger than allowed")]
    TooLarge,
    #[error("the medium cannot be stored: {0}")]
    Storage(#[source] io::Error),
    #[error(transparent)]
    Forbidden(ForbiddenUrl),
}

impl Trouble {
    /// Whether a new URL might help at once.
    pub(super) fn wants_fresh_look_up(&self) -> bool {
        match self {
            Self::Refused(_) | Self::Damaged(_) | Self::Broken(_) => true,
            Self::Throttled(_) | Self::TooLarge | Self::Storage(_) | Self::Forbidden(_) => false,
        }
    }
}

impl From<DownloadError> for Trouble {
    fn from(error: DownloadError) -> Self {
        match error {
            DownloadError::Refused { status } if status.is_server_error() => {
                Self::Broken(status.to_string())
            }
            DownloadError::Refused { status } => Self::Refused(status),
            DownloadError::Throttled { wait } => Self::Throttled(wait),
            DownloadError::Unreached(source) => Self::Broken(super::causes(&*source)),
            DownloadError::Forbidden(forbidden) => Self::Forbidden(forbidden),
        }
    }
}

/// What the look-up said the bytes must be.
#[derive(Default)]
pub(super) struct Expected {
    sha256: Option<[u8; 32]>,
    length: Option<u64>,
}

/// Who is asked for the bytes.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    /// A media host of the number's, with the token.
    Cloud(&'a Cloud),
    /// Whoever an advertisement links to.
    Linked(&'a Client),
}

impl Source<'_> {
    async fn ask(self, url: &Url, offset: u64) -> Result<Download, DownloadError> {
        match self {
            Self::Cloud(cloud) => cloud.download(url, offset).await,
            Self::Linked(client) => client.download_linked(url, offset).await,
        }
    }
}

impl Fetch {
    /// Downloads what a look-up found and publishes it.
    pub(super) async fn download(
        &self,
        cloud: &Cloud,
        medium: &Medium,
        found: &LookUp,
        looked_up: Instant,
        shelf: Shelf,
    ) -> Result<Medium, Trouble> {
        let expected = Expected {
            sha256: found.sha256.as_deref().and_then(cloud::media::digest),
            length: found.file_size,
        };
        if expected
            .length
            .is_some_and(|length| length > self.config.max_bytes)
        {
            return Err(Trouble::TooLarge);
        }
        let partial = self.open_partial(medium.id, &expected).await?;
        let missing = expected
            .length
            .map_or(0, |length| length.saturating_sub(partial.length()));
        self.check_room(missing).await?;
        if looked_up.elapsed() > lifetime(found) {
            return Err(Trouble::Broken(
                "the media URL died before it could be used".to_owned(),
            ));
        }
        let source = Source::Cloud(cloud);
        let (finished, mime_type) = self
            .transfer(
                source,
                &found.url,
                partial,
                &expected,
                self.config.max_bytes,
            )
            .await?;
        let finished = check(finished, &expected, found, mime_type.as_deref()).await?;
        let (sha256, length) = (finished.sha256, finished.length);
        self.put(finished, medium.id, shelf).await?;
        Ok(Medium {
            sha256: Some(sha256),
            length: Some(length),
            // A notification's type has parameters that a look-up's may lack; the download's header comes last.
            mime_type: medium
                .mime_type
                .clone()
                .or_else(|| found.mime_type.clone())
                .or(mime_type),
            fate: match shelf {
                Shelf::Public => Fate::Stored,
                Shelf::Private => Fate::Held,
            },
            ..medium.clone()
        })
    }

    pub(super) async fn check_room(&self, bytes: u64) -> Result<(), Trouble> {
        let store = self.store.clone();
        match blocking(move || store.has_room_for(bytes)).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Trouble::Storage(io::Error::from(
                io::ErrorKind::StorageFull,
            ))),
            Err(error) => Err(Trouble::Storage(error)),
        }
    }

    pub(super) async fn open_partial(
        &self,
        id: Uuid,
        expected: &Expected,
    ) -> Result<Partial, Trouble> {
        let store = self.store.clone();
        // Bytes of another version of the medium must not be gone on with.
        let tag = expected.sha256.map_or("unknown".to_owned(), |sha256| {
            sha256[..8]
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect()
        });
        let limit = expected
            .length
            .filter(|_| expected.sha256.is_some())
            .unwrap_or(0);
        let open = move || {
            let mut partial = store.partial(id, &tag)?;
            // Without a digest to check it by, an earlier attempt's part is worth nothing.
            if partial.length() >= limit && partial.length() > 0 {
                partial.restart()?;
            }
            Ok(partial)
        };
        blocking(open).await.map_err(Trouble::Storage)
    }

    /// Bytes from the host to the file, from where the file stops if the host agrees.
    pub(super) async fn transfer(
        &self,
        source: Source<'_>,
        url: &Url,
        partial: Partial,
        expected: &Expected,
        max_bytes: u64,
    ) -> Result<(Finished, Option<String>), Trouble> {
        let offset = partial.length();
        let begun = match source.ask(url, offset).await {
            // The host does not do ranges, or not this one: from the beginning, then.
            Err(DownloadError::Refused {
                status: StatusCode::RANGE_NOT_SATISFIABLE,
            }) if offset > 0 => source.ask(url, 0).await,
            other => other,
        };
        let mut download = begun?;
        check_announced(&download, expected)?;
        let mime_type = download.mime_type.take();
        let (chunks, receiver) = mpsc::channel(CHUNKS_AHEAD);
        let writer = tokio::task::spawn_blocking({
            let begin_at = download.offset;
            move || write(partial, begin_at, receiver)
        });
        let received = receive(&mut download, &chunks, expected, max_bytes).await;
        drop(chunks);
        let written = writer
            .await
            .map_err(io::Error::other)
            .and_then(|written| written);
        let partial = written.map_err(Trouble::Storage)?;
        if let Err(trouble) = received {
            // What breaks off may be gone on with. What runs over was never the medium.
            if !matches!(trouble, Trouble::Broken(_)) {
                blocking(move || partial.discard())
                    .await
                    .map_err(Trouble::Storage)?;
            }
            return Err(trouble);
        }
        let finished = blocking(move || partial.finish())
            .await
            .map_err(Trouble::Storage)?;
        Ok((finished, mime_type))
    }

    pub(super) async fn put(
        &self,
        finished: Finished,
        id: Uuid,
        shelf: Shelf,
    ) -> Result<(), Trouble> {
        let store: Store = self.store.clone();
        let put = move || match shelf {
            Shelf::Public => store.publish(finished, id),
            Shelf::Private => store.hold(finished, id),
        };
        blocking(put).await.map_err(Trouble::Storage)
    }
}

/// How long a URL may be used, counted from its look-up by a clock that never jumps.
///
/// Its expiry is a wall-clock time of Meta's. If that is not within the next hour by our wall clock, it is our clock
/// that is wrong, and the documented five minutes hold.
fn lifetime(found: &LookUp) -> Duration {
    let left =
        cloud::media::expires_at(&found.url).map(|expiry| expiry - Timestamp::now().0 / 1000);
    match left.map(u64::try_from) {
        Some(Ok(left)) if (1..=3600).contains(&left) => {
            let left = Duration::from_secs(left);
            // A URL that seems about to die was looked up just now: either our clock is ahead, or it is meant for at once.
            left.saturating_sub(URL_MARGIN).max(left / 2)
        }
        _ => Duration::from_secs(300).saturating_sub(URL_MARGIN),
    }
}

/// Refuses an answer that by its own word is not the medium, before it takes the place of what is there already.
fn check_announced(download: &Download, expected: &Expected) -> Result<(), Trouble> {
    let announced = download.length.map(|length| download.offset + length);
    match (announced, expected.length) {
        (Some(announced), Some(length)) if announced != length => Err(Trouble::Damaged(format!(
            "{announced} bytes announced instead of {length}"
        ))),
        _ => Ok(()),
    }
}

async fn receive(
    download: &mut Download,
    chunks: &mpsc::Sender<Bytes>,
    expected: &Expected,
    max_bytes: u64,
) -> Result<(), Trouble> {
    let mut total = download.offset;
    loop {
        match download.chunk().await {
            Ok(Some(chunk)) => {
                total += chunk.len() as u64;
                if expected.length.is_some_and(|length| total > length) {
                    return Err(Trouble::Damaged("more bytes than announced".to_owned()));
                }
                if total > max_bytes {
                    return Err(Trouble::TooLarge);
                }
                // The writer is gone only when it failed, and then it says why.
                if chunks.send(chunk).await.is_err() {
                    return Ok(());
                }
            }
            Ok(None) => return Ok(()),
            Err(error) => return Err(Trouble::Broken(super::causes(&error))),
        }
    }
}

/// Runs on a thread of its own, since hashing and writing both block.
fn write(
    mut partial: Partial,
    begin_at: u64,
    mut chunks: mpsc::Receiver<Bytes>,
) -> io::Result<Partial> {
    if begin_at != partial.length() {
        partial.restart()?;
    }
    while let Some(chunk) = chunks.blocking_recv() {
        partial.write(&chunk)?;
    }
    Ok(partial)
}

/// Lets through only what the look-up promised; anything else, an error page for instance, is thrown away.
async fn check(
    finished: Finished,
    expected: &Expected,
    found: &LookUp,
    mime_type: Option<&str>,
) -> Result<Finished, Trouble> {
    let fault = match expected {
        Expected {
            length: Some(length),
            ..
        } if *length != finished.length => {
            Some(format!("{} bytes instead of {length}", finished.length))
        }
        Expected {
            sha256: Some(sha256),
            ..
        } if *sha256 != finished.sha256 => Some("its digest differs".to_owned()),
        // Nothing to check the bytes by: at least they must not call themselves a page.
        Expected { sha256: None, .. }
            if is_page(mime_type) && !is_page(found.mime_type.as_deref()) =>
        {
            Some("a page instead of a medium".to_owned())
        }
        _ => None,
    };
    let Some(fault) = fault else {
        return Ok(finished);
    };
    blocking(move || finished.discard())
        .await
        .map_err(Trouble::Storage)?;
    Err(Trouble::Damaged(fault))
}

fn is_page(mime_type: Option<&str>) -> bool {
    mime_type.is_some_and(|mime_type| {
        mime_type.starts_with("text/html") || mime_type.starts_with("application/json")
    })
}
