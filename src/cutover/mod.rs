//! The flags in force: the file's, under what operators changed at run time, under the kill switch.
//!
//! What holds for a number is published as one [`InForce`], whole; a request takes it once and sees nothing else until
//! it is answered. Every change is written to the state with its entry in the history before it takes effect. Only the
//! kill switch works the other way round: it takes effect first and is written down as well as that is possible.

mod change;
mod inforce;
mod kill;
mod ramp;
mod reload;
mod show;
mod switch;
mod tally;
#[cfg(test)]
mod tests;
mod tick;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::{Mutex, MutexGuard};

use crate::config::{self, Config};
use crate::ids::NumberName;
use crate::route::{Flag, Flags, Means, Pins, Route};
use crate::state::{ChangeId, RunTime, State, StateError, Timestamp};

pub use change::{Expected, Made, Refused, Request, Target};
pub use inforce::{InForce, Layer, Origin};
pub use kill::{Kept, KillFile, Scope};
pub use ramp::{Bounds, Figures, Ramp, RampStatus, Steps};
pub use reload::FileStatus;
pub use show::{Ramping, Shown, ShownRoute};
pub use switch::Thrown;
pub use tally::Tally;

/// All numbers' flags.
pub struct Cutover {
    state: State,
    published: HashMap<NumberName, Arc<Published>>,
    /// Held across a change, so that two at once come one after the other and the second sees the first.
    layers: Mutex<Layers>,
    kill: Arc<kill::Switch>,
    /// Held while what is in force is worked out and published, so that a throw of the switch cannot be undone by a
    /// change that began before it. Never held while anything is waited for.
    publishing: std::sync::Mutex<()>,
    file: reload::File,
    /// How comparing is done, as the file says now.
    compare: ArcSwap<config::Compare>,
}

/// What one number's requests and jobs look at.
pub struct Published {
    current: ArcSwap<InForce>,
    /// What its calls came to.
    pub tally: Tally,
}

/// What the flags in force are made of.
struct Layers {
    numbers: BTreeMap<NumberName, NumberLayers>,
}

struct NumberLayers {
    file: Flags,
    layers: [config::Layer; Route::ALL.len()],
    means: Means,
    set: BTreeMap<Route, Set>,
    pins: Pins,
    ramps: BTreeMap<Route, Ramp>,
    /// Why the flags set at run time are not in force, if they are not.
    unfit: Option<String>,
}

/// A flag set at run time.
#[derive(Clone, Debug)]
struct Set {
    flag: Flag,
    origin: Origin,
}

impl Published {
    /// What holds now.
    pub fn load(&self) -> Arc<InForce> {
        self.current.load_full()
    }
}

impl Cutover {
    /// Lays what the state kept over the file.
    pub async fn load(
        state: State,
        config: &Config,
        path: Option<std::path::PathBuf>,
    ) -> Result<Self, StateError> {
        let run_time = state.run_time().await?;
        let mut layers = Layers::of(config);
        layers.lay_over(run_time);
        let kill = kill::Switch::new(config.cutover.kill_file.clone());
        kill.look(&layers.names());
        let published = layers.numbers.iter().map(|(name, number)| {
            let published = Published {
                current: ArcSwap::from_pointee(number.in_force(kill.is_thrown(name))),
                tally: Tally::default(),
            };
            (name.clone(), Arc::new(published))
        });
        Ok(Self {
            published: published.collect(),
            state,
            kill: Arc::new(kill),
            publishing: std::sync::Mutex::default(),
            file: reload::File::new(path, config),
            compare: ArcSwap::from_pointee(config.compare.clone()),
            layers: Mutex::new(layers),
        })
    }

    /// What a number's requests look at. None for a number that is not configured.
    pub fn of(&self, number: &NumberName) -> Option<Arc<Published>> {
        self.published.get(number).cloned()
    }

    /// How comparing is done.
    pub fn compare(&self) -> Arc<config::Compare> {
        self.compare.load_full()
    }

    /// Every number's name.
    pub fn names(&self) -> Vec<NumberName> {
        let mut names: Vec<_> = self.published.keys().cloned().collect();
        names.sort();
        names
    }

    /// The only number, where there is just one.
    pub fn only(&self) -> Option<NumberName> {
        match self.names().as_slice() {
            [name] => Some(name.clone()),
            _ => None,
        }
    }

    async fn layers(&self) -> MutexGuard<'_, Layers> {
        self.layers.lock().await
    }

    fn publish(&self, name: &NumberName, number: &NumberLayers) {
        if let Some(published) = self.published.get(name) {
            let _held = self
                .publishing
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let in_force = number.in_force(self.kill.is_thrown(name));
            published.current.store(Arc::new(in_force));
        }
    }
}

impl Layers {
    fn of(config: &Config) -> Self {
        let of = |number: &config::Number| {
            let layers = NumberLayers {
                file: number.flags.clone(),
                layers: Route::ALL.map(|route| number.layer(route)),
                means: number.means(&config.compare),
                set: BTreeMap::new(),
                pins: Pins::default(),
                ramps: BTreeMap::new(),
                unfit: None,
            };
            (number.name.clone(), layers)
        };
        Self {
            numbers: config.numbers.iter().map(of).collect(),
        }
    }

    fn names(&self) -> Vec<NumberName> {
        self.numbers.keys().cloned().collect()
    }

    /// What is kept for a number that is not configured (any more) waits for its return.
    fn lay_over(&mut self, run_time: RunTime) {
        for set in run_time.flags {
            if let Some(number) = self.numbers.get_mut(&set.number) {
                let origin = Origin {
                    change: set.change,
                    at: set.at,
                    who: set.who,
                    reason: set.reason,
                };
                number.set.insert(
                    set.route,
                    Set {
                        flag: set.flag,
                        origin,
                    },
                );
            }
        }
        for pin in run_time.pins {
            if let Some(number) = self.numbers.get_mut(&pin.number) {
                number.pins.put(pin.kind, &pin.key, pin.side);
            }
        }
        for (name, route, ramp) in run_time.ramps {
            let number = self.numbers.get_mut(&name);
            if let (Some(number), Some(ramp)) = (number, Ramp::read(&ramp, Timestamp::now())) {
                number.ramps.insert(route, ramp);
            }
        }
        for (name, number) in &mut self.numbers {
            let faults = change::faults(&number.effective(), number.means);
            if !faults.is_empty() {
                let why = change::in_words(&faults);
                tracing::error!(number = %name, why, "flags set at run time do not fit the file any more and are not in force");
                number.unfit = Some(why);
            }
        }
    }
}

impl NumberLayers {
    /// The file's flags with those of run time over them.
    fn effective(&self) -> Flags {
        self.with(&self.set)
    }

    fn with(&self, set: &BTreeMap<Route, Set>) -> Flags {
        let flag = |route: Route| set.get(&route).map_or(self.file[route], |set| set.flag);
        Flags::new(flag)
    }

    fn revision(&self, route: Route) -> ChangeId {
        self.set
            .get(&route)
            .map(|set| set.origin.change)
            .unwrap_or_default()
    }

    fn in_force(&self, killed: bool) -> InForce {
        let set = match self.unfit {
            Some(_) => &BTreeMap::new(),
            None => &self.set,
        };
        let layer = |route: Route| match set.get(&route) {
            Some(set) => Layer::RunTime(set.origin.clone()),
            None => Layer::File(self.layers[route as usize]),
        };
        InForce::new(
            self.with(set),
            Route::ALL.map(layer),
            self.pins.clone(),
            killed,
            self.means.onprem,
        )
    }
}
