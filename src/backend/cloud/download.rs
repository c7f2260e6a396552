//! The second hop: the bytes behind a short-lived URL.

use std::time::Duration;

use hyper::StatusCode;
use hyper::header;
use secrecy::ExposeSecret;
use url::Url;

use super::{Client, Cloud, ForbiddenUrl};
use crate::cloud;

/// Redirects a media host may make. None was ever recorded.
const MAX_REDIRECTS: usize = 2;

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

impl Cloud {
    /// The second hop, from `offset` on when that is not zero. The host may ignore the offset and send everything.
    pub async fn download(&self, url: &Url, offset: u64) -> Result<Download, DownloadError> {
        let ask = |url: &Url| {
            self.check(url)?;
            let request = self.client.http.get(url.clone());
            Ok(request.bearer_auth(self.config.access_token.expose_secret()))
        };
        follow(url, offset, ask).await
    }
}

impl Client {
    /// What an advertisement links to: anybody's, so it is asked without the token, and only for as long as it is public.
    pub async fn download_linked(&self, url: &Url, offset: u64) -> Result<Download, DownloadError> {
        let ask = |url: &Url| {
            self.check_linked(url)?;
            Ok(self.http.get(url.clone()))
        };
        follow(url, offset, ask).await
    }
}

/// Asks, and asks again where an answer points to, each time only after `ask` has agreed to the place.
async fn follow(
    url: &Url,
    offset: u64,
    ask: impl Fn(&Url) -> Result<reqwest::RequestBuilder, ForbiddenUrl>,
) -> Result<Download, DownloadError> {
    let mut url = url.clone();
    for _ in 0..=MAX_REDIRECTS {
        let mut request = ask(&url)?;
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
    Err(ForbiddenUrl::after_redirects(&url).into())
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

fn redirected(from: &Url, response: &reqwest::Response) -> Option<Url> {
    let location = response
        .headers()
        .get(header::LOCATION)
        .filter(|_| response.status().is_redirection())?;
    from.join(location.to_str().ok()?).ok()
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

#[cfg(test)]
mod tests {
    use super::*;

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
