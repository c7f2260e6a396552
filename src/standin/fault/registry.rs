//! The rules of one stand-in, and the choice of the one that applies to a call.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Fault, Hop, NotARule, Point, Rule, When};

/// The rules of one stand-in. Clones share them, so they can be changed while it runs.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<Vec<Armed>>>);

#[derive(Debug)]
struct Armed {
    rule: Rule,
    /// How many calls the rule has matched.
    matched: u64,
}

/// A call, as rules see it.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Call<'a> {
    pub hop: Hop,
    pub path: &'a str,
    pub medium: Option<&'a str>,
}

impl Faults {
    /// Adds a rule behind those that are there.
    pub fn push(&self, rule: Rule) {
        self.rules_mut().push(Armed { rule, matched: 0 });
    }

    /// Adds one rule per line; empty lines are skipped. Nothing is added if a line is wrong.
    pub fn push_lines(&self, lines: &str) -> Result<(), NotARule> {
        let lines = lines.lines().filter(|line| !line.trim().is_empty());
        let rules: Vec<Rule> = lines.map(str::parse).collect::<Result<_, _>>()?;
        rules.into_iter().for_each(|rule| self.push(rule));
        Ok(())
    }

    /// Forgets all rules.
    pub fn clear(&self) {
        self.rules_mut().clear();
    }

    /// The rules that can still apply, oldest first.
    pub fn rules(&self) -> Vec<Rule> {
        self.rules_mut()
            .iter()
            .map(|armed| armed.rule.clone())
            .collect()
    }

    /// The fault for this call, if any. The oldest rule that is due wins; younger ones keep what they have left,
    /// but count the call if they work by `Every`.
    pub(in super::super) fn take(&self, call: &Call<'_>) -> Option<Fault> {
        let mut rules = self.rules_mut();
        let mut chosen = None;
        for armed in rules.iter_mut().filter(|armed| armed.matches(call)) {
            armed.matched += 1;
            let due = match &mut armed.rule.when {
                When::Always => true,
                When::Every(count) => armed.matched % count.get() == 0,
                When::Next(_) if chosen.is_some() => false,
                When::Next(left) => {
                    let any = *left > 0;
                    *left = left.saturating_sub(1);
                    any
                }
            };
            if due && chosen.is_none() {
                chosen = Some(armed.rule.fault.clone());
            }
        }
        rules.retain(|armed| armed.rule.when != When::Next(0));
        chosen
    }

    fn rules_mut(&self) -> MutexGuard<'_, Vec<Armed>> {
        // A rule list is never left half changed, so it can be used after a panic elsewhere.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Armed {
    fn matches(&self, call: &Call<'_>) -> bool {
        let here = match &self.rule.point {
            Point::Any => true,
            Point::Hop(hop) => *hop == call.hop,
            Point::Path(prefix) => call.path.starts_with(prefix.as_str()),
        };
        let medium = self.rule.medium.as_deref();
        here && (medium.is_none() || medium == call.medium)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOKUP: Call<'static> = Call {
        hop: Hop::Lookup,
        path: "/v24.0/123",
        medium: Some("123"),
    };

    fn faults(lines: &str) -> Faults {
        let faults = Faults::default();
        faults.push_lines(lines).unwrap();
        faults
    }

    fn taken(faults: &Faults, calls: usize) -> Vec<bool> {
        (0..calls).map(|_| faults.take(&LOOKUP).is_some()).collect()
    }

    #[test]
    fn next_applies_so_often_and_is_gone() {
        let faults = faults("lookup:hang:next=2");
        assert_eq!(taken(&faults, 4), [true, true, false, false]);
        assert!(faults.rules().is_empty());
    }

    #[test]
    fn every_third_is_the_third_and_the_sixth() {
        let faults = faults("lookup:hang:every=3");
        assert_eq!(taken(&faults, 6), [false, false, true, false, false, true]);
    }

    #[test]
    fn the_oldest_rule_wins_and_the_next_one_waits() {
        let faults = faults("lookup:status=503:next=1\n\nlookup:status=500:next=1\n");
        assert_eq!(faults.take(&LOOKUP), Some(Fault::Status(503)));
        assert_eq!(faults.take(&LOOKUP), Some(Fault::Status(500)));
        assert_eq!(faults.take(&LOOKUP), None);
    }

    #[test]
    fn a_rule_keeps_to_its_point_and_its_medium() {
        assert!(faults("download:hang").take(&LOOKUP).is_none());
        assert!(faults("lookup@124:hang").take(&LOOKUP).is_none());
        assert!(faults("lookup@123:hang").take(&LOOKUP).is_some());
        assert!(faults("/v24:hang").take(&LOOKUP).is_some());
        assert!(faults("/v23:hang").take(&LOOKUP).is_none());
        assert!(faults("any:hang").take(&LOOKUP).is_some());
    }

    #[test]
    fn one_wrong_line_adds_none() {
        let faults = Faults::default();
        assert!(faults.push_lines("lookup:hang\nnonsense").is_err());
        assert!(faults.rules().is_empty());
    }
}
