//! The wiring diagram, as code: every part made once, in order, and the order of stopping.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admin::{self, Admin};
use crate::backend;
use crate::config::{self, Config};
use crate::entry::Entry;
use crate::http::listener;
use crate::http::server::{ConnectionLimits, Dealer, Threads};
use crate::http::tls::Certificate;
use crate::jobs::runner::{Runner, Step};
use crate::media::Store;
use crate::metrics::{Metrics, NumberMetrics};
use crate::proxy::number::Number;
use crate::proxy::{Numbers, Proxy};
use crate::relay::deliver::Deliver;
use crate::relay::fetch::{Fetch, InFlight};
use crate::route::{Mode, Route};
use crate::state::{Queue, State, Timestamp};
use crate::users::Users;

/// How often certificates are looked at, and what is over is swept away.
const CERTIFICATE_INTERVAL: Duration = Duration::from_secs(2);
const SWEEP_INTERVAL: Duration = Duration::from_secs(3600);
/// Fetches never wait for longer than a throttled number's day.
const FETCH_HORIZON: Duration = Duration::from_secs(24 * 3600 + 60);

/// A bridge that is ready to run: state open, addresses bound.
pub struct App {
    config: Config,
    state: State,
    store: Store,
    proxy: Arc<Proxy>,
    numbers: Vec<Arc<Number>>,
    metrics: Arc<Metrics>,
    certificate: Option<Arc<Certificate>>,
    public: Vec<TcpListener>,
    admin: Option<TcpListener>,
}

/// How the parts are told to end.
struct Ending {
    /// Take nothing new.
    stop: CancellationToken,
    /// Drop what is left.
    abandon: CancellationToken,
}

impl App {
    /// Makes every part. Fails before anything is accepted.
    pub async fn build(config: Config) -> anyhow::Result<Self> {
        let state = State::open(&config.state.path).context("the state cannot be opened")?;
        let store = Store::open(config.media.clone()).with_context(|| {
            format!(
                "the media folder {} cannot be used",
                config.media.folder.display()
            )
        })?;
        let metrics = Arc::new(Metrics::new());
        let numbers = numbers(&config, &metrics)?;
        let users = Users::load(
            state.clone(),
            &config.numbers,
            &config.tokens,
            &config.limits,
        )
        .await?;
        warn_of_missing_users(&numbers, &users);
        let certificate = config
            .server
            .tls
            .clone()
            .map(Certificate::load)
            .transpose()?
            .map(Arc::new);
        let (public, listeners) = bind_public(&config, &numbers)?;
        let admin = Some(bind("admin", config.admin.listen)?);
        let proxy = Arc::new(Proxy {
            listeners,
            users,
            state: state.clone(),
            store: store.clone(),
            limits: config.limits.clone(),
            verdicts: crate::proxy::Verdicts::new(config.tokens.remember_bearer),
        });
        Ok(Self {
            config,
            state,
            store,
            proxy,
            numbers,
            metrics,
            certificate,
            public,
            admin,
        })
    }

    /// Rereads the certificate when told to; does nothing without one.
    pub fn certificate(&self) -> Option<Arc<Certificate>> {
        self.certificate.clone()
    }

    /// Runs until `stop`, then ends in order: no new connections, requests finished, jobs finished or handed back,
    /// state closed; all of it within the grace.
    pub async fn run(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        let requests = Ending {
            stop: CancellationToken::new(),
            abandon: CancellationToken::new(),
        };
        let jobs = Ending {
            stop: CancellationToken::new(),
            abandon: CancellationToken::new(),
        };
        let background = CancellationToken::new();
        let tasks = TaskTracker::new();

        let (threads, acceptors) = self.start_proxy(&requests)?;
        let runners = self.start_jobs(&jobs)?;
        self.start_background(&tasks, threads.dealer(), &background)?;
        tracing::info!(
            numbers = self.numbers.len(),
            threads = self.config.server.threads,
            "ready"
        );

        stop.cancelled().await;
        let grace = self.config.server.shutdown_grace;
        tracing::info!(
            grace_s = grace.as_secs(),
            "stopping: no new connections, unfinished work is finished or kept"
        );
        // The last part of the grace belongs to the jobs, whose unfinished work is only safe once it is handed back.
        let deadline = tokio::time::Instant::now() + grace;
        let for_requests = tokio::time::Instant::now() + grace.mul_f64(0.7);

        requests.stop.cancel();
        jobs.stop.cancel();
        acceptors.wait().await;
        let joined = tokio::task::spawn_blocking(move || threads.join());
        tokio::pin!(joined);
        if tokio::time::timeout_at(for_requests, &mut joined)
            .await
            .is_err()
        {
            tracing::warn!("requests still under way are cut off");
            requests.abandon.cancel();
            let _ = joined.await;
        }
        let for_jobs = deadline - grace.mul_f64(0.1);
        if tokio::time::timeout_at(for_jobs, runners.wait())
            .await
            .is_err()
        {
            tracing::info!("jobs still under way go back to the state");
            jobs.abandon.cancel();
            runners.wait().await;
        }
        background.cancel();
        tasks.close();
        let _ = tokio::time::timeout_at(deadline, tasks.wait()).await;
        self.state.close().await;
        tracing::info!("stopped");
        Ok(())
    }

    fn start_proxy(&mut self, ending: &Ending) -> anyhow::Result<(Threads, TaskTracker)> {
        let limits = &self.config.limits;
        let per_connection = ConnectionLimits {
            header_bytes: limits.header_bytes,
            headers: limits.headers,
            header_timeout: limits.header_timeout,
        };
        let version: Arc<str> = self
            .config
            .numbers
            .first()
            .map_or("", |number| &number.compat.version)
            .into();
        let threads = Threads::start(
            self.config.server.threads,
            per_connection,
            &ending.stop,
            &ending.abandon,
            || {
                let onprem = self
                    .numbers
                    .iter()
                    .map(|number| number.onprem.clone().map(backend::onprem::Client::new));
                Entry::new(
                    Arc::clone(&self.proxy),
                    onprem.collect(),
                    Arc::clone(&version),
                )
            },
        )?;
        let acceptors = TaskTracker::new();
        for (index, listener) in std::mem::take(&mut self.public).into_iter().enumerate() {
            let slots = Arc::new(Semaphore::new(limits.connections));
            let (dealer, stop) = (threads.dealer(), ending.stop.clone());
            // A listener of one number's own stands inside the operator's network, as the main one does: same TLS.
            let tls = self.certificate.clone();
            acceptors.spawn(async move { dealer.accept(listener, index, tls, slots, stop).await });
        }
        acceptors.close();
        Ok((threads, acceptors))
    }

    /// Two loops for each number: its fetches and its callbacks.
    fn start_jobs(&self, ending: &Ending) -> anyhow::Result<TaskTracker> {
        let runners = TaskTracker::new();
        let client = backend::cloud::Client::new(
            &self.config.fetch,
            self.config.server.allow_insecure_upstreams,
        )?;
        for number in &self.numbers {
            let fetch = self.fetch(number, &client);
            let permits = self.config.fetch.max_concurrent;
            self.start_runner(
                &runners,
                ending,
                number,
                Queue::Fetch,
                permits,
                FETCH_HORIZON,
                fetch,
            );
            let deliver = deliver(number)?;
            let callback = number.config.callback.as_ref();
            let permits = callback.map_or(1, |callback| callback.max_concurrent_requests);
            let longest = callback.map_or(Duration::ZERO, |callback| callback.max_backoff_delay);
            let horizon = longest + Duration::from_secs(60);
            self.start_runner(
                &runners,
                ending,
                number,
                Queue::Callback,
                permits,
                horizon,
                deliver,
            );
        }
        runners.close();
        Ok(runners)
    }

    #[allow(clippy::too_many_arguments)] // each is one word of the sentence its two callers say
    fn start_runner<S: Step>(
        &self,
        runners: &TaskTracker,
        ending: &Ending,
        number: &Number,
        queue: Queue,
        permits: usize,
        horizon: Duration,
        step: S,
    ) {
        let (number, state, step) = (
            number.config.name.clone(),
            self.state.clone(),
            Arc::new(step),
        );
        let runner = Runner {
            queue,
            number,
            state,
            permits,
            horizon,
            step,
        };
        runners.spawn(runner.run(ending.stop.clone(), ending.abandon.clone()));
    }

    fn fetch(&self, number: &Number, client: &backend::cloud::Client) -> Fetch {
        let cloud = number.config.cloud.clone();
        Fetch {
            cloud: cloud.map(|cloud| backend::cloud::Cloud::new(client.clone(), cloud)),
            config: self.config.fetch.clone(),
            compat: number.config.compat.clone(),
            state: self.state.clone(),
            store: self.store.clone(),
            metrics: Arc::clone(&number.metrics),
            in_flight: InFlight::default(),
            rests_until: AtomicI64::new(0),
        }
    }

    fn start_background(
        &mut self,
        tasks: &TaskTracker,
        dealer: Arc<Dealer>,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        let admin = Admin {
            token: self.config.admin.token.clone(),
            state: self.state.clone(),
            store: self.store.clone(),
            min_free_bytes: self.config.media.min_free_bytes,
            metrics: Arc::clone(&self.metrics),
            numbers: self.numbers.clone(),
            dealer,
        };
        let listener = self.admin.take().context("the bridge runs once")?;
        let until = stop.clone();
        tasks.spawn(async move {
            if let Err(error) = admin::serve(listener, admin, until).await {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the admin listener ended"
                );
            }
        });
        if let Some(certificate) = self.certificate.clone() {
            let until = stop.clone();
            tasks.spawn(async move {
                until
                    .run_until_cancelled(certificate.follow(CERTIFICATE_INTERVAL))
                    .await;
            });
        }
        let (state, store, proxy) = (
            self.state.clone(),
            self.store.clone(),
            Arc::clone(&self.proxy),
        );
        let keep_partials = self.config.fetch.give_up_after;
        let until = stop.clone();
        tasks.spawn(async move {
            until
                .run_until_cancelled(sweep(&state, &store, &proxy.users, keep_partials))
                .await;
        });
        Ok(())
    }
}

fn numbers(config: &Config, metrics: &Metrics) -> anyhow::Result<Vec<Arc<Number>>> {
    let make = |(index, number): (usize, &config::Number)| {
        let figures: Arc<NumberMetrics> =
            Arc::new(metrics.number(&number.name, &|route| number.mode(route)));
        let made = Number::new(number.clone(), index, figures, &config.limits);
        made.map(Arc::new)
            .with_context(|| format!("number {}", number.name))
    };
    config.numbers.iter().enumerate().map(make).collect()
}

fn deliver(number: &Number) -> anyhow::Result<Deliver> {
    let webhook = match number.config.callback.clone() {
        Some(config) => {
            let callback = backend::callback::Callback::new(config.clone());
            Some((
                callback.with_context(|| format!("number {}", number.config.name))?,
                config,
            ))
        }
        None => None,
    };
    Ok(Deliver {
        webhook,
        metrics: Arc::clone(&number.metrics),
    })
}

/// The public listener first, then the listeners that numbers have of their own.
fn bind_public(
    config: &Config,
    numbers: &[Arc<Number>],
) -> anyhow::Result<(Vec<TcpListener>, Vec<Numbers>)> {
    let shared = numbers
        .iter()
        .filter(|number| number.config.listen.is_none());
    let mut listeners = vec![bind("public", config.server.listen)?];
    let mut answering = vec![Numbers::by_host(shared.cloned())];
    for number in numbers {
        if let Some(address) = number.config.listen {
            listeners.push(bind(number.config.name.as_str(), address)?);
            answering.push(Numbers::only(Arc::clone(number)));
        }
    }
    Ok((listeners, answering))
}

fn bind(what: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = listener::bind(address)
        .with_context(|| format!("{address} ({what}) cannot be listened on"))?;
    tracing::info!(listener = what, address = %listener.local_addr()?, "listening");
    Ok(listener)
}

fn warn_of_missing_users(numbers: &[Arc<Number>], users: &Users) {
    let locked_out = |number: &&Arc<Number>| {
        number.mode(Route::Login) == Mode::Cloud
            && !users.any(&number.config.name)
            && number.onprem.is_none()
    };
    for number in numbers.iter().filter(locked_out) {
        tracing::warn!(number = %number.config.name, "nobody can log in: no user is configured and none was learnt from on-prem");
    }
}

/// Forgets what is over, now and every hour.
async fn sweep(state: &State, store: &Store, users: &Users, keep_partials: Duration) {
    loop {
        let now = Timestamp::now();
        users.sweep(now);
        if let Err(error) = state.sweep(now).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the state could not be swept"
            );
        }
        let store = store.clone();
        let swept = tokio::task::spawn_blocking(move || store.sweep(keep_partials)).await;
        match swept {
            Ok(Ok(0)) | Err(_) => {}
            Ok(Ok(files)) => tracing::info!(files, "partial files of abandoned fetches removed"),
            Ok(Err(error)) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "partial files could not be swept"
                );
            }
        }
        tokio::time::sleep(SWEEP_INTERVAL).await;
    }
}
