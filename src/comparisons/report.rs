//! Reading back what was kept: page by page, so that a report over millions of comparisons holds few of them at a time.

use std::collections::BTreeMap;

use serde::Serialize;
use tokio::sync::mpsc;

use super::Comparisons;
use crate::compare::{self, Noise, RouteReport, Row, Thresholds};
use crate::ids::NumberName;
use crate::route::Route;
use crate::state::{ComparisonQuery, ComparisonRow, StateError};

/// Comparisons read at a time.
const PAGE: usize = 1000;
/// Pages that wait to be added up.
const AHEAD: usize = 2;

/// Calls that were to be compared and were not, since the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Skips {
    /// Of which route.
    pub route: &'static str,
    /// Why.
    pub reason: &'static str,
    /// How many.
    pub count: u64,
}

impl Comparisons {
    /// What the kept comparisons of one number say, route by route.
    pub async fn report(&self, query: &ComparisonQuery) -> Result<Vec<RouteReport>, StateError> {
        let noise: BTreeMap<String, Noise> = match &query.number {
            Some(number) => Route::ALL
                .into_iter()
                .map(|route| (route.to_string(), self.noise_of(number, route)))
                .collect(),
            None => BTreeMap::new(),
        };
        let thresholds = Thresholds {
            ready_match_rate: f64::from(self.cutover.compare().ready_match_permille) / 1000.0,
        };
        let (pages, mut received) = mpsc::channel::<Vec<ComparisonRow>>(AHEAD);
        let judged = tokio::task::spawn_blocking(move || {
            let pages = std::iter::from_fn(|| received.blocking_recv());
            let rows = pages.flatten().filter_map(|row| read(&row));
            compare::report(rows, &noise, &thresholds)
        });
        let mut place = None;
        loop {
            let page = self.state.comparisons(query, place, PAGE).await?;
            place = page.next;
            if pages.send(page.rows).await.is_err() || place.is_none() {
                break;
            }
        }
        drop(pages);
        judged.await.map_err(|_| StateError::Closed)
    }

    /// How many comparisons of a number were left out, and why, since the start.
    pub fn skips(&self, number: &NumberName, route: Option<Route>) -> Vec<Skips> {
        let all = self.all_skips();
        let mut skips: Vec<Skips> = all
            .iter()
            .filter(|((of, on, _), _)| of == number && route.is_none_or(|route| route == *on))
            .map(|((_, route, reason), count)| Skips {
                route: route.as_str(),
                reason,
                count: *count,
            })
            .collect();
        skips.sort_by(|a, b| (a.route, a.reason).cmp(&(b.route, b.reason)));
        skips
    }
}

/// What an older version wrote may not be readable any more; it is then not counted.
fn read(row: &ComparisonRow) -> Option<Row> {
    serde_json::from_str(&row.detail).ok()
}
