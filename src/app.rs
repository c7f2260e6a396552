//! The wiring diagram, as code: every part made once, in order, and the order of stopping.

use std::net::SocketAddr;
use std::path::PathBuf;
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
use crate::comparisons::{Comparisons, Keeper};
use crate::config::{self, Config};
use crate::cutover::Cutover;
use crate::entry::{Entry, INTAKE};
use crate::http::listener;
use crate::http::server::{ConnectionLimits, Dealer, Threads};
use crate::http::tls::Certificate;
use crate::jobs::runner::{Runner, Step};
use crate::media::Store;
use crate::metrics::Metrics;
use crate::proxy::number::{Number, Parts};
use crate::proxy::{Numbers, Proxy};
use crate::relay::deliver::Deliver;
use crate::relay::fetch::{Fetch, InFlight};
use crate::relay::intake::Intake;
use crate::relay::pair::EndPair;
use crate::route::{Mode, Route};
use crate::state::{Queue, State, Timestamp};
use crate::users::Users;

/// How often ramps, the kill file and the configuration are looked at.
const TICK: Duration = Duration::from_secs(1);
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
    intake_certificate: Option<Arc<Certificate>>,
    cloud: backend::cloud::Client,
    cutover: Arc<Cutover>,
    comparisons: Arc<Comparisons>,
    keeper: Option<Keeper>,
    public: Vec<TcpListener>,
    intake: Option<TcpListener>,
    admin: Option<TcpListener>,
}

/// What is read from files while the bridge runs.
pub struct Rereadable {
    certificates: Vec<Arc<Certificate>>,
    cutover: Arc<Cutover>,
}

impl Rereadable {
    /// Reads all of it again.
    pub async fn reread(&self) {
        for certificate in &self.certificates {
            certificate.reload();
        }
        self.cutover.reload().await;
    }
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
    ///
    /// `file` is where the configuration came from, so that it can be reread.
    pub async fn build(config: Config, file: Option<PathBuf>) -> anyhow::Result<Self> {
        let state = State::open(&config.state.path).context("the state cannot be opened")?;
        let store = Store::open(config.media.clone()).with_context(|| {
            format!(
                "the media folder {} cannot be used",
                config.media.folder.display()
            )
        })?;
        let metrics = Arc::new(Metrics::new());
        let cutover = Arc::new(Cutover::load(state.clone(), &config, file).await?);
        let (comparisons, keeper) = Comparisons::load(state.clone(), Arc::clone(&cutover)).await?;
        let cloud =
            backend::cloud::Client::new(&config.fetch, config.server.allow_insecure_upstreams)?;
        let numbers = numbers(&config, &metrics, &cutover, &cloud)?;
        let users = Users::load(
            state.clone(),
            &config.numbers,
            &config.tokens,
            &config.limits,
        )
        .await?;
        warn_of_missing_users(&numbers, &users);
        let certificate = certificate(config.server.tls.as_ref())?;
        let intake_certificate = certificate_of_intake(&config, certificate.as_ref())?;
        let (public, listeners) = bind_public(&config, &numbers)?;
        let admin = Some(bind("admin", config.admin.listen)?);
        let intake = config.intake.listen.map(|listen| bind("intake", listen));
        let proxy = Arc::new(Proxy {
            listeners,
            users,
            state: state.clone(),
            store: store.clone(),
            limits: config.limits.clone(),
            verdicts: crate::proxy::Verdicts::new(config.tokens.remember_bearer),
            cutover: Arc::clone(&cutover),
            comparisons: Arc::clone(&comparisons),
        });
        Ok(Self {
            config,
            state,
            store,
            proxy,
            numbers,
            metrics,
            certificate,
            intake_certificate,
            cloud,
            cutover,
            comparisons,
            keeper: Some(keeper),
            public,
            intake: intake.transpose()?,
            admin,
        })
    }

    /// What SIGHUP makes the bridge look at again.
    pub fn rereadable(&self) -> Rereadable {
        Rereadable {
            certificates: [&self.certificate, &self.intake_certificate]
                .into_iter()
                .flatten()
                .cloned()
                .collect(),
            cutover: Arc::clone(&self.cutover),
        }
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
        let intake = Arc::new(self.intake());
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
                    Arc::clone(&intake),
                    onprem.collect(),
                    Arc::clone(&version),
                )
            },
        )?;
        let acceptors = TaskTracker::new();
        // A listener of one number's own stands inside the operator's network, as the main one does: same TLS.
        let public = std::mem::take(&mut self.public).into_iter().enumerate();
        let public = public.map(|(index, listener)| (listener, index, self.certificate.clone()));
        let intake = self.intake.take().into_iter();
        let intake = intake.map(|listener| (listener, INTAKE, self.intake_certificate.clone()));
        for (listener, index, tls) in public.chain(intake).collect::<Vec<_>>() {
            let slots = Arc::new(Semaphore::new(limits.connections));
            let (dealer, stop) = (threads.dealer(), ending.stop.clone());
            acceptors.spawn(async move { dealer.accept(listener, index, tls, slots, stop).await });
        }
        acceptors.close();
        Ok((threads, acceptors))
    }

    fn intake(&self) -> Intake {
        let numbers = self.numbers.iter();
        Intake::new(
            numbers.map(|number| (&number.config, Arc::clone(&number.metrics))),
            self.state.clone(),
            Arc::clone(&self.comparisons),
            self.config.intake.body_bytes,
            self.config.limits.body_idle_timeout,
        )
    }

    /// Three loops for each number: its fetches, its callbacks, and the ends of its pairs.
    fn start_jobs(&self, ending: &Ending) -> anyhow::Result<TaskTracker> {
        let runners = TaskTracker::new();
        for number in &self.numbers {
            let fetch = self.fetch(number);
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
            let longest = self.config.compare.callback_deadline;
            self.start_runner(
                &runners,
                ending,
                number,
                Queue::Compare,
                self.config.compare.permits,
                longest + Duration::from_secs(60),
                self.end_pair(number),
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

    fn end_pair(&self, number: &Arc<Number>) -> EndPair {
        let (asked, cutover) = (Arc::clone(number), Arc::clone(&self.cutover));
        EndPair {
            number: number.config.name.clone(),
            state: self.state.clone(),
            comparisons: Arc::clone(&self.comparisons),
            metrics: Arc::clone(&number.metrics),
            published: Arc::clone(&number.published),
            compat: number.config.compat.clone(),
            measure: Arc::new(move |id| {
                let (number, config) = (Arc::clone(&asked), cutover.compare());
                Box::pin(async move { number.measure_onprem(&id, &config).await })
            }),
        }
    }

    fn fetch(&self, number: &Number) -> Fetch {
        let cloud = number.config.cloud.clone();
        Fetch {
            cloud: cloud.map(|cloud| backend::cloud::Cloud::new(self.cloud.clone(), cloud)),
            published: Arc::clone(&number.published),
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
            cutover: Arc::clone(&self.cutover),
            comparisons: Arc::clone(&self.comparisons),
            proxy: Arc::clone(&self.proxy),
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
        if let Some(keeper) = self.keeper.take() {
            tasks.spawn(keeper.run(stop.clone()));
        }
        let (cutover, until) = (Arc::clone(&self.cutover), stop.clone());
        tasks.spawn(async move { until.run_until_cancelled(tick(&cutover)).await });
        let (cutover, until) = (Arc::clone(&self.cutover), stop.clone());
        tasks.spawn(async move { until.run_until_cancelled(watch_kill_file(&cutover)).await });
        for certificate in self.rereadable().certificates {
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
        let (keep_partials, cutover) = (self.config.fetch.give_up_after, Arc::clone(&self.cutover));
        let until = stop.clone();
        tasks.spawn(async move {
            until
                .run_until_cancelled(sweep(&state, &store, &proxy.users, &cutover, keep_partials))
                .await;
        });
        Ok(())
    }
}

fn certificate(files: Option<&config::TlsFiles>) -> anyhow::Result<Option<Arc<Certificate>>> {
    let certificate = files.cloned().map(Certificate::load).transpose()?;
    Ok(certificate.map(Arc::new))
}

/// The same files are read once.
fn certificate_of_intake(
    config: &Config,
    public: Option<&Arc<Certificate>>,
) -> anyhow::Result<Option<Arc<Certificate>>> {
    match (&config.intake.tls, &config.server.tls) {
        (Some(intake), Some(server)) if intake == server => Ok(public.cloned()),
        (intake, _) => certificate(intake.as_ref()),
    }
}

fn numbers(
    config: &Config,
    metrics: &Metrics,
    cutover: &Cutover,
    cloud: &backend::cloud::Client,
) -> anyhow::Result<Vec<Arc<Number>>> {
    let make = |(index, number): (usize, &config::Number)| {
        let name = &number.name;
        let identity = number.cloud.clone();
        let parts = Parts {
            cloud: identity.map(|of| Arc::new(backend::cloud::Cloud::new(cloud.clone(), of))),
            published: cutover.of(name).context("a number without flags")?,
            metrics: Arc::new(metrics.number(name)),
            compare_permits: config.compare.permits,
        };
        let made = Number::new(number.clone(), index, parts, &config.limits);
        made.map(Arc::new).with_context(|| format!("number {name}"))
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
        number.published.load().flag(Route::Login).mode == Mode::Cloud
            && !users.any(&number.config.name)
            && number.onprem.is_none()
    };
    for number in numbers.iter().filter(locked_out) {
        tracing::warn!(number = %number.config.name, "nobody can log in: no user is configured and none was learnt from on-prem");
    }
}

/// By itself, so that it is looked at even while the state is not answering.
async fn watch_kill_file(cutover: &Cutover) {
    loop {
        tokio::time::sleep(TICK).await;
        cutover.look_at_kill_file().await;
    }
}

/// Moves ramps, and looks at the configuration.
async fn tick(cutover: &Cutover) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        cutover.reload_if_changed().await;
        cutover.move_ramps(Timestamp::now()).await;
    }
}

/// Forgets what is over, now and every hour.
async fn sweep(
    state: &State,
    store: &Store,
    users: &Users,
    cutover: &Cutover,
    keep_partials: Duration,
) {
    loop {
        let now = Timestamp::now();
        users.sweep(now);
        if let Err(error) = state.sweep(now).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the state could not be swept"
            );
        }
        let oldest =
            Timestamp(now.0.saturating_sub(
                i64::try_from(cutover.compare().keep.as_millis()).unwrap_or(i64::MAX),
            ));
        if let Err(error) = state.sweep_comparisons(oldest).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "old comparisons could not be swept"
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
