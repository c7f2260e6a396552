//! `waba-bridge notifications`: its words, and their help.

use std::path::PathBuf;

use clap::Subcommand;
use waba_bridge::operate::webhook::Target;

use super::{ConfigFile, Running};

pub(super) const HELP: &str = "\
What Meta posts and this version cannot tell as it is (an unknown type, an unreadable event) is kept, encrypted or
redacted as [notifications] keep says. `kept`, `show`, `redrive` and `drop` ask a running bridge for it.

`status`, `subscribe` and `unsubscribe` ask Meta where notifications of a number go, and change it, so that nobody needs
Meta's dashboard. They read the configuration and need no running bridge; but Meta asks the bridge whether the webhook is
wanted before it takes it, so `subscribe` needs one that Meta can reach.

Examples:
  waba-bridge notifications kept
  waba-bridge notifications redrive 17
  waba-bridge notifications status --number support
  waba-bridge notifications subscribe --number support

Exit codes:
  0   done; `status`: notifications come to this bridge
  1   the bridge or Meta cannot be asked, or refuses
  2   wrong use of the command line
  3   `status`: notifications do not come to this bridge
  78  the configuration cannot be used";

const SHOW_HELP: &str = "\
This is what a customer wrote, with names and phone numbers: personal data. Mind where it goes; nothing of it is logged.
What was kept redacted is shown so.";

const REDRIVE_HELP: &str = "\
After an update that knows more: the event is taken in as if it came now, with its medium, and forgotten here once that is
on disk. What this version cannot tell either stays.";

const SUBSCRIBE_HELP: &str = "\
Gives the number a webhook of its own at Meta: [intake] public_url with the path /cloud. That outranks the webhook of the
account and of the app, and leaves them as they are. If business_account_id is set and the app is not subscribed to the
account, it is subscribed, too. What it replaces is shown, and how to go back.";

const UNSUBSCRIBE_HELP: &str = "\
Takes the number's own webhook away if it is this bridge; notifications then go to the account's or the app's webhook.";

#[derive(clap::Args)]
pub struct NotificationsArguments {
    #[command(subcommand)]
    pub command: NotificationsCommand,
}

#[derive(Subcommand)]
pub enum NotificationsCommand {
    /// List what could not be told as it was
    Kept {
        #[command(flatten)]
        running: Running,
        /// At most so many, the newest first; 1000 is the most
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
    },
    /// Print one of them as Meta wrote it: personal data
    #[command(after_long_help = SHOW_HELP)]
    Show(One),
    /// Tell one of them after all
    #[command(after_long_help = REDRIVE_HELP)]
    Redrive(One),
    /// Forget one of them
    Drop(One),
    /// Have Meta post a number's notifications to this bridge
    #[command(after_long_help = SUBSCRIBE_HELP)]
    Subscribe(Webhook),
    /// Show where Meta posts a number's notifications
    Status(Webhook),
    /// Have Meta no longer post a number's notifications to this bridge
    #[command(after_long_help = UNSUBSCRIBE_HELP)]
    Unsubscribe(Webhook),
}

/// A kept notification.
#[derive(clap::Args)]
pub struct One {
    #[command(flatten)]
    pub running: Running,
    /// Which, by its id
    pub id: i64,
}

/// A number's webhook at Meta.
#[derive(clap::Args)]
pub struct Webhook {
    #[command(flatten)]
    file: ConfigFile,
    /// Which number, by its name; needed when there are several
    #[arg(long, value_name = "NAME")]
    number: Option<String>,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

impl Webhook {
    pub fn read(self) -> (Target, bool) {
        let config: PathBuf = self.file.config;
        let number = self.number;
        (Target { config, number }, self.json)
    }
}
