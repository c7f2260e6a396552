//! Why the story could not go on, and the bound on every wait.

use std::io;
use std::time::Duration;

/// Why a step was not finished.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("waited {} s for {what}, in vain", limit.as_secs())]
    TooLong { what: String, limit: Duration },
    #[error("the bridge did not start")]
    NotStarted { log: Vec<String> },
    #[error("the bridge ended while {0} was awaited")]
    Ended(String),
    #[error("a request got no answer: {}", causes(source))]
    NoAnswer {
        #[from]
        source: reqwest::Error,
    },
    #[error("{command} came to nothing: {said}")]
    Refused { command: String, said: String },
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Trouble {
    /// What the bridge said that never came to life.
    pub(super) fn log(&self) -> &[String] {
        match self {
            Self::NotStarted { log } => log,
            Self::TooLong { .. }
            | Self::Ended(_)
            | Self::NoAnswer { .. }
            | Self::Refused { .. }
            | Self::Io(_) => &[],
        }
    }
}

/// Waits, but not for ever.
pub(super) async fn within<T>(
    what: impl Into<String>,
    limit: Duration,
    future: impl Future<Output = T>,
) -> Result<T, Trouble> {
    tokio::time::timeout(limit, future)
        .await
        .map_err(|_| Trouble::TooLong {
            what: what.into(),
            limit,
        })
}

/// An error and everything behind it, in one line.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
