//! `cutover` and `why`.

use std::time::Duration;

use clap::{Args, Subcommand};
use waba_bridge::operate::cutover::{Change, Order, Past, Question, Steps};
use waba_bridge::route::{KeyKind, Mode, Route, Side};

use super::Running;
use super::values::{self, Shares};

pub const HELP: &str = "\
A flag set here lies over the file's, survives restarts, and is in the history for ever with who, when and why. `reset` \
lets the file's flag hold again.

The kill switch sends every route that is not off to on-prem, whatever else is set, at once. `cutover kill` works without \
the bridge, too: where it does not answer, the command writes the kill file of the configuration (cutover.kill_file), at \
which the bridge looks every second.

Examples:
  waba-bridge cutover show
  waba-bridge cutover set media_download cloud --percent 25 --reason \"first quarter\"
  waba-bridge cutover ramp media_download --steps 1,5,25,100 --every 10m --max-error-rate 1% --min-samples 200 \\
      --reason \"overnight\"
  waba-bridge cutover pin --medium 1761991787669262 cloud --reason \"try it with this one\"
  waba-bridge cutover kill --reason \"customers complain\"

Exit codes:
  0   done
  1   the bridge cannot be asked, or refuses: somebody else changed the route meanwhile, or the flags would not fit
  2   wrong use of the command line
  78  the configuration cannot be used";

pub const WHY_HELP: &str = "\
Nothing is called. The decision is the one that a call would meet now: kill switch, where the medium lives, pinned keys, \
share, mode. An integration gets the same with its answer when it sends the header X-Bridge-Decision.

Examples:
  waba-bridge why GET /v1/media/1761991787669262/download
  waba-bridge why POST /v1/contacts --caller admin --number support

Exit codes:
  0   done
  1   the bridge cannot be asked, or refuses
  2   wrong use of the command line
  78  the configuration cannot be used";

#[derive(Args)]
pub struct CutoverArguments {
    #[command(flatten)]
    pub running: Running,
    #[command(subcommand)]
    pub command: CutoverCommand,
}

#[derive(Subcommand)]
pub enum CutoverCommand {
    /// Show the flags in force and where they come from, pins, ramps, the kill switch
    #[command(after_help = EXITS)]
    Show {
        /// One number, by its name
        #[arg(long, value_name = "NAME")]
        number: Option<String>,
        /// Also routes that nobody gave a flag
        #[arg(long)]
        all: bool,
    },
    /// Give routes a flag that outranks the file's
    #[command(after_help = CHANGE_EXITS)]
    Set {
        /// The routes, separated by commas; they change together
        #[arg(value_name = "ROUTE[,ROUTE]", required = true, num_args = 1, value_delimiter = ',', value_parser = values::route(), hide_possible_values = true)]
        routes: Vec<Route>,
        /// Who answers
        #[arg(value_name = "MODE", value_parser = values::mode())]
        mode: Mode,
        /// The share of keys that the mode holds for; the rest goes on-prem [default: 100]
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=100))]
        percent: Option<u8>,
        /// With compare: whose answer the integration gets
        #[arg(long, value_name = "SIDE", value_parser = values::side())]
        answer: Option<Side>,
        /// Change nothing unless this change set the routes last (see `cutover show`; 0: the file's flag holds)
        #[arg(long, value_name = "CHANGE")]
        revision: Option<i64>,
        #[command(flatten)]
        order: OrderArguments,
    },
    /// Let the file's flags hold again
    #[command(after_help = CHANGE_EXITS)]
    Reset {
        /// The routes, separated by commas
        #[arg(value_name = "ROUTE[,ROUTE]", required = true, num_args = 1, value_delimiter = ',', value_parser = values::route(), hide_possible_values = true)]
        routes: Vec<Route>,
        /// Change nothing unless this change set the routes last
        #[arg(long, value_name = "CHANGE")]
        revision: Option<i64>,
        #[command(flatten)]
        order: OrderArguments,
    },
    /// Tie a medium, a contact or a caller to a side, on all routes that do not send
    #[command(after_help = CHANGE_EXITS)]
    Pin {
        #[command(flatten)]
        key: Key,
        /// The side
        #[arg(value_parser = values::side())]
        side: Side,
        #[command(flatten)]
        order: OrderArguments,
    },
    /// Let a pinned key go
    #[command(after_help = CHANGE_EXITS)]
    Unpin {
        #[command(flatten)]
        key: Key,
        #[command(flatten)]
        order: OrderArguments,
    },
    /// Let a share grow by itself while all is well, and go back by itself when it is not
    #[command(after_help = RAMP_HELP)]
    Ramp(RampArguments),
    /// List what was changed, the newest first
    #[command(after_help = EXITS)]
    History {
        /// One route's changes
        #[arg(value_parser = values::route(), hide_possible_values = true)]
        route: Option<Route>,
        /// One number's, by its name
        #[arg(long, value_name = "NAME")]
        number: Option<String>,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
    },
    /// Send everything back to on-prem, now
    #[command(after_help = KILL_EXITS)]
    Kill(OrderArguments),
    /// Take the kill switch back; the flags hold again
    #[command(after_help = KILL_EXITS)]
    Revive(OrderArguments),
}

const EXITS: &str = "\
Exit codes: 0 done, 1 the bridge cannot be asked, 2 wrong use of the command line, 78 the configuration cannot be used.";

const CHANGE_EXITS: &str = "\
Exit codes: 0 done, 1 nothing was changed (the bridge cannot be asked, somebody else was faster, or the flags would not fit), \
2 wrong use of the command line, 78 the configuration cannot be used.";

const KILL_EXITS: &str = "\
Without --number it is for all numbers. Where the bridge cannot be asked, the kill file alone is changed; with --admin it is
not, because the file of another bridge is elsewhere.

Exit codes: 0 done, 1 nothing was changed, 2 wrong use of the command line, 78 the configuration cannot be used.";

const RAMP_HELP: &str = "\
Each share is held for at least --every and until --min-samples calls were answered by Cloud (and as many compared, with
--max-mismatch-rate). When a bound is broken, or no more data comes, the flag from before the ramp holds again. Every step is
in the history. `cutover set` takes over from a ramp.

Exit codes: 0 done, 1 nothing was changed (the bridge cannot be asked, or refuses), 2 wrong use of the command line,
78 the configuration cannot be used.";

#[derive(Args)]
pub struct RampArguments {
    /// The route
    #[arg(value_parser = values::route(), hide_possible_values = true)]
    route: Route,
    /// The shares, in percent, separated by commas; they grow
    #[arg(long, value_name = "N,N,...", value_parser = values::shares, required_unless_present = "stop")]
    steps: Option<Shares>,
    /// How long each share is held at least, as 90s, 10m or 1h
    #[arg(long, value_name = "TIME", value_parser = values::length, required_unless_present = "stop")]
    every: Option<Duration>,
    /// Of the calls that Cloud answers, how many may fail, as 1% or 0.01
    #[arg(long, value_name = "RATE", value_parser = values::rate, required_unless_present = "stop")]
    max_error_rate: Option<f64>,
    /// Compare, too, and of these comparisons so many may differ
    #[arg(long, value_name = "RATE", value_parser = values::rate)]
    max_mismatch_rate: Option<f64>,
    /// How many calls each share needs
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), required_unless_present = "stop")]
    min_samples: Option<u64>,
    /// End a ramp; the share stays where it is
    #[arg(long, conflicts_with_all = ["steps", "every", "max_error_rate", "max_mismatch_rate", "min_samples"])]
    stop: bool,
    #[command(flatten)]
    pub order: OrderArguments,
}

/// Who orders a change, and why.
#[derive(Args)]
pub struct OrderArguments {
    /// Why; kept in the history
    #[arg(long)]
    reason: String,
    /// Who you are; kept in the history [default: this computer's user]
    #[arg(long, value_name = "NAME")]
    who: Option<String>,
    /// The number, by its name
    #[arg(long, value_name = "NAME")]
    number: Option<String>,
}

/// A key by what it names.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub struct Key {
    /// A medium, by the id that stands in its path
    #[arg(long, value_name = "ID")]
    medium: Option<String>,
    /// A contact
    #[arg(long, value_name = "WA_ID")]
    contact: Option<String>,
    /// A caller: the user it logs in as, or its address
    #[arg(long, value_name = "NAME")]
    caller: Option<String>,
}

#[derive(Args)]
pub struct WhyArguments {
    #[command(flatten)]
    pub running: Running,
    /// The HTTP method
    method: String,
    /// The path
    path: String,
    /// Of which number, by its name
    #[arg(long, value_name = "NAME")]
    number: Option<String>,
    /// Who calls: the user it logs in as, or its address
    #[arg(long, value_name = "NAME")]
    caller: Option<String>,
}

impl OrderArguments {
    pub fn order(self) -> Order {
        Order {
            number: self.number,
            who: self.who,
            reason: self.reason,
        }
    }
}

impl Key {
    fn read(self) -> (KeyKind, String) {
        let medium = self.medium.map(|key| (KeyKind::Medium, key));
        let contact = self.contact.map(|key| (KeyKind::Contact, key));
        let caller = self.caller.map(|key| (KeyKind::Caller, key));
        // One of them is always there.
        medium
            .or(contact)
            .or(caller)
            .unwrap_or((KeyKind::Medium, String::new()))
    }
}

impl RampArguments {
    fn change(&self) -> Change {
        let route = self.route;
        if self.stop {
            return Change::StopRamp { route };
        }
        let steps = Steps {
            percents: self.steps.clone().map(|steps| steps.0).unwrap_or_default(),
            every: self.every.unwrap_or_default(),
            max_error_rate: self.max_error_rate.unwrap_or_default(),
            max_mismatch_rate: self.max_mismatch_rate,
            min_samples: self.min_samples.unwrap_or_default(),
        };
        Change::Ramp { route, steps }
    }
}

/// What `cutover` is to do.
pub enum Cutover {
    Show { number: Option<String>, all: bool },
    Change(Order, Change),
    History(Past),
    Kill(Order),
    Revive(Order),
}

impl CutoverCommand {
    pub fn read(self) -> Cutover {
        match self {
            Self::Show { number, all } => Cutover::Show { number, all },
            Self::Set {
                routes,
                mode,
                percent,
                answer,
                revision,
                order,
            } => {
                let change = Change::Set {
                    routes,
                    mode,
                    answer,
                    percent,
                    revision,
                };
                Cutover::Change(order.order(), change)
            }
            Self::Reset {
                routes,
                revision,
                order,
            } => Cutover::Change(order.order(), Change::Reset { routes, revision }),
            Self::Pin { key, side, order } => {
                let (kind, key) = key.read();
                Cutover::Change(order.order(), Change::Pin { kind, key, side })
            }
            Self::Unpin { key, order } => {
                let (kind, key) = key.read();
                Cutover::Change(order.order(), Change::Unpin { kind, key })
            }
            Self::Ramp(ramp) => {
                let change = ramp.change();
                Cutover::Change(ramp.order.order(), change)
            }
            Self::History {
                route,
                number,
                limit,
            } => Cutover::History(Past {
                number,
                what: route.map(|route| route.to_string()),
                limit: limit.into(),
            }),
            Self::Kill(order) => Cutover::Kill(order.order()),
            Self::Revive(order) => Cutover::Revive(order.order()),
        }
    }
}

impl WhyArguments {
    pub fn read(self) -> (Running, Question) {
        let question = Question {
            number: self.number,
            method: self.method,
            path: self.path,
            caller: self.caller,
        };
        (self.running, question)
    }
}
