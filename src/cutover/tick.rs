//! What happens by itself: the kill file and the configuration are looked at, and ramps move.

use super::ramp::Next;
use super::{Cutover, Layers, Origin, Ramp};
use crate::ids::NumberName;
use crate::route::Route;
use crate::state::{Change, Timestamp};

impl Cutover {
    /// Moves every running ramp as far as time and figures allow. The time is an argument, so that tests need not wait.
    pub async fn move_ramps(&self, now: Timestamp) {
        let mut layers = self.layers().await;
        let running: Vec<(NumberName, Route)> = layers
            .numbers
            .iter()
            .flat_map(|(name, number)| {
                let running = number.ramps.iter().filter(|(_, ramp)| ramp.is_running());
                running.map(|(route, _)| (name.clone(), *route))
            })
            .collect();
        for (name, route) in running {
            self.move_ramp(&mut layers, &name, route, now).await;
        }
    }

    async fn move_ramp(
        &self,
        layers: &mut Layers,
        name: &NumberName,
        route: Route,
        now: Timestamp,
    ) {
        let Some(published) = self.of(name) else {
            return;
        };
        let Some(number) = layers.numbers.get_mut(name) else {
            return;
        };
        let Some(ramp) = number.ramps.get(&route) else {
            return;
        };
        let figures = published.tally.figures(route);
        let next = match self.is_killed(name) {
            true => Next::GoBack("the kill switch was thrown".to_owned()),
            false => ramp.next(now, Some(ramp.figures(figures))),
        };
        let (new, reason) = match &next {
            Next::Wait => return,
            Next::Hold(why) => {
                tracing::debug!(number = %name, %route, why, "a ramp is held");
                return;
            }
            Next::Advance | Next::Finish => (String::new(), in_words(ramp, figures)),
            Next::GoBack(why) => ("went back".to_owned(), why.clone()),
        };
        let mut moved = ramp.after(&next);
        let shown = match &next {
            Next::GoBack(_) => format!("{} ({new})", moved.flag()),
            Next::Finish => format!("{} (done)", moved.flag()),
            _ => moved.flag().to_string(),
        };
        let (edits, old, new, flag) = number.draft_ramp_flag(name, route, &moved, shown);
        let change = Change {
            at: now,
            who: format!("ramp of {}", moved.who()),
            number: Some(name.clone()),
            what: format!("{route} ramp"),
            old: old.clone(),
            new: new.clone(),
            reason: reason.clone(),
        };
        // Going back does not wait for a state that refuses: the next tick writes it down.
        let id = match self.state.change(edits, change.clone()).await {
            Ok(id) => id,
            Err(error) => {
                tracing::error!(number = %name, %route, error = &error as &dyn std::error::Error, "a ramp's move cannot be written down");
                if matches!(next, Next::GoBack(_)) {
                    let origin = number.set.get(&route).map(|set| set.origin.clone());
                    number.put(route, flag, origin.unwrap_or_else(|| unwritten(&change)));
                    self.publish(name, number);
                }
                return;
            }
        };
        tracing::info!(number = %name, %route, old, new, reason, change = id.0, "a ramp moved");
        moved.measure_from(figures, now);
        let origin = Origin {
            change: id,
            at: now,
            who: change.who,
            reason,
        };
        number.put(route, flag, origin);
        number.ramps.insert(route, moved);
        self.publish(name, number);
    }
}

fn in_words(ramp: &Ramp, figures: super::Figures) -> String {
    let figures = ramp.figures(figures);
    let mut words = format!("{} of {} calls failed", figures.failed, figures.answered);
    if ramp.steps().bounds.mismatch_rate.is_some() {
        words.push_str(&format!(
            ", {} of {} comparisons differed",
            figures.differed, figures.compared
        ));
    }
    words
}

fn unwritten(change: &Change) -> Origin {
    Origin {
        change: crate::state::ChangeId::default(),
        at: change.at,
        who: change.who.clone(),
        reason: change.reason.clone(),
    }
}
