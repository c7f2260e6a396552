//! Fetching one medium from Cloud: both hops, once. What a failure means is decided here, by the table in
//! [`crate::cloud::error`] and the rules for the second hop below; how often it is tried, and what is told when patience
//! ends, is decided by whoever wants the medium: [`order`], or a message that waits for it.

mod download;
pub mod order;
mod picture;

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::backend::cloud::{Client, Cloud, ForbiddenUrl, LookUpError};
use crate::cloud::error::Class;
use crate::cloud::media::LookUp;
use crate::config;
use crate::ids::NumberName;
use crate::media::Store;
use crate::metrics::NumberMetrics;
use crate::onprem;
use crate::state::{Fate, Medium, State, StateError, Timestamp};
use crate::telemetry::millis;
use download::Trouble;
use uuid::Uuid;

/// How long a number rests when Cloud asks to slow down without saying for how long.
const THROTTLED_PAUSE: Duration = Duration::from_secs(60);
/// How long it rests at least, even if Cloud says "no time at all".
const SHORTEST_REST: Duration = Duration::from_secs(1);

/// After so many attempts in a row that came to nothing, Cloud is taken to be out of reach.
const IN_VAIN: u32 = 8;

/// Fetches one number's media.
pub struct Fetch {
    /// Whose.
    pub number: NumberName,
    /// `None`: the number has no Cloud identity (any more).
    pub cloud: Option<Cloud>,
    /// For what lies elsewhere: what advertisements link to.
    pub client: Client,
    /// How.
    pub config: config::Fetch,
    /// What is known of media.
    pub state: State,
    /// Where their bytes go.
    pub store: Store,
    /// The number's figures.
    pub metrics: Arc<NumberMetrics>,
    /// One fetch at a time for each medium, by whatever id it was asked for.
    pub in_flight: InFlight,
    /// Until when the number rests, in Unix milliseconds.
    pub rests_until: AtomicI64,
    /// How many attempts in a row came to nothing because Cloud was not to be reached, or not in time.
    pub in_vain: AtomicU32,
}

/// A lock for each medium that is being fetched.
#[derive(Default)]
pub struct InFlight(Mutex<HashMap<Uuid, Weak<tokio::sync::Mutex<()>>>>);

/// Where a fetched medium is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shelf {
    /// Where integrations find it.
    Public,
    /// Where it waits for somebody to ask for it.
    Private,
}

impl InFlight {
    /// The lock of one medium.
    pub fn lock_of(&self, id: Uuid) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        locks.retain(|_, lock| lock.strong_count() > 0);
        if let Some(lock) = locks.get(&id).and_then(Weak::upgrade) {
            return lock;
        }
        let lock = Arc::new(tokio::sync::Mutex::new(()));
        locks.insert(id, Arc::downgrade(&lock));
        lock
    }
}

/// How an attempt ended without a medium.
#[derive(Debug)]
pub enum Setback {
    /// For good.
    Final(onprem::Error),
    /// The download was refused, or came damaged. It may come right, a few times; then this is told.
    Refused {
        /// What is told.
        error: onprem::Error,
        /// For operators.
        reason: String,
    },
    /// Trouble that passes; if it does not, this is told.
    Passing {
        /// What is told.
        error: onprem::Error,
        /// For operators.
        reason: String,
    },
    /// Not this medium's fault; the number rests.
    Rest {
        /// For so long.
        pause: Duration,
        /// On whose account.
        cause: Rest,
    },
}

/// Why a number rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// Others were told to.
    Already,
    /// Cloud asks to slow down.
    Throttled,
    /// Cloud refuses our token.
    Token,
}

/// Why it cannot be said whether a medium is here.
#[derive(Debug, thiserror::Error)]
pub enum Untold {
    /// The media folder says no.
    #[error("the media folder cannot be used: {0}")]
    Store(#[from] io::Error),
    /// The state says no.
    #[error(transparent)]
    State(#[from] StateError),
}

impl Fetch {
    /// When the next medium may be asked for; later than now while the number rests.
    pub fn not_before(&self) -> Timestamp {
        Timestamp(self.rests_until.load(Ordering::Relaxed))
    }

    /// How many media may be asked for at a time.
    pub fn at_a_time(&self) -> usize {
        // While our token is refused, one job at a time finds out whether it still is.
        if self.metrics.has_cloud_fault() {
            1
        } else {
            usize::MAX
        }
    }

    /// A medium whose bytes are here already, put where they are wanted; `None` if they have to be fetched.
    ///
    /// Like [`Fetch::attempt`] and [`Fetch::give_up`] it writes down what it changes, and is called with the medium's
    /// lock: whoever takes that next looks there, and must not be overwritten later.
    pub async fn at_hand(&self, medium: &Medium, shelf: Shelf) -> Result<Option<Medium>, Untold> {
        let (store, id) = (self.store.clone(), medium.id);
        let length = medium.length.unwrap_or_default();
        let wants_public = shelf == Shelf::Public;
        let found = match medium.fate {
            Fate::Stored => blocking(move || Ok(store.holds(id, length))).await?,
            Fate::Held if wants_public => blocking(move || store.publish_held(id)).await?,
            Fate::Held => blocking(move || Ok(store.holds_privately(id, length))).await?,
            Fate::Known | Fate::Failed { .. } => false,
        };
        if !found {
            return Ok(None);
        }
        let mut medium = medium.clone();
        if wants_public && medium.fate != Fate::Stored {
            medium.fate = Fate::Stored;
            self.state.put_medium(medium.clone()).await?;
        }
        Ok(Some(medium))
    }

    /// One attempt: both hops, with one fresh look-up when the second one fails. `notified` is what a notification said
    /// of the medium, which is as good as a look-up as long as its URL lives.
    pub async fn attempt(
        &self,
        medium: &Medium,
        notified: Option<&LookUp>,
        shelf: Shelf,
    ) -> Result<Medium, Setback> {
        let started = Instant::now();
        let mut fetched = self.both_hops(medium, notified, shelf).await;
        if let Ok(medium) = &fetched {
            let written = self.state.put_medium(medium.clone()).await;
            if let Err(error) = written {
                let error = format!("the state cannot be written: {}", causes(&error));
                fetched = Err(passing(error));
            }
        }
        match &fetched {
            Ok(medium) => {
                let length = medium.length.unwrap_or_default();
                self.metrics.fetched("success");
                self.metrics.published(length, started.elapsed());
                tracing::info!(number = %self.number, medium = %medium.shown(), bytes = length, duration_ms = millis(started.elapsed()), "medium stored");
            }
            Err(Setback::Passing { .. }) => self.came_to_nothing(),
            Err(Setback::Rest { pause, .. }) => {
                let until = Timestamp::now().after(*pause);
                self.rests_until.fetch_max(until.0, Ordering::Relaxed);
            }
            Err(Setback::Final(_) | Setback::Refused { .. }) => {}
        }
        if !matches!(fetched, Err(Setback::Passing { .. })) {
            self.in_vain.store(0, Ordering::Relaxed);
        }
        fetched
    }

    /// Notes that an attempt came to nothing; one that was cut off is noted by whoever did that.
    pub fn came_to_nothing(&self) {
        self.in_vain.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether so many attempts came to nothing that another one is not worth waiting for.
    pub fn is_in_vain(&self) -> bool {
        self.in_vain.load(Ordering::Relaxed) >= IN_VAIN
    }

    async fn both_hops(
        &self,
        medium: &Medium,
        notified: Option<&LookUp>,
        shelf: Shelf,
    ) -> Result<Medium, Setback> {
        let Some(cloud) = &self.cloud else {
            return Err(passing("no Cloud identity configured".to_owned()));
        };
        let Some(id) = &medium.cloud_id else {
            return Err(Setback::Final(unknown_medium()));
        };
        if let Some(notified) = notified {
            match self
                .download(cloud, medium, notified, Instant::now(), shelf)
                .await
            {
                Ok(medium) => return Ok(medium),
                // Whatever is wrong with the notification's word, Graph's is asked.
                Err(found) => {
                    tracing::debug!(number = %self.number, medium = %medium.shown(), reason = %found, "download by the notification's URL failed");
                }
            }
        }
        let mut trouble = None;
        for _ in 0..2 {
            // Others may have been told to slow down since this job was taken.
            let pause = self.not_before().since(Timestamp::now());
            if pause > Duration::ZERO {
                let cause = Rest::Already;
                return Err(Setback::Rest { pause, cause });
            }
            let look_up = match cloud.look_up(id).await {
                Ok(look_up) => look_up,
                Err(error) => return Err(self.look_up_failed(error)),
            };
            self.all_is_well();
            match self
                .download(cloud, medium, &look_up, Instant::now(), shelf)
                .await
            {
                Ok(medium) => return Ok(medium),
                Err(found) => {
                    let hopeless = !found.wants_fresh_look_up();
                    tracing::debug!(number = %self.number, medium = %medium.shown(), reason = %found, "download failed");
                    trouble = Some(found);
                    if hopeless {
                        break;
                    }
                }
            }
        }
        Err(self.download_failed(trouble.unwrap_or(Trouble::Damaged("nothing came".to_owned()))))
    }

    /// Remembers for a while that Cloud will not give a medium.
    pub async fn give_up(&self, medium: &Medium, error: onprem::Error) -> Result<(), StateError> {
        let until = Timestamp::now().after(self.config.remember_failure);
        let medium = Medium {
            fate: Fate::Failed { error, until },
            ..medium.clone()
        };
        self.state.put_medium(medium).await
    }

    /// The decision table's first half: the look-up.
    fn look_up_failed(&self, error: LookUpError) -> Setback {
        let reason = error.to_string();
        match error {
            LookUpError::Refused {
                class: Class::Permanent,
                ..
            } => {
                self.all_is_well();
                Setback::Final(unknown_medium())
            }
            LookUpError::Refused {
                class: Class::Throttled(wait),
                ..
            } => self.throttled(wait),
            LookUpError::Refused {
                class: Class::Configuration,
                ..
            } => self.token_fault(&reason),
            LookUpError::Refused {
                class: Class::Transient,
                ..
            } => passing(reason),
            LookUpError::Unreached(source) => passing(format!("{reason}: {}", causes(&*source))),
            LookUpError::Forbidden(forbidden) => self.forbidden(&forbidden),
        }
    }

    /// The decision table's second half: the download, after its fresh look-up failed too.
    fn download_failed(&self, trouble: Trouble) -> Setback {
        let reason = trouble.to_string();
        match trouble {
            Trouble::Throttled(wait) => self.throttled(wait),
            Trouble::Broken(_) => passing(reason),
            Trouble::Storage(_) => {
                tracing::error!(number = %self.number, reason, "a medium cannot be stored");
                let error = onprem::Error::INTERNAL.with("The media store cannot be written.");
                Setback::Passing { error, reason }
            }
            Trouble::Forbidden(forbidden) => self.forbidden(&forbidden),
            Trouble::TooLarge => Setback::Final(
                onprem::Error::MEDIA_DOWNLOAD.with("The media is larger than this client takes."),
            ),
            Trouble::Refused(_) => Setback::Refused {
                error: onprem::Error::MEDIA_DOWNLOAD.with("The media could not be downloaded."),
                reason,
            },
            Trouble::Damaged(_) => Setback::Refused {
                error: onprem::Error::INTERNAL.with("The media arrived damaged every time."),
                reason,
            },
        }
    }

    fn throttled(&self, wait: Option<Duration>) -> Setback {
        self.metrics.fetched("throttled");
        let pause = wait.unwrap_or(THROTTLED_PAUSE).max(SHORTEST_REST);
        tracing::warn!(number = %self.number, pause_s = pause.as_secs(), "Cloud asks to slow down; this number's fetches rest");
        let cause = Rest::Throttled;
        Setback::Rest { pause, cause }
    }

    /// Our token or its permissions: no medium's fault, so no integration hears of it, and no job is lost over it.
    fn token_fault(&self, reason: &str) -> Setback {
        self.metrics.fetched("configuration");
        self.metrics.cloud_fault(true);
        let pause = self.config.token_fault_pause;
        tracing::error!(number = %self.number, reason, pause_s = pause.as_secs(), "Cloud refuses our token or its permissions; fetches wait until it is mended");
        let cause = Rest::Token;
        Setback::Rest { pause, cause }
    }

    /// Not followed, and not the medium's fault either: it may be `media_hosts`, or somebody playing Meta.
    fn forbidden(&self, forbidden: &ForbiddenUrl) -> Setback {
        tracing::error!(number = %self.number, reason = %forbidden, "a media URL was not followed; see media_hosts");
        passing(forbidden.to_string())
    }

    fn all_is_well(&self) {
        if self.metrics.cloud_fault(false) {
            tracing::info!(number = %self.number, "Cloud accepts our token again");
        }
    }
}

fn passing(reason: String) -> Setback {
    let error = onprem::Error::MEDIA_DOWNLOAD.with("The media could not be downloaded in time.");
    Setback::Passing { error, reason }
}

/// What the documentation says of a medium that does not exist (any more).
fn unknown_medium() -> onprem::Error {
    onprem::Error::MEDIA_UNKNOWN.with("Media not found in the datastore.")
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)
        .and_then(|result| result)
}

fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
