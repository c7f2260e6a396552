//! One route's comparisons, added up and judged: first which fields are noise, then which comparisons match.

use std::collections::BTreeMap;

use super::readiness::readiness;
use super::report::{Applied, Field, Latency, RouteReport, Row, Thresholds};
use super::{Noise, Redacted, Verdict, wilson};

/// How many fields a report names.
const WORST: usize = 20;

/// One route's rows, added up.
#[derive(Default)]
pub(super) struct Tally {
    verdicts: BTreeMap<Verdict, u64>,
    fields: Vec<Redacted>,
    differed: Vec<u64>,
    by_name: BTreeMap<String, usize>,
    /// The fields of each row that has any, by their place in `fields`.
    with_fields: Vec<Vec<usize>>,
    /// Mismatches of which no field is known.
    unexplainable: u64,
    onprem_ms: Vec<u64>,
    cloud_ms: Vec<u64>,
    levelled: BTreeMap<String, (u64, u64)>,
    ignored: BTreeMap<String, (u64, u64)>,
}

impl Tally {
    pub(super) fn add(&mut self, row: Row) {
        *self.verdicts.entry(row.verdict).or_default() += 1;
        self.onprem_ms.extend(row.onprem_ms);
        self.cloud_ms.extend(row.cloud_ms);
        if !matches!(row.verdict, Verdict::Match | Verdict::Mismatch) {
            return;
        }
        for (sums, applied) in [
            (&mut self.levelled, row.levelled),
            (&mut self.ignored, row.ignored),
        ] {
            for (rule, values) in applied {
                let sum = sums.entry(rule).or_default();
                *sum = (sum.0 + 1, sum.1 + values);
            }
        }
        if row.differences.is_empty() {
            self.unexplainable += u64::from(row.verdict == Verdict::Mismatch);
            return;
        }
        let mut places: Vec<usize> = row
            .differences
            .into_iter()
            .map(|difference| self.place(difference))
            .collect();
        places.sort_unstable();
        places.dedup();
        for place in &places {
            self.differed[*place] += 1;
        }
        self.with_fields.push(places);
    }

    fn place(&mut self, difference: Redacted) -> usize {
        let next = self.fields.len();
        let place = *self.by_name.entry(difference.field.clone()).or_insert(next);
        if place == next {
            self.fields.push(difference);
            self.differed.push(0);
        }
        place
    }

    fn count(&self, verdict: Verdict) -> u64 {
        self.verdicts.get(&verdict).copied().unwrap_or(0)
    }

    pub(super) fn finish(
        self,
        route: String,
        noise: &Noise,
        thresholds: &Thresholds,
    ) -> RouteReport {
        let answered = self.count(Verdict::Match) + self.count(Verdict::Mismatch);
        let only_onprem = self.count(Verdict::OnlyOnPrem);
        let compared = answered + only_onprem;
        let is_noise: Vec<bool> = self
            .fields
            .iter()
            .zip(&self.differed)
            .map(|(field, differed)| noise.explains(&field.field, compared, *differed))
            .collect();
        let differing = self
            .with_fields
            .iter()
            .filter(|places| places.iter().any(|place| !is_noise[*place]))
            .count() as u64
            + self.unexplainable;
        let matched = answered - differing;
        let (mut worst, explained) = self.rated(compared, &is_noise);
        let further = worst.len().saturating_sub(WORST);
        worst.truncate(WORST);
        let readiness = readiness(matched, compared, thresholds.ready_match_rate, |why| {
            if only_onprem > 0 {
                why.push(format!("{only_onprem} of {compared} only on-prem answered"));
            }
            why.extend(worst.iter().take(3).map(|field| {
                let Field {
                    field, differed, ..
                } = field;
                format!("{field} differs in {differed} of {compared}")
            }));
        });
        RouteReport {
            route,
            readiness,
            verdicts: Verdict::ALL
                .into_iter()
                .map(|verdict| (verdict.as_str(), self.count(verdict)))
                .collect(),
            compared,
            matched,
            match_rate: wilson(matched, compared),
            worst,
            further,
            noise: explained,
            noise_samples: noise.samples(),
            onprem: latency(self.onprem_ms),
            cloud: latency(self.cloud_ms),
            levelled: applied(self.levelled, answered),
            ignored: applied(self.ignored, answered),
        }
    }

    /// The fields worth naming and those that are noise, the most frequent first.
    fn rated(&self, compared: u64, is_noise: &[bool]) -> (Vec<Field>, Vec<Field>) {
        let (mut worst, mut explained) = (Vec::new(), Vec::new());
        for (place, example) in self.fields.iter().enumerate() {
            let field = Field {
                field: example.field.clone(),
                differed: self.differed[place],
                rate: wilson(self.differed[place], compared),
                onprem: example.onprem.clone(),
                cloud: example.cloud.clone(),
            };
            match is_noise[place] {
                true => explained.push(field),
                false => worst.push(field),
            }
        }
        for fields in [&mut worst, &mut explained] {
            fields.sort_by(|one, two| {
                two.differed
                    .cmp(&one.differed)
                    .then_with(|| one.field.cmp(&two.field))
            });
        }
        (worst, explained)
    }
}

/// By nearest rank.
fn latency(mut all: Vec<u64>) -> Option<Latency> {
    all.sort_unstable();
    let at = |percent: usize| {
        all.get((all.len() * percent).div_ceil(100).max(1) - 1)
            .copied()
    };
    Some(Latency {
        p50_ms: at(50)?,
        p95_ms: at(95)?,
        p99_ms: at(99)?,
    })
}

fn applied(sums: BTreeMap<String, (u64, u64)>, answered: u64) -> Vec<Applied> {
    sums.into_iter()
        .map(|(rule, (comparisons, values))| Applied {
            rule,
            comparisons,
            values,
            share: wilson(comparisons, answered).rate,
            suspicious: comparisons * 2 > answered,
        })
        .collect()
}
