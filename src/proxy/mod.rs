//! The request story, read downwards: whose, which route, which side, who is calling, the answer.

mod auth;
mod forward;
mod media;
pub mod number;
pub mod respond;
mod session;
mod users;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use crate::backend;
use crate::config;
use crate::http::Body;
use crate::media::Store;
use crate::route::{self, Matched, Mode, Route};
use crate::state::State;
use crate::users::Users;
pub use auth::Verdicts;
use number::Number;
use respond::ProxyError;

/// What all proxy threads share.
pub struct Proxy {
    /// Which numbers answer on which listener.
    pub listeners: Vec<Numbers>,
    /// Users and tokens.
    pub users: Users,
    /// Where accepted work is kept.
    pub state: State,
    /// Where media are kept.
    pub store: Store,
    /// What a caller may ask.
    pub limits: config::Limits,
    /// What the old client said about bearers the bridge has not seen.
    pub verdicts: Verdicts,
}

/// The numbers of one listener.
#[derive(Default)]
pub struct Numbers {
    by_host: HashMap<String, Arc<Number>>,
    only: Option<Arc<Number>>,
}

/// One request on its way through the proxy, with what belongs to the thread it is on.
pub struct Call<'a> {
    /// The number it is for.
    pub number: &'a Number,
    /// This thread's connections to that number's old client.
    pub onprem: Option<&'a backend::onprem::Client>,
    /// Its id, for logs and for the old client.
    pub id: &'a HeaderValue,
    /// Who sent it.
    pub peer: SocketAddr,
}

impl Numbers {
    /// The numbers of the public listener: by `Host`, or the only one.
    pub fn by_host(numbers: impl IntoIterator<Item = Arc<Number>>) -> Self {
        let mut this = Self::default();
        for number in numbers {
            if number.config.hosts.is_empty() {
                this.only = Some(Arc::clone(&number));
            }
            for host in &number.config.hosts {
                this.by_host.insert(host.clone(), Arc::clone(&number));
            }
        }
        this
    }

    /// A listener of one number's own: any `Host` will do.
    pub fn only(number: Arc<Number>) -> Self {
        Self {
            by_host: HashMap::new(),
            only: Some(number),
        }
    }

    fn find(&self, request: &Request<Incoming>) -> Option<&Arc<Number>> {
        if self.by_host.is_empty() {
            return self.only.as_ref();
        }
        let named = request
            .headers()
            .get(header::HOST)
            .and_then(|host| host.to_str().ok());
        let host = named.or_else(|| request.uri().host()).unwrap_or_default();
        self.by_host
            .get(bare_name(host).to_ascii_lowercase().as_str())
            .or(self.only.as_ref())
    }
}

/// `[::1]:9090`, `name:9090` and `name.` (the same name, written out to the root) without what follows the name.
fn bare_name(host: &str) -> &str {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name.strip_suffix('.').unwrap_or(name)
}

impl Proxy {
    /// The number a request is for.
    pub fn number(
        &self,
        listener: usize,
        request: &Request<Incoming>,
    ) -> Result<&Arc<Number>, ProxyError> {
        self.listeners
            .get(listener)
            .and_then(|numbers| numbers.find(request))
            .ok_or(ProxyError::UnknownHost)
    }

    /// Answers a request for a number. Counts it by its route.
    pub async fn handle(&self, call: &Call<'_>, request: Request<Incoming>) -> Response<Body> {
        let started = Instant::now();
        let head = request.method() == Method::HEAD;
        let path = request.uri().clone();
        let matched = route::find(request.method(), path.path());
        let result = match matched {
            Matched::Route { route, id } => self.answer(call, route, id, request).await,
            Matched::WrongMethod { route, allow } => {
                Box::pin(self.wrong_method(call, route, allow, request)).await
            }
            Matched::Unknown => Box::pin(self.unknown(call, request)).await,
        };
        let route = match matched {
            Matched::Route { route, .. } | Matched::WrongMethod { route, .. } => Some(route),
            Matched::Unknown => None,
        };
        let config = &call.number.config;
        let response = result.unwrap_or_else(|error| {
            let route = route.map_or("", Route::as_str);
            respond::note(&error, config.name.as_str(), route, call.id);
            respond::failure(&error, &config.compat.version)
        });
        if let Some(route) = route {
            let (status, took) = (response.status().as_u16(), started.elapsed());
            call.number.metrics.answered(route, status, took);
        }
        if head {
            response.map(|_| Body::empty())
        } else {
            response
        }
    }

    /// One documented call: the flag decides the side.
    ///
    /// The futures of all but the pass-through are boxed. Unboxed, the room for the largest of them would be moved about
    /// on every request; measured, that was a sixth of the instructions of a pass-through.
    async fn answer(
        &self,
        call: &Call<'_>,
        route: Route,
        id: &str,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, ProxyError> {
        match (call.number.mode(route), route) {
            (Mode::Off, _) => Err(ProxyError::UnknownPath),
            // A medium that the bridge stored is served from here whatever the flag says: the old client has no copy.
            (Mode::OnPrem | Mode::Cloud, Route::MediaGet) => {
                Box::pin(self.get_medium(call, id, request)).await
            }
            (Mode::OnPrem, Route::Login) => Box::pin(self.login_onprem(call, request)).await,
            (Mode::OnPrem, Route::Logout) => Box::pin(self.logout_onprem(call, request)).await,
            (Mode::OnPrem, _) => self.forward(call, request).await,
            (Mode::Cloud, Route::Login) => Box::pin(self.login(call, request)).await,
            (Mode::Cloud, Route::Logout) => Box::pin(self.logout(call, request)).await,
            (Mode::Cloud, Route::MediaDownload) => {
                Box::pin(self.download_medium(call, id, request)).await
            }
            // The configuration refuses this mode for every route that cannot be served from Cloud.
            (Mode::Cloud, _) => Err(ProxyError::UnknownPath),
        }
    }

    /// A path the old client has, with a method it has not: the old client's own affair while the route is its.
    async fn wrong_method(
        &self,
        call: &Call<'_>,
        route: Route,
        allow: &'static str,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, ProxyError> {
        match call.number.mode(route) {
            Mode::OnPrem => self.forward(call, request).await,
            Mode::Cloud => Err(ProxyError::WrongMethod(allow)),
            Mode::Off => Err(ProxyError::UnknownPath),
        }
    }

    /// A path that is in no document: the old client may know better.
    async fn unknown(
        &self,
        call: &Call<'_>,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, ProxyError> {
        // A tunnel is a matter between a caller and a proxy of his choice; there is nothing to dig one to.
        if request.method() == Method::CONNECT {
            return Err(ProxyError::UnknownPath);
        }
        if call.onprem.is_some() {
            return self.forward(call, request).await;
        }
        // Load balancers of the old client's deployment ask for the root and want any answer at all.
        if request.uri().path() == "/" && matches!(*request.method(), Method::GET | Method::HEAD) {
            return Ok(respond::empty(
                StatusCode::OK,
                &call.number.config.compat.version,
            ));
        }
        Err(ProxyError::UnknownPath)
    }
}
