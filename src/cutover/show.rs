//! Everything there is to say about the flags, number by number, as of one moment.

use super::{Cutover, Figures, Layer, NumberLayers, Ramp};
use crate::ids::NumberName;
use crate::route::{Flag, Pins, Route};
use crate::state::ChangeId;

/// One number's flags and what belongs to them.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Whose.
    pub number: NumberName,
    /// Whether there is an old client.
    pub has_onprem: bool,
    /// Whether the kill switch is thrown.
    pub killed: bool,
    /// Why the flags set at run time are not in force, if they are not.
    pub unfit: Option<String>,
    /// Every route.
    pub routes: Vec<ShownRoute>,
    /// Pinned keys.
    pub pins: Pins,
    /// Ramps, running or over.
    pub ramps: Vec<Ramping>,
}

/// One route's flag.
#[derive(Clone, Debug)]
pub struct ShownRoute {
    /// Which route.
    pub route: Route,
    /// What is in force, the kill switch aside.
    pub flag: Flag,
    /// Where it comes from.
    pub layer: Layer,
    /// What the file says.
    pub file: Flag,
    /// The change that set it last; 0: the file's holds.
    pub revision: ChangeId,
}

/// A ramp with what came since its step began.
#[derive(Clone, Debug)]
pub struct Ramping {
    /// Of which route.
    pub route: Route,
    /// How it stands.
    pub ramp: Ramp,
    /// Since the step began.
    pub figures: Figures,
}

impl Cutover {
    /// Every number.
    pub async fn show(&self) -> Vec<Shown> {
        let layers = self.layers().await;
        let numbers = layers.numbers.iter();
        numbers
            .map(|(name, number)| self.shown(name, number))
            .collect()
    }

    fn shown(&self, name: &NumberName, number: &NumberLayers) -> Shown {
        let killed = self.is_killed(name);
        let in_force = number.in_force(killed);
        let route = |route: Route| ShownRoute {
            route,
            flag: in_force.flag(route),
            layer: in_force.layer(route).clone(),
            file: number.file[route],
            revision: number.revision(route),
        };
        let published = self.of(name);
        let ramping = |(route, ramp): (&Route, &Ramp)| Ramping {
            route: *route,
            figures: published
                .as_ref()
                .map(|published| ramp.figures(published.tally.figures(*route)))
                .unwrap_or_default(),
            ramp: ramp.clone(),
        };
        Shown {
            number: name.clone(),
            has_onprem: in_force.has_onprem(),
            killed,
            unfit: number.unfit.clone(),
            routes: Route::ALL.map(route).to_vec(),
            ramps: number.ramps.iter().map(ramping).collect(),
            pins: in_force.pins,
        }
    }
}
