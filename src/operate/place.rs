//! Finding the bridge: its address and token, from the configuration or as they are given.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use secrecy::SecretString;
use url::Url;

use super::Failure;
use crate::backend::admin::Admin;
use crate::config;

/// How to find the bridge.
#[derive(Clone, Debug)]
pub struct Place {
    /// The configuration to look into.
    pub config: PathBuf,
    /// Given outright; the configuration is then not read.
    pub admin: Option<Url>,
    /// A file with the token; outranks the configuration.
    pub token_file: Option<PathBuf>,
}

impl Place {
    pub(super) fn find(&self) -> Result<Admin, Failure> {
        let given = self.token_file.as_deref().map(read_token).transpose()?;
        let (url, token) = match &self.admin {
            Some(url) if !matches!(url.scheme(), "http" | "https") => {
                return Err(
                    anyhow!("--admin is no address of a bridge; write http://HOST:PORT").into(),
                );
            }
            Some(url) => (url.clone(), given),
            None => {
                let admin = config::load(Some(&self.config))?.admin;
                (url_of(admin.listen)?, given.or(admin.token))
            }
        };
        Ok(Admin::new(url, token).context("no connection can be prepared")?)
    }
}

fn url_of(listen: SocketAddr) -> anyhow::Result<Url> {
    if listen.port() == 0 {
        bail!(
            "admin.listen has port 0, so only the bridge's log knows the port; name it with --admin http://HOST:PORT"
        );
    }
    Ok(Url::parse(&format!("http://{}", dialled(listen)))?)
}

/// A bridge that listens on every address listens on loopback too.
fn dialled(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

fn read_token(path: &Path) -> anyhow::Result<SecretString> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("the token file {} cannot be read", path.display()))?;
    Ok(SecretString::from(text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_every_address_is_called_on_loopback() {
        for (listen, url) in [
            ("0.0.0.0:9091", "http://127.0.0.1:9091/"),
            ("[::]:9091", "http://[::1]:9091/"),
            ("10.0.0.5:9091", "http://10.0.0.5:9091/"),
        ] {
            assert_eq!(url_of(listen.parse().unwrap()).unwrap().as_str(), url);
        }
        assert!(url_of("127.0.0.1:0".parse().unwrap()).is_err());
    }
}
