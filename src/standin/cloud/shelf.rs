//! The media that Cloud has, with what it says about each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::super::digest::Digest;
use super::super::medium::Medium;

#[derive(Debug)]
pub(super) struct Kept {
    pub medium: Medium,
    pub digest: Digest,
}

#[derive(Debug, Default)]
pub(super) struct Shelf(Mutex<HashMap<String, Arc<Kept>>>);

impl Shelf {
    pub(super) fn put(&self, id: String, medium: Medium) -> Digest {
        let digest = medium.content.digest();
        let kept = Kept {
            medium,
            digest: digest.clone(),
        };
        self.lock().insert(id, Arc::new(kept));
        digest
    }

    pub(super) fn get(&self, id: &str) -> Option<Arc<Kept>> {
        self.lock().get(id).cloned()
    }

    /// The first id, in the order of ids, of a medium of this type.
    pub(super) fn any_of(&self, mime_type: &str) -> Option<String> {
        let media = self.lock();
        let fitting = media
            .iter()
            .filter(|(_, kept)| kept.medium.mime_type == mime_type);
        fitting.map(|(id, _)| id.clone()).min()
    }

    pub(super) fn remove(&self, id: &str) -> bool {
        self.lock().remove(id).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Kept>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
