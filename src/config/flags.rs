//! `[routes]` and `[numbers.routes]`: what is written, and what it means for one number.

use std::collections::BTreeMap;

use figment::value::Value;

use super::problems::Findings;
use super::reader::Reader;
use crate::route::{Mode, Route};

/// Flags as written in one place.
#[derive(Default)]
pub(super) struct Flags {
    default: Option<Mode>,
    routes: BTreeMap<Route, Mode>,
}

impl Flags {
    /// Reads `default` and every route that is there.
    pub fn read(reader: &mut Reader<'_>) -> Self {
        let default = mode(reader, "default", false);
        let mut routes = BTreeMap::new();
        for route in Route::ALL {
            if let Some(mode) = mode(reader, route.as_str(), route.is_served_from_cloud()) {
                routes.insert(route, mode);
            }
        }
        Self { default, routes }
    }
}

/// The flag of every route of one number: its own, else that of all numbers, else the default.
pub(super) fn resolve(
    all: &Flags,
    own: &Flags,
    has_onprem: bool,
    path: &str,
    findings: &Findings,
) -> BTreeMap<Route, Mode> {
    let fallback = own.default.or(all.default);
    if own.default == Some(Mode::OnPrem) && !has_onprem {
        findings.problem(format!("{path}.routes.default"), NO_ONPREM);
    }
    let resolve = |route: Route| {
        let written = own
            .routes
            .get(&route)
            .or_else(|| all.routes.get(&route))
            .copied();
        if written == Some(Mode::OnPrem) && !has_onprem {
            findings.problem(format!("{path}.routes.{route}"), NO_ONPREM);
        }
        written.unwrap_or_else(|| default_mode(route, fallback, has_onprem))
    };
    Route::ALL
        .into_iter()
        .map(|route| (route, resolve(route)))
        .collect()
}

const NO_ONPREM: &str = "is \"onprem\" (here or in [routes]), but this number has no [numbers.onprem]; \
                         write its url, or change the flag";

fn default_mode(route: Route, fallback: Option<Mode>, has_onprem: bool) -> Mode {
    match fallback {
        Some(Mode::Off) => Mode::Off,
        _ if has_onprem => Mode::OnPrem,
        _ if route.is_served_from_cloud() => Mode::Cloud,
        _ => Mode::Off,
    }
}

fn mode(reader: &mut Reader<'_>, name: &str, has_cloud: bool) -> Option<Mode> {
    let value = reader.take(name)?;
    match (value.as_str(), &value) {
        (Some("onprem"), _) => Some(Mode::OnPrem),
        (Some("off"), _) => Some(Mode::Off),
        (Some("cloud"), _) if has_cloud => Some(Mode::Cloud),
        (Some("cloud" | "compare"), _) | (_, Value::Dict(..)) => {
            reader.problem(name, not_here(has_cloud));
            None
        }
        _ => {
            reader.problem(name, format!("is no mode; use {}", modes(has_cloud)));
            None
        }
    }
}

fn not_here(has_cloud: bool) -> String {
    format!("not in this version; use {}", modes(has_cloud))
}

fn modes(has_cloud: bool) -> &'static str {
    if has_cloud {
        "\"onprem\", \"cloud\" or \"off\""
    } else {
        "\"onprem\" or \"off\""
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn flags(default: Mode, routes: &[(Route, Mode)]) -> Flags {
        Flags {
            default: Some(default),
            routes: routes.iter().copied().collect(),
        }
    }

    #[test]
    fn a_number_overrides_and_a_missing_old_client_turns_the_default() {
        let findings = Findings::default();
        let all = flags(
            Mode::OnPrem,
            &[
                (Route::MediaDownload, Mode::Cloud),
                (Route::Health, Mode::Off),
            ],
        );
        let own = Flags {
            default: None,
            routes: [(Route::Health, Mode::OnPrem)].into(),
        };
        let modes = resolve(&all, &own, true, "numbers.a", &findings);
        assert_eq!(modes[&Route::MediaDownload], Mode::Cloud);
        assert_eq!(modes[&Route::Health], Mode::OnPrem);
        assert_eq!(modes[&Route::MediaGet], Mode::OnPrem);

        let modes = resolve(&all, &Flags::default(), false, "numbers.a", &findings);
        assert_eq!(modes[&Route::MediaGet], Mode::Cloud);
        assert_eq!(modes[&Route::Messages], Mode::Off);
        assert!(findings.finish().is_ok());
    }

    #[test]
    fn onprem_that_is_written_needs_an_old_client() {
        let findings = Findings::default();
        let all = flags(Mode::OnPrem, &[(Route::Messages, Mode::OnPrem)]);
        let own = flags(Mode::OnPrem, &[]);
        resolve(&all, &own, false, "numbers.a", &findings);
        let keys = findings
            .finish()
            .unwrap_err()
            .0
            .into_iter()
            .map(|problem| problem.key)
            .collect::<Vec<_>>();
        assert_eq!(
            keys,
            ["numbers.a.routes.default", "numbers.a.routes.messages"]
        );
    }
}
