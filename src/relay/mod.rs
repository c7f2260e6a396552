//! The event story: what was accepted is fetched from Cloud, what the old client calls back and what Meta notifies of
//! is taken in, and all of it is told to the integration.

pub mod deliver;
pub mod fetch;
pub mod intake;
pub mod notification;
pub mod pair;
pub mod receive;

use crate::state::Medium;
use crate::translate;

/// What a callback says of a medium.
fn facts(medium: &Medium) -> translate::media::Facts {
    translate::media::Facts {
        kind: medium.kind,
        mime_type: medium.mime_type.clone(),
        sha256: medium.sha256,
    }
}
