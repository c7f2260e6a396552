//! Rules that hold between values: of one number, between numbers, between listeners.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::entry::Entry;
use super::problems::Findings;
use super::{Admin, Server};
use crate::route::{Mode, Route};

/// What the flags of one number are held against.
pub(super) struct Facts<'a> {
    pub modes: &'a BTreeMap<Route, Mode>,
    pub has_onprem: bool,
    /// True also where the section could not be read, which is a problem already.
    pub has_onprem_login: bool,
    pub has_cloud: bool,
    pub has_callback: bool,
    pub has_users: bool,
}

/// Whether the flags of a number fit each other and what the number has.
pub(super) fn modes(findings: &Findings, path: &str, facts: &Facts<'_>) {
    let is = |route: Route, mode: Mode| facts.modes.get(&route) == Some(&mode);
    let gives_tokens = is(Route::Login, Mode::Cloud);
    if facts.modes.get(&Route::Login) != facts.modes.get(&Route::Logout) {
        let what = "login and logout differ; a token can only be taken back where it was given out, so give both one mode";
        findings.problem(format!("{path}.routes.logout"), what);
    }
    let passes_on = facts.modes.values().any(|mode| *mode == Mode::OnPrem);
    if gives_tokens && passes_on && facts.has_onprem && !facts.has_onprem_login {
        let what = "is missing (and password); with login = \"cloud\" the old client does not know the tokens, so for the \
                    routes that still go there the bridge needs a login of its own";
        findings.problem(format!("{path}.onprem.username"), what);
    }
    if gives_tokens && !facts.has_users {
        findings.warning(format!(
            "{path} has no [[numbers.users]] with login = \"cloud\": only users that the bridge saw logging in to the \
             old client can log in"
        ));
    }
    let downloads = is(Route::MediaDownload, Mode::Cloud);
    if downloads && !is(Route::MediaGet, Mode::Cloud) {
        findings.warning(format!(
            "{path} fetches media (media_download = \"cloud\") that nobody can read here: media_get is not \"cloud\""
        ));
    }
    match (facts.has_callback, downloads) {
        (false, true) => findings.warning(format!(
            "{path} has no callback url with media_download = \"cloud\": the integration is never told that a medium arrived"
        )),
        (false, false) => findings.warning(format!("{path} has no callback url: callbacks are discarded")),
        (true, _) => {}
    }
    if !facts.has_cloud && !facts.has_onprem {
        findings.warning(format!(
            "{path} has neither [numbers.onprem] nor [numbers.cloud]"
        ));
    }
}

/// Whether every request can be told to be for one number.
pub(super) fn names_and_hosts(findings: &Findings, entries: &[Entry]) {
    let public = entries.iter().filter(|entry| !entry.has_own_listener);
    let is_alone = public.clone().count() == 1;
    let mut names = Vec::new();
    for Entry { path, name, .. } in entries {
        if let Some(name) = name {
            if names.contains(&name) {
                findings.problem(
                    format!("{path}.name"),
                    "is the name of more than one number",
                );
            }
            names.push(name);
        }
    }
    let mut hosts = BTreeMap::new();
    for entry in public {
        if entry.has_no_hosts && !is_alone {
            let what = "is missing; with several numbers on one listener only the Host header tells them apart";
            findings.problem(format!("{}.hosts", entry.path), what);
        }
        for host in &entry.hosts {
            if let Some(other) = hosts.insert(host, &entry.path) {
                findings.problem(
                    format!("{}.hosts", entry.path),
                    format!("\"{host}\" is also in {other}.hosts"),
                );
            }
        }
    }
}

/// Whether all listeners can be opened beside each other.
pub(super) fn listeners(
    findings: &Findings,
    server: &Option<Server>,
    admin: &Option<Admin>,
    entries: &[Entry],
) {
    let server = server
        .as_ref()
        .map(|server| ("server.listen".to_owned(), server.listen));
    let admin = admin
        .as_ref()
        .map(|admin| ("admin.listen".to_owned(), admin.listen));
    let own = entries
        .iter()
        .filter_map(|entry| Some((format!("{}.listen", entry.path), entry.listen?)));
    let mut seen: Vec<(String, SocketAddr)> = Vec::new();
    for (key, address) in server.into_iter().chain(admin).chain(own) {
        if let Some((other, _)) = seen.iter().find(|(_, other)| collide(address, *other)) {
            findings.problem(&key, format!("{address} is taken by {other}"));
        }
        seen.push((key, address));
    }
}

/// A wildcard address takes the port of every other one.
fn collide(a: SocketAddr, b: SocketAddr) -> bool {
    let overlap = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() != 0 && a.port() == b.port() && overlap
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn listeners_collide_by_port_and_overlapping_address() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        assert!(collide(at("0.0.0.0:9090"), at("127.0.0.1:9090")));
        assert!(collide(at("127.0.0.1:9090"), at("127.0.0.1:9090")));
        assert!(!collide(at("127.0.0.1:9090"), at("127.0.0.2:9090")));
        assert!(!collide(at("127.0.0.1:0"), at("127.0.0.1:0")));
        assert!(!collide(at("127.0.0.1:9090"), at("127.0.0.1:9091")));
    }
}
