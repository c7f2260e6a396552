//! Which fields differ between two answers of the same side, and how much of a difference that explains.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Comparison, Verdict, wilson};

/// With fewer samples the bounds are so wide that noise would explain anything; then it explains nothing.
const FEWEST: u64 = 10;
/// More distinct fields than any documented body has.
const MOST_FIELDS: usize = 1000;

/// What was seen of one route's noise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noise {
    samples: u64,
    differed: BTreeMap<String, u64>,
}

impl Noise {
    /// Takes in a comparison of two answers of the same side, made with the rules in force and no noise. One in which
    /// a side failed says nothing.
    pub fn observe(&mut self, twice: &Comparison) {
        if !matches!(twice.verdict, Verdict::Match | Verdict::Mismatch) {
            return;
        }
        self.samples += 1;
        let all = twice.differences.iter().chain(&twice.noise);
        let fields: BTreeSet<String> = all.map(|difference| difference.path.field()).collect();
        for field in fields {
            if self.differed.len() < MOST_FIELDS || self.differed.contains_key(&field) {
                *self.differed.entry(field).or_default() += 1;
            }
        }
    }

    /// Adds what was seen elsewhere.
    pub fn merge(&mut self, other: &Self) {
        self.samples += other.samples;
        for (field, differed) in &other.differed {
            *self.differed.entry(field.clone()).or_default() += differed;
        }
    }

    /// Noise as it was counted before.
    pub const fn of(samples: u64, differed: BTreeMap<String, u64>) -> Self {
        Self { samples, differed }
    }

    /// What was counted: how often one side was asked twice, and how often each field differed.
    pub fn counts(&self) -> (u64, impl Iterator<Item = (&str, u64)>) {
        let differed = self.differed.iter();
        (
            self.samples,
            differed.map(|(field, count)| (field.as_str(), *count)),
        )
    }

    /// How often one side was asked twice.
    pub const fn samples(&self) -> u64 {
        self.samples
    }

    /// In how many of those a field differed.
    pub fn differed(&self, field: &str) -> u64 {
        self.differed.get(field).copied().unwrap_or(0)
    }

    /// Whether a single difference in this field says nothing: it surely differs more often than not between two
    /// answers of one side. Weaker noise is left to [`Noise::explains`], which sees many comparisons.
    pub fn is_noise(&self, field: &str) -> bool {
        self.samples >= FEWEST && wilson(self.differed(field), self.samples).low > 0.5
    }

    /// Whether noise explains that a field differed in so many comparisons.
    pub fn explains(&self, field: &str, compared: u64, differed: u64) -> bool {
        let seen = self.differed(field);
        self.samples >= FEWEST
            && seen > 0
            && wilson(differed, compared).low <= wilson(seen, self.samples).high
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(samples: u64, differed: u64) -> Noise {
        Noise {
            samples,
            differed: [("$.a".to_owned(), differed)].into(),
        }
    }

    #[test]
    fn no_samples_and_no_noise_explain_nothing() {
        for noise in [noise(0, 0), noise(9, 9), noise(1000, 0)] {
            assert!(!noise.explains("$.a", 100, 1), "{noise:?}");
            assert!(!noise.is_noise("$.a"), "{noise:?}");
        }
        assert!(!noise(1000, 1000).explains("$.b", 100, 1));
    }

    #[test]
    fn a_field_is_explained_up_to_what_noise_can_reach() {
        let some = noise(200, 10);
        assert!(some.explains("$.a", 200, 10));
        assert!(some.explains("$.a", 200, 20));
        assert!(!some.explains("$.a", 200, 60));
        assert!(!some.is_noise("$.a"));
        assert!(noise(200, 190).is_noise("$.a"));
        assert!(noise(200, 199).explains("$.a", 200, 200));
    }

    #[test]
    fn what_was_seen_on_two_machines_adds_up() {
        let mut one = noise(10, 3);
        one.merge(&noise(5, 2));
        assert_eq!((one.samples(), one.differed("$.a")), (15, 5));
    }
}
