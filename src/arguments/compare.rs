//! `compare`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use waba_bridge::operate::compare::{Baselines, Period, Record, Wanted};
use waba_bridge::route::Route;

use super::{Running, values};

pub const HELP: &str = "\
A route is compared while its flag is compare; `cutover set` gives it that flag.

Examples:
  waba-bridge cutover set business_profile compare --reason \"is it the same?\"
  waba-bridge compare report --route business_profile --since 24h
  waba-bridge compare record start --route business_profile --for 24h
  waba-bridge compare record export baselines.jsonl

Exit codes of `compare report`:
  0   every route shown is ready
  1   the bridge cannot be asked, or refuses
  2   wrong use of the command line
  3   some route is not ready
  4   not enough data, and no route is known not to be ready; also when nothing was compared
  78  the configuration cannot be used

Exit codes of `compare record`: 0, 1, 2 and 78 as above.";

const REPORT_EXITS: &str = "\
Exit codes: 0 every route shown is ready, 3 some route is not ready, 4 not enough data (also when nothing was compared),
1 the bridge cannot be asked, 2 wrong use of the command line, 78 the configuration cannot be used.";

const RECORD_HELP: &str = "\
What on-prem answers is kept redacted, under keyed hashes, with the request that caused it; the newest answer to a question
replaces the one before. Only what changes nothing is recorded. With compare.against = \"recorded\" Cloud's answers are compared
with these. A restart ends recordings.

Exit codes: 0 done, 1 the bridge cannot be asked or refuses, 2 wrong use of the command line, 78 the configuration cannot be
used.";

#[derive(Args)]
pub struct CompareArguments {
    #[command(flatten)]
    pub running: Running,
    #[command(subcommand)]
    pub command: CompareCommand,
}

#[derive(Subcommand)]
pub enum CompareCommand {
    /// Show what the comparisons say, route by route, and whether it may be switched over
    #[command(after_help = REPORT_EXITS)]
    Report {
        /// One route
        #[arg(long, value_parser = values::route(), hide_possible_values = true)]
        route: Option<Route>,
        /// One number, by its name
        #[arg(long, value_name = "NAME")]
        number: Option<String>,
        /// Only comparisons since then: so long ago, as 24h, or a moment, as 2026-01-31T12:00:00Z
        #[arg(long, value_name = "TIME", value_parser = values::period)]
        since: Option<Period>,
    },
    /// Keep what on-prem answers, for the time when it answers no more
    #[command(after_help = RECORD_HELP)]
    Record {
        #[command(subcommand)]
        command: RecordCommand,
    },
}

#[derive(Subcommand)]
pub enum RecordCommand {
    /// Begin to record
    Start {
        /// The routes, separated by commas
        #[arg(long = "route", value_name = "ROUTE[,ROUTE]", required = true, num_args = 1, value_delimiter = ',', value_parser = values::route(), hide_possible_values = true)]
        routes: Vec<Route>,
        /// How long, as 10m or 24h
        #[arg(long = "for", value_name = "TIME", default_value = "24h", value_parser = values::length)]
        length: Duration,
        /// The number, by its name
        #[arg(long, value_name = "NAME")]
        number: Option<String>,
    },
    /// End recordings, all of them or those named
    Stop(Of),
    /// Show what is being recorded, and how much is kept
    Status,
    /// Write the recorded answers to a file
    Export {
        /// The file
        file: PathBuf,
        #[command(flatten)]
        of: Of,
    },
    /// Take in such a file, all of it or nothing
    Import {
        /// The file
        file: PathBuf,
    },
    /// Remove recorded answers, all of them or those named
    Clear(Of),
}

#[derive(Args)]
pub struct Of {
    /// One route
    #[arg(long, value_parser = values::route(), hide_possible_values = true)]
    route: Option<Route>,
    /// One number, by its name
    #[arg(long, value_name = "NAME")]
    number: Option<String>,
}

/// What `compare` is to do.
pub enum Compare {
    Report(Wanted),
    Record(Baselines, Record),
}

impl CompareCommand {
    pub fn read(self) -> Compare {
        match self {
            Self::Report {
                route,
                number,
                since,
            } => Compare::Report(Wanted {
                number,
                route: route.map(|route| route.to_string()),
                since,
            }),
            Self::Record { command } => {
                let (of, record) = command.read();
                Compare::Record(of, record)
            }
        }
    }
}

impl RecordCommand {
    fn read(self) -> (Baselines, Record) {
        let all = Of {
            route: None,
            number: None,
        };
        let (of, record) = match self {
            Self::Start {
                routes,
                length,
                number,
            } => {
                let of = Of {
                    route: None,
                    number,
                };
                (of, Record::Start { routes, length })
            }
            Self::Stop(of) => (of, Record::Stop),
            Self::Status => (all, Record::Status),
            Self::Export { file, of } => (of, Record::Export(file)),
            Self::Import { file } => (all, Record::Import(file)),
            Self::Clear(of) => (of, Record::Clear),
        };
        let of = Baselines {
            number: of.number,
            route: of.route,
        };
        (of, record)
    }
}
