//! The words of the command line, and their help.

mod compare;
mod cutover;
mod notifications;
mod values;

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use waba_bridge::operate::Place;
use waba_bridge::{demo, sandbox};

pub use compare::{Compare, CompareArguments};
pub use cutover::{Cutover, CutoverArguments, WhyArguments};
pub use notifications::{NotificationsArguments, NotificationsCommand};

/// Keeps integrations written for the WhatsApp Business On-Premises API working on the Cloud API.
#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Run the bridge until SIGTERM or Ctrl-C; a second signal ends it at once
    #[command(after_help = SERVE_HELP)]
    Serve(ConfigFile),
    /// Check the configuration and, with --online, everybody it names
    #[command(after_long_help = CHECK_HELP)]
    Check(CheckArguments),
    /// List the jobs of a running bridge, or try buried ones again
    #[command(after_long_help = JOBS_HELP)]
    Jobs(JobsArguments),
    /// Show the flag of every route of a running bridge, number by number
    #[command(after_long_help = OPERATE_HELP)]
    Routes(Running),
    /// Show and change who answers which route, step by step or all at once, and take it back
    #[command(after_long_help = cutover::HELP)]
    Cutover(CutoverArguments),
    /// Explain which side a call would go to
    #[command(after_long_help = cutover::WHY_HELP)]
    Why(WhyArguments),
    /// Show whether a route is ready to be switched over, and record what the old client answers
    #[command(after_long_help = compare::HELP)]
    Compare(CompareArguments),
    /// Show and change where Meta posts notifications, and see to those that could not be told
    #[command(after_long_help = notifications::HELP)]
    Notifications(NotificationsArguments),
    /// Read a password from standard input and write its hash, for `password_hash` in the configuration
    HashPassword,
    /// Show the main job on real media files: a real bridge between stand-ins, told step by step and checked
    #[command(after_help = DEMO_HELP)]
    Demo(demo::Options),
    /// Run the stand-ins for Cloud, the old client and a webhook, to develop an integration without Meta
    #[command(after_help = SANDBOX_HELP)]
    Sandbox(sandbox::Options),
}

const SERVE_HELP: &str = "\
Nothing starts with a bad file; `waba-bridge check` tells what is wrong beforehand. Logs go to standard error.
SIGHUP rereads the certificates and the configuration, and so does a change of these files. Flags and [compare] are then in
force at once; a file with anything wrong in it is refused as a whole, and the last good one stays.

Exit codes:
  0    stopped in order
  1    could not start, or could not go on
  78   the configuration cannot be used
  130  ended at once by a second signal";

const CHECK_HELP: &str = "\
Nothing is changed, and a running bridge does not notice. The file is read as `serve` would read it, environment \
included; every problem is listed at once. Run it as the user that the bridge runs as.

With --online it asks Meta about the access token and the number, logs in to the old client, resolves the media hosts, \
compares the clocks, and connects to the callback's server (no event is sent). With [intake] public_url it also tries, \
from outside in, whether Meta would be let in and a forger would not, and asks Meta where notifications go. Each line is \
ok, warn or FAIL, with what to do about it.

Exit codes:
  0   all is well; there may be warnings
  1   something failed
  2   wrong use of the command line
  78  the configuration cannot be used; nothing else was looked at";

const JOBS_HELP: &str = "\
A buried job was given up and is kept. `jobs redrive` brings it back; it is then tried at once, and never lost by it.

Examples:
  waba-bridge jobs --buried
  waba-bridge jobs redrive 4711
  waba-bridge jobs redrive --all-buried --queue callback

Exit codes:
  0   done
  1   the bridge cannot be asked, or refuses
  2   wrong use of the command line
  78  the configuration cannot be used";

const OPERATE_HELP: &str = "\
Exit codes:
  0   done
  1   the bridge cannot be asked, or refuses
  2   wrong use of the command line
  78  the configuration cannot be used";

#[derive(clap::Args)]
pub struct CheckArguments {
    #[command(flatten)]
    pub file: ConfigFile,
    /// Ask everybody the configuration names, too
    #[arg(long)]
    pub online: bool,
    /// Write one JSON document
    #[arg(long)]
    pub json: bool,
}

/// How to find a running bridge.
#[derive(clap::Args)]
pub struct Running {
    #[command(flatten)]
    pub file: ConfigFile,
    /// Where the bridge listens for operators, instead of what the configuration says; that is then not read
    #[arg(long, value_name = "URL", global = true)]
    pub admin: Option<url::Url>,
    /// A file that holds the admin token, instead of the configuration's
    #[arg(long, value_name = "FILE", global = true)]
    pub admin_token_file: Option<PathBuf>,
    /// Write JSON
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(clap::Args)]
pub struct JobsArguments {
    #[command(flatten)]
    pub running: Running,
    #[command(flatten)]
    pub of: Of,
    /// Only jobs that were given up
    #[arg(long)]
    pub buried: bool,
    /// At most so many, the oldest first; 1000 is the most [default: 50]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub limit: Option<u16>,
    #[command(subcommand)]
    pub then: Option<JobsCommand>,
}

#[derive(Subcommand)]
pub enum JobsCommand {
    /// Bring buried jobs back, to be tried at once
    #[command(group = clap::ArgGroup::new("which").required(true))]
    Redrive {
        /// The job, by its id
        #[arg(group = "which")]
        id: Option<i64>,
        /// All buried jobs
        #[arg(long, group = "which")]
        all_buried: bool,
        #[command(flatten)]
        of: Of,
    },
}

/// Which jobs.
#[derive(clap::Args)]
pub struct Of {
    /// Only one queue
    #[arg(long, value_parser = ["fetch", "callback", "compare", "notification"])]
    pub queue: Option<String>,
    /// Only one number, by its name
    #[arg(long, value_name = "NAME")]
    pub number: Option<String>,
}

const DEMO_HELP: &str = "\
Starts stand-ins for Cloud, the old client and the integration on free ports of this computer, and a real bridge as a
child process between them. It fetches one file of each media type, asks for one that Cloud does not know, survives an
overloaded Cloud, a broken connection and a kill -9, and compares every byte. Then both sides are compared, a share is cut
over and taken back, with the commands that an operator uses; and a customer's photo, voice note and texts come as Cloud's
notifications. Takes about ten seconds, needs no configuration, touches nothing but a temporary folder.

Exit codes: 0 if every check passed, 1 if not, 130 if interrupted.";

const SANDBOX_HELP: &str = "\
Prints addresses, credentials, the ids of its media, a configuration for a bridge and curl lines on standard error, and
every callback that its webhook gets as one line of JSON on standard output. Port 0 takes any free port. Anyone who
reaches the ports can change the stand-ins, so keep them on loopback or in a network of your own.

Exit codes: 0 after Ctrl-C or SIGTERM, 1 if it could not start.";

#[derive(clap::Args)]
pub struct ConfigFile {
    /// The configuration file
    #[arg(
        long,
        value_name = "FILE",
        env = "WABA_BRIDGE_CONFIG",
        default_value = "waba-bridge.toml",
        global = true
    )]
    pub config: PathBuf,
}

impl JobsArguments {
    /// Whoever narrows a list and then redrives means the narrowed list, and would get every job.
    pub fn refuse_what_would_not_count(&self) {
        let narrows_list = self.of.is_given() || self.buried || self.limit.is_some();
        let misplaced = match &self.then {
            Some(JobsCommand::Redrive { id, of, .. }) => {
                narrows_list || (id.is_some() && of.is_given())
            }
            None => false,
        };
        if misplaced {
            let what = "jobs redrive takes --queue and --number after --all-buried, and nothing that narrows a list";
            let mut command = Arguments::command();
            command.error(ErrorKind::ArgumentConflict, what).exit();
        }
    }
}

impl Of {
    pub fn is_given(&self) -> bool {
        self.queue.is_some() || self.number.is_some()
    }
}

impl Running {
    pub fn place(self) -> (Place, bool) {
        let place = Place {
            config: self.file.config,
            admin: self.admin,
            token_file: self.admin_token_file,
        };
        (place, self.json)
    }
}
