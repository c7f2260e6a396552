//! `headers` of `[numbers.callback]`.

use hyper::header::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use super::reader::Reader;

/// Set by the bridge itself, or between two machines only.
const OURS: [&str; 12] = [
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The headers with their values. A header whose value is an empty text is left out, so that a number can do without
/// one that holds for every number.
pub(super) fn read(reader: &mut Reader<'_>, has_login: bool) -> Vec<(String, SecretString)> {
    let all = |section: &mut Reader<'_>| {
        let stem = |key: &String| key.strip_suffix("_file").unwrap_or(key).to_owned();
        let mut names = section.values.keys().map(stem).collect::<Vec<_>>();
        names.sort();
        names.dedup();
        names
            .into_iter()
            .filter_map(|name| header(section, name, has_login))
            .collect()
    };
    reader.section("headers", all).unwrap_or_default()
}

fn header(
    section: &mut Reader<'_>,
    name: String,
    has_login: bool,
) -> Option<(String, SecretString)> {
    let value = section.secret(&name);
    if HeaderName::from_bytes(name.as_bytes()).is_err() {
        section.problem(&name, "is not the name of a header");
    } else if OURS.contains(&name.as_str()) {
        section.problem(&name, "is a header that the bridge sets itself; remove it");
    } else if name == "authorization" && has_login {
        section.problem(
            &name,
            "is what username and password are for; keep one of them",
        );
    }
    let value = value?;
    if HeaderValue::from_str(value.expose_secret()).is_err() {
        section.problem(&name, "has a value that cannot stand in a header");
    }
    Some((name, value))
}
