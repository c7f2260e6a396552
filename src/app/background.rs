//! What goes on beside requests and jobs: the operators' listener, and the loops that look after files, flags and age.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::App;
use crate::admin::{self, Admin};
use crate::cutover::Cutover;
use crate::http::server::Dealer;
use crate::media::Store;
use crate::relay::notification::kept::Kept;
use crate::state::{State, Timestamp};
use crate::users::Users;

/// How often ramps, the kill file and the configuration are looked at.
const TICK: Duration = Duration::from_secs(1);
/// How often certificates are looked at, and what is over is swept away.
const CERTIFICATE_INTERVAL: Duration = Duration::from_secs(2);
const SWEEP_INTERVAL: Duration = Duration::from_secs(3600);
/// How long media are kept that nobody asked for: a day longer than the old client promised.
const KEEP_HELD: Duration = Duration::from_secs(15 * 86_400);

impl App {
    pub(super) fn start_background(
        &mut self,
        tasks: &TaskTracker,
        dealer: Arc<Dealer>,
        kept: Kept,
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
            kept,
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
        let sweep = move || -> std::io::Result<usize> {
            Ok(store.sweep(keep_partials)? + store.sweep_held(KEEP_HELD)?)
        };
        let swept = tokio::task::spawn_blocking(sweep).await;
        match swept {
            Ok(Ok(0)) | Err(_) => {}
            Ok(Ok(files)) => tracing::info!(
                files,
                "files removed that were abandoned halfway, or that nobody asked for"
            ),
            Ok(Err(error)) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the media folder could not be swept"
                );
            }
        }
        tokio::time::sleep(SWEEP_INTERVAL).await;
    }
}
