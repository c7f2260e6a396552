//! Readers of values with a form of their own: addresses, URLs, secrets, PEM files.

use std::net::SocketAddr;
use std::path::Path;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use secrecy::SecretString;
use url::Url;

use super::host;
use super::reader::Reader;
use super::{Credentials, TlsFiles};

/// What a URL may be.
#[derive(Clone, Copy)]
pub(super) struct UrlRule {
    /// `http` is as good as `https`.
    pub http: bool,
    /// Only scheme, host and port.
    pub origin: bool,
    /// No address by number that cannot be on the public internet.
    pub public: bool,
}

impl Reader<'_> {
    /// `HOST:PORT` by number; `None` if it is not set or not readable.
    pub fn address(&mut self, name: &str) -> Option<SocketAddr> {
        let text = self.optional_text(name)?;
        let address = text.parse().ok();
        if address.is_none() {
            self.problem(
                name,
                "is not an address; write IP:PORT, such as \"0.0.0.0:9090\" or \"[::]:9090\"",
            );
        }
        address
    }

    /// A URL by its rule; `None` if it is not set or not allowed. What is wrong is said without showing the URL, which
    /// may hold a password.
    pub fn url(&mut self, name: &str, rule: UrlRule) -> Option<Url> {
        let text = self.optional_text(name)?;
        match check_url(&text, rule) {
            Ok(url) => Some(url),
            Err(what) => {
                self.problem(name, what);
                None
            }
        }
    }

    /// A secret, given as value, in the file that `<name>_file` names, or not at all.
    pub fn secret(&mut self, name: &str) -> Option<SecretString> {
        let file_key = format!("{name}_file");
        let (inline, file) = (self.optional_text(name), self.file(&file_key));
        let secret = match (inline, file) {
            (Some(_), Some(_)) => {
                self.problem(
                    name,
                    format!("is given, and {file_key} as well; keep one of them"),
                );
                return None;
            }
            (Some(text), None) => text,
            (None, Some(path)) => match read_secret(&path) {
                Ok(text) => text,
                Err(what) => {
                    self.problem(&file_key, what);
                    return None;
                }
            },
            (None, None) => return None,
        };
        if secret.chars().any(char::is_control) {
            self.problem(
                name,
                "has a line end or another control character inside; secrets are one line of text",
            );
            return None;
        }
        Some(SecretString::from(secret))
    }

    /// Whether a secret was given, readable or not.
    pub fn has_secret(&self, name: &str) -> bool {
        self.is_set(name) || self.is_set(&format!("{name}_file"))
    }

    /// `username` and `password`, both or neither.
    pub fn login(&mut self) -> Option<Credentials> {
        let has_password = self.has_secret("password");
        let (username, password) = (self.optional_text("username"), self.secret("password"));
        match (&username, has_password) {
            (Some(_), false) => self.problem(
                "password",
                "is missing beside username; set both or neither",
            ),
            (None, true) => self.problem(
                "username",
                "is missing beside password; set both or neither",
            ),
            (Some(name), true) if name.contains(':') || name.chars().any(char::is_control) => {
                self.problem("username", "must not contain \":\" or control characters");
            }
            _ => {}
        }
        Some(Credentials {
            username: username?,
            password: password?,
        })
    }

    /// A PEM file with certificates.
    pub fn ca_file(&mut self, name: &str) -> Option<std::path::PathBuf> {
        let path = self.file(name)?;
        self.note(name, certificates(&path));
        Some(path)
    }

    /// `certificate` and `key`, both or neither.
    pub fn tls(&mut self) -> Option<TlsFiles> {
        let (certificate, key) = (self.file("certificate"), self.file("key"));
        match (&certificate, &key) {
            (Some(_), None) => {
                self.problem("key", "is missing beside certificate; set both or neither")
            }
            (None, Some(_)) => {
                self.problem("certificate", "is missing beside key; set both or neither")
            }
            _ => {}
        }
        let chain = certificate
            .as_deref()
            .and_then(|path| self.note("certificate", certificates(path)));
        let secret = key
            .as_deref()
            .and_then(|path| self.note("key", private_key(path)));
        if let Some((chain, secret)) = chain.zip(secret)
            && let Err(error) = CertifiedKey::from_der(chain, secret, &default_provider())
        {
            self.problem("key", format!("does not go with the certificate: {error}"));
        }
        Some(TlsFiles {
            certificate: certificate?,
            key: key?,
        })
    }

    fn note<T>(&self, name: &str, read: Result<T, String>) -> Option<T> {
        read.map_err(|what| self.problem(name, what)).ok()
    }
}

/// The path is not shown: an operator in a hurry writes the secret itself there.
fn read_secret(path: &Path) -> Result<String, String> {
    let read = std::fs::read_to_string(path);
    let text = read.map_err(|error| {
        format!("the file it names cannot be read ({error}); relative paths start at the folder of the configuration file")
    })?;
    match text.trim() {
        "" => Err("the file it names is empty".to_owned()),
        secret => Ok(secret.to_owned()),
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(certificates) if certificates.is_empty() => {
            Err("the file it names has no certificate (PEM) in it".to_owned())
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(format!(
            "the file it names cannot be read as PEM certificates: {error}"
        )),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let read = PrivateKeyDer::from_pem_file(path);
    read.map_err(|error| {
        format!("the file it names has no private key (PEM) that can be read: {error}")
    })
}

fn check_url(text: &str, rule: UrlRule) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| {
        format!("is not a URL ({error}); write https://HOST or https://HOST:PORT")
    })?;
    let Some(host) = url.host() else {
        return Err("has no host; write https://HOST or https://HOST:PORT".to_owned());
    };
    let is_plain = url.scheme() == "http";
    let faults = [
        (
            is_plain && !rule.http,
            "is http; write https, or set allow_http where the section has it",
        ),
        (
            !is_plain && url.scheme() != "https",
            "has a scheme that is not https",
        ),
        (
            has_user_info(&url),
            "has a user or password in it; there are keys for those",
        ),
        (url.fragment().is_some(), "has a \"#\" part; remove it"),
        (
            rule.origin && has_path(&url),
            "has a path or query; end it after host and port",
        ),
        (
            rule.public && host::is_private_address(&host),
            "names an address that is not public",
        ),
    ];
    let faults = faults
        .into_iter()
        .filter_map(|(is_so, fault)| is_so.then_some(fault));
    let faults = faults.collect::<Vec<_>>();
    if faults.is_empty() {
        Ok(url)
    } else {
        Err(faults.join("; also, it "))
    }
}

fn has_user_info(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

fn has_path(url: &Url) -> bool {
    url.path() != "/" || url.query().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str, http: bool, origin: bool, public: bool) -> Option<String> {
        check_url(
            text,
            UrlRule {
                http,
                origin,
                public,
            },
        )
        .err()
    }

    #[test]
    fn urls_keep_to_their_rule() {
        assert_eq!(fault("https://10.0.0.5:9090", false, true, false), None);
        assert_eq!(fault("http://10.0.0.5:9090/", true, true, false), None);
        assert_eq!(
            fault("https://crm.example/hook?a=b", false, false, false),
            None
        );
        for (bad, public) in [
            ("http://a.example", false),
            ("ftp://a.example", false),
            ("https://u:p@a.example", false),
            ("https://a.example/#x", false),
            ("https://a.example/v1", false),
            ("https://a.example/?q", false),
            ("a.example", false),
            ("https://127.0.0.1", true),
            ("https://[::ffff:10.0.0.1]", true),
            ("https://localhost", true),
        ] {
            assert!(fault(bad, false, true, public).is_some(), "{bad}");
        }
    }
}
