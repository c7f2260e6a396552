//! What holds for one number at one moment.

use crate::config;
use crate::route::{self, Decision, Facts, Flag, Flags, Pins, Plan, Reason, Route, Standing};
use crate::state::{ChangeId, Timestamp};

/// Which layer a flag comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layer {
    /// The file, or its defaults.
    File(config::Layer),
    /// A change at run time.
    RunTime(Origin),
}

/// Who set a flag at run time, when, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The entry in the history.
    pub change: ChangeId,
    /// When.
    pub at: Timestamp,
    /// Who, as they named themselves.
    pub who: String,
    /// Why.
    pub reason: String,
}

impl Layer {
    /// The layer in a few words.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::File(layer) => layer.as_str(),
            Self::RunTime(_) => "run time",
        }
    }
}

/// Flags, pins and the kill switch of one number.
#[derive(Clone, Debug)]
pub struct InForce {
    /// Every route's flag.
    pub flags: Flags,
    layers: [Layer; Route::ALL.len()],
    /// Pinned keys.
    pub pins: Pins,
    /// Whether the kill switch is thrown.
    pub killed: bool,
    has_onprem: bool,
    /// Routes on which nothing about a call but its route matters.
    settled: [Option<Decision>; Route::ALL.len()],
}

impl InForce {
    pub(super) fn new(
        flags: Flags,
        layers: [Layer; Route::ALL.len()],
        pins: Pins,
        killed: bool,
        has_onprem: bool,
    ) -> Self {
        let mut this = Self {
            flags,
            layers,
            pins,
            killed,
            has_onprem,
            settled: [None; Route::ALL.len()],
        };
        this.settled = Route::ALL.map(|route| this.settle(route));
        this
    }

    /// The same with the kill switch thrown or not.
    pub(super) fn with_switch(&self, killed: bool) -> Self {
        Self::new(
            self.flags.clone(),
            self.layers.clone(),
            self.pins.clone(),
            killed,
            self.has_onprem,
        )
    }

    /// Whether there is an old client.
    pub fn has_onprem(&self) -> bool {
        self.has_onprem
    }

    /// The decision about a route whose calls are all treated alike, object affinity aside.
    pub fn settled(&self, route: Route) -> Option<Decision> {
        self.settled[route as usize]
    }

    /// The decision about a call.
    pub fn decide(&self, route: Route, facts: Facts<'_>) -> Decision {
        if let (Some(decision), None) = (self.settled(route), facts.lives_on) {
            return decision;
        }
        route::decide(route, self.flags[route], self.standing(), facts)
    }

    /// The flag of a route.
    pub fn flag(&self, route: Route) -> Flag {
        self.flags[route]
    }

    /// Where the flag comes from.
    pub fn layer(&self, route: Route) -> &Layer {
        &self.layers[route as usize]
    }

    fn standing(&self) -> Standing<'_> {
        Standing {
            killed: self.killed,
            has_onprem: self.has_onprem,
            pins: &self.pins,
        }
    }

    fn settle(&self, route: Route) -> Option<Decision> {
        let asked = std::cell::Cell::new(false);
        let caller = || {
            asked.set(true);
            String::new()
        };
        let facts = Facts {
            lives_on: None,
            object: None,
            caller: &caller,
        };
        let decision = route::decide(route, self.flags[route], self.standing(), facts);
        let by_key = decision.reason == Reason::Percent || decision.reason == Reason::Pinned;
        let by_pin = self.pins.has(route.key()) && decision.plan != Plan::Off && !self.killed;
        let matters = asked.get() || by_key || by_pin;
        (!matters).then_some(decision)
    }
}
