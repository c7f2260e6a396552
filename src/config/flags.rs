//! `[routes]` and `[numbers.routes]`: what is written, and what it means for one number.

use std::collections::BTreeMap;

use super::Layer;
use super::problems::Findings;
use super::reader::Reader;
use crate::route::{Flag, Flags, Mode, Route, Side, unfit, usual_answer};

/// Flags as written in one place.
#[derive(Default)]
pub(super) struct Written {
    default: Option<Mode>,
    routes: BTreeMap<Route, Flag>,
}

impl Written {
    /// Reads `default` and every route that is there. `recorded`: what is compared is compared with a baseline.
    pub fn read(reader: &mut Reader<'_>, recorded: bool) -> Self {
        let default = default(reader);
        let mut routes = BTreeMap::new();
        for route in Route::ALL {
            if let Some(flag) = flag(reader, route, recorded) {
                routes.insert(route, flag);
            }
        }
        Self { default, routes }
    }
}

/// What the flags of one number come from.
pub(super) struct Ground<'a> {
    pub all: &'a Written,
    pub own: &'a Written,
    pub has_onprem: bool,
    /// An access token of Cloud's, readable or not.
    pub has_token: bool,
}

impl Ground<'_> {
    /// The flag of every route: the number's own, else that of all numbers, else the default.
    pub fn resolve(&self, path: &str, findings: &Findings) -> (Flags, [Layer; Route::ALL.len()]) {
        if self.own.default == Some(Mode::OnPrem) && !self.has_onprem {
            let what =
                "is \"onprem\", but this number has no [numbers.onprem]; write its url, or \"off\"";
            findings.problem(format!("{path}.routes.default"), what);
        }
        let flags = Flags::new(|route| self.flag(route).0);
        (flags, Route::ALL.map(|route| self.flag(route).1))
    }

    fn flag(&self, route: Route) -> (Flag, Layer) {
        if let Some(flag) = self.own.routes.get(&route) {
            return (*flag, Layer::Number);
        }
        if let Some(flag) = self.all.routes.get(&route) {
            return (*flag, Layer::AllNumbers);
        }
        match (self.own.default, self.all.default) {
            (Some(Mode::Off), _) => (Flag::all(Mode::Off), Layer::Number),
            (Some(_), _) => (self.usual(route), Layer::Number),
            (None, Some(Mode::Off)) => (Flag::all(Mode::Off), Layer::AllNumbers),
            (None, _) => (self.usual(route), Layer::Default),
        }
    }

    /// Where the old client is, it answers; else Cloud, as far as it can. A number that only the bridge itself answers
    /// for so far is not asked for a token, but for the main job.
    fn usual(&self, route: Route) -> Flag {
        let can_ask = self.has_token || !route.asks_meta() || route == Route::MediaDownload;
        Flag::all(match () {
            () if self.has_onprem => Mode::OnPrem,
            () if route.is_served_from_cloud() && can_ask => Mode::Cloud,
            () => Mode::Off,
        })
    }
}

const MODES: [(&str, Mode); 4] = [
    ("onprem", Mode::OnPrem),
    ("cloud", Mode::Cloud),
    ("compare", Mode::Compare),
    ("off", Mode::Off),
];

const SIDES: [(&str, Side); 2] = [("onprem", Side::OnPrem), ("cloud", Side::Cloud)];

fn default(reader: &mut Reader<'_>) -> Option<Mode> {
    let value = reader.take("default")?;
    match value.as_str() {
        Some("onprem") => Some(Mode::OnPrem),
        Some("off") => Some(Mode::Off),
        _ => {
            let what = "is \"onprem\" or \"off\" only; give other flags to the routes they are for";
            reader.problem("default", what);
            None
        }
    }
}

fn flag(reader: &mut Reader<'_>, route: Route, recorded: bool) -> Option<Flag> {
    let name = route.as_str();
    let flag = match reader.is_section(name) {
        true => {
            let table = reader.section(name, |table| from_table(table, route, recorded));
            table.flatten()
        }
        false => from_word(reader, route, recorded),
    }?;
    if let Some(what) = unfit(route, flag) {
        reader.problem(name, what);
    }
    Some(flag)
}

fn from_word(reader: &mut Reader<'_>, route: Route, recorded: bool) -> Option<Flag> {
    let name = route.as_str();
    let value = reader.take(name)?;
    let mode = value.as_str().and_then(Mode::parse);
    if mode.is_none() {
        let what = "is no flag; write \"onprem\", \"cloud\", \"compare\" or \"off\", or with more to say \
                    { mode = \"cloud\", percent = 25 } or { mode = \"compare\", answer = \"onprem\", percent = 10 }";
        reader.problem(name, what);
    }
    Some(whole(mode?, route, recorded))
}

fn from_table(table: &mut Reader<'_>, route: Route, recorded: bool) -> Option<Flag> {
    let Some(mode) = table.word("mode", &MODES) else {
        // What belongs beside it cannot be told.
        table.take("percent");
        table.take("answer");
        return None;
    };
    let mut flag = whole(mode, route, recorded);
    let shares = matches!(mode, Mode::Cloud | Mode::Compare);
    if has(table, "percent", shares, "\"cloud\" or \"compare\"") {
        flag.percent = u8::try_from(table.count("percent", 0..=100)).unwrap_or_default();
    }
    if has(table, "answer", mode == Mode::Compare, "\"compare\"")
        && let Some(answer) = table.word("answer", &SIDES)
    {
        flag.answer = answer;
    }
    Some(flag)
}

/// A flag with nothing but its mode.
fn whole(mode: Mode, route: Route, recorded: bool) -> Flag {
    match mode {
        Mode::Compare => Flag::compare(usual_answer(route, recorded)),
        mode => Flag::all(mode),
    }
}

/// Whether a key that only some modes have is there and in its place. Out of place it is refused.
fn has(table: &mut Reader<'_>, name: &str, fits: bool, modes: &str) -> bool {
    if fits && table.values.contains_key(name) {
        return true;
    }
    if table.take(name).is_some() {
        table.problem(name, format!("goes with mode = {modes} only; remove it"));
    }
    false
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn written(default: Option<Mode>, routes: &[(Route, Mode)]) -> Written {
        let routes = routes
            .iter()
            .map(|(route, mode)| (*route, Flag::all(*mode)));
        Written {
            default,
            routes: routes.collect(),
        }
    }

    fn resolve(ground: &Ground<'_>) -> impl Fn(Route) -> (Mode, Layer) + use<> {
        let findings = Findings::default();
        let (flags, layers) = ground.resolve("numbers.a", &findings);
        assert!(findings.finish().is_ok());
        move |route| (flags[route].mode, layers[route as usize])
    }

    #[test]
    fn a_number_overrides_and_it_is_told_where_a_flag_is_from() {
        let routes = [
            (Route::MediaDownload, Mode::Cloud),
            (Route::Health, Mode::Off),
        ];
        let found = resolve(&Ground {
            all: &written(Some(Mode::OnPrem), &routes),
            own: &written(None, &[(Route::Health, Mode::OnPrem)]),
            has_onprem: true,
            has_token: true,
        });
        assert_eq!(
            found(Route::MediaDownload),
            (Mode::Cloud, Layer::AllNumbers)
        );
        assert_eq!(found(Route::Health), (Mode::OnPrem, Layer::Number));
        assert_eq!(found(Route::MediaGet), (Mode::OnPrem, Layer::Default));
    }

    #[test]
    fn a_missing_old_client_turns_the_default_as_far_as_there_is_a_token() {
        for has_token in [true, false] {
            let found = resolve(&Ground {
                all: &written(Some(Mode::OnPrem), &[]),
                own: &Written::default(),
                has_onprem: false,
                has_token,
            });
            let profile = if has_token { Mode::Cloud } else { Mode::Off };
            assert_eq!(found(Route::BusinessProfile), (profile, Layer::Default));
            assert_eq!(found(Route::ProfileAbout), (profile, Layer::Default));
            for route in [Route::MediaGet, Route::MediaDownload, Route::Health] {
                assert_eq!(found(route), (Mode::Cloud, Layer::Default), "{route}");
            }
            assert_eq!(found(Route::Messages), (Mode::Off, Layer::Default));
        }
    }

    #[test]
    fn a_default_of_off_is_of_the_layer_that_has_it() {
        let off = written(Some(Mode::Off), &[]);
        for (all, own, layer) in [
            (&off, &Written::default(), Layer::AllNumbers),
            (&written(Some(Mode::OnPrem), &[]), &off, Layer::Number),
        ] {
            let found = resolve(&Ground {
                all,
                own,
                has_onprem: true,
                has_token: false,
            });
            assert_eq!(found(Route::Users), (Mode::Off, layer));
        }
    }

    #[test]
    fn an_own_default_of_onprem_needs_an_old_client() {
        let findings = Findings::default();
        let ground = Ground {
            all: &Written::default(),
            own: &written(Some(Mode::OnPrem), &[]),
            has_onprem: false,
            has_token: true,
        };
        ground.resolve("numbers.a", &findings);
        let problems = findings.finish().unwrap_err().0;
        assert_eq!(problems[0].key, "numbers.a.routes.default");
    }
}
