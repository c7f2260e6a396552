//! Where the token may go: the number's media hosts, over https, at public addresses.

use url::Url;

use super::{Client, Cloud, address};

/// A URL that must not be fetched with the token.
#[derive(Debug, thiserror::Error)]
#[error("the media URL leads to {host}, which is not to be asked ({why})")]
pub struct ForbiddenUrl {
    host: String,
    why: String,
}

impl Cloud {
    /// Whether the token may go there.
    pub(super) fn check(&self, url: &Url) -> Result<(), ForbiddenUrl> {
        let host = host_of(url);
        if !self
            .config
            .media_hosts
            .iter()
            .any(|rule| rule.covers(&host))
        {
            let why = "not among media_hosts".to_owned();
            return Err(ForbiddenUrl { host, why });
        }
        self.client.check_linked(url)
    }
}

impl Client {
    /// Whether a place may be asked that anybody could have named, without the token.
    pub(super) fn check_linked(&self, url: &Url) -> Result<(), ForbiddenUrl> {
        let refuse = |why: String| {
            let host = host_of(url);
            Err(ForbiddenUrl { host, why })
        };
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("it carries credentials".to_owned());
        }
        if self.insecure {
            return Ok(());
        }
        if url.scheme() != "https" {
            return refuse("not https".to_owned());
        }
        address::check_literal(url).or_else(|error| refuse(error.to_string()))
    }
}

impl ForbiddenUrl {
    pub(super) fn after_redirects(url: &Url) -> Self {
        Self {
            host: host_of(url),
            why: "too many redirects".to_owned(),
        }
    }
}

fn host_of(url: &Url) -> String {
    url.host_str()
        .unwrap_or_default()
        .trim_end_matches('.')
        .to_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // in tests a failed step is a failed test
mod tests {
    use std::time::Duration;

    use super::super::Client;
    use super::*;
    use crate::config::{self, Fetch, HostRule};

    fn cloud(insecure: bool) -> Cloud {
        let second = Duration::from_secs(1);
        let fetch = Fetch {
            max_concurrent: 1,
            connect_timeout: second,
            lookup_timeout: second,
            idle_timeout: second,
            max_bytes: 1,
            retry_delays: vec![second],
            download_attempts: 1,
            give_up_after: second,
            remember_failure: second,
            token_fault_pause: second,
        };
        let config = config::Cloud {
            graph_url: Url::parse("https://graph.facebook.com").unwrap(),
            version: "v24.0".to_owned(),
            phone_number_id: "1".to_owned(),
            business_account_id: None,
            access_token: "secret".to_owned().into(),
            send_phone_number_id: true,
            media_hosts: vec![
                HostRule::Suffix(".fbsbx.com".to_owned()),
                HostRule::Exact("127.0.0.1".to_owned()),
                HostRule::Exact("10.0.0.7".to_owned()),
                HostRule::Exact("[::1]".to_owned()),
            ],
            app_secrets: Vec::new(),
            verify_token: None,
        };
        Cloud::new(Client::new(&fetch, insecure).unwrap(), config)
    }

    fn follows(cloud: &Cloud, url: &str) -> bool {
        cloud.check(&Url::parse(url).unwrap()).is_ok()
    }

    #[test]
    fn the_token_goes_to_media_hosts_over_https_at_public_addresses_only() {
        let cloud = cloud(false);
        for good in [
            "https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1",
            "https://LOOKASIDE.FBSBX.COM./x",
            "https://lookaside.fbsbx.com:8443/x",
        ] {
            assert!(follows(&cloud, good), "{good}");
        }
        for bad in [
            "http://lookaside.fbsbx.com/x",
            "ftp://lookaside.fbsbx.com/x",
            "https://fbsbx.com/x",
            "https://evilfbsbx.com/x",
            "https://lookaside.fbsbx.com.evil.example/x",
            "https://evil.example/?.fbsbx.com",
            "https://evil.example\\.fbsbx.com/x",
            "https://lookaside.fbsbx.com@evil.example/x",
            "https://user:password@lookaside.fbsbx.com/x",
            "https://127.0.0.1/x",
            "https://2130706433/x",
            "https://10.0.0.7/x",
            "https://[::1]/x",
            "https://169.254.169.254/latest/meta-data",
            "data:text/plain,x",
        ] {
            assert!(!follows(&cloud, bad), "{bad}");
        }
    }

    #[test]
    fn what_anybody_links_to_is_asked_for_over_https_at_public_addresses_only() {
        let linked = |insecure, url| {
            cloud(insecure)
                .client
                .check_linked(&Url::parse(url).unwrap())
        };
        assert!(linked(false, "https://scontent.example/ad.jpg").is_ok());
        for bad in [
            "http://scontent.example/ad.jpg",
            "https://user@scontent.example/ad.jpg",
            "https://127.0.0.1/ad.jpg",
            "https://[::ffff:10.0.0.1]/ad.jpg",
            "https://169.254.169.254/latest/meta-data",
            "file:///etc/passwd",
        ] {
            assert!(linked(false, bad).is_err(), "{bad}");
        }
        assert!(linked(true, "http://127.0.0.1:4711/ad.jpg").is_ok());
    }

    #[test]
    fn in_a_lab_only_the_list_of_hosts_counts() {
        let cloud = cloud(true);
        assert!(follows(&cloud, "http://127.0.0.1:4711/x"));
        assert!(!follows(&cloud, "http://localhost:4711/x"));
    }

    #[tokio::test]
    async fn a_media_host_that_resolves_to_this_machine_is_not_dialled() {
        let mut cloud = cloud(false);
        cloud.config.media_hosts = vec![HostRule::Exact("localhost".to_owned())];
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let url = Url::parse(&format!("https://localhost:{port}/x")).unwrap();
        assert!(cloud.download(&url, 0).await.is_err());
        let nobody = listener.accept().unwrap_err();
        assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock);
    }
}
