//! The picture or video of an advertisement. It lies anywhere in the internet, and nobody says what its bytes must be,
//! so that it is asked for without the token, bounded, and only taken if it calls itself what it should be.

use url::Url;
use uuid::Uuid;

use super::download::{Expected, Source, Trouble};
use super::{Fetch, Shelf};
use crate::onprem::media::Kind;
use crate::state::{Fate, Medium};

/// What the old client took for a video, the larger of the two.
const MOST_BYTES: u64 = 16 << 20;

impl Fetch {
    /// Fetches and publishes it.
    ///
    /// # Errors
    /// Why it is not there, for operators.
    pub async fn picture(&self, id: Uuid, kind: Kind, url: &str) -> Result<Medium, String> {
        let url = Url::parse(url).map_err(|_| "its URL cannot be read".to_owned())?;
        self.linked(id, kind, &url)
            .await
            .map_err(|trouble| trouble.to_string())
    }

    async fn linked(&self, id: Uuid, kind: Kind, url: &Url) -> Result<Medium, Trouble> {
        let expected = Expected::default();
        let most = MOST_BYTES.min(self.config.max_bytes);
        self.check_room(most).await?;
        let partial = self.open_partial(id, &expected).await?;
        let source = Source::Linked(&self.client);
        let (finished, mime_type) = self.transfer(source, url, partial, &expected, most).await?;
        let family = format!("{}/", kind.as_str());
        if !mime_type
            .as_deref()
            .is_some_and(|mime_type| mime_type.starts_with(&family))
        {
            super::blocking(move || finished.discard())
                .await
                .map_err(Trouble::Storage)?;
            return Err(Trouble::Damaged(format!("it is no {}", kind.as_str())));
        }
        let (sha256, length) = (finished.sha256, finished.length);
        self.put(finished, id, Shelf::Public).await?;
        Ok(Medium {
            number: self.number.clone(),
            id,
            cloud_id: None,
            kind: Some(kind),
            mime_type,
            sha256: Some(sha256),
            length: Some(length),
            fate: Fate::Stored,
            about: None,
        })
    }
}
