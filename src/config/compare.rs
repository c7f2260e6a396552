//! `[compare]`: how the two sides are put beside each other.

use std::time::Duration;

use super::reader::Reader;
use crate::compare::{Equivalence, Rules};
use crate::route::Route;

/// `[compare]`
#[derive(Clone, Debug)]
pub struct Compare {
    /// What Cloud's answers are compared with.
    pub against: Against,
    /// Calls to the other side at a time, per number; never zero.
    pub permits: usize,
    /// How long the other side may take.
    pub deadline: Duration,
    /// Larger JSON is not compared.
    pub json_bytes: u64,
    /// What the other side may send, per comparison.
    pub max_bytes: u64,
    /// The share of comparisons that ask on-prem twice, 0 to 100.
    pub noise_percent: u8,
    /// How long the two outcomes of a retry download are waited for.
    pub callback_deadline: Duration,
    /// Comparisons kept, at most.
    pub keep_rows: u64,
    /// How long they are kept.
    pub keep: Duration,
    /// Recorded answers kept, at most.
    pub baseline_rows: u64,
    /// From this share of matches on, 0 to 1000, a route is ready.
    pub ready_match_permille: u16,
    /// Names of the equivalences that hold.
    pub equivalent: Vec<String>,
    /// JSON paths that are not compared: on every route (`None`), or on one.
    pub ignores: Vec<(Option<Route>, String)>,
    /// Both of these, ready for use.
    pub rules: Rules,
    /// Whether the old client's callbacks can come in (`[intake] listen` is set).
    pub intake: bool,
}

/// `compare.against`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Against {
    /// What on-prem answers now.
    Live,
    /// A baseline: what on-prem answered while it was recorded.
    Recorded,
}

pub(super) fn read(reader: &mut Reader<'_>, intake: bool) -> Option<Compare> {
    let sides = [("live", Against::Live), ("recorded", Against::Recorded)];
    let against = reader.word("against", &sides);
    let noise_percent = reader.number("noise_percent", " of percent", 0..=100);
    let ready = reader.number("ready_match_permille", " of thousandths", 0..=1000);
    let compare = Compare {
        against: Against::Live,
        permits: reader.size("permits", 1..=10_000),
        deadline: reader.seconds("deadline_s", 1),
        json_bytes: reader.number("json_kb", " of kB", 1..=1 << 20) << 10,
        max_bytes: reader.number("max_mb", " of MB", 1..=1 << 20) << 20,
        noise_percent: u8::try_from(noise_percent).unwrap_or_default(),
        callback_deadline: reader.seconds("callback_deadline_s", 1),
        keep_rows: reader.number("keep_rows", "", 1..=1_000_000_000),
        keep: Duration::from_secs(reader.number("keep_days", " of days", 1..=3650) * 86_400),
        baseline_rows: reader.number("baseline_rows", "", 1..=1_000_000_000),
        ready_match_permille: u16::try_from(ready).unwrap_or_default(),
        equivalent: equivalent(reader),
        ignores: ignores(reader),
        rules: Rules::default(),
        intake,
    };
    let ignores: Vec<_> = compare
        .ignores
        .iter()
        .map(|(route, path)| (route.map(|route| route.to_string()), path.clone()))
        .collect();
    // What is wrong with one of them has been noted where it is written.
    let rules = Rules::parse(&compare.equivalent, &ignores).unwrap_or_default();
    Some(Compare {
        against: against?,
        rules,
        ..compare
    })
}

fn equivalent(reader: &mut Reader<'_>) -> Vec<String> {
    let names = reader.texts("equivalent");
    for name in names
        .iter()
        .filter(|name| Equivalence::parse(name).is_none())
    {
        let known = Equivalence::ALL.map(Equivalence::as_str).join(", ");
        reader.problem(
            "equivalent",
            format!("\"{name}\" is none; there are {known}"),
        );
    }
    names
}

fn ignores(reader: &mut Reader<'_>) -> Vec<(Option<Route>, String)> {
    let mut ignores = Vec::new();
    ignores.extend(paths(reader, "ignore").map(|path| (None, path)));
    reader.section("ignore_on", |routes| {
        for route in Route::ALL {
            if routes.values.contains_key(route.as_str()) {
                let paths = paths(routes, route.as_str());
                ignores.extend(paths.map(|path| (Some(route), path)));
            } else {
                // So that a slip of the pen is told what is near to it.
                routes.take(route.as_str());
            }
        }
    });
    ignores
}

fn paths(reader: &mut Reader<'_>, name: &str) -> impl Iterator<Item = String> + use<> {
    let paths = reader.texts(name);
    for path in paths.iter().filter(|path| !is_path(path)) {
        let what = format!(
            "\"{path}\" is no path of a value; write it from the root on, as in \"$.meta.version\""
        );
        reader.problem(name, what);
    }
    paths.into_iter()
}

/// Whether this is a JSON path below the root. The root alone would hide everything.
fn is_path(text: &str) -> bool {
    let rest = text.strip_prefix('$').unwrap_or_default();
    let is_below_root = rest.len() > 1 && rest.starts_with(['.', '[']);
    is_below_root && Rules::parse(&[], &[(None, text.to_owned())]).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_starts_at_the_root_and_is_not_all_of_it() {
        for good in ["$.meta.version", "$['a']", "$.contacts[*].wa_id", "$..id"] {
            assert!(is_path(good), "{good}");
        }
        for bad in ["", "$", "$.", "$[", "meta.version", "$meta", "$.a b"] {
            assert!(!is_path(bad), "{bad}");
        }
    }
}
