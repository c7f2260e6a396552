//! Rules that hold between values: of one number, between numbers, between listeners.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::entry::Entry;
use super::problems::Findings;
use super::{Layer, MediaLayout};
use crate::route::{Flags, Means, Mode, Route, Side, faults, needs_own_session, unfit};

/// What the flags of one number are held against.
pub(super) struct Facts<'a> {
    pub flags: &'a Flags,
    pub layers: &'a [Layer; Route::ALL.len()],
    /// What cannot be read counts as there: it is a problem already.
    pub means: Means,
    pub has_cloud: bool,
    pub has_callback: bool,
    pub has_users: bool,
}

/// Whether the flags of a number fit each other and what the number has.
pub(super) fn flags(findings: &Findings, path: &str, facts: &Facts<'_>) {
    for (route, what) in faults(facts.flags, facts.means) {
        // Noted where it was read.
        if unfit(route, facts.flags[route]).as_ref() == Some(&what) {
            continue;
        }
        match layer(route, facts) {
            Layer::AllNumbers => {
                findings.problem(format!("routes.{route}"), format!("for {path} it {what}"))
            }
            Layer::Number | Layer::Default => {
                findings.problem(format!("{path}.routes.{route}"), what)
            }
        }
    }
    let Means {
        onprem,
        onprem_login,
        ..
    } = facts.means;
    if needs_own_session(facts.flags) && onprem && !onprem_login {
        let what = "is missing (and password); with login = \"cloud\" the old client does not know the tokens, so for the \
                    routes that still go there the bridge needs a login of its own";
        findings.problem(format!("{path}.onprem.username"), what);
    }
    warnings(findings, path, facts);
}

/// Where a fault was written. Login and logout are at fault together.
fn layer(route: Route, facts: &Facts<'_>) -> Layer {
    let of = |route: Route| facts.layers[route as usize];
    match route {
        Route::Logout => of(Route::Login).max(of(Route::Logout)),
        route => of(route),
    }
}

fn warnings(findings: &Findings, path: &str, facts: &Facts<'_>) {
    let from_cloud = |route: Route| facts.flags[route].uses(Side::Cloud);
    if from_cloud(Route::Login) && !facts.has_users {
        findings.warning(format!(
            "{path} has no [[numbers.users]] with login = \"cloud\": only users that the bridge saw logging in to the \
             old client can log in"
        ));
    }
    let downloads = from_cloud(Route::MediaDownload);
    let mode = facts.flags[Route::MediaDownload].mode;
    if downloads && facts.flags[Route::MediaGet].mode == Mode::Off {
        findings.warning(format!(
            "{path} fetches media (media_download = \"{mode}\") that nobody can read here: media_get is \"off\""
        ));
    }
    match (facts.has_callback, downloads) {
        (false, true) => findings.warning(format!(
            "{path} has no callback url with media_download = \"{mode}\": the integration is never told that a medium arrived"
        )),
        (false, false) => findings.warning(format!("{path} has no callback url: callbacks are discarded")),
        (true, _) => {}
    }
    if !facts.has_cloud && !facts.means.onprem {
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

/// Whether notifications find their number, and what is told of media its file.
pub(super) fn notifications(findings: &Findings, entries: &[Entry], layout: Option<MediaLayout>) {
    let mut identities = BTreeMap::new();
    for Entry { path, number, .. } in entries {
        let Some(number) = number else { continue };
        if let Some(cloud) = &number.cloud
            && !cloud.app_secrets.is_empty()
            && let Some(other) = identities.insert(cloud.phone_number_id.as_str(), path)
        {
            findings.problem(
                format!("{path}.cloud.phone_number_id"),
                format!("is that of {other} too; notifications are for one number"),
            );
        }
        if number.compat.media_file_root.is_some() && layout == Some(MediaLayout::Flat) {
            findings.problem(
                format!("{path}.compat.media_file_root"),
                "needs media.layout = \"wamedia\"; otherwise no file is where it says",
            );
        }
    }
}

/// Whether all listeners can be opened beside each other.
pub(super) fn listeners(
    findings: &Findings,
    sections: [(&str, Option<SocketAddr>); 3],
    entries: &[Entry],
) {
    let sections = sections.into_iter();
    let own = entries.iter().map(|entry| (&*entry.path, entry.listen));
    let mut seen: Vec<(String, SocketAddr)> = Vec::new();
    for (section, address) in sections.chain(own) {
        let Some(address) = address else {
            continue;
        };
        let key = format!("{section}.listen");
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
