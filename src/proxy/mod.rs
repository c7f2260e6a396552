//! The request story, read downwards: whose, which route, which side, who is calling, the answer.

mod auth;
mod cloud;
mod compare;
mod decide;
mod forward;
mod media;
pub mod number;
mod pair;
mod record;
pub mod respond;
mod session;
mod shadow;
mod users;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use crate::backend;
use crate::comparisons::Comparisons;
use crate::config;
use crate::cutover::{Cutover, InForce};
use crate::http::Body;
use crate::http::headers::DECISION;
use crate::ids::MediaId;
use crate::media::Store;
use crate::route::{self, Decision, Matched, Plan, Route, Side};
use crate::state::State;
use crate::users::Users;
pub use auth::Verdicts;
use decide::Decided;
pub use decide::Why;
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
    /// The flags in force.
    pub cutover: Arc<Cutover>,
    /// Where comparisons go.
    pub comparisons: Arc<Comparisons>,
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
    pub number: &'a Arc<Number>,
    /// Its flags, as they were when the request came.
    pub flags: Arc<InForce>,
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
    pub async fn handle(&self, call: &Call<'_>, mut request: Request<Incoming>) -> Response<Body> {
        let started = Instant::now();
        let head = request.method() == Method::HEAD;
        let explain = decide::is_asked(request.headers_mut());
        let path = request.uri().clone();
        let matched = route::find(request.method(), path.path());
        let (route, id) = match matched {
            Matched::Route { route, id } | Matched::WrongMethod { route, id, .. } => {
                (Some(route), id)
            }
            Matched::Unknown => (None, ""),
        };
        let is_send = route == Some(Route::Messages) && request.method() == Method::POST;
        let under_way = is_send.then(|| call.number.sends.begin());
        let mut decision = None;
        let result = match route {
            None => Box::pin(self.unknown(call, request)).await,
            Some(route) => match self.decided(call, route, id, &request).await {
                Err(error) => Err(error),
                Ok(decided) => {
                    decision = Some(decided.decision);
                    match matched {
                        Matched::WrongMethod { allow, .. } => {
                            let plan = decided.decision.plan;
                            Box::pin(self.wrong_method(call, route, plan, allow, request)).await
                        }
                        _ => self.answer(call, route, id, decided, request).await,
                    }
                }
            },
        };
        let config = &call.number.config;
        let mut response = result.unwrap_or_else(|error| {
            let route = route.map_or("", Route::as_str);
            respond::note(&error, config.name.as_str(), route, call.id);
            respond::failure(&error, &config.compat.version)
        });
        if let Some((route, decision)) = route.zip(decision) {
            self.count(call, route, decision, response.status(), started);
            if explain && let Some(shown) = decide::shown(decision, &call.flags, route) {
                response.headers_mut().insert(DECISION, shown);
            }
        }
        if let Some(under_way) = under_way {
            response.body_mut().hold(under_way);
        }
        if head {
            response.map(|_| Body::empty())
        } else {
            response
        }
    }

    fn count(
        &self,
        call: &Call<'_>,
        route: Route,
        decision: Decision,
        status: StatusCode,
        started: Instant,
    ) {
        let number = call.number;
        number
            .metrics
            .answered(route, decision.plan, status.as_u16(), started.elapsed());
        // A retry download that was accepted counts when it has come to its end.
        let is_over = route != Route::MediaDownload || !status.is_success();
        if decision.plan.answer() == Some(Side::Cloud) && is_over {
            number
                .published
                .tally
                .answered(route, status.is_server_error());
        }
    }

    /// The decision, at once where nothing about the call matters.
    async fn decided(
        &self,
        call: &Call<'_>,
        route: Route,
        id: &str,
        request: &Request<Incoming>,
    ) -> Result<Decided, ProxyError> {
        if !matches!(route, Route::MediaGet | Route::MediaDownload)
            && let Some(decision) = call.flags.settled(route)
        {
            let medium = None;
            return Ok(Decided { decision, medium });
        }
        Box::pin(self.decide(call, route, id, request.headers())).await
    }

    /// One documented call, on the side that was decided on.
    ///
    /// The futures of all but the pass-through are boxed. Unboxed, the room for the largest of them would be moved about
    /// on every request; measured, that was a sixth of the instructions of a pass-through.
    async fn answer(
        &self,
        call: &Call<'_>,
        route: Route,
        id: &str,
        decided: Decided,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, ProxyError> {
        let Decided { decision, medium } = decided;
        match (decision.plan, route) {
            (Plan::Off, _) => Err(ProxyError::UnknownPath),
            (Plan::OnPrem, Route::Login) => Box::pin(self.login_onprem(call, request)).await,
            (Plan::OnPrem, Route::Logout) => Box::pin(self.logout_onprem(call, request)).await,
            (Plan::OnPrem, Route::MediaDownload) => {
                Box::pin(self.forward_download(call, id, request)).await
            }
            (Plan::OnPrem, _) => self.forward(call, Some(route), request).await,
            (Plan::Cloud, Route::Login) => Box::pin(self.login(call, request)).await,
            (Plan::Cloud, Route::Logout) => Box::pin(self.logout(call, request)).await,
            (Plan::Cloud, Route::MediaGet) => {
                let medium = medium.map(|medium| *medium);
                Box::pin(self.get_medium(call, id, medium, request)).await
            }
            (Plan::Cloud, Route::MediaDownload) => {
                let medium = medium.map(|medium| *medium);
                Box::pin(self.download_medium(call, id, medium, request)).await
            }
            (Plan::Cloud, _) => Box::pin(self.answer_as_cloud(call, route, request)).await,
            (Plan::Compare { answer }, _) => {
                let medium = medium.map(|medium| *medium);
                Box::pin(self.compare(call, route, id, answer, medium, request)).await
            }
        }
    }

    /// A retry download that is the old client's alone.
    async fn forward_download(
        &self,
        call: &Call<'_>,
        id: &str,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, ProxyError> {
        // A callback that answers this call must not be taken for a repetition of a compared one's.
        if let Some(id) = MediaId::parse(id) {
            let medium = id.to_string();
            self.state.owe(&call.number.config.name, &medium).await?;
        }
        self.forward(call, Some(Route::MediaDownload), request)
            .await
    }

    /// A route with small JSON bodies, answered by Cloud.
    async fn answer_as_cloud(
        &self,
        call: &Call<'_>,
        route: Route,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, ProxyError> {
        self.authenticate(call, request.headers()).await?;
        call.number.take_turn()?;
        let (parts, incoming) = request.into_parts();
        let body = self.read_json(incoming).await?;
        let said = call.number.ask_cloud(route, &parts.method, &body).await?;
        Ok(said.into_response())
    }

    /// A path the old client has, with a method it has not: the old client's own affair while the route is its.
    async fn wrong_method(
        &self,
        call: &Call<'_>,
        route: Route,
        plan: Plan,
        allow: &'static str,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, ProxyError> {
        match plan {
            Plan::Off => Err(ProxyError::UnknownPath),
            _ if plan.answer() == Some(Side::OnPrem) => {
                self.forward(call, Some(route), request).await
            }
            _ => Err(ProxyError::WrongMethod(allow)),
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
            return self.forward(call, None, request).await;
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
