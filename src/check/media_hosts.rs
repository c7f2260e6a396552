//! The hosts that media come from: do their names lead to public addresses?

use std::time::Duration;

use super::report::Finding;
use crate::backend::address;
use crate::config::{Cloud, Config, HostRule, Number};

const CHECK: &str = "media hosts";
/// The only host of Meta's that media URLs were ever seen to name.
const KNOWN: &str = "lookaside.fbsbx.com";

pub(super) async fn check(config: &Config, number: &Number) -> Vec<Finding> {
    let Some(cloud) = &number.cloud else {
        return Vec::new();
    };
    let insecure = config.server.allow_insecure_upstreams;
    let mut findings = Vec::new();
    for host in hosts(cloud) {
        findings.push(resolved(host, config.fetch.connect_timeout, insecure).await);
    }
    let covered = cloud.media_hosts.iter().any(|rule| rule.covers(KNOWN));
    if !covered && !insecure {
        findings.push(Finding::warn(
            CHECK,
            format!("no entry covers {KNOWN}, where Meta keeps media"),
            "add \".fbsbx.com\" to media_hosts",
        ));
    }
    findings
}

/// The names that can be asked for: a suffix is none.
fn hosts(cloud: &Cloud) -> Vec<&str> {
    let exact = cloud.media_hosts.iter().filter_map(|rule| match rule {
        HostRule::Exact(host) => Some(host.as_str()),
        HostRule::Suffix(_) => None,
    });
    let mut hosts = exact.collect::<Vec<_>>();
    let covers = |rule: &HostRule| rule.covers(KNOWN);
    if cloud.media_hosts.iter().any(covers) && !hosts.contains(&KNOWN) {
        hosts.push(KNOWN);
    }
    hosts
}

async fn resolved(host: &str, limit: Duration, insecure: bool) -> Finding {
    let bare = host.trim_matches(['[', ']']);
    let dns = "see to the DNS of this machine; without this name no medium can be fetched";
    let addresses = match tokio::time::timeout(limit, address::resolve(bare)).await {
        Ok(Ok(addresses)) => addresses,
        Ok(Err(error)) => return Finding::warn(CHECK, format!("{host}: {error}"), dns),
        Err(_) => {
            return Finding::warn(CHECK, format!("{host}: no answer of the DNS in time"), dns);
        }
    };
    let public = addresses
        .iter()
        .filter(|address| address::is_public(**address))
        .count();
    match (public, insecure) {
        (0, true) => Finding::ok(
            CHECK,
            format!("{host} is no public address; server.allow_insecure_upstreams lets it pass"),
        ),
        (0, false) => Finding::warn(
            CHECK,
            format!("{host} does not lead to a public address, so the bridge will not go there"),
            "correct media_hosts, or the DNS that gives a private address for this name",
        ),
        (public, _) => Finding::ok(CHECK, format!("{host} has {public} public addresses")),
    }
}
