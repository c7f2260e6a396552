//! `waba-bridge sandbox`: the stand-ins alone, on fixed ports, for developing an integration without Meta.
//!
//! Standard output is for programs: one line of JSON per callback, after the description if `--json` is given.
//! Standard error is for people.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::signal::unix::{SignalKind, signal};

use crate::demo::configuration;
use crate::standin::media::{KINDS, Kind};
use crate::standin::{
    Callback, Cloud, CloudOptions, Onprem, OnpremOptions, Receiver, ReceiverOptions,
};

/// Ids as Cloud gives them; the last digits count.
const FIRST_ID: u64 = 1_761_991_787_669_201;
/// Where a bridge with the configuration below takes callbacks of the old client and notifications.
const INTAKE: &str = "127.0.0.1:9092";

/// What `sandbox` can be told.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Where the old client listens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9190")]
    onprem: SocketAddr,

    /// Where Cloud's Graph host listens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9191")]
    graph: SocketAddr,

    /// Where Cloud's media host listens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9192")]
    media_host: SocketAddr,

    /// Where the integration's webhook listens, for those who have none yet
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9193")]
    receiver: SocketAddr,

    /// Scheme and authority in the URLs that Graph gives, if the bridge reaches the media host by another address
    #[arg(long, value_name = "URL")]
    media_origin: Option<String>,

    /// Where Cloud posts its notifications
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:9092/cloud"
    )]
    webhook: url::Url,

    /// What Cloud signs its notifications with
    #[arg(long, value_name = "TEXT", default_value = "standin-app-secret")]
    app_secret: String,

    /// What the bridge must be configured with to say that it wants notifications
    #[arg(long, value_name = "TEXT", default_value = "standin-verify-token")]
    verify_token: String,

    /// Print the description as one line of JSON on standard output, before the callbacks
    #[arg(long)]
    json: bool,
}

/// Runs until Ctrl-C or SIGTERM.
pub async fn run(options: &Options) -> ExitCode {
    match play(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the sandbox could not go on: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn play(options: &Options) -> io::Result<()> {
    // Before anything is printed: whoever reads it may stop us at once.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let sandbox = Sandbox::start(options).await?;
    match options.json {
        true => writeln!(io::stdout(), "{}", sandbox.described())?,
        false => eprint!("{}", sandbox.introduced()),
    }
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        // A closed output ends the printing, not the stand-ins.
        () = print_callbacks(&sandbox.receiver) => {}
    }
    sandbox.stop().await;
    Ok(())
}

/// The outside world.
struct Sandbox {
    cloud: Cloud,
    onprem: Onprem,
    receiver: Receiver,
    /// Where Cloud notifies.
    webhook: url::Url,
    /// As the old client knows it.
    user: (String, String),
    media: Vec<(String, Kind)>,
}

impl Sandbox {
    async fn start(options: &Options) -> io::Result<Self> {
        let onprem = OnpremOptions {
            listen: options.onprem,
            control: true,
            ..OnpremOptions::default()
        };
        let user = onprem.users.first().cloned().unwrap_or_default();
        let onprem = listening("--onprem", options.onprem, Onprem::start(onprem).await)?;
        let cloud = CloudOptions {
            graph_listen: options.graph,
            media_listen: options.media_host,
            media_origin: options.media_origin.clone(),
            app_secret: options.app_secret.clone(),
            verify_token: options.verify_token.clone(),
            control: true,
            ..CloudOptions::default()
        };
        let cloud = Cloud::start(cloud).await;
        let cloud = listening("--graph or --media-host", options.graph, cloud)?;
        // Unasked: the bridge is started after this.
        cloud.set_webhook(options.webhook.clone());
        let receiver = ReceiverOptions {
            listen: options.receiver,
            control: true,
            ..ReceiverOptions::default()
        };
        let receiver = Receiver::start(receiver).await;
        let receiver = listening("--receiver", options.receiver, receiver)?;
        let media: Vec<(String, Kind)> = (FIRST_ID..).map(|id| id.to_string()).zip(KINDS).collect();
        for (id, kind) in &media {
            cloud.add_medium(id, kind.medium());
            onprem.add_medium(id, kind.medium());
        }
        let intake = format!("http://{INTAKE}/onprem/support");
        onprem.set_webhook(intake.parse::<url::Url>().map_err(io::Error::other)?);
        Ok(Self {
            cloud,
            onprem,
            receiver,
            webhook: options.webhook.clone(),
            user,
            media,
        })
    }

    async fn stop(self) {
        tokio::join!(self.cloud.stop(), self.onprem.stop(), self.receiver.stop());
    }

    /// For programs.
    fn described(&self) -> Value {
        let media: Vec<Value> = self
            .media
            .iter()
            .map(|(id, kind)| json!({"id": id, "type": kind.name(), "mime_type": kind.mime_type()}))
            .collect();
        json!({
            "onprem_url": self.onprem.url(),
            "graph_url": self.cloud.graph_url(),
            "media_url": self.cloud.media_url(),
            "receiver_url": self.receiver.url(),
            "user": self.user.0,
            "password": self.user.1,
            "access_token": self.cloud.access_token(),
            "phone_number_id": self.cloud.phone_number_id(),
            "webhook": self.webhook.as_str(),
            "app_secret": self.cloud.app_secret(),
            "verify_token": self.cloud.verify_token(),
            "media": media,
            "configuration": self.configuration(),
        })
    }

    /// A file that is complete but for what is good as it is.
    fn configuration(&self) -> String {
        format!(
            "[server]\nlisten = \"127.0.0.1:9090\"           # where your integration calls\nallow_insecure_upstreams = true     # the stand-ins speak plain http on loopback\n\n[intake]\nlisten = \"{INTAKE}\"           # where the old client and Cloud post\n\n{}",
            configuration::number(&self.cloud, &self.onprem, &self.receiver)
        )
    }

    /// For people.
    fn introduced(&self) -> String {
        let media: String = self
            .media
            .iter()
            .map(|(id, kind)| format!("  {id}  {:8}  {}\n", kind.name(), kind.mime_type()))
            .collect();
        format!(
            r#"waba-bridge sandbox: the outside world of an integration, without Meta. Ctrl-C ends it.

The old client  {onprem}   user {user}, password {password}
Cloud           {graph}   phone_number_id {number}, access token {token}
  media host    {media_host}
  notifies      {webhook}   app secret {app_secret}, verify token {verify_token}
Your webhook    {receiver}   any path; each callback is printed below as one line of JSON

Media that Cloud and the old client have:
{media}
A bridge between them: save this as waba-bridge.toml and run `waba-bridge serve`.

{configuration}
To try the bridge:
  curl -s -u {user}:{password} -X POST http://127.0.0.1:9090/v1/users/login
  curl -s -H "Authorization: Bearer TOKEN" http://127.0.0.1:9090/v1/media/{first}/download
  curl -s -H "Authorization: Bearer TOKEN" http://127.0.0.1:9090/v1/media/{first} -o photo.jpg

To play a customer, who writes, sends a photo (or voice, sticker, ...), or has got or read what was sent to him:
  curl {graph}/_standin/notify --data '{{"type":"text","from":"16315551234","text":"Hello"}}'
  curl {graph}/_standin/notify --data '{{"type":"image","from":"16315551234","caption":"Look"}}'
  curl {graph}/_standin/notify --data '{{"type":"status","id":"WAMID","recipient":"16315551234","status":"read"}}'
  curl {graph}/_standin/notify --data '{{"value":{{...}}}}'     any value of a notification, as Meta documents it

To compare both sides, cut over and go back, while the bridge runs:
  waba-bridge cutover set media_download compare --reason "the same?"
  waba-bridge compare report               after a download or two
  waba-bridge cutover set media_download cloud --percent 50 --reason "a half"
  waba-bridge why GET /v1/media/{first}/download
  waba-bridge cutover kill --reason "back, now"
  waba-bridge cutover revive --reason "and again"

To change the world:
  curl -X PUT {graph}/_standin/media/1234567890123456 -H "Content-Type: image/png" --data-binary @picture.png
  curl -X POST {graph}/_standin/faults --data "lookup:status=503:next=2"
  curl -X POST {graph}/_standin/faults --data "download@{first}:reset=100000:next=1"
  curl -X POST {receiver}/_standin/faults --data "callback:status=500:next=1"
  curl -X DELETE {graph}/_standin/faults
  curl -s {graph}/_standin/requests        what Cloud was asked; likewise at the old client and the webhook
Faults: status=N, body=N,TEXT, hang, reset, reset=BYTES, truncate=BYTES, wrong-bytes, html, slow=BYTES_PER_SECOND,
expired-token, throttle=MINUTES, redirect=URL, not-found; at lookup, download, login, route, callback, notification, any or a path.

"#,
            onprem = self.onprem.url(),
            user = self.user.0,
            password = self.user.1,
            graph = self.cloud.graph_url(),
            number = self.cloud.phone_number_id(),
            token = self.cloud.access_token(),
            media_host = self.cloud.media_url(),
            webhook = self.webhook,
            app_secret = self.cloud.app_secret(),
            verify_token = self.cloud.verify_token(),
            receiver = self.receiver.url(),
            configuration = self.configuration(),
            first = FIRST_ID,
        )
    }
}

fn listening<T>(option: &str, address: SocketAddr, started: io::Result<T>) -> io::Result<T> {
    started.map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("cannot listen on {address} ({error}); choose another with {option}"),
        )
    })
}

async fn print_callbacks(receiver: &Receiver) {
    loop {
        let line = printed(&receiver.next_callback().await);
        if writeln!(io::stdout(), "{line}").is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// A body that is not JSON is printed as text.
fn printed(callback: &Callback) -> Value {
    let body: Value = serde_json::from_slice(&callback.body)
        .unwrap_or_else(|_| String::from_utf8_lossy(&callback.body).into());
    let at = OffsetDateTime::now_utc().format(&Rfc3339).ok();
    json!({"at": at, "path": callback.path, "body": body})
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::path::Path;

    use clap::Parser;

    use super::*;
    use crate::config;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        options: Options,
    }

    async fn sandbox() -> Sandbox {
        let any = "127.0.0.1:0";
        let arguments = [
            "sandbox",
            "--onprem",
            any,
            "--graph",
            any,
            "--media-host",
            any,
            "--receiver",
            any,
        ];
        Sandbox::start(&Program::parse_from(arguments).options)
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn the_configuration_it_prints_is_a_good_one() {
        let sandbox = sandbox().await;
        let config = config::parse(&sandbox.configuration(), Path::new("/nonexistent")).unwrap();
        assert_eq!(config.intake.listen, INTAKE.parse().ok());
        assert_eq!(config.numbers[0].name.as_str(), "support");
        assert!(sandbox.introduced().contains(&sandbox.configuration()));
    }

    #[tokio::test]
    async fn the_customers_it_suggests_can_be_played() {
        let sandbox = sandbox().await;
        sandbox
            .cloud
            .set_webhook(sandbox.receiver.url().parse::<url::Url>().unwrap());
        let introduced = sandbox.introduced();
        let suggested = introduced
            .lines()
            .filter_map(|line| line.split_once("--data '{\"type\""))
            .map(|(_, rest)| format!("{{\"type\"{}", rest.trim_end_matches('\'')));
        let suggested: Vec<String> = suggested.collect();
        assert_eq!(suggested.len(), 3);
        for body in suggested {
            let url = format!("{}/_standin/notify", sandbox.cloud.graph_url());
            let posted = reqwest::Client::new().post(url).body(body);
            let answer: Value = posted.send().await.unwrap().json().await.unwrap();
            assert_eq!(answer["status"], 200, "{answer}");
        }
        assert_eq!(sandbox.receiver.callbacks().len(), 3);
    }

    #[tokio::test]
    async fn the_faults_it_suggests_are_faults() {
        let text = sandbox().await.introduced();
        let rules: Vec<&str> = text
            .lines()
            .filter_map(|line| line.split_once("--data \""))
            .map(|(_, rest)| rest.trim_end_matches('"'))
            .collect();
        assert_eq!(rules.len(), 3);
        for rule in rules {
            rule.parse::<crate::standin::Rule>().unwrap();
        }
    }
}
