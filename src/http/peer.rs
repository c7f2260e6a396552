//! Who is at the other end of a connection.

use std::net::SocketAddr;

use rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

/// A caller, known for as long as its connection lasts.
#[derive(Debug)]
pub struct Peer {
    /// Where it calls from.
    pub address: SocketAddr,
    /// What the certificate it showed, and that was verified, calls it. Empty without one, which costs nothing.
    names: Box<[String]>,
}

impl Peer {
    /// A caller that showed no certificate.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            names: Box::default(),
        }
    }

    /// The same, with the names of a certificate that was verified.
    #[must_use]
    pub fn named_by(mut self, certificate: &CertificateDer<'_>) -> Self {
        self.names = names(certificate).into();
        self
    }

    /// Whether its certificate has this name.
    pub fn is_named(&self, name: &str) -> bool {
        self.names
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
    }
}

/// The names of hosts in a certificate, and the common names of its subject: Meta documents the latter.
fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, certificate)) = parse_x509_certificate(certificate) else {
        return Vec::new();
    };
    let common = certificate.subject().iter_common_name();
    let common = common.filter_map(|name| name.as_str().ok());
    let alternative = certificate.subject_alternative_name().ok().flatten();
    let alternative = alternative
        .iter()
        .flat_map(|names| &names.value.general_names);
    let hosts = alternative.filter_map(|name| match name {
        GeneralName::DNSName(host) => Some(*host),
        _ => None,
    });
    common.chain(hosts).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair};

    use super::*;

    #[test]
    fn a_certificate_s_names_are_its_hosts_and_its_common_name() {
        let hosts = ["a.example".to_owned(), "B.example".to_owned()];
        let mut params = CertificateParams::new(hosts).unwrap();
        params
            .distinguished_name
            .push(DnType::CommonName, "common.example");
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let peer = Peer::new(SocketAddr::from(([127, 0, 0, 1], 1)));
        assert!(!peer.is_named("a.example") && !peer.is_named(""));
        let peer = peer.named_by(certificate.der());
        for name in ["a.example", "b.example", "Common.Example"] {
            assert!(peer.is_named(name), "{name}");
        }
        for name in ["", "example", "x.a.example", "*"] {
            assert!(!peer.is_named(name), "{name}");
        }
        assert!(names(&CertificateDer::from(vec![1, 2, 3])).is_empty());
    }
}
