//! What a proxy must not hand on, and what every answer of the bridge carries. Pure.

use hyper::HeaderMap;
use hyper::header::{self, HeaderName, HeaderValue};

/// The header that carries the request's id, in both directions.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Asks which side a call went to and why, and carries the answer.
pub const DECISION: HeaderName = HeaderName::from_static("x-bridge-decision");

/// Headers about one connection rather than the message (RFC 9110, 7.6.1).
const HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Takes away what concerns the connection only, including what `Connection` itself names.
pub fn remove_hop_by_hop(headers: &mut HeaderMap) {
    // Looking costs a comparison, removing a hash; most messages have none of them.
    if !headers.keys().any(|name| HOP_BY_HOP.contains(name)) {
        return;
    }
    for name in named_by_connection(headers) {
        headers.remove(name);
    }
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}

/// What all `Connection` headers together name, but for what carries the caller's identity or frames the message.
fn named_by_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    let kept = [header::AUTHORIZATION, header::CONTENT_LENGTH, header::HOST];
    headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::try_from(name.trim()).ok())
        .filter(|name| !kept.contains(name))
        .collect()
}

/// A caller's own request id, when it is one that can be printed anywhere.
pub fn usable_request_id(headers: &HeaderMap) -> Option<&HeaderValue> {
    let value = headers.get(&REQUEST_ID)?;
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    ((1..=64).contains(&value.len()) && value.as_bytes().iter().all(allowed)).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines
            .iter()
            .fold(HeaderMap::new(), |mut headers, (name, value)| {
                headers.append(*name, HeaderValue::from_static(value));
                headers
            })
    }

    #[test]
    fn what_the_connection_header_names_goes_too() {
        let mut all = headers(&[
            ("connection", "close, X-Hop"),
            ("x-hop", "1"),
            ("connection", "X-Other"),
            ("x-other", "1"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("content-type", "image/png"),
        ]);
        remove_hop_by_hop(&mut all);
        assert_eq!(all, headers(&[("content-type", "image/png")]));
    }

    #[test]
    fn a_connection_header_cannot_strip_the_authorization() {
        let mut all = headers(&[
            ("connection", "authorization, host"),
            ("authorization", "Bearer x"),
            ("host", "a"),
        ]);
        remove_hop_by_hop(&mut all);
        assert_eq!(
            all,
            headers(&[("authorization", "Bearer x"), ("host", "a")])
        );
    }

    #[test]
    fn only_a_plain_request_id_of_the_caller_is_kept() {
        assert!(
            usable_request_id(&headers(&[(
                "x-request-id",
                "43039886b96e4870b143bf9b06348c31"
            )]))
            .is_some()
        );
        assert!(usable_request_id(&headers(&[("x-request-id", "a b")])).is_none());
        assert!(usable_request_id(&headers(&[])).is_none());
    }
}
