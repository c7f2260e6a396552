//! Which addresses may be dialled for a host that somebody else named.
//!
//! A host named by Meta (Graph, media hosts) must resolve to public addresses. Otherwise a forged answer could
//! make the bridge carry its token into the operator's own network, or to a cloud provider's metadata service.
//! The check sits in the resolver, so that what was checked is what is dialled.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use ipnet::{Ipv4Net, Ipv6Net};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Ranges that are not the public Internet: the special-purpose registries of IANA (RFC 6890 and its updates).
const NOT_PUBLIC_V4: [&str; 16] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
];

/// Only 2000::/3 is public; of it these are not.
const NOT_PUBLIC_V6: [&str; 3] = ["2001::/23", "2001:db8::/32", "3fff::/20"];

/// Whether an address is on the public Internet. IPv6 spellings of IPv4 addresses are judged as what they lead to.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => match embedded_v4(v6) {
            Some(v4) => is_public_v4(v4),
            None => is_public_v6(v6),
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !NOT_PUBLIC_V4
        .iter()
        .filter_map(|net| Ipv4Net::from_str(net).ok())
        .any(|net| net.contains(&address))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    address.segments()[0] & 0xe000 == 0x2000
        && !NOT_PUBLIC_V6
            .iter()
            .filter_map(|net| Ipv6Net::from_str(net).ok())
            .any(|net| net.contains(&address))
}

/// The IPv4 address that an IPv6 one stands for: mapped, compatible, NAT64 and 6to4.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let from = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match [a, b, c, d, e, f] {
        [0, 0, 0, 0, 0, 0 | 0xffff] | [0, 0, 0, 0, 0xffff, 0] | [0x64, 0xff9b, 0, 0, 0, 0] => {
            Some(from(g, h))
        }
        [0x2002, ..] => Some(from(b, c)),
        _ => None,
    }
}

/// Why a host is not dialled.
#[derive(Debug, thiserror::Error)]
#[error("{host} does not lead to a public address")]
pub struct NotPublic {
    host: String,
}

/// Refuses a URL whose host is an address that is not public. Names are judged when they are resolved.
pub fn check_literal(url: &Url) -> Result<(), NotPublic> {
    let address = match url.host() {
        Some(Host::Ipv4(v4)) => IpAddr::V4(v4),
        Some(Host::Ipv6(v6)) => IpAddr::V6(v6),
        Some(Host::Domain(_)) | None => return Ok(()),
    };
    if is_public(address) {
        Ok(())
    } else {
        Err(NotPublic {
            host: address.to_string(),
        })
    }
}

/// A resolver that gives out public addresses only.
#[derive(Clone, Copy, Debug)]
pub struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err(NotPublic { host }.into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// The addresses a name leads to now, public or not.
pub async fn resolve(host: &str) -> std::io::Result<Vec<IpAddr>> {
    let found = tokio::net::lookup_host((host, 0)).await?;
    Ok(found.map(|address| address.ip()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_the_public_internet_is_refused_in_every_spelling() {
        for address in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.127.255.255",
            "0.0.0.0",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.0.192",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::",
            "::ffff:0:127.0.0.1",
            "fec0::1",
            "100::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn public_addresses_are_let_through() {
        for address in [
            "157.240.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "172.32.0.1",
            "2a03:2880:f10d::1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
        ] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn odd_spellings_of_an_address_are_still_an_address() {
        for url in [
            "https://2130706433/",
            "https://0x7f.1/",
            "https://[::1]/",
            "https://0177.0.0.1/",
            "https://[::ffff:a9fe:a9fe]/",
        ] {
            assert!(check_literal(&Url::parse(url).unwrap()).is_err(), "{url}");
        }
        assert!(check_literal(&Url::parse("https://lookaside.fbsbx.com/x").unwrap()).is_ok());
    }
}
