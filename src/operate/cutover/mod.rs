//! `waba-bridge cutover` and `waba-bridge why`

mod change;
mod history;
mod kill;
mod show;
mod why;

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::{NOT_A_BRIDGE, get};
use crate::backend::admin::Admin;
use crate::route::{KeyKind, Mode, Route, Side};

pub use change::change;
pub use history::{Past, history};
pub use kill::{Switch, kill, revive};
pub use show::show;
pub use why::{Question, why};

/// Who wants a change, and why.
#[derive(Clone, Debug)]
pub struct Order {
    /// Which number's; none: the only one's, or for the kill switch all.
    pub number: Option<String>,
    /// None: the user of this computer.
    pub who: Option<String>,
    /// Kept in the history.
    pub reason: String,
}

/// What is to be changed.
#[derive(Clone, Debug)]
pub enum Change {
    /// A flag over the file's.
    Set {
        /// Of these routes.
        routes: Vec<Route>,
        /// What it says.
        mode: Mode,
        /// Whose answer the integration gets.
        answer: Option<Side>,
        /// The share.
        percent: Option<u8>,
        /// The change that set it last, as far as the operator knows.
        revision: Option<i64>,
    },
    /// The file's flags again.
    Reset {
        /// Of these routes.
        routes: Vec<Route>,
        /// As in `Set`.
        revision: Option<i64>,
    },
    /// A key tied to a side.
    Pin {
        /// What it names.
        kind: KeyKind,
        /// The key.
        key: String,
        /// The side.
        side: Side,
    },
    /// A key let go.
    Unpin {
        /// What it names.
        kind: KeyKind,
        /// The key.
        key: String,
    },
    /// A share that grows by itself.
    Ramp {
        /// Of which route.
        route: Route,
        /// How.
        steps: Steps,
    },
    /// A ramp ended where it is.
    StopRamp {
        /// Of which route.
        route: Route,
    },
}

/// How a share is to grow.
#[derive(Clone, Debug)]
pub struct Steps {
    /// The shares.
    pub percents: Vec<u8>,
    /// How long each is held at least.
    pub every: Duration,
    /// Of calls, how many may fail; 0 to 1.
    pub max_error_rate: f64,
    /// Of comparisons, how many may differ; none: nothing is compared.
    pub max_mismatch_rate: Option<f64>,
    /// Calls, or comparisons, that a step needs.
    pub min_samples: u64,
}

/// The flags as the admin API shows them.
#[derive(Deserialize)]
struct Standing {
    numbers: Vec<Number>,
    configuration: Configuration,
}

#[derive(Deserialize)]
struct Number {
    number: String,
    has_onprem: bool,
    killed: bool,
    unfit: Option<String>,
    routes: Vec<Flag>,
    pins: Vec<Pin>,
    ramps: Vec<Ramp>,
}

#[derive(Deserialize)]
struct Flag {
    route: String,
    flag: String,
    layer: String,
    revision: i64,
    set: Option<Set>,
}

#[derive(Deserialize)]
struct Set {
    by: String,
    at: i64,
    reason: String,
}

#[derive(Deserialize)]
struct Pin {
    kind: String,
    key: String,
    side: String,
}

#[derive(Deserialize)]
struct Ramp {
    route: String,
    status: String,
    why: Option<String>,
    step: usize,
    steps: usize,
    percents: Vec<u8>,
    since: i64,
    answered: u64,
    failed: u64,
    compared: u64,
    differed: u64,
    min_samples: u64,
}

#[derive(Deserialize)]
struct Configuration {
    refused: Option<String>,
    needs_restart: Vec<String>,
}

/// What is in force, as it came and as it is read.
async fn standing(admin: &Admin) -> anyhow::Result<(Value, Standing)> {
    use anyhow::Context;
    let body = get(admin, "/api/cutover", &[]).await?;
    let standing = serde_json::from_value(body.clone()).context(NOT_A_BRIDGE)?;
    Ok((body, standing))
}

impl Order {
    /// `who` and `reason`, with the number where it is named.
    fn as_json(&self) -> serde_json::Map<String, Value> {
        let mut body = serde_json::Map::new();
        if let Some(number) = &self.number {
            body.insert("number".to_owned(), number.as_str().into());
        }
        body.insert("who".to_owned(), self.who().into());
        body.insert("reason".to_owned(), self.reason.as_str().into());
        body
    }

    fn who(&self) -> String {
        self.who.clone().unwrap_or_else(user_of_this_computer)
    }
}

fn user_of_this_computer() -> String {
    let user = ["USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()));
    let user = user.unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()));
    let host = rustix::system::uname();
    format!("{user}@{}", host.nodename().to_string_lossy())
}
