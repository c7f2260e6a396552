//! The listeners for those who call: their addresses, their certificates, their threads.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use super::{App, Ending};
use crate::backend;
use crate::config::{self, Config};
use crate::entry::{Entry, INTAKE};
use crate::http::listener;
use crate::http::server::{ConnectionLimits, Threads};
use crate::http::tls::Certificate;
use crate::proxy::Numbers;
use crate::proxy::number::Number;
use crate::relay::intake::Intake;
use crate::relay::notification::events::Events;
use crate::relay::notification::{self, Notifications};
use crate::relay::receive::Receive;

impl App {
    pub(super) fn start_proxy(
        &mut self,
        ending: &Ending,
        events: &Arc<Events>,
    ) -> anyhow::Result<(Threads, TaskTracker)> {
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
        let notifications = Arc::new(self.notifications(Arc::clone(events)));
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
                    Arc::clone(&notifications),
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
            Receive {
                bytes: self.config.intake.body_bytes,
                idle: self.config.limits.body_idle_timeout,
            },
        )
    }

    pub(super) fn events(&self) -> Events {
        let known = self.numbers.iter().filter_map(|number| {
            let cloud = number.config.cloud.as_ref()?;
            let known = notification::events::Number {
                index: number.index,
                kin: self.kin(cloud),
                name: number.config.name.clone(),
                compat: number.config.compat.clone(),
                settings: number.config.settings.clone(),
                sends: Arc::clone(&number.sends),
                metrics: Arc::clone(&number.metrics),
            };
            Some((cloud.phone_number_id.clone(), known))
        });
        // Of two with one id, which is in order only without an app secret, any will do.
        Events {
            numbers: known.collect(),
            state: self.state.clone(),
            seal: Arc::clone(&self.seal),
            keep_rows: self.config.notifications.keep_rows,
            status_wait: self.config.notifications.status_wait,
            metrics: Arc::new(self.metrics.notifications()),
        }
    }

    /// The numbers that share an app secret with this one.
    fn kin(&self, cloud: &config::Cloud) -> Vec<usize> {
        let own: Vec<&str> = cloud.app_secrets.iter().map(expose).collect();
        let shares = |number: &&Arc<Number>| {
            let cloud = number.config.cloud.as_ref();
            let mut secrets = cloud.into_iter().flat_map(|cloud| &cloud.app_secrets);
            secrets.any(|secret| own.contains(&expose(secret)))
        };
        let kin = self.numbers.iter().filter(shares);
        kin.map(|number| number.index).collect()
    }

    fn notifications(&self, events: Arc<Events>) -> Notifications {
        Notifications::new(
            self.numbers.iter().map(|number| &number.config),
            &self.config.intake,
            self.config.limits.body_idle_timeout,
            events,
        )
    }
}

fn expose(secret: &SecretString) -> &str {
    secret.expose_secret()
}

pub(super) fn certificate(
    files: Option<&config::TlsFiles>,
    client_ca: Option<&PathBuf>,
) -> anyhow::Result<Option<Arc<Certificate>>> {
    let load = |files: &config::TlsFiles| Certificate::load(files.clone(), client_ca.cloned());
    let certificate = files.map(load).transpose()?;
    Ok(certificate.map(Arc::new))
}

/// The same files are read once.
pub(super) fn certificate_of_intake(
    config: &Config,
    public: Option<&Arc<Certificate>>,
) -> anyhow::Result<Option<Arc<Certificate>>> {
    let intake = &config.intake;
    if intake.tls == config.server.tls && intake.client_ca.is_none() {
        return Ok(public.cloned());
    }
    certificate(intake.tls.as_ref(), intake.client_ca.as_ref())
}

/// The public listener first, then the listeners that numbers have of their own.
pub(super) fn bind_public(
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

pub(super) fn bind(what: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = listener::bind(address)
        .with_context(|| format!("{address} ({what}) cannot be listened on"))?;
    tracing::info!(listener = what, address = %listener.local_addr()?, "listening");
    Ok(listener)
}
