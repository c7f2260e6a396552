//! The event story: what was accepted is fetched from Cloud, what the old client calls back is taken in, and both are
//! told to the integration.

pub mod deliver;
pub mod fetch;
pub mod intake;
pub mod pair;

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
