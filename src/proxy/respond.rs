//! Answers in the old shape. The only place where an error gets a status and a body.
//!
//! What went wrong inside is for the log; a caller gets the documented words.

use bytes::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;

use crate::backend::cloud::ProfileError;
use crate::backend::onprem::Unanswered;
use crate::cloud::error::Class;
use crate::http::Body;
use crate::http::body::BodyError;
use crate::onprem;
use crate::onprem::{Error, Meta};
use crate::state::StateError;
use crate::users::PASSWORD_RULE;

/// Why a request is not answered as it would like to be.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// No number answers to this `Host`.
    #[error("no number answers to this host")]
    UnknownHost,
    /// No such route, or its flag is `off`.
    #[error("no such path")]
    UnknownPath,
    /// The path is known, the method is not.
    #[error("no such method, only {0}")]
    WrongMethod(&'static str),
    /// No good token, or a wrong password.
    #[error("no valid credentials")]
    Unauthorized,
    /// A callback that does not come from the old client.
    #[error("not from the old client")]
    Stranger,
    /// A notification that nobody signed who may.
    #[error("no good signature")]
    BadSignature,
    /// A notification that does not come from Meta, or a question that does not.
    #[error("not from Meta")]
    NotMeta,
    /// The first login must bring a new password.
    #[error("the password must be changed first")]
    PasswordChangeRequired,
    /// The new password is too weak.
    #[error("the new password is too weak")]
    WeakPassword,
    /// A body that should be JSON is not.
    #[error("the body is not JSON")]
    NotJson,
    /// A request that can be read in two ways.
    #[error("the request is ambiguous: {0}")]
    Ambiguous(&'static str),
    /// A body over its limit.
    #[error("the body is larger than {0} bytes")]
    TooLarge(u64),
    /// The body broke off or stood still.
    #[error("the body did not arrive")]
    Incomplete(#[source] BodyError),
    /// Over a limit.
    #[error("too many requests")]
    TooManyRequests,
    /// No such medium, or none stored. The one error without a body.
    #[error("no such medium")]
    NoSuchMedium,
    /// A range outside the medium.
    #[error("no such range of {0} bytes")]
    NoSuchRange(u64),
    /// The old client gave no answer.
    #[error(transparent)]
    OnPrem(Unanswered),
    /// The old client neither takes a token nor refuses it.
    #[error("the on-prem client says neither yes nor no to a token ({0})")]
    NoVerdict(StatusCode),
    /// The old client does not accept the bridge's own login.
    #[error("the on-prem client refuses the bridge's own login ({0})")]
    OwnLogin(StatusCode),
    /// The bridge's session at the old client had ended, and this request cannot be sent twice.
    #[error("the bridge's session at the on-prem client had ended")]
    OwnSessionEnded,
    /// Cloud gave no answer, or not one the integration could use.
    #[error("Cloud does not answer as asked")]
    Cloud(#[source] Box<ProfileError>),
    /// Work cannot be accepted durably.
    #[error("the state cannot accept work")]
    State(#[from] StateError),
    /// A stored medium cannot be read.
    #[error("the media store cannot be read")]
    Store(#[source] std::io::Error),
}

impl From<Unanswered> for ProxyError {
    fn from(error: Unanswered) -> Self {
        match error {
            Unanswered::Request(fault) => Self::Incomplete(fault),
            error => Self::OnPrem(error),
        }
    }
}

impl ProxyError {
    /// The status and the words for the caller; no words where the old client had none.
    fn answer(&self) -> (StatusCode, Option<Error>) {
        use StatusCode as S;
        match self {
            Self::UnknownHost => (
                S::NOT_FOUND,
                Some(Error::NOT_FOUND.with("No number answers to this host.")),
            ),
            Self::UnknownPath => (
                S::NOT_FOUND,
                Some(Error::NOT_FOUND.with("URL path not found.")),
            ),
            Self::WrongMethod(_) => (
                S::METHOD_NOT_ALLOWED,
                Some(Error::NOT_FOUND.with("Method not allowed.")),
            ),
            Self::Unauthorized => (
                S::UNAUTHORIZED,
                Some(Error::ACCESS_DENIED.with("Invalid credentials.")),
            ),
            Self::Stranger => (
                S::FORBIDDEN,
                Some(Error::ACCESS_DENIED.with("Callbacks are taken from the old client only.")),
            ),
            Self::BadSignature => (
                S::UNAUTHORIZED,
                Some(Error::ACCESS_DENIED.with("The signature is missing or wrong.")),
            ),
            Self::NotMeta => (
                S::FORBIDDEN,
                Some(Error::ACCESS_DENIED.with("Notifications are taken from Meta only.")),
            ),
            Self::PasswordChangeRequired => (
                S::UNAUTHORIZED,
                Some(Error::PASSWORD_CHANGE.with("Password must be changed")),
            ),
            Self::WeakPassword => (
                S::BAD_REQUEST,
                Some(Error::INVALID_VALUE.with(PASSWORD_RULE)),
            ),
            Self::NotJson => {
                let details = "Unable to decode json from the request: Syntax error";
                (S::BAD_REQUEST, Some(Error::INVALID_REQUEST.with(details)))
            }
            Self::Ambiguous(what) => (S::BAD_REQUEST, Some(Error::INVALID_REQUEST.with(*what))),
            Self::TooLarge(limit) => {
                let details = format!("The body is larger than {limit} bytes.");
                (
                    S::PAYLOAD_TOO_LARGE,
                    Some(Error::INVALID_VALUE.with(details)),
                )
            }
            Self::Incomplete(BodyError::TooLarge) => (
                S::PAYLOAD_TOO_LARGE,
                Some(Error::INVALID_VALUE.with("The body is too large.")),
            ),
            Self::Incomplete(BodyError::Idle) => (
                S::REQUEST_TIMEOUT,
                Some(Error::INVALID_REQUEST.with("The body did not arrive in time.")),
            ),
            Self::Incomplete(_) => (
                S::BAD_REQUEST,
                Some(Error::INVALID_REQUEST.with("The body did not arrive.")),
            ),
            Self::TooManyRequests => (S::TOO_MANY_REQUESTS, Some(Error::TOO_MANY_REQUESTS)),
            Self::NoSuchMedium => (S::NOT_FOUND, None),
            Self::NoSuchRange(_) => (S::RANGE_NOT_SATISFIABLE, None),
            Self::OnPrem(Unanswered::Timeout) => (
                S::GATEWAY_TIMEOUT,
                Some(Error::INTERNAL.with("The on-premises client did not answer in time.")),
            ),
            Self::OnPrem(_) | Self::NoVerdict(_) => (
                S::BAD_GATEWAY,
                Some(Error::INTERNAL.with("The on-premises client cannot be reached.")),
            ),
            Self::OwnLogin(_) | Self::OwnSessionEnded => {
                let details = "The session at the on-premises client had to be renewed. Send the request again.";
                (S::SERVICE_UNAVAILABLE, Some(Error::INTERNAL.with(details)))
            }
            Self::Cloud(error) => cloud_words(error),
            Self::State(_) => {
                let details = "The request cannot be accepted now. Send it again later.";
                (
                    S::SERVICE_UNAVAILABLE,
                    Some(Error::OVERLOADED.with(details)),
                )
            }
            Self::Store(_) => (
                S::INTERNAL_SERVER_ERROR,
                Some(Error::INTERNAL.with("The media store cannot be read.")),
            ),
        }
    }

    /// Whether an operator should hear of it: the bridge, the old client or a disk is at fault, not the caller.
    fn concerns_operator(&self) -> bool {
        matches!(
            self,
            Self::OnPrem(_)
                | Self::NoVerdict(_)
                | Self::OwnLogin(_)
                | Self::Cloud(_)
                | Self::State(_)
                | Self::Store(_)
        )
    }
}

/// What an integration is told of Cloud's troubles. A fault of our token is none of its business.
fn cloud_words(error: &ProfileError) -> (StatusCode, Option<Error>) {
    use StatusCode as S;
    match error {
        ProfileError::Refused {
            class: Class::Permanent,
            ..
        } => (
            S::BAD_REQUEST,
            Some(Error::INVALID_VALUE.with("Cloud does not take this value.")),
        ),
        ProfileError::Refused {
            class: Class::Throttled(_),
            ..
        } => (S::TOO_MANY_REQUESTS, Some(Error::TOO_MANY_REQUESTS)),
        ProfileError::Refused { .. } | ProfileError::Unreached(_) => (
            S::BAD_GATEWAY,
            Some(Error::INTERNAL.with("Cloud cannot be asked now. Send the request again later.")),
        ),
    }
}

/// The status and the body that a failed request gets, where it gets one.
pub fn as_said(error: &ProxyError, version: &str) -> (StatusCode, Option<serde_json::Value>) {
    let (status, words) = error.answer();
    let meta = Meta::stable(version);
    (
        status,
        words.map(|words| serde_json::json!({"errors": [words], "meta": meta})),
    )
}

/// Says once why a request failed, and which: its id is the one in the caller's answer and at the old client.
pub fn note(error: &ProxyError, number: &str, route: &str, request: &HeaderValue) {
    let cause = error as &dyn std::error::Error;
    if error.concerns_operator() {
        tracing::warn!(
            number,
            route,
            ?request,
            error = cause,
            "request not answered as asked"
        );
    } else {
        tracing::debug!(number, route, ?request, error = cause, "request refused");
    }
}

/// The answer to a request that failed.
pub fn failure(error: &ProxyError, version: &str) -> Response<Body> {
    let (status, words) = error.answer();
    let mut response = match words {
        Some(words) => json(
            status,
            &onprem::error::Failure {
                errors: &[words],
                meta: Meta::stable(version),
            },
        ),
        None => bare(status),
    };
    match error {
        ProxyError::WrongMethod(allow) => {
            response
                .headers_mut()
                .insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        ProxyError::NoSuchRange(length) => {
            if let Ok(value) = HeaderValue::try_from(format!("bytes */{length}")) {
                response.headers_mut().insert(header::CONTENT_RANGE, value);
            }
        }
        _ => {}
    }
    response
}

/// A fault of the bridge itself.
pub fn panicked() -> Response<Body> {
    let words = Error::INTERNAL.with("The request could not be processed.");
    json(
        StatusCode::INTERNAL_SERVER_ERROR,
        &onprem::error::Failure {
            errors: &[words],
            meta: Meta::stable(""),
        },
    )
}

/// A line of text, for those who do not know the old envelope.
pub fn text(line: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::full(line));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

/// A success without payload.
pub fn empty(status: StatusCode, version: &str) -> Response<Body> {
    json(
        status,
        &onprem::Empty {
            meta: Meta::stable(version),
        },
    )
}

/// A compact JSON answer with the old client's headers.
pub fn json(status: StatusCode, body: &impl Serialize) -> Response<Body> {
    // The wire types hold nothing that cannot be written as JSON.
    let bytes = serde_json::to_vec(body).unwrap_or_default();
    let mut response = Response::new(Body::full(Bytes::from(bytes)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-cache, private"),
    );
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(header::SERVER, HeaderValue::from_static("Server"));
    response
}

fn bare(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::SERVER, HeaderValue::from_static("Server"));
    response
}
