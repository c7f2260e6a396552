//! Pass-through: a request to the old client and its answer back, streamed, untouched but for hop-by-hop headers.

use hyper::body::{Body as _, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode, Version};

use super::respond::ProxyError;
use super::session::OwnSession;
use super::{Call, Proxy, auth};
use crate::backend;
use crate::http::Body;
use crate::http::headers::{REQUEST_ID, remove_hop_by_hop};
use crate::route::Route;
use crate::users::Bearer;

impl Proxy {
    /// Streams a request through.
    pub(super) async fn forward(
        &self,
        call: &Call<'_>,
        route: Option<Route>,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, ProxyError> {
        if let Some(route) = route
            && route.is_recordable()
            && self
                .comparisons
                .is_recording(&call.number.config.name, route)
        {
            return Box::pin(self.forward_recorded(call, route, request)).await;
        }
        let (parts, incoming) = request.into_parts();
        let body = self.passing(incoming)?;
        let answer = self.pass(call, parts, body).await?;
        Ok(self.hand_back(answer))
    }

    /// A caller's body on its way to the old client.
    pub(super) fn passing(&self, incoming: Incoming) -> Result<Body, ProxyError> {
        let limit = self.limits.upload_bytes;
        if incoming.size_hint().lower() > limit {
            return Err(ProxyError::TooLarge(limit));
        }
        Ok(Body::passing(
            incoming,
            limit,
            self.limits.body_idle_timeout,
        ))
    }

    /// Asks the old client what a caller asks, in the caller's name where that means something there.
    pub(super) async fn pass(
        &self,
        call: &Call<'_>,
        mut parts: Parts,
        body: Body,
    ) -> Result<Response<Incoming>, ProxyError> {
        let onprem = call.onprem.ok_or(ProxyError::UnknownPath)?;
        remove_hop_by_hop(&mut parts.headers);
        parts.headers.insert(REQUEST_ID, call.id.clone());
        match self.own_session(call, &parts)? {
            Some(session) => Box::pin(self.send_as_bridge(onprem, session, parts, body)).await,
            None => Ok(onprem.send(Request::from_parts(parts, body)).await?),
        }
    }

    /// An answer of the old client on its way to the caller.
    pub(super) fn hand_back(&self, answer: Response<Incoming>) -> Response<Body> {
        let mut answer =
            answer.map(|body| Body::passing(body, u64::MAX, self.limits.body_idle_timeout));
        remove_hop_by_hop(answer.headers_mut());
        // Which version the old client speaks is its connection's affair.
        *answer.version_mut() = Version::HTTP_11;
        answer
    }

    /// The bridge's own session, when the caller's token was given out by the bridge and means nothing to the old client.
    fn own_session<'a>(
        &self,
        call: &Call<'a>,
        parts: &Parts,
    ) -> Result<Option<&'a OwnSession>, ProxyError> {
        let Some(token) = auth::bearer(&parts.headers) else {
            return Ok(None);
        };
        if !self.users.may_be_minted(token) {
            return Ok(None);
        }
        match self.users.bearer(&call.number.config.name, token) {
            // Without a session the route is not this caller's; the token is none of the old client's business.
            Bearer::Minted => call
                .number
                .session
                .as_ref()
                .map(Some)
                .ok_or(ProxyError::UnknownPath),
            Bearer::Ended => Err(ProxyError::Unauthorized),
            Bearer::Learned | Bearer::Foreign => Ok(None),
        }
    }

    /// Sends with the bridge's own session; logs in again once when the old client no longer accepts it.
    async fn send_as_bridge(
        &self,
        onprem: &backend::onprem::Client,
        session: &OwnSession,
        parts: Parts,
        body: Body,
    ) -> Result<Response<Incoming>, ProxyError> {
        let authorization = session.authorization(onprem, None).await?;
        let fits = body
            .size_hint()
            .upper()
            .is_some_and(|size| size <= self.limits.json_bytes);
        // A small body is kept, so that it can be sent again; a refused request was not carried out.
        let (body, kept) = if fits {
            let bytes = body.read().await.map_err(ProxyError::Incomplete)?;
            (Body::full(bytes.clone()), Some(bytes))
        } else {
            (body, None)
        };
        let answer = onprem
            .send(with_authorization(&parts, &authorization, body))
            .await?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        let renewed = session.authorization(onprem, Some(&authorization)).await?;
        let bytes = kept.ok_or(ProxyError::OwnSessionEnded)?;
        let answer = onprem
            .send(with_authorization(&parts, &renewed, Body::full(bytes)))
            .await?;
        match answer.status() {
            // The caller's token is good; it must not be told otherwise.
            StatusCode::UNAUTHORIZED => Err(ProxyError::OwnLogin(StatusCode::UNAUTHORIZED)),
            _ => Ok(answer),
        }
    }
}

fn with_authorization(parts: &Parts, authorization: &HeaderValue, body: Body) -> Request<Body> {
    // With its extensions, which hold how the headers' names were written.
    let mut request = Request::from_parts(parts.clone(), body);
    request
        .headers_mut()
        .insert(header::AUTHORIZATION, authorization.clone());
    request
}
