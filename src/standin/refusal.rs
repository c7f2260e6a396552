//! How each outside party says no: the body that goes with a status, the refused token, the throttling, the unknown thing.
//! Bodies are the recorded ones where a recording exists.

use hyper::header::{HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::body::{self, Body};

const BUSINESS_USAGE: HeaderName = HeaderName::from_static("x-business-use-case-usage");

/// Who refuses.
#[derive(Debug, Clone, Copy)]
pub(super) enum Peer<'a> {
    /// Cloud's Graph host.
    Graph {
        /// The account that the usage header speaks of.
        business_account_id: &'a str,
        /// The object asked for.
        object: &'a str,
    },
    /// Cloud's media host.
    MediaHost,
    /// The old client.
    Onprem {
        /// The version in `meta`.
        version: &'a str,
        /// An unknown medium is a 404 without a body, everything else has one.
        medium: bool,
    },
    /// The integration.
    Receiver,
}

impl Peer<'_> {
    /// This status with the body that goes with it.
    pub(super) fn refuses(self, status: u16) -> Response<Body> {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        match self {
            Self::Graph { .. } => graph_status(status),
            Self::MediaHost => page(status, "Sorry, this content isn't available right now."),
            Self::Onprem { version, medium } => match status {
                StatusCode::NOT_FOUND if medium => body::empty(status),
                status => onprem_status(status, version),
            },
            Self::Receiver => body::answer(
                status,
                "text/plain",
                status.canonical_reason().unwrap_or("refused"),
            ),
        }
    }

    /// The token was good once.
    pub(super) fn refuses_expired_token(self) -> Response<Body> {
        match self {
            Self::Graph { .. } | Self::MediaHost => graph_error(
                StatusCode::UNAUTHORIZED,
                &json!({
                    "message": "Error validating access token: Session has expired on Monday, 03-Nov-25 04:00:00 PST. \
                                The current time is Monday, 03-Nov-25 04:42:19 PST.",
                    "type": "OAuthException",
                    "code": 190,
                    "error_subcode": 463,
                }),
            ),
            Self::Onprem { .. } | Self::Receiver => self.refuses(401),
        }
    }

    /// Too many calls.
    pub(super) fn throttles(self, minutes: u64) -> Response<Body> {
        match self {
            Self::Graph {
                business_account_id,
                ..
            } => {
                let mut response = graph_error(
                    StatusCode::BAD_REQUEST,
                    &json!({
                        "message": "(#80007) There have been too many calls to this WhatsApp Business account. \
                                    Wait a bit and try again.",
                        "type": "OAuthException",
                        "code": 80007,
                    }),
                );
                report_usage(&mut response, business_account_id, 100, minutes);
                response
            }
            Self::MediaHost | Self::Onprem { .. } => self.refuses(429),
            Self::Receiver => {
                let mut response = self.refuses(429);
                response
                    .headers_mut()
                    .insert(RETRY_AFTER, HeaderValue::from(minutes * 60));
                response
            }
        }
    }

    /// No such thing.
    pub(super) fn knows_nothing(self) -> Response<Body> {
        match self {
            Self::Graph { object, .. } => graph_unknown_object(object, "get"),
            Self::MediaHost | Self::Onprem { .. } | Self::Receiver => self.refuses(404),
        }
    }
}

/// The header in which Graph tells how much of the allowance is used up.
pub(super) fn report_usage(
    response: &mut Response<Body>,
    account: &str,
    percent: u64,
    minutes: u64,
) {
    let usage = json!({account: [{
        "type": "whatsapp",
        "call_count": percent,
        "total_cputime": percent / 4,
        "total_time": percent / 4,
        "estimated_time_to_regain_access": minutes,
    }]});
    if let Ok(value) = HeaderValue::from_str(&usage.to_string()) {
        response.headers_mut().insert(BUSINESS_USAGE, value);
    }
}

/// Unknown, expired, foreign and forbidden objects all look like this. Recorded; it has no `error_data`.
pub(super) fn graph_unknown_object(object: &str, method: &str) -> Response<Body> {
    let message = format!(
        "Unsupported {method} request. Object with ID '{object}' does not exist, cannot be loaded due to missing permissions, \
         or does not support this operation. Please read the Graph API documentation at \
         https://developers.facebook.com/docs/graph-api"
    );
    let mut response = graph_error(
        StatusCode::BAD_REQUEST,
        &json!({"message": message, "type": "GraphMethodException", "code": 100, "error_subcode": 33}),
    );
    let challenge = format!("OAuth \"Facebook Platform\" \"invalid_request\" \"{message}\"");
    if let Ok(challenge) = HeaderValue::from_str(&challenge) {
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

/// Graph's error envelope around these members, with a trace id.
pub(super) fn graph_error(status: StatusCode, error: &Value) -> Response<Body> {
    let mut error = error.clone();
    error["fbtrace_id"] = "AbCdEfGhIjKlMnOpQrStUvW".into();
    graph_json(status, &json!({"error": error}))
}

/// JSON as Graph writes it: with a charset, and every slash and every `@` escaped.
pub(super) fn graph_json(status: StatusCode, value: &Value) -> Response<Body> {
    let text = value
        .to_string()
        .replace('/', "\\/")
        .replace('@', "\\u0040");
    body::answer(status, "application/json; charset=UTF-8", text)
}

/// A page meant for a browser.
pub(super) fn page(status: StatusCode, text: &str) -> Response<Body> {
    let html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\" id=\"facebook\"><head><title>Error</title></head>\
         <body><h1>{text}</h1><p>We're working on it and we'll get it fixed as soon as we can.</p></body></html>\n"
    );
    body::answer(status, "text/html; charset=utf-8", html)
}

/// The old client's error envelope.
pub(super) fn onprem_error(
    status: StatusCode,
    version: &str,
    (code, title, details): (u32, &str, &str),
) -> Response<Body> {
    body::json(
        status,
        &json!({
            "errors": [{"code": code, "title": title, "details": details}],
            "meta": {"api_status": "stable", "version": version},
        }),
    )
}

fn graph_status(status: StatusCode) -> Response<Body> {
    let (code, message) = match status.as_u16() {
        401 => (
            190,
            "Invalid OAuth access token - Cannot parse access token",
        ),
        403 => (
            10,
            "(#10) Application does not have permission for this action",
        ),
        429 => (4, "(#4) Application request limit reached"),
        500..=599 => (
            2,
            "An unexpected error has occurred. Please retry your request later.",
        ),
        _ => (100, "(#100) Invalid parameter"),
    };
    let mut error = json!({"message": message, "type": "OAuthException", "code": code});
    if status.is_server_error() {
        error["is_transient"] = true.into();
    }
    graph_error(status, &error)
}

fn onprem_status(status: StatusCode, version: &str) -> Response<Body> {
    let error = match status.as_u16() {
        400 => (
            1009,
            "Parameter value is not valid",
            "Parameter value is not valid.",
        ),
        401 => (1005, "Access denied", "Invalid credentials."),
        403 => (1005, "Access denied", "Access denied."),
        404 => (1006, "Resource not found", "URL path not found."),
        429 => (1015, "Too many requests", "Too many requests."),
        503 => (1016, "System overloaded", "System overloaded."),
        _ => (
            1014,
            "Internal error",
            "Connection timed out. Please check if wacore is running: wacore:6252",
        ),
    };
    onprem_error(status, version, error)
}
