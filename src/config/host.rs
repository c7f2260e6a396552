//! Names of hosts, as they stand in `hosts`, `media_hosts` and URLs.

use std::net::{IpAddr, Ipv6Addr};

use url::Host;

use super::HostRule;

/// A host without port, in lower case: a name, an IPv4 address, or an IPv6 address in brackets.
pub(super) fn parse(text: &str) -> Option<String> {
    let name = text.to_ascii_lowercase();
    if let Some(address) = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        return address
            .parse::<Ipv6Addr>()
            .ok()
            .map(|address| format!("[{address}]"));
    }
    (name.len() <= 253 && name.split('.').all(is_label)).then_some(name)
}

/// An entry of `media_hosts`. A suffix of one label would be a whole top-level domain.
pub(super) fn rule(text: &str) -> Option<HostRule> {
    match text.strip_prefix('.') {
        Some(rest) => {
            let name = parse(rest).filter(|name| name.contains('.'))?;
            Some(HostRule::Suffix(format!(".{name}")))
        }
        None => parse(text).map(HostRule::Exact),
    }
}

/// Whether a URL names, by number, an address that is nobody's on the public internet. Names are left to the dialler.
pub(super) fn is_private_address(host: &Host<&str>) -> bool {
    let address = match host {
        Host::Domain(name) => return *name == "localhost",
        Host::Ipv4(address) => IpAddr::V4(*address),
        Host::Ipv6(address) => address
            .to_ipv4_mapped()
            .map_or(IpAddr::V6(*address), IpAddr::V4),
    };
    match address {
        IpAddr::V4(v4) => {
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_multicast()
        }
        IpAddr::V6(v6) => {
            v6.is_unique_local()
                || v6.is_loopback()
                || v6.is_unicast_link_local()
                || v6.is_unspecified()
                || v6.is_multicast()
        }
    }
}

fn is_label(label: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=63).contains(&label.len())
        && label.bytes().all(allowed)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_lowered_and_have_no_port_and_no_scheme() {
        assert_eq!(
            parse("WA.Example.internal").as_deref(),
            Some("wa.example.internal")
        );
        assert_eq!(parse("10.0.0.5").as_deref(), Some("10.0.0.5"));
        assert_eq!(parse("[::1]").as_deref(), Some("[::1]"));
        for bad in [
            "",
            ".",
            "a..b",
            "a.",
            "a:80",
            "https://a",
            "a/b",
            "*.a",
            "-a",
            "::1",
            "bücher.example",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_suffix_has_two_labels_and_covers_only_what_is_below_it() {
        assert_eq!(rule(".com"), None);
        assert_eq!(rule("."), None);
        assert_eq!(rule("..fbsbx.com"), None);
        let rule = rule(".FBSBX.com").unwrap();
        assert!(rule.covers("lookaside.fbsbx.com"));
        assert!(rule.covers("LOOKASIDE.fbsbx.COM"));
        assert!(!rule.covers("evilfbsbx.com"));
        assert!(!rule.covers("fbsbx.com.evil.example"));
        assert!(!rule.covers(".fbsbx.com"));
    }
}
