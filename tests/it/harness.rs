//! A bridge in its own process between stand-ins for Cloud, the old client and the integration's receiver.
//!
//! Every wait is for something that happens (a callback, a logged line, an exit), bounded by [`PATIENCE`] so that a
//! failure is an error and not a hang. When a [`Bridge`] goes, its log is searched for everything secret.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use waba_bridge::standin::cloud::{Cloud, CloudOptions};
use waba_bridge::standin::onprem::{Onprem, OnpremOptions};
use waba_bridge::standin::receiver::{Callback, Receiver, ReceiverOptions};
use waba_bridge::standin::{Content, Medium};

/// How long anything that must happen may take on a machine that is busy with other tests.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The user that every world's old client and bridge know.
pub const USER: &str = "admin";
/// Also the stand-in's default.
pub const PASSWORD: &str = "Standin-1";
/// argon2 of [`PASSWORD`], cheap on purpose: `m=64,t=1,p=1`.
pub const PASSWORD_HASH: &str = "$argon2id$v=19$m=64,t=1,p=1$CiIV6PVPSXj2Y9hOe9qw/Q$1Q6e0yri/NlhOtdowx1O5LX/Q2obwfLyD3SC/jIPyCc";

/// What Meta signs notifications with.
pub const APP_SECRET: &str = "standin-app-secret";
/// What Meta says when it asks whether a webhook is wanted.
pub const VERIFY_TOKEN: &str = "standin-verify-token";

/// A bridge and everybody around it.
pub struct World {
    /// Graph and the media host.
    pub cloud: Cloud,
    /// The old client, if there is one.
    pub onprem: Option<Onprem>,
    /// The integration's webhook.
    pub receiver: Receiver,
    /// The program under test.
    pub bridge: Bridge,
}

/// What a world is to be like.
pub struct Setting {
    /// Whether there is an old client.
    pub onprem: bool,
    /// Lines for `[routes]`.
    pub routes: String,
    /// Lines for the sections of the only number, with their headers.
    pub number: String,
    /// Whole sections beside it.
    pub top: String,
    /// Threads that serve requests.
    pub threads: usize,
    /// How the receiver listens.
    pub receiver: ReceiverOptions,
    /// Lines for `[admin]`.
    pub admin: String,
    /// Lines for `[intake]`.
    pub intake: String,
    /// Where callbacks go, if not to the receiver.
    pub webhook: Option<String>,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            onprem: false,
            routes: String::new(),
            number: String::new(),
            top: String::new(),
            threads: 2,
            receiver: ReceiverOptions::default(),
            admin: String::new(),
            intake: String::new(),
            webhook: None,
        }
    }
}

impl Setting {
    /// With an old client, and only the retry download cut over.
    pub fn first_route() -> Self {
        Self {
            onprem: true,
            routes: "media_download = \"cloud\"\nmedia_get = \"cloud\"\n".into(),
            ..Self::default()
        }
    }

    /// Without an old client: the bridge is the client.
    pub fn alone() -> Self {
        Self::default()
    }

    /// With an old client that the bridge has a login of its own for, these flags, and these lines of `[compare]`.
    pub fn compared(routes: &str, compare: &str) -> Self {
        Self {
            onprem: true,
            routes: routes.into(),
            ..Self::default()
        }
        .unlimited()
        .top(&format!(
            "[every_number.onprem]\nusername = \"{USER}\"\npassword = \"{PASSWORD}\"\n[compare]\nnoise_percent = 0\n{compare}\n"
        ))
    }

    /// Without the old client that the stand-ins would play; for tests that bring one along.
    pub fn without_onprem(mut self) -> Self {
        self.onprem = false;
        self
    }

    /// Adds whole sections.
    pub fn top(mut self, toml: &str) -> Self {
        self.top.push_str(toml);
        self
    }

    /// One thread, so that a request takes the connection to the old client that the one before it left.
    pub fn one_thread(mut self) -> Self {
        self.threads = 1;
        self
    }

    /// Adds sections of the number.
    pub fn number(mut self, toml: &str) -> Self {
        self.number.push_str(toml);
        self
    }

    /// Adds flags.
    pub fn routes(mut self, toml: &str) -> Self {
        self.routes.push_str(toml);
        self
    }

    /// With fetches that are tried again after a second, time-outs of a second, and these lines of `[fetch]` besides.
    pub fn impatient(self, fetch: &str) -> Self {
        self.top(&format!(
            "[fetch]\nretry_delays_s = [1]\nconnect_timeout_s = 1\nlookup_timeout_s = 1\nidle_timeout_s = 1\ntoken_fault_pause_s = 1\n{fetch}\n"
        ))
    }

    /// Ready for notifications, with a receiver that takes no callback which a real one would not understand: nothing
    /// waits long, and messages this many seconds for their media.
    pub fn notified(media_wait_s: u64) -> Self {
        let receiver = ReceiverOptions {
            strict: true,
            ..ReceiverOptions::default()
        };
        let setting = Self {
            receiver,
            ..Self::alone()
        };
        setting
            .impatient("")
            .unlimited()
            .callback("callback_backoff_delay_ms = 20\nmax_callback_backoff_delay_ms = 60")
            .top(&format!("[notifications]\nmedia_wait_s = {media_wait_s}\n"))
    }

    /// Adds lines of `[every_number.callback]`.
    pub fn callback(self, toml: &str) -> Self {
        self.top(&format!("[every_number.callback]\n{toml}\n"))
    }

    /// Without limits of requests per second.
    pub fn unlimited(self) -> Self {
        self.top("[limits]\nrequests_per_second = 0\n")
    }

    /// Starts everybody.
    pub async fn start(self) -> World {
        self.start_in(tempfile::tempdir().unwrap()).await
    }

    /// Starts everybody, the bridge in this folder.
    pub async fn start_in(self, folder: tempfile::TempDir) -> World {
        let cloud = Cloud::start(CloudOptions::default()).await.unwrap();
        let receiver = Receiver::start(self.receiver.clone()).await.unwrap();
        let onprem = match self.onprem {
            true => Some(Onprem::start(OnpremOptions::default()).await.unwrap()),
            false => None,
        };
        let config = self.config(folder.path(), &cloud, onprem.as_ref(), &receiver);
        let bridge = Bridge::start(folder, &config);
        bridge.keep_secret(cloud.access_token());
        for secret in [APP_SECRET, VERIFY_TOKEN] {
            bridge.keep_secret(secret);
        }
        World {
            cloud,
            onprem,
            receiver,
            bridge,
        }
    }

    fn config(
        &self,
        folder: &Path,
        cloud: &Cloud,
        onprem: Option<&Onprem>,
        receiver: &Receiver,
    ) -> String {
        let threads = format!("threads = {}", self.threads);
        let mut toml = base_config(folder)
            .replace("threads = 2", &threads)
            .replace("[admin]\n", &format!("[admin]\n{}", self.admin))
            .replace("[intake]\n", &format!("[intake]\n{}", self.intake));
        write!(toml, "{}\n[routes]\n{}\n", self.top, self.routes).unwrap();
        writeln!(toml, "[[numbers]]\nname = \"support\"").unwrap();
        if let Some(onprem) = onprem {
            writeln!(toml, "[numbers.onprem]\nurl = \"{}\"", onprem.url()).unwrap();
        }
        write!(
            toml,
            "[numbers.cloud]\ngraph_url = \"{}\"\nphone_number_id = \"{}\"\naccess_token = \"{}\"\nmedia_hosts = [\"127.0.0.1\"]\n\
             app_secret = \"{APP_SECRET}\"\nverify_token = \"{VERIFY_TOKEN}\"\n\
             [numbers.callback]\nurl = \"{}\"\n\
             [[numbers.users]]\nname = \"{USER}\"\npassword_hash = \"{PASSWORD_HASH}\"\n{}",
            cloud.graph_url(),
            cloud.phone_number_id(),
            cloud.access_token(),
            self.webhook
                .clone()
                .unwrap_or_else(|| format!("{}/callback", receiver.url())),
            self.number,
        )
        .unwrap();
        toml
    }
}

/// What every bridge under test has: free ports, a folder of its own, short delays.
pub fn base_config(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nallow_insecure_upstreams = true\nthreads = 2\nshutdown_grace_s = 10\n\
         [intake]\nlisten = \"127.0.0.1:0\"\n\
         [admin]\nlisten = \"127.0.0.1:0\"\n\
         [state]\nurl = \"sqlite:{folder}/state/bridge.db\"\n\
         [media]\nurl = \"file:{folder}/media\"\nmin_free_mb = 1\n\
         [cutover]\nkill_file = \"{folder}/kill\"\n\
         [log]\nformat = \"json\"\nlevel = \"debug,hyper=info,reqwest=info,h2=info,rustls=info\"\n"
    )
}

impl World {
    /// A medium of this many bytes at Cloud, of which nobody has heard yet.
    pub fn add_medium(
        &self,
        id: &str,
        mime_type: &str,
        length: u64,
    ) -> waba_bridge::standin::Digest {
        let seed = id.parse().unwrap_or(7);
        self.cloud.add_medium(
            id,
            Medium::new(mime_type, Content::Pattern { length, seed }),
        )
    }

    /// A token for [`USER`].
    pub async fn login(&self) -> String {
        let answer = self.bridge.login(USER, PASSWORD).await;
        assert_eq!(answer.status(), 200);
        let body: Value = answer.json().await.unwrap();
        let token = body["users"][0]["token"].as_str().unwrap().to_owned();
        self.bridge.keep_secret(&token);
        token
    }

    /// Asks for a retry download, which must be acknowledged.
    pub async fn download(&self, id: &str, token: &str) {
        let path = format!("/v1/media/{id}/download");
        let answer = self.bridge.get(&path, token).await;
        let status = answer.status();
        let body: Value = answer.json().await.unwrap();
        assert_eq!(
            (status.as_u16(), &body["media_items"][0]["id"]),
            (200, &Value::from(id)),
            "{body}"
        );
    }

    /// What the next callback says of its only medium.
    pub async fn told(&self) -> Told {
        Told::read(&self.callback().await)
    }

    /// The comparison that was logged as the so-manieth since the bridge was started, counted from 0.
    pub async fn comparison(&self, index: usize) -> Value {
        self.bridge.logged_as("compared", index).await
    }

    /// How many calls of a route were to be compared and were not, for this reason.
    pub async fn skipped(&self, route: &str, reason: &str) -> f64 {
        let metric = format!(
            "waba_bridge_comparisons_skipped_total{{number=\"support\",route=\"{route}\",result=\"{reason}\"}} "
        );
        self.bridge.metric(&metric).await
    }

    /// Waits until so many calls were not compared, for this reason.
    pub async fn until_skipped(&self, route: &str, reason: &str, times: f64) {
        let skipped = async {
            while self.skipped(route, reason).await < times {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        within(skipped).await;
    }

    /// Where the old client posts its callbacks.
    pub fn intake(&self) -> url::Url {
        let address = self.bridge.address_of("intake");
        format!("http://{address}/onprem/support").parse().unwrap()
    }

    /// Has Meta notify the bridge, which must agree. After a restart it listens elsewhere, so it takes another call.
    pub async fn subscribe(&self) {
        let asked = self.cloud.subscribe(self.notified_at(), VERIFY_TOKEN);
        within(asked).await.unwrap();
    }

    /// Meta notifies of this, and it must be taken in the end. What it says of people must not be in the log.
    pub async fn notify(&self, value: Value) {
        self.keep_private(&value);
        let delivery = self.cloud.notify(value);
        let attempts = within(delivery.ended()).await;
        assert_eq!(attempts.last(), Some(&Some(200)), "{attempts:?}");
    }

    /// Registers everything personal in a value or a callback.
    pub fn keep_private(&self, value: &Value) {
        match value {
            Value::Array(list) => list.iter().for_each(|one| self.keep_private(one)),
            Value::Object(map) => {
                for (name, inner) in map {
                    match inner {
                        Value::String(text) if is_private(name, text) => {
                            self.bridge.keep_secret(text);
                        }
                        other => self.keep_private(other),
                    }
                }
            }
            _ => {}
        }
    }

    /// The next callback, as JSON.
    pub async fn message(&self) -> Value {
        let callback = self.callback().await.json();
        assert_eq!(self.receiver.objections(), Vec::<String>::new());
        self.keep_private(&callback);
        callback
    }

    /// The id that callbacks give to a medium of Cloud's.
    pub fn told_id(&self, cloud_id: &str) -> String {
        let path = self.bridge.stored_file(cloud_id);
        path.file_name().unwrap().to_str().unwrap().to_owned()
    }

    /// Where Meta posts notifications.
    pub fn notified_at(&self) -> url::Url {
        let address = self.bridge.address_of("intake");
        format!("http://{address}/cloud").parse().unwrap()
    }

    /// Waits until nothing is left to do.
    pub async fn until_idle(&self) {
        let idle = async {
            while !self.bridge.jobs("").await.is_empty() {
                // What a strict receiver does not take is never done.
                assert_eq!(self.receiver.objections(), Vec::<String>::new());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        within(idle).await;
    }

    /// The next callback that comes.
    pub async fn callback(&self) -> Callback {
        within(self.receiver.next_callback()).await
    }
}

/// Whether a member of a notification or a callback tells of people: numbers, names, what they wrote, and the ids of
/// messages, which contain numbers.
fn is_private(name: &str, text: &str) -> bool {
    let is_message =
        text.starts_with("wamid.") || text.starts_with("ABG") || text.starts_with("gBG");
    match name {
        "id" | "message_id" => is_message,
        "from" | "wa_id" | "recipient_id" | "body" | "caption" | "filename" | "name" => {
            text.len() > 5
        }
        _ => false,
    }
}

/// A `media_items` callback, taken apart.
#[derive(Debug, PartialEq)]
pub struct Told {
    pub id: String,
    pub kind: String,
    pub status: String,
    /// Code, title and details of the error, if there is one.
    pub error: Option<(u64, String, String)>,
}

impl Told {
    pub fn read(callback: &Callback) -> Self {
        let item = callback.json()["media_items"][0].clone();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let kind = text(&item["type"]);
        let error = &item["errors"][0];
        Self {
            id: text(&item[&kind]["id"]),
            status: text(&item[&kind]["status"]),
            error: error["code"]
                .as_u64()
                .map(|code| (code, text(&error["title"]), text(&error["details"]))),
            kind,
        }
    }

    /// Asserts that the medium was stored.
    pub fn is_success_of(&self, id: &str) {
        assert_eq!(
            (self.id.as_str(), self.status.as_str(), &self.error),
            (id, "downloaded", &None)
        );
    }

    /// Asserts that the medium was given up, with this code and title.
    pub fn is_failure_of(&self, id: &str, code: u64, title: &str) {
        let error = self.error.as_ref();
        let error = error.map(|(code, title, _)| (*code, title.as_str()));
        assert_eq!((self.id.as_str(), error), (id, Some((code, title))));
    }
}

/// Waits for what must happen.
pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("it never happened")
}

/// The program under test, in a process of its own.
pub struct Bridge {
    /// Where integrations call.
    pub public: SocketAddr,
    /// Where operators call.
    pub admin: SocketAddr,
    /// Its state, media and configuration.
    pub folder: tempfile::TempDir,
    child: Child,
    log: Arc<Log>,
    secrets: Mutex<Vec<String>>,
    http: reqwest::Client,
}

#[derive(Default)]
struct Log {
    lines: Mutex<(Vec<Value>, bool)>,
    changed: Condvar,
    /// The same for those who must not block the thread that the stand-ins run on.
    grown: tokio::sync::watch::Sender<()>,
}

impl Bridge {
    /// Starts the program with this configuration and waits until it is ready.
    pub fn start(folder: tempfile::TempDir, config: &str) -> Self {
        std::fs::write(folder.path().join("waba-bridge.toml"), config).unwrap();
        let (child, log) = spawn(&folder.path().join("waba-bridge.toml"));
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .build()
            .unwrap();
        let mut this = Self {
            public: nowhere,
            admin: nowhere,
            folder,
            child,
            log,
            secrets: Mutex::new(vec![PASSWORD.to_owned()]),
            http,
        };
        this.wait_until_ready();
        this
    }

    fn wait_until_ready(&mut self) {
        self.wait_for_line("ready", |_| true);
        self.public = self.address_of("public");
        self.admin = self.address_of("admin");
    }

    /// The address of the listener with this name.
    pub fn address_of(&self, listener: &str) -> SocketAddr {
        let line = self.wait_for_line("listening", |line| line["listener"] == listener);
        line["address"].as_str().unwrap().parse().unwrap()
    }

    /// The first logged line with this message that passes the test, now or later.
    pub fn wait_for_line(&self, message: &str, test: impl Fn(&Value) -> bool) -> Value {
        let found = |lines: &[Value]| {
            lines
                .iter()
                .find(|line| line["message"] == message && test(line))
                .cloned()
        };
        let lines = self.log.lines.lock().unwrap();
        let waiting = |(lines, ended): &mut (Vec<Value>, bool)| found(lines).is_none() && !*ended;
        let (lines, _) = self
            .log
            .changed
            .wait_timeout_while(lines, PATIENCE, waiting)
            .unwrap();
        let result = found(&lines.0).ok_or_else(|| tail(&lines.0));
        // A panic while the lock is held would spoil it for `drop`.
        drop(lines);
        result.unwrap_or_else(|tail| panic!("never logged: {message}\n{tail}"))
    }

    /// Like [`Bridge::wait_for_line`], while the stand-ins go on.
    pub async fn logged(&self, message: &str, test: impl Fn(&Value) -> bool) -> Value {
        let mut growth = self.log.grown.subscribe();
        let found = async {
            loop {
                let line = self.lines(message).into_iter().find(&test);
                if let Some(line) = line {
                    return line;
                }
                growth.changed().await.unwrap();
            }
        };
        let found = tokio::time::timeout(PATIENCE, found).await;
        found.unwrap_or_else(|_| panic!("never logged: {message}"))
    }

    /// The line with this message that was logged as the so-manieth, counted from 0; now or later.
    pub async fn logged_as(&self, message: &str, index: usize) -> Value {
        let mut growth = self.log.grown.subscribe();
        let found = async {
            loop {
                if let Some(line) = self.lines(message).into_iter().nth(index) {
                    return line;
                }
                growth.changed().await.unwrap();
            }
        };
        let found = tokio::time::timeout(PATIENCE, found).await;
        found.unwrap_or_else(|_| panic!("not logged so often: {message}"))
    }

    /// All logged lines with this message so far.
    pub fn lines(&self, message: &str) -> Vec<Value> {
        self.log
            .lines
            .lock()
            .unwrap()
            .0
            .iter()
            .filter(|line| line["message"] == message)
            .cloned()
            .collect()
    }

    /// Never to be found in a log.
    pub fn keep_secret(&self, secret: impl Into<String>) {
        self.secrets.lock().unwrap().push(secret.into());
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// kill -9, and the same folder again.
    pub fn crash_and_restart(&mut self) {
        self.crash_and_restart_with(|| ());
    }

    /// The same, with something done while nobody runs.
    pub fn crash_and_restart_with(&mut self, meanwhile: impl FnOnce()) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        meanwhile();
        self.restart();
    }

    /// Waits for the end and starts again on the same folder.
    pub fn restart(&mut self) {
        self.child.wait().unwrap();
        self.check_log();
        let (child, log) = spawn(&self.folder.path().join("waba-bridge.toml"));
        self.child = child;
        self.log = log;
        self.wait_until_ready();
    }

    /// SIGTERM.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Any signal, by name.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.pid().to_string())
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// Waits for the end.
    pub async fn exit(&mut self) -> ExitStatus {
        let mut waited = Duration::ZERO;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(waited < PATIENCE, "the program does not end");
            let step = Duration::from_millis(20);
            tokio::time::sleep(step).await;
            waited += step;
        }
    }

    /// Changes the configuration file; counts from the next start on.
    pub fn reconfigure(&self, change: impl FnOnce(String) -> String) {
        let path = self.folder.path().join("waba-bridge.toml");
        let old = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, change(old)).unwrap();
    }

    /// The media folder.
    pub fn media_folder(&self) -> PathBuf {
        self.folder.path().join("media")
    }

    /// `http://ADDRESS/path` of the public listener.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.public)
    }

    /// A request to the public listener.
    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method.parse().unwrap(), self.url(path))
    }

    /// GET with a token.
    pub async fn get(&self, path: &str, token: &str) -> reqwest::Response {
        self.request("GET", path)
            .bearer_auth(token)
            .send()
            .await
            .unwrap()
    }

    /// `POST /v1/users/login`
    pub async fn login(&self, user: &str, password: &str) -> reqwest::Response {
        self.request("POST", "/v1/users/login")
            .basic_auth(user, Some(password))
            .send()
            .await
            .unwrap()
    }

    /// GET on the admin listener.
    pub async fn admin(&self, path: &str) -> reqwest::Response {
        self.http
            .get(format!("http://{}{path}", self.admin))
            .send()
            .await
            .unwrap()
    }

    /// POST on the admin listener.
    pub async fn admin_post(&self, path: &str) -> reqwest::Response {
        let url = format!("http://{}{path}", self.admin);
        self.http.post(url).send().await.unwrap()
    }

    /// What `/api/jobs` lists, with this query.
    pub async fn jobs(&self, query: &str) -> Vec<Value> {
        let answer = self.admin(&format!("/api/jobs?{query}")).await;
        assert_eq!(answer.status(), 200);
        answer.json().await.unwrap()
    }

    /// The stored file of a medium of the number `support`, if there is one.
    pub fn stored_file(&self, cloud_id: &str) -> PathBuf {
        let number = waba_bridge::ids::NumberName::parse("support").unwrap();
        let cloud_id = waba_bridge::ids::CloudMediaId::parse(cloud_id).unwrap();
        let id = waba_bridge::ids::media_uuid(&number, &cloud_id);
        self.media_folder().join(id.hyphenated().to_string())
    }

    /// The value of a metric with exactly these labels; 0 when it is not there.
    pub async fn metric(&self, name_and_labels: &str) -> f64 {
        let text = self.admin("/metrics").await.text().await.unwrap();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name_and_labels)?.trim().parse().ok());
        line.unwrap_or_default()
    }

    fn check_log(&self) {
        let lines = self.log.lines.lock().unwrap();
        for line in &lines.0 {
            let text = line.to_string();
            for secret in self.secrets.lock().unwrap().iter() {
                assert!(
                    !text.contains(secret.as_str()),
                    "a secret in the log: {text}"
                );
            }
            assert_ne!(line["message"], "a request panicked", "{text}");
            assert_ne!(line["message"], "a job panicked", "{text}");
        }
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!(
                "--- the bridge's last lines\n{}",
                tail(&self.log.lines.lock().unwrap().0)
            );
        } else {
            self.check_log();
        }
    }
}

fn tail(lines: &[Value]) -> String {
    lines
        .iter()
        .rev()
        .take(30)
        .rev()
        .fold(String::new(), |text, line| format!("{text}{line}\n"))
}

fn spawn(config: &Path) -> (Child, Arc<Log>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_waba-bridge"))
        .args(["serve", "--config"])
        .arg(config)
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = Arc::new(Log::default());
    let stderr = child.stderr.take().unwrap();
    let reader = Arc::clone(&log);
    std::thread::spawn(move || collect(stderr, &reader));
    (child, log)
}

fn collect(stderr: impl Read, log: &Log) {
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        let line =
            serde_json::from_str(&line).unwrap_or_else(|_| serde_json::json!({ "message": line }));
        log.lines.lock().unwrap().0.push(line);
        log.changed.notify_all();
        log.grown.send_replace(());
    }
    log.lines.lock().unwrap().1 = true;
    log.changed.notify_all();
    log.grown.send_replace(());
}

/// The bytes of a generated medium.
pub fn content_of(id: &str, length: u64) -> Bytes {
    let content = Content::Pattern {
        length,
        seed: id.parse().unwrap_or(7),
    };
    content
        .chunks(0..length)
        .flatten()
        .collect::<Vec<u8>>()
        .into()
}
