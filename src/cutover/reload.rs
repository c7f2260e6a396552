//! The file's layer, reread on SIGHUP and when the file changes. What is wrong in it, or would not fit what was set at run
//! time, is refused as a whole, and the last good one stays.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::{Cutover, Layers};
use crate::config::{self, Config};
use crate::route::{self, Route};
use crate::state::{Change, Timestamp};

/// How the file stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileStatus {
    /// When the layer in force was read.
    pub read_at: Timestamp,
    /// What is wrong with what the file says now, if it was refused.
    pub refused: Option<String>,
    /// What the file says but only a restart brings into force.
    pub needs_restart: Vec<String>,
}

pub(super) struct File {
    /// None: the configuration came from nowhere that can be reread.
    path: Option<PathBuf>,
    status: Mutex<Status>,
    /// One after the other, or what was read first could come into force last.
    reading: tokio::sync::Mutex<()>,
}

struct Status {
    shown: FileStatus,
    /// The file's time and length when it was last looked at.
    seen: Seen,
    /// The same of a change that may not be all there yet.
    changing: Seen,
    /// The configuration the program was started with.
    started_with: Arc<Config>,
}

type Seen = Option<(SystemTime, u64)>;

impl File {
    pub(super) fn new(path: Option<PathBuf>, config: &Config) -> Self {
        let shown = FileStatus {
            read_at: Timestamp::now(),
            refused: None,
            needs_restart: Vec::new(),
        };
        let seen = path.as_deref().and_then(look);
        Self {
            path,
            status: Mutex::new(Status {
                shown,
                seen,
                changing: None,
                started_with: Arc::new(config.clone()),
            }),
            reading: tokio::sync::Mutex::default(),
        }
    }

    fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn look(path: &Path) -> Seen {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

impl Cutover {
    /// How the file stands.
    pub fn file_status(&self) -> FileStatus {
        self.file.status().shown.clone()
    }

    /// Rereads the file if it changed since it was last read, once it is the same at two looks: half a file can be a
    /// good one.
    pub async fn reload_if_changed(&self) {
        let Some(path) = &self.file.path else { return };
        let now = look(path);
        let is_whole = {
            let mut status = self.file.status();
            let is_whole = status.changing == now;
            status.changing = now;
            // A file that is being replaced is not there for a moment.
            is_whole && now.is_some() && now != status.seen
        };
        if is_whole {
            self.reload().await;
        }
    }

    /// Rereads the file now.
    pub async fn reload(&self) {
        let Some(path) = self.file.path.clone() else {
            return;
        };
        let _held = self.file.reading.lock().await;
        self.file.status().seen = look(&path);
        let read = tokio::task::spawn_blocking(move || config::load(Some(&path)));
        let refused = match read.await {
            Ok(Ok(config)) => self.take_over(config).await.err(),
            Ok(Err(problems)) => Some(problems.to_string()),
            Err(error) => Some(error.to_string()),
        };
        if let Some(why) = &refused {
            tracing::error!(
                why,
                "the changed configuration is refused; the last good one stays in force"
            );
        }
        self.file.status().shown.refused = refused;
    }

    async fn take_over(&self, config: Config) -> Result<(), String> {
        let mut layers = self.layers().await;
        let changes = layers.check(&config)?;
        let started_with = Arc::clone(&self.file.status().started_with);
        let needs_restart = started_with.needs_restart(&config);
        for change in &changes {
            // What the file says is in force whether or not its history can be written.
            if let Err(error) = self.state.change(Vec::new(), change.clone()).await {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a change of the file is not in the history"
                );
            }
        }
        layers.take_over(&config);
        self.compare.store(Arc::new(config.compare));
        self.publish_all(&layers);
        let mut status = self.file.status();
        status.shown.read_at = Timestamp::now();
        tracing::info!(flags = changes.len(), "configuration reread");
        if !needs_restart.is_empty() {
            tracing::warn!(
                keys = needs_restart.join(", "),
                "these changes of the configuration need a restart; flags and [compare] are in force"
            );
        }
        status.shown.needs_restart = needs_restart;
        Ok(())
    }
}

impl Layers {
    /// Whether a new file fits what was set at run time; if so, what it changes.
    fn check(&self, config: &Config) -> Result<Vec<Change>, String> {
        let (mut faults, mut changes) = (Vec::new(), Vec::new());
        for new in &config.numbers {
            let Some(number) = self.numbers.get(&new.name) else {
                continue;
            };
            let mut effective = new.flags.clone();
            for (route, set) in &number.set {
                effective[*route] = set.flag;
            }
            // Identity and login stay what they were until a restart.
            let means = route::Means {
                recorded: new.means(&config.compare).recorded,
                ..number.means
            };
            for (route, what) in super::change::faults(&effective, means) {
                faults.push(format!("numbers.{}.routes.{route}: {what}", new.name));
            }
            let differs = |route: &Route| new.flags[*route] != number.file[*route];
            changes.extend(Route::ALL.into_iter().filter(differs).map(|route| Change {
                at: Timestamp::now(),
                who: "file".to_owned(),
                number: Some(new.name.clone()),
                what: route.to_string(),
                old: format!("{} (the file's)", number.file[route]),
                new: match number.set.get(&route) {
                    Some(set) => format!(
                        "{} (the file's; {} of run time stays in force)",
                        new.flags[route], set.flag
                    ),
                    None => format!("{} (the file's)", new.flags[route]),
                },
                reason: "the configuration was reread".to_owned(),
            }));
        }
        match faults.is_empty() {
            true => Ok(changes),
            false => Err(faults.join("\n")),
        }
    }

    fn take_over(&mut self, config: &Config) {
        for new in &config.numbers {
            if let Some(number) = self.numbers.get_mut(&new.name) {
                number.file = new.flags.clone();
                number.layers = Route::ALL.map(|route| new.layer(route));
                number.means.recorded = new.means(&config.compare).recorded;
                number.unfit = None;
            }
        }
    }
}
