//! Changes at run time: checked against what the number has, written down with who and why, then published.

use std::collections::BTreeMap;

use super::{Cutover, Layers, NumberLayers, Origin, Published, Ramp, Set, ramp};
use crate::ids::NumberName;
use crate::route::{self, Flag, Flags, KeyKind, Means, Route, Side};
use crate::state::{Change, ChangeId, Edit, Pin, StateError, Timestamp};

/// A change somebody asks for.
#[derive(Clone, Debug)]
pub struct Request {
    /// Of which number.
    pub number: NumberName,
    /// Who asks, as they name themselves.
    pub who: String,
    /// Why.
    pub reason: String,
    /// What is to be changed.
    pub target: Target,
}

/// What is to be changed.
#[derive(Clone, Debug)]
pub enum Target {
    /// Routes get this flag, together: some pairs only make sense so.
    Set {
        /// Which routes.
        routes: Vec<Route>,
        /// What they are to say.
        flag: Flag,
        /// See [`Expected`].
        expected: Expected,
    },
    /// The file's flags hold again.
    Reset {
        /// Of these routes.
        routes: Vec<Route>,
        /// See [`Expected`].
        expected: Expected,
    },
    /// A key is tied to a side.
    Pin {
        /// What the key names.
        kind: KeyKind,
        /// The key.
        key: String,
        /// The side.
        side: Side,
    },
    /// A key is let go.
    Unpin {
        /// What the key names.
        kind: KeyKind,
        /// The key.
        key: String,
    },
    /// A ramp begins.
    Ramp {
        /// Of which route.
        route: Route,
        /// How.
        steps: ramp::Steps,
    },
    /// A ramp ends where it is.
    StopRamp {
        /// Of which route.
        route: Route,
    },
}

/// The change that set a route last, as far as the one who asks knows (0: none did); where another one did, nothing is
/// changed. Routes that are not here are changed whoever set them.
pub type Expected = BTreeMap<Route, ChangeId>;

/// A change that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Its entry in the history.
    pub change: ChangeId,
    /// What it was.
    pub old: String,
    /// What it is now.
    pub new: String,
}

/// Why a change was not made. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// No such number.
    #[error("there is no number {0}")]
    UnknownNumber(String),
    /// The flags would not fit each other, or what the number has.
    #[error("{0}")]
    Unfit(String),
    /// Somebody else was faster.
    #[error(
        "{route} was changed meanwhile: {who} set it to \"{now}\" (change {change}); look again before you change it"
    )]
    Overtaken {
        /// Which route.
        route: Route,
        /// What it says now.
        now: Flag,
        /// Who set it.
        who: String,
        /// The change that did.
        change: i64,
    },
    /// Somebody else was faster, and took back what had been set.
    #[error(
        "{route} was changed meanwhile: it was reset to the file's \"{now}\"; look again before you change it"
    )]
    TakenBack {
        /// Which route.
        route: Route,
        /// What the file says.
        now: Flag,
    },
    /// There is nothing to take back, stop or let go.
    #[error("{0}")]
    Nothing(String),
    /// The ramp cannot go like this.
    #[error("{0}")]
    Ramp(String),
    /// It cannot be written down.
    #[error("the change cannot be written down, so it was not made")]
    State(#[from] StateError),
}

/// Faults as one text.
pub(super) fn in_words(faults: &[(Route, String)]) -> String {
    let words = faults
        .iter()
        .map(|(route, what)| format!("{route}: {what}"));
    words.collect::<Vec<_>>().join("; ")
}

/// What is wrong with a number's flags, once those of run time lie over the file's.
pub(super) fn faults(flags: &Flags, means: Means) -> Vec<(Route, String)> {
    let mut faults = route::faults(flags, means);
    if route::needs_own_session(flags) && means.onprem && !means.onprem_login {
        faults.push((Route::Login, "gives out tokens that the old client does not know while other routes still go there; \
             that needs [numbers.onprem] username and password in the file".to_owned()));
    }
    faults
}

/// A change worked out: what is written, and what holds once it is.
struct Draft {
    edits: Vec<Edit>,
    what: String,
    old: String,
    new: String,
    flags: Vec<(Route, Option<Flag>)>,
    ramp: Option<(Route, Option<Ramp>)>,
}

impl Draft {
    fn of(what: String, old: String, new: String) -> Self {
        Self {
            edits: Vec::new(),
            what,
            old,
            new,
            flags: Vec::new(),
            ramp: None,
        }
    }
}

impl Cutover {
    /// Makes a change, or nothing of it.
    pub async fn change(&self, request: Request, now: Timestamp) -> Result<Made, Refused> {
        let mut layers = self.layers().await;
        self.change_locked(&mut layers, request, now).await
    }

    pub(super) async fn change_locked(
        &self,
        layers: &mut Layers,
        request: Request,
        now: Timestamp,
    ) -> Result<Made, Refused> {
        let Request {
            number: name,
            who,
            reason,
            target,
        } = request;
        let number = layers
            .numbers
            .get_mut(&name)
            .ok_or_else(|| Refused::UnknownNumber(name.to_string()))?;
        let mut draft = number.draft(&name, target, &who, now)?;
        number.check(&draft)?;
        let change = Change {
            at: now,
            who: who.clone(),
            number: Some(name.clone()),
            what: draft.what.clone(),
            old: draft.old.clone(),
            new: draft.new.clone(),
            reason: reason.clone(),
        };
        let id = self.state.change(draft.edits.clone(), change).await?;
        // Whoever reads the log may not read keys: they can be phone numbers.
        let what = draft.what.split(':').next().unwrap_or_default();
        tracing::info!(number = %name, what, old = draft.old, new = draft.new, who, reason, change = id.0, "flags changed");
        let made = Made {
            change: id,
            old: draft.old.clone(),
            new: draft.new.clone(),
        };
        let origin = Origin {
            change: id,
            at: now,
            who,
            reason,
        };
        // What came before a ramp says nothing of it.
        if let (Some((route, Some(ramp))), Some(published)) = (&mut draft.ramp, self.of(&name)) {
            ramp.measure_from(published.tally.figures(*route), now);
        }
        number.take(draft, &origin);
        self.publish(&name, number);
        Ok(made)
    }

    pub(super) fn publish_all(&self, layers: &Layers) {
        for (name, number) in &layers.numbers {
            self.publish(name, number);
        }
    }

    /// What a number's requests look at, for those who were given its name.
    pub fn find(&self, number: &str) -> Option<(NumberName, std::sync::Arc<Published>)> {
        let name = NumberName::parse(number)?;
        let published = self.of(&name)?;
        Some((name, published))
    }
}

impl NumberLayers {
    /// Works a change out without making it.
    fn draft(
        &self,
        name: &NumberName,
        target: Target,
        who: &str,
        now: Timestamp,
    ) -> Result<Draft, Refused> {
        match target {
            Target::Set {
                routes,
                flag,
                expected,
            } => self.draft_set(name, &routes, Some(flag), &expected),
            Target::Reset { routes, expected } => {
                for route in &routes {
                    self.is_as_expected(*route, &expected)?;
                }
                if let Some(route) = routes.iter().find(|route| !self.set.contains_key(route)) {
                    return Err(Refused::Nothing(format!(
                        "{route} is not set at run time; the file's \"{}\" holds",
                        self.file[*route]
                    )));
                }
                self.draft_set(name, &routes, None, &expected)
            }
            Target::Pin { kind, key, side } => {
                self.can_pin(side)?;
                let old = self.pins.get(kind, &key).map_or("not pinned", Side::as_str);
                let mut draft = Draft::of(pin(kind, &key), old.to_owned(), side.to_string());
                let number = name.clone();
                draft.edits.push(Edit::Pin(Pin {
                    number,
                    kind,
                    key,
                    side,
                }));
                Ok(draft)
            }
            Target::Unpin { kind, key } => {
                let Some(old) = self.pins.get(kind, &key) else {
                    return Err(Refused::Nothing(format!(
                        "this {} is not pinned",
                        kind.as_str()
                    )));
                };
                let mut draft =
                    Draft::of(pin(kind, &key), old.to_string(), "not pinned".to_owned());
                let number = name.clone();
                draft.edits.push(Edit::Unpin { number, kind, key });
                Ok(draft)
            }
            Target::Ramp { route, steps } => {
                let ramp = Ramp::begin(steps, self.effective()[route], who, now);
                self.draft_ramp(name, route, ramp.map_err(Refused::Ramp)?)
            }
            Target::StopRamp { route } => {
                if !self.ramps.get(&route).is_some_and(Ramp::is_running) {
                    return Err(Refused::Nothing(format!("no ramp of {route} is running")));
                }
                let flag = self.effective()[route];
                let mut draft = Draft::of(
                    format!("{route} ramp"),
                    flag.to_string(),
                    format!("{flag}, stopped"),
                );
                draft.drop_ramp(name, route);
                Ok(draft)
            }
        }
    }

    /// A pin to a side that is not there would fail every call of its key.
    fn can_pin(&self, side: Side) -> Result<(), Refused> {
        let missing = match side {
            _ if !self.means.onprem => {
                "there is no [numbers.onprem], so every key goes to Cloud anyway"
            }
            Side::Cloud if !self.means.cloud => {
                "there is no [numbers.cloud] with an access_token to go to"
            }
            _ => return Ok(()),
        };
        Err(Refused::Unfit(missing.to_owned()))
    }

    fn draft_set(
        &self,
        name: &NumberName,
        routes: &[Route],
        flag: Option<Flag>,
        expected: &Expected,
    ) -> Result<Draft, Refused> {
        let joined = |each: &mut dyn Iterator<Item = String>| {
            let mut words: Vec<String> = each.collect();
            words.dedup();
            words.join("; ")
        };
        let effective = self.effective();
        for route in routes {
            self.is_as_expected(*route, expected)?;
        }
        let what: Vec<&str> = routes.iter().map(|route| route.as_str()).collect();
        let old = joined(&mut routes.iter().map(|route| effective[*route].to_string()));
        let new = match flag {
            Some(flag) => flag.to_string(),
            None => joined(
                &mut routes
                    .iter()
                    .map(|route| format!("{} (the file's)", self.file[*route])),
            ),
        };
        let mut draft = Draft::of(what.join(", "), old, new);
        for route in routes {
            let (number, route) = (name.clone(), *route);
            draft.edits.push(match flag {
                Some(flag) => Edit::SetFlag {
                    number,
                    route,
                    flag,
                },
                None => Edit::ResetFlag { number, route },
            });
            draft.flags.push((route, flag));
            // Who sets a flag by hand has taken over from its ramp.
            if self.ramps.contains_key(&route) {
                draft.drop_ramp(name, route);
            }
        }
        Ok(draft)
    }

    fn is_as_expected(&self, route: Route, expected: &Expected) -> Result<(), Refused> {
        let revision = self.revision(route);
        if expected.get(&route).is_none_or(|known| *known == revision) {
            return Ok(());
        }
        Err(match self.set.get(&route) {
            Some(set) => Refused::Overtaken {
                route,
                now: set.flag,
                who: set.origin.who.clone(),
                change: set.origin.change.0,
            },
            None => Refused::TakenBack {
                route,
                now: self.file[route],
            },
        })
    }

    /// A ramp as it now stands, with the flag that belongs to it.
    pub(super) fn draft_ramp_flag(
        &self,
        name: &NumberName,
        route: Route,
        ramp: &Ramp,
        new: String,
    ) -> (Vec<Edit>, String, String, Flag) {
        let flag = ramp.flag();
        let edits = vec![
            Edit::SetFlag {
                number: name.clone(),
                route,
                flag,
            },
            Edit::PutRamp {
                number: name.clone(),
                route,
                ramp: ramp.write(),
            },
        ];
        (edits, self.effective()[route].to_string(), new, flag)
    }

    fn draft_ramp(&self, name: &NumberName, route: Route, ramp: Ramp) -> Result<Draft, Refused> {
        if self.ramps.get(&route).is_some_and(Ramp::is_running) {
            return Err(Refused::Ramp(format!(
                "a ramp of {route} is running already; stop it first (`cutover ramp {route} --stop`)"
            )));
        }
        let shown = format!("{}, ramp {}", ramp.flag(), ramp.steps_in_words());
        let (edits, old, new, flag) = self.draft_ramp_flag(name, route, &ramp, shown);
        // The last step is where it leads; if that cannot be, nobody should find out at the third step.
        self.fits(&[(route, Some(flag))])?;
        self.fits(&[(route, Some(ramp.last_flag()))])?;
        let mut draft = Draft::of(format!("{route} ramp"), old, new);
        draft.edits = edits;
        draft.flags.push((route, Some(flag)));
        draft.ramp = Some((route, Some(ramp)));
        Ok(draft)
    }

    fn check(&self, draft: &Draft) -> Result<(), Refused> {
        match draft.flags.is_empty() {
            true => Ok(()),
            false => self.fits(&draft.flags),
        }
    }

    /// Whether the number's flags would fit with these changes.
    fn fits(&self, changes: &[(Route, Option<Flag>)]) -> Result<(), Refused> {
        let mut flags = self.effective();
        for (route, flag) in changes {
            flags[*route] = flag.unwrap_or(self.file[*route]);
        }
        let faults = faults(&flags, self.means);
        match faults.is_empty() {
            true => Ok(()),
            false => Err(Refused::Unfit(in_words(&faults))),
        }
    }

    /// Makes a change that was written down.
    fn take(&mut self, draft: Draft, origin: &Origin) {
        for (route, flag) in draft.flags {
            match flag {
                Some(flag) => {
                    let origin = origin.clone();
                    self.set.insert(route, Set { flag, origin });
                }
                None => {
                    self.set.remove(&route);
                }
            }
            self.unfit = None;
        }
        for edit in draft.edits {
            match edit {
                Edit::Pin(pin) => self.pins.put(pin.kind, &pin.key, pin.side),
                Edit::Unpin { kind, key, .. } => {
                    self.pins.remove(kind, &key);
                }
                Edit::DropRamp { route, .. } => {
                    self.ramps.remove(&route);
                }
                _ => {}
            }
        }
        if let Some((route, Some(ramp))) = draft.ramp {
            self.ramps.insert(route, ramp);
        }
    }

    pub(super) fn put(&mut self, route: Route, flag: Flag, origin: Origin) {
        self.set.insert(route, Set { flag, origin });
    }
}

impl Draft {
    fn drop_ramp(&mut self, name: &NumberName, route: Route) {
        let number = name.clone();
        self.edits.push(Edit::DropRamp { number, route });
    }
}

/// The colon parts what may be logged from what may not.
fn pin(kind: KeyKind, key: &str) -> String {
    format!("pin {}: {key}", kind.as_str())
}
