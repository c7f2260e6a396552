//! Why a connection did not come about: what lies beneath the layers of the libraries' errors.

use std::error::Error;
use std::fmt;
use std::io;

use rustls::CertificateError;

use super::address::NotPublic;

/// What went wrong, so far as an operator can do something about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nobody listens there.
    Refused,
    /// No answer in time.
    Timeout,
    /// The name leads into a private network, where this party may not be.
    NotPublic,
    /// The certificate was issued by nobody we trust; often it is self-signed.
    UnknownIssuer,
    /// The certificate is for another name.
    WrongName,
    /// The certificate is over.
    Expired,
    /// Anything else about certificates or TLS, in the library's words.
    Tls(String),
    /// Anything else, in the words of the innermost error.
    Other(String),
}

impl Trouble {
    /// Looks through an error and its causes.
    pub fn behind(error: &(dyn Error + 'static)) -> Self {
        let mut current = Some(error);
        let mut innermost = String::new();
        while let Some(error) = current {
            if let Some(trouble) = known(error) {
                return trouble;
            }
            innermost = error.to_string();
            current = cause(error);
        }
        Self::Other(innermost)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "the connection is refused: nobody listens there",
            Self::Timeout => "no answer in time",
            Self::NotPublic => "the name does not lead to a public address",
            Self::UnknownIssuer => "its certificate was issued by nobody this machine trusts",
            Self::WrongName => "its certificate is for another name",
            Self::Expired => "its certificate has expired",
            Self::Tls(what) | Self::Other(what) => what,
        })
    }
}

fn known(error: &(dyn Error + 'static)) -> Option<Trouble> {
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(tls(error));
    }
    if error.is::<NotPublic>() {
        return Some(Trouble::NotPublic);
    }
    if let Some(error) = error.downcast_ref::<reqwest::Error>() {
        return error.is_timeout().then_some(Trouble::Timeout);
    }
    match error.downcast_ref::<io::Error>()?.kind() {
        io::ErrorKind::ConnectionRefused => Some(Trouble::Refused),
        io::ErrorKind::TimedOut => Some(Trouble::Timeout),
        _ => None,
    }
}

/// An I/O error hands out the cause of what it wraps, and so hides that itself.
fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
    {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

fn tls(error: &rustls::Error) -> Trouble {
    use CertificateError as C;
    match error {
        rustls::Error::InvalidCertificate(C::UnknownIssuer) => Trouble::UnknownIssuer,
        rustls::Error::InvalidCertificate(
            C::NotValidForName | C::NotValidForNameContext { .. },
        ) => Trouble::WrongName,
        rustls::Error::InvalidCertificate(C::Expired | C::ExpiredContext { .. }) => {
            Trouble::Expired
        }
        other => Trouble::Tls(other.to_string()),
    }
}
