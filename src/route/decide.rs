//! Which side answers a call, and why: kill switch, object affinity, pinned keys, percent, mode, in this order.

use std::collections::HashMap;

use aws_lc_rs::digest::{SHA256, digest};

use super::{Effect, Flag, Mode, Route, Side};

/// Keys fall into this many buckets.
const BUCKETS: u64 = 10_000;

/// What a key names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyKind {
    /// The id of a medium.
    Medium,
    /// A `wa_id`.
    Contact,
    /// The user a token belongs to, or the caller's address where the bridge does not know the token.
    Caller,
}

impl KeyKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Medium, Self::Contact, Self::Caller];

    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Medium => "medium",
            Self::Contact => "contact",
            Self::Caller => "caller",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl Route {
    /// What the share of this route is counted by.
    pub const fn key(self) -> KeyKind {
        match self {
            Self::MediaGet | Self::MediaDelete | Self::MediaDownload => KeyKind::Medium,
            Self::ContactIdentity => KeyKind::Contact,
            _ => KeyKind::Caller,
        }
    }
}

/// Keys that an operator tied to a side, on every route of a number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pins([HashMap<Box<str>, Side>; 3]);

impl Pins {
    /// Ties a key.
    pub fn put(&mut self, kind: KeyKind, key: &str, side: Side) {
        self.0[kind as usize].insert(key.into(), side);
    }

    /// Lets a key go. `false`: it was not tied.
    pub fn remove(&mut self, kind: KeyKind, key: &str) -> bool {
        self.0[kind as usize].remove(key).is_some()
    }

    /// Where a key is tied to.
    pub fn get(&self, kind: KeyKind, key: &str) -> Option<Side> {
        self.0[kind as usize].get(key).copied()
    }

    /// Every pin, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (KeyKind, &str, Side)> {
        let of = |kind: KeyKind| {
            let pins = self.0[kind as usize].iter();
            pins.map(move |(key, side)| (kind, &**key, *side))
        };
        KeyKind::ALL.into_iter().flat_map(of)
    }

    /// Whether any key of this kind is tied.
    pub fn has(&self, kind: KeyKind) -> bool {
        !self.0[kind as usize].is_empty()
    }
}

/// What holds for a number beside the route's flag.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    /// Whether the kill switch is thrown.
    pub killed: bool,
    /// Whether there is an old client.
    pub has_onprem: bool,
    /// Pinned keys.
    pub pins: &'a Pins,
}

/// What a call brings.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// The side its medium or message lives on, where it lives on one alone.
    pub lives_on: Option<Side>,
    /// The medium or the contact it names.
    pub object: Option<&'a str>,
    /// Says who calls; asked only when that matters.
    pub caller: &'a dyn Fn() -> String,
}

/// What is done with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Passed through.
    OnPrem,
    /// Answered from Cloud.
    Cloud,
    /// Answered by one side, and the other one asked.
    Compare {
        /// Whose answer the integration gets.
        answer: Side,
    },
    /// 404.
    Off,
}

impl Plan {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OnPrem => "onprem",
            Self::Cloud => "cloud",
            Self::Compare { .. } => "compare",
            Self::Off => "off",
        }
    }

    /// Who answers, if anybody does.
    pub const fn answer(self) -> Option<Side> {
        match self {
            Self::OnPrem => Some(Side::OnPrem),
            Self::Cloud => Some(Side::Cloud),
            Self::Compare { answer } => Some(answer),
            Self::Off => None,
        }
    }

    const fn of(side: Side) -> Self {
        match side {
            Side::OnPrem => Self::OnPrem,
            Side::Cloud => Self::Cloud,
        }
    }
}

/// Which of the rules decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The kill switch.
    Killed,
    /// The medium or message lives on that side.
    Affinity,
    /// The key is pinned.
    Pinned,
    /// The key's bucket.
    Percent,
    /// The flag's mode alone.
    Mode,
}

impl Reason {
    /// The word in logs, metrics and `why`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Killed => "killed",
            Self::Affinity => "affinity",
            Self::Pinned => "pinned",
            Self::Percent => "percent",
            Self::Mode => "mode",
        }
    }
}

/// What is done with a call, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What.
    pub plan: Plan,
    /// Why.
    pub reason: Reason,
    /// Where the key fell, if that was looked at; a share of 25 takes the buckets below 2500.
    pub bucket: Option<u16>,
}

/// Where a key falls on a route: the same on every machine, and other than on another route.
pub fn bucket(route: Route, key: &str) -> u16 {
    let mut salted = Vec::with_capacity(route.as_str().len() + 1 + key.len());
    salted.extend_from_slice(route.as_str().as_bytes());
    salted.push(0);
    salted.extend_from_slice(key.as_bytes());
    let hash = digest(&SHA256, &salted);
    let first = hash.as_ref().iter().take(8);
    let number = first.fold(0u64, |number, byte| (number << 8) | u64::from(*byte));
    // The remainder is below 10,000.
    (number % BUCKETS) as u16
}

/// Decides. A route that is off is off whatever else holds; one that only one side can answer is answered by it.
pub fn decide(route: Route, flag: Flag, standing: Standing<'_>, facts: Facts<'_>) -> Decision {
    let because = |plan, reason| Decision {
        plan,
        reason,
        bucket: None,
    };
    let by_mode = |plan| because(plan, Reason::Mode);
    if flag.mode == Mode::Off {
        return by_mode(Plan::Off);
    }
    if standing.killed {
        return because(killed(flag, standing.has_onprem), Reason::Killed);
    }
    // What the bridge stored of a compared medium the old client may have, too; what only it has can be asked of nobody
    // else.
    if let Some(side) = facts.lives_on
        && (flag.mode, side) != (Mode::Compare, Side::Cloud)
    {
        return because(Plan::of(side), Reason::Affinity);
    }
    // A number is registered with one API at a time, so what reaches customers is never split by key.
    // Nor is a login: its token would be of one side, and the other routes of the other.
    let may_split = route.effect() != Effect::Send
        && route.is_served_from_cloud()
        && !matches!(route, Route::Login | Route::Logout);
    if may_split
        && standing.has_onprem
        && let Some(side) = pinned(route, standing.pins, facts)
    {
        return because(Plan::of(side), Reason::Pinned);
    }
    let full = match flag.mode {
        Mode::OnPrem => return by_mode(Plan::OnPrem),
        Mode::Cloud => Plan::Cloud,
        Mode::Compare => Plan::Compare {
            answer: flag.answer,
        },
        Mode::Off => Plan::Off,
    };
    if flag.percent >= 100 {
        return by_mode(full);
    }
    let bucket = match (route.key(), facts.object) {
        (KeyKind::Medium | KeyKind::Contact, Some(object)) => bucket(route, object),
        _ => bucket(route, &(facts.caller)()),
    };
    let plan = match bucket < u16::from(flag.percent) * 100 {
        true => full,
        false => rest(standing.has_onprem),
    };
    Decision {
        plan,
        reason: Reason::Percent,
        bucket: Some(bucket),
    }
}

/// What the share leaves goes to the old client. Without one only a comparison with a baseline can have a share, and
/// what is not compared is answered all the same.
fn rest(has_onprem: bool) -> Plan {
    match has_onprem {
        true => Plan::OnPrem,
        false => Plan::Cloud,
    }
}

/// Back to the old client. Where there is none, nothing can go back, and only the comparing ends.
fn killed(flag: Flag, has_onprem: bool) -> Plan {
    match (has_onprem, flag.mode) {
        (true, _) => Plan::OnPrem,
        (false, Mode::Compare) => Plan::Cloud,
        (false, _) => Plan::of(match flag.mode {
            Mode::OnPrem => Side::OnPrem,
            _ => Side::Cloud,
        }),
    }
}

fn pinned(route: Route, pins: &Pins, facts: Facts<'_>) -> Option<Side> {
    let kind = route.key();
    let by_object = match (kind, facts.object) {
        (KeyKind::Medium | KeyKind::Contact, Some(object)) => pins.get(kind, object),
        _ => None,
    };
    let by_caller = || {
        pins.has(KeyKind::Caller)
            .then(|| pins.get(KeyKind::Caller, &(facts.caller)()))
            .flatten()
    };
    by_object.or_else(by_caller)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nobody() -> String {
        "nobody".to_owned()
    }

    fn medium<'a>(id: &'a str, lives_on: Option<Side>) -> Facts<'a> {
        Facts {
            lives_on,
            object: Some(id),
            caller: &nobody,
        }
    }

    fn standing(pins: &Pins) -> Standing<'_> {
        Standing {
            killed: false,
            has_onprem: true,
            pins,
        }
    }

    const DOWNLOAD: Route = Route::MediaDownload;

    #[test]
    fn the_order_is_kill_switch_affinity_pin_percent_mode() {
        let mut pins = Pins::default();
        pins.put(KeyKind::Medium, "1", Side::OnPrem);
        let quiet = standing(&pins);
        let killed = Standing {
            killed: true,
            ..quiet
        };
        let cloud = Flag::all(Mode::Cloud);
        let lives = Some(Side::Cloud);
        for (flag, standing, facts, plan, reason) in [
            (
                cloud,
                killed,
                medium("1", lives),
                Plan::OnPrem,
                Reason::Killed,
            ),
            (
                Flag::all(Mode::OnPrem),
                quiet,
                medium("1", lives),
                Plan::Cloud,
                Reason::Affinity,
            ),
            (
                cloud,
                quiet,
                medium("1", None),
                Plan::OnPrem,
                Reason::Pinned,
            ),
            (
                cloud.share(0),
                quiet,
                medium("2", None),
                Plan::OnPrem,
                Reason::Percent,
            ),
            (cloud, quiet, medium("2", None), Plan::Cloud, Reason::Mode),
            (
                Flag::all(Mode::Off),
                killed,
                medium("1", lives),
                Plan::Off,
                Reason::Mode,
            ),
        ] {
            let decision = decide(DOWNLOAD, flag, standing, facts);
            assert_eq!((decision.plan, decision.reason), (plan, reason), "{flag}");
        }
    }

    #[test]
    fn a_pinned_caller_counts_where_the_object_is_not_pinned() {
        let mut pins = Pins::default();
        pins.put(KeyKind::Caller, "nobody", Side::Cloud);
        let flag = Flag::all(Mode::OnPrem);
        let decision = decide(DOWNLOAD, flag, standing(&pins), medium("1", None));
        assert_eq!(decision.plan, Plan::Cloud);
        pins.put(KeyKind::Medium, "1", Side::OnPrem);
        let decision = decide(DOWNLOAD, flag, standing(&pins), medium("1", None));
        assert_eq!(decision.plan, Plan::OnPrem);
    }

    #[test]
    fn what_is_sent_and_what_gives_tokens_is_never_split_by_key() {
        let mut pins = Pins::default();
        pins.put(KeyKind::Caller, "nobody", Side::Cloud);
        let flag = Flag::all(Mode::OnPrem);
        for route in [Route::Messages, Route::Login, Route::Logout] {
            let decision = decide(route, flag, standing(&pins), medium("1", None));
            assert_eq!(
                (decision.plan, decision.reason),
                (Plan::OnPrem, Reason::Mode)
            );
        }
    }

    #[test]
    fn without_an_old_client_the_kill_switch_ends_comparing_only() {
        let pins = Pins::default();
        let standing = Standing {
            killed: true,
            has_onprem: false,
            pins: &pins,
        };
        let facts = medium("1", None);
        for flag in [Flag::compare(Side::Cloud), Flag::all(Mode::Cloud)] {
            assert_eq!(decide(DOWNLOAD, flag, standing, facts).plan, Plan::Cloud);
        }
    }

    #[test]
    fn buckets_are_the_same_for_ever() {
        // Written down once; a change would move keys on every machine.
        assert_eq!(bucket(DOWNLOAD, "1761991787669262"), BUCKET_OF_SAMPLE);
        assert_ne!(
            bucket(Route::MediaGet, "1761991787669262"),
            BUCKET_OF_SAMPLE
        );
    }

    const BUCKET_OF_SAMPLE: u16 = 9580;

    #[test]
    fn shares_are_within_one_percent_and_only_grow() {
        let pins = Pins::default();
        let goes = |key: &str, percent: u8| {
            let flag = Flag::all(Mode::Cloud).share(percent);
            decide(DOWNLOAD, flag, standing(&pins), medium(key, None)).plan == Plan::Cloud
        };
        let keys: Vec<String> = (0..100_000u64)
            .map(|n| (1_700_000_000_000_000 + n * 7).to_string())
            .collect();
        let mut before = vec![false; keys.len()];
        for percent in [0, 1, 5, 25, 50, 99, 100] {
            let now: Vec<bool> = keys.iter().map(|key| goes(key, percent)).collect();
            let count = now.iter().filter(|goes| **goes).count();
            let off = count.abs_diff(usize::from(percent) * 1000);
            assert!(off <= 1000, "{percent} %: {count} of 100000");
            let moved_back = before.iter().zip(&now).any(|(before, now)| *before && !now);
            assert!(!moved_back, "{percent} % moved a key back");
            before = now;
        }
    }
}
