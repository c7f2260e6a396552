//! The wiring diagram, as code: every part made once, in order, and the order of stopping.

mod background;
mod jobs;
mod listeners;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::backend;
use crate::comparisons::{Comparisons, Keeper};
use crate::config::{self, Config};
use crate::cutover::Cutover;
use crate::http::tls::Certificate;
use crate::media::Store;
use crate::metrics::Metrics;
use crate::proxy::Proxy;
use crate::proxy::number::{Number, Parts};
use crate::relay::notification::kept::Kept;
use crate::relay::notification::seal::Seal;
use crate::route::{Mode, Route};
use crate::state::State;
use crate::users::Users;
use listeners::{bind, bind_public, certificate, certificate_of_intake};

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
    seal: Arc<Seal>,
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
        let seal = Seal::new(&config.notifications, &state).await?;
        let users = Users::load(
            state.clone(),
            &config.numbers,
            &config.tokens,
            &config.limits,
        )
        .await?;
        warn_of_missing_users(&numbers, &users);
        let certificate = certificate(config.server.tls.as_ref(), None)?;
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
            seal: Arc::new(seal),
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

        let events = Arc::new(self.events());
        let (threads, acceptors) = self.start_proxy(&requests, &events)?;
        let runners = self.start_jobs(&jobs)?;
        let kept = Kept::new(events);
        self.start_background(&tasks, threads.dealer(), kept, &background)?;
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
