//! Cloud: the two hops of a media fetch, and the only holder of the access token.
//!
//! The token goes to Graph and to the number's `media_hosts`, over https, to public addresses, and nowhere else.
//! Nothing here retries: what a failure means for the job is decided by whoever asked.

use std::time::Duration;

use hyper::header;
use hyper::{HeaderMap, StatusCode};
use reqwest::redirect;
use secrecy::ExposeSecret;
use url::Url;

use super::address;
use crate::cloud;
use crate::config;
use crate::ids::CloudMediaId;

/// An answer to a look-up is far smaller; anything larger is not one.
const LOOK_UP_LIMIT: usize = 64 * 1024;
/// Redirects a media host may make. None was ever recorded.
const MAX_REDIRECTS: usize = 2;

/// Connections to Cloud, shared by all numbers.
#[derive(Clone)]
pub struct Client {
    pub(super) http: reqwest::Client,
    pub(super) lookup_timeout: Duration,
    insecure: bool,
}

/// One number's identity at Cloud.
pub struct Cloud {
    pub(super) client: Client,
    pub(super) config: config::Cloud,
}

/// Why a look-up gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum LookUpError {
    /// Cloud answered with an error.
    #[error("Cloud refused the look-up ({status}, code {code:?}, trace {trace:?})")]
    Refused {
        /// The status.
        status: StatusCode,
        /// Graph's number.
        code: Option<i64>,
        /// Meta's name for the call.
        trace: Option<String>,
        /// What it means.
        class: cloud::error::Class,
    },
    /// Cloud could not be reached, or did not answer as Graph does.
    #[error("the look-up did not get through")]
    Unreached(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The answer names a place the token must not go to.
    #[error(transparent)]
    Forbidden(#[from] ForbiddenUrl),
}

/// Why a download did not start.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The media host answered with an error.
    #[error("the media host refused the download ({status})")]
    Refused {
        /// The status.
        status: StatusCode,
    },
    /// Too many calls.
    #[error("the media host asks to slow down")]
    Throttled {
        /// For so long, if it says.
        wait: Option<Duration>,
    },
    /// The media host could not be reached.
    #[error("the download did not get through")]
    Unreached(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It led to a place the token must not go to.
    #[error(transparent)]
    Forbidden(#[from] ForbiddenUrl),
}

/// A URL that must not be fetched with the token.
#[derive(Debug, thiserror::Error)]
#[error("the media URL leads to {host}, which is not to be asked ({why})")]
pub struct ForbiddenUrl {
    host: String,
    why: String,
}

/// A download that has begun.
pub struct Download {
    /// Where in the medium the bytes begin.
    pub offset: u64,
    /// How many bytes follow, if the host says.
    pub length: Option<u64>,
    /// The host's word on the type.
    pub mime_type: Option<String>,
    response: reqwest::Response,
}

impl Client {
    /// Prepares connections; `insecure` drops the rules about https and public addresses.
    pub fn new(fetch: &config::Fetch, insecure: bool) -> Result<Self, reqwest::Error> {
        let mut builder = reqwest::Client::builder()
            .user_agent(super::USER_AGENT)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(fetch.connect_timeout)
            .read_timeout(fetch.idle_timeout)
            .https_only(!insecure);
        if !insecure {
            builder = builder.dns_resolver(address::PublicOnly);
        }
        Ok(Self {
            http: builder.build()?,
            lookup_timeout: fetch.lookup_timeout,
            insecure,
        })
    }
}

impl Cloud {
    /// The number's side of Cloud.
    pub fn new(client: Client, config: config::Cloud) -> Self {
        Self { client, config }
    }

    /// The first hop: what is this medium, and where is it for the next five minutes?
    pub async fn look_up(&self, id: &CloudMediaId) -> Result<cloud::media::LookUp, LookUpError> {
        let response = self
            .ask_graph(id)
            .await
            .map_err(|error| LookUpError::Unreached(error.without_url().into()))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = read_small(response)
            .await
            .map_err(|error| LookUpError::Unreached(error.into()))?;
        if status != StatusCode::OK {
            return Err(refused(status, &headers, &body));
        }
        // A 200 that is not a look-up is no word of Graph's, whoever sent it.
        let look_up = serde_json::from_slice::<cloud::media::LookUp>(&body);
        let look_up = look_up.map_err(|error| LookUpError::Unreached(error.into()))?;
        self.check(&look_up.url)?;
        Ok(look_up)
    }

    async fn ask_graph(&self, id: &CloudMediaId) -> Result<reqwest::Response, reqwest::Error> {
        let mut url = self.config.graph_url.clone();
        url.set_path(&format!("{}/{id}", self.config.version));
        if self.config.send_phone_number_id {
            url.query_pairs_mut()
                .append_pair("phone_number_id", &self.config.phone_number_id);
        }
        let request = self
            .client
            .http
            .get(url)
            .timeout(self.client.lookup_timeout);
        request
            .bearer_auth(self.config.access_token.expose_secret())
            .send()
            .await
    }

    /// The second hop, from `offset` on when that is not zero. The host may ignore the offset and send everything.
    pub async fn download(&self, url: &Url, offset: u64) -> Result<Download, DownloadError> {
        let mut url = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            self.check(&url)?;
            let mut request = self.client.http.get(url.clone());
            request = request.bearer_auth(self.config.access_token.expose_secret());
            if offset > 0 {
                request = request.header(header::RANGE, format!("bytes={offset}-"));
            }
            let response = request
                .send()
                .await
                .map_err(|error| DownloadError::Unreached(error.without_url().into()))?;
            match redirected(&url, &response) {
                Some(next) => url = next,
                None => return begun(response, offset),
            }
        }
        Err(ForbiddenUrl {
            host: host_of(&url),
            why: "too many redirects".to_owned(),
        }
        .into())
    }

    /// Whether the token may go there.
    fn check(&self, url: &Url) -> Result<(), ForbiddenUrl> {
        let host = host_of(url);
        let refuse = |why: &str| {
            Err(ForbiddenUrl {
                host: host.clone(),
                why: why.to_owned(),
            })
        };
        if !self
            .config
            .media_hosts
            .iter()
            .any(|rule| rule.covers(&host))
        {
            return refuse("not among media_hosts");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("it carries credentials");
        }
        if self.client.insecure {
            return Ok(());
        }
        if url.scheme() != "https" {
            return refuse("not https");
        }
        address::check_literal(url).or_else(|error| refuse(&error.to_string()))
    }
}

impl Download {
    /// The next bytes, or none at the end. An answer shorter than it announced is an error.
    pub async fn chunk(&mut self) -> Result<Option<bytes::Bytes>, reqwest::Error> {
        self.response
            .chunk()
            .await
            .map_err(reqwest::Error::without_url)
    }
}

fn host_of(url: &Url) -> String {
    url.host_str()
        .unwrap_or_default()
        .trim_end_matches('.')
        .to_owned()
}

fn redirected(from: &Url, response: &reqwest::Response) -> Option<Url> {
    let location = response
        .headers()
        .get(header::LOCATION)
        .filter(|_| response.status().is_redirection())?;
    from.join(location.to_str().ok()?).ok()
}

fn refused(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> LookUpError {
    let error = cloud::error::parse(body);
    let class = cloud::error::classify(status, error.as_ref(), headers);
    let (code, trace) = error.map_or((None, None), |error| (Some(error.code), error.fbtrace_id));
    LookUpError::Refused {
        status,
        code,
        trace,
        class,
    }
}

/// Sorts a download's head. Only 200 and a 206 that begins where it was asked to are media.
fn begun(response: reqwest::Response, asked: u64) -> Result<Download, DownloadError> {
    let status = response.status();
    let text = |name| {
        response
            .headers()
            .get(name)
            .and_then(|value: &header::HeaderValue| value.to_str().ok())
    };
    let offset = match status {
        StatusCode::OK => 0,
        StatusCode::PARTIAL_CONTENT => match text(header::CONTENT_RANGE).and_then(range_start) {
            Some(start) if start == asked => start,
            // A host that lies about ranges: nothing of this answer can be placed.
            _ => {
                return Err(DownloadError::Refused {
                    status: StatusCode::RANGE_NOT_SATISFIABLE,
                });
            }
        },
        StatusCode::TOO_MANY_REQUESTS => {
            let wait = match cloud::error::classify(status, None, response.headers()) {
                cloud::error::Class::Throttled(wait) => wait,
                _ => None,
            };
            return Err(DownloadError::Throttled { wait });
        }
        status => return Err(DownloadError::Refused { status }),
    };
    let mime_type = text(header::CONTENT_TYPE).map(str::to_owned);
    Ok(Download {
        offset,
        length: response.content_length(),
        mime_type,
        response,
    })
}

/// The first byte of `bytes 100-199/200`.
fn range_start(content_range: &str) -> Option<u64> {
    content_range
        .strip_prefix("bytes ")?
        .split_once('-')?
        .0
        .trim()
        .parse()
        .ok()
}

pub(super) async fn read_small(mut response: reqwest::Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(reqwest::Error::without_url)?
    {
        body.extend_from_slice(&chunk);
        if body.len() > LOOK_UP_LIMIT {
            break;
        }
    }
    Ok(body)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // in tests a failed step is a failed test
mod tests {
    use super::*;
    use crate::config::{Fetch, HostRule};

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

    #[test]
    fn a_range_begins_where_it_says() {
        for (text, start) in [
            ("bytes 100-199/200", Some(100)),
            ("bytes 0-0/*", Some(0)),
            ("bytes */200", None),
            ("bytes=100-199", None),
            ("100-199/200", None),
            ("", None),
        ] {
            assert_eq!(range_start(text), start, "{text}");
        }
    }
}
