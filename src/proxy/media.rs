//! Media: the retry download's acknowledgement, and the stored bytes.

use std::io;
use std::ops::Range;

use http_range_header::parse_range_header;
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use super::respond::ProxyError;
use super::{Call, Proxy};
use crate::http::Body;
use crate::ids::{MediaId, NumberName};
use crate::media;
use crate::state::{Fate, Medium};

impl Proxy {
    /// `GET /v1/media/{id}/download`: acknowledged once the job is on disk, whatever Cloud is doing.
    pub(super) async fn download_medium(
        &self,
        call: &Call<'_>,
        id: &str,
        medium: Option<Medium>,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, ProxyError> {
        self.authenticate(call, request.headers()).await?;
        let id = MediaId::parse(id).ok_or(ProxyError::UnknownPath)?;
        // A UUID that the bridge did not give out was the old client's, and went with it.
        if matches!(id, MediaId::Uuid(_)) && medium.is_none() {
            return Err(ProxyError::UnknownPath);
        }
        call.number.take_turn()?;
        let response = self.accept(call, &id).await?;
        tracing::debug!(number = %call.number.config.name, medium = %id, request = ?call.id, "retry download accepted");
        Ok(response)
    }

    /// `GET /v1/media/{id}`: the stored bytes.
    pub(super) async fn get_medium(
        &self,
        call: &Call<'_>,
        id: &str,
        medium: Option<Medium>,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, ProxyError> {
        self.authenticate(call, request.headers()).await?;
        call.number.take_turn()?;
        let Some(medium) = medium.filter(|medium| medium.fate == Fate::Stored) else {
            return Err(missing(id));
        };
        // A range is defined for GET only.
        let is_get = *request.method() == Method::GET;
        let range = asked_range(request.headers()).filter(|_| is_get);
        self.serve(medium, range).await
    }

    pub(super) async fn medium(
        &self,
        number: &NumberName,
        id: &MediaId,
    ) -> Result<Option<Medium>, ProxyError> {
        Ok(self.state.medium(number, id).await?)
    }

    pub(super) async fn serve(
        &self,
        medium: Medium,
        range: Option<&str>,
    ) -> Result<Response<Body>, ProxyError> {
        // A folder may be on a network; opening a file must not hold up the other requests of this thread.
        let (store, id) = (self.store.clone(), medium.id);
        let opened = tokio::task::spawn_blocking(move || store.open_medium(id)).await;
        let opened = opened
            .map_err(io::Error::other)
            .and_then(|opened| opened)
            .map_err(ProxyError::Store)?;
        let (file, length) = opened.ok_or(ProxyError::NoSuchMedium)?;
        let range = single_range(range, length)?;
        let (status, bytes) = match &range {
            Some(range) => (StatusCode::PARTIAL_CONTENT, range.clone()),
            None => (StatusCode::OK, 0..length),
        };
        let stream = media::stream(file, bytes.clone()).map_err(ProxyError::Store)?;
        let mut response = Response::new(Body::stream(stream, bytes.end - bytes.start));
        *response.status_mut() = status;
        let out = response.headers_mut();
        let mime_type = medium
            .mime_type
            .as_deref()
            .and_then(|mime_type| HeaderValue::try_from(mime_type).ok());
        let fallback = HeaderValue::from_static("application/octet-stream");
        out.insert(header::CONTENT_TYPE, mime_type.unwrap_or(fallback));
        // Integrations convert it to an integer, so it is there on every answer.
        out.insert(
            header::CONTENT_LENGTH,
            HeaderValue::from(bytes.end - bytes.start),
        );
        out.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        out.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static("no-cache, private"),
        );
        out.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        out.insert(header::SERVER, HeaderValue::from_static("Server"));
        if range.is_some()
            && let Ok(value) =
                HeaderValue::try_from(format!("bytes {}-{}/{length}", bytes.start, bytes.end - 1))
        {
            out.insert(header::CONTENT_RANGE, value);
        }
        Ok(response)
    }
}

/// What is said of a medium that is not there.
pub(super) fn missing(id: &str) -> ProxyError {
    match MediaId::parse(id) {
        Some(_) => ProxyError::NoSuchMedium,
        None => ProxyError::UnknownPath,
    }
}

/// The `Range` asked for, if it is to be honoured: no answer has what an `If-Range` could be compared with.
pub(super) fn asked_range(headers: &HeaderMap) -> Option<&str> {
    if headers.contains_key(header::IF_RANGE) {
        return None;
    }
    headers.get(header::RANGE)?.to_str().ok()
}

/// The one range asked for. What cannot be read, and several at once, is answered with the whole, as RFC 9110 allows.
fn single_range(range: Option<&str>, length: u64) -> Result<Option<Range<u64>>, ProxyError> {
    let Some(value) = range.filter(|value| !value.contains(',')) else {
        return Ok(None);
    };
    let Ok(parsed) = parse_range_header(value) else {
        return Ok(None);
    };
    let ranges = parsed
        .validate(length)
        .map_err(|_| ProxyError::NoSuchRange(length))?;
    match ranges.as_slice() {
        [range] => Ok(Some(*range.start()..*range.end() + 1)),
        _ => Ok(None),
    }
}
