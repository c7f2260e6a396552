//! What calls came to since the start, by route: what a ramp goes by.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Figures;
use crate::route::Route;

/// One number's counts.
#[derive(Debug, Default)]
pub struct Tally([Cell; Route::ALL.len()]);

#[derive(Debug, Default)]
struct Cell {
    answered: AtomicU64,
    failed: AtomicU64,
    compared: AtomicU64,
    differed: AtomicU64,
}

impl Tally {
    /// Counts one call that Cloud answered, or one retry download that came to its end there.
    pub fn answered(&self, route: Route, failed: bool) {
        let cell = &self.0[route as usize];
        cell.failed.fetch_add(u64::from(failed), Ordering::Relaxed);
        cell.answered.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one comparison that came to a result.
    pub fn compared(&self, route: Route, differed: bool) {
        let cell = &self.0[route as usize];
        cell.differed
            .fetch_add(u64::from(differed), Ordering::Relaxed);
        cell.compared.fetch_add(1, Ordering::Relaxed);
    }

    /// All there is about a route.
    pub fn figures(&self, route: Route) -> Figures {
        let cell = &self.0[route as usize];
        Figures {
            answered: cell.answered.load(Ordering::Relaxed),
            failed: cell.failed.load(Ordering::Relaxed),
            compared: cell.compared.load(Ordering::Relaxed),
            differed: cell.differed.load(Ordering::Relaxed),
        }
    }
}
