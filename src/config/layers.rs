//! The three layers and how they come together: `default.toml`, the operator's file, the environment.

use std::path::Path;

use figment::providers::{Format, Toml};
use figment::value::{Dict, Value};
use figment::{Figment, Profile, Provider};

use super::entry::{self, Surroundings};
use super::environment::{self, PREFIX};
use super::fixed::Fixed;
use super::flags::Written;
use super::problems::{Findings, Problems};
use super::reader::{Context, Reader};
use super::{Against, Config, check, compare, sections};

const DEFAULTS: &str = include_str!("../../config/default.toml");

/// Reads the file (if there is one) and the environment of this process.
///
/// # Errors
/// Every problem there is.
pub fn load(file: Option<&Path>) -> Result<Config, Problems> {
    let mut variables = Vec::new();
    for (name, value) in std::env::vars_os() {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else {
            continue;
        };
        let Ok(value) = value.into_string() else {
            return Err(Problems::one(name, "is not UTF-8 text"));
        };
        variables.push((name.to_owned(), value));
    }
    load_from(file, variables)
}

/// [`load`] with an environment of the caller's; variables that are none of ours are passed over.
///
/// # Errors
/// Every problem there is.
pub fn load_from(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, Problems> {
    let Some(path) = file else {
        return build("", Path::new(""), "", environment);
    };
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Problems::one(
            &shown,
            format!("cannot be read ({error}); name the file with --config or WABA_BRIDGE_CONFIG"),
        )
    })?;
    build(
        &text,
        path.parent().unwrap_or(Path::new("")),
        &shown,
        environment,
    )
}

/// A configuration out of a text, without environment; `base` is the folder that its `*_file` keys start at.
///
/// # Errors
/// Every problem there is.
pub fn parse(toml: &str, base: &Path) -> Result<Config, Problems> {
    build(toml, base, "configuration", [])
}

fn build(
    text: &str,
    base: &Path,
    shown: &str,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, Problems> {
    let defaults = syntax("default.toml", DEFAULTS)?;
    syntax(shown, text)?;
    let mut root = merged(shown, text)?;
    let findings = Findings::default();
    environment::apply(&mut root, environment, &findings);

    let insecure = root
        .get("server")
        .and_then(|server| server.find_ref("allow_insecure_upstreams"));
    let insecure = insecure.is_some_and(|value| value.to_bool_lossy() == Some(true));
    let context = Context {
        findings: &findings,
        base,
        insecure,
    };
    let fixed = Fixed::of(&root, base);
    let config = read(Reader::new(context, "", root), defaults);
    let warnings = findings.finish()?;
    // Whatever could not be read has been noted as a problem.
    let config = config
        .ok_or_else(|| Problems::one(shown, "cannot be read, for a reason that was not noted"))?;
    Ok(Config {
        warnings,
        fixed,
        ..config
    })
}

/// Parses one layer by itself, because the merged form no longer knows lines. Only the parser's own words are passed
/// on: its full message quotes the line, which may hold a secret.
fn syntax(shown: &str, text: &str) -> Result<Dict, Problems> {
    Toml::from_str::<Dict>(text).map_err(|error| {
        let before = error
            .span()
            .and_then(|span| text.get(..span.start))
            .unwrap_or("");
        let (line, start) = (
            before.matches('\n').count() + 1,
            before.rfind('\n').map_or(0, |at| at + 1),
        );
        let column = before[start..].chars().count() + 1;
        let message = error.message().replace('\n', ", ");
        Problems::one(shown, format!("line {line}, column {column}: {message}"))
    })
}

fn merged(shown: &str, text: &str) -> Result<Dict, Problems> {
    let figment = Figment::from(Toml::string(DEFAULTS)).merge(Toml::string(text));
    let data = figment
        .data()
        .map_err(|error| Problems::one(shown, error.kind.to_string()));
    Ok(data?.remove(&Profile::Default).unwrap_or_default())
}

fn read(mut root: Reader<'_>, defaults: Dict) -> Option<Config> {
    let server = root.section("server", sections::server).flatten();
    let intake = root.section("intake", sections::intake).flatten();
    let admin = root.section("admin", sections::admin).flatten();
    let state = root.section("state", sections::state).flatten();
    let media = root.section("media", sections::media).flatten();
    let log = root.section("log", sections::log).flatten();
    let limits = root.section("limits", sections::limits);
    let fetch = root.section("fetch", sections::fetch);
    let notifications = root
        .section("notifications", sections::notifications)
        .flatten();
    let tokens = root.section("tokens", sections::tokens);
    let listens = intake.as_ref().is_none_or(|intake| intake.listen.is_some());
    let compare = root.section("compare", |reader| compare::read(reader, listens));
    let compare = compare.flatten();
    let recorded = compare
        .as_ref()
        .is_some_and(|compare| compare.against == Against::Recorded);
    let cutover = root.section("cutover", sections::cutover).flatten();
    let routes = root.section("routes", |reader| Written::read(reader, recorded));
    let routes = routes.unwrap_or_default();
    let every = entry::every_number(&mut root, &defaults);
    let surroundings = Surroundings {
        every: &every,
        routes: &routes,
        recorded,
        intake: listens,
    };
    root.or_default("numbers", Vec::<String>::new());
    let entries = root.sections("numbers", "numbers");
    let read = entries.map(|entries| entry::all(root.context, entries, &surroundings));
    let read = read.unwrap_or_default();
    let listeners = [
        ("server", server.as_ref().map(|server| server.listen)),
        ("intake", intake.as_ref().and_then(|intake| intake.listen)),
        ("admin", admin.as_ref().map(|admin| admin.listen)),
    ];
    check::listeners(root.context.findings, listeners, &read);
    let layout = media.as_ref().map(|media| media.layout);
    check::notifications(root.context.findings, &read, layout);
    root.finish();
    let numbers = read
        .into_iter()
        .map(|entry| entry.number)
        .collect::<Option<Vec<_>>>();
    Some(Config {
        server: server?,
        intake: intake?,
        admin: admin?,
        state: state?,
        media: media?,
        log: log?,
        limits: limits?,
        fetch: fetch?,
        notifications: notifications?,
        tokens: tokens?,
        compare: compare?,
        cutover: cutover?,
        numbers: numbers?,
        warnings: Vec::new(),
        fixed: Fixed::default(),
    })
}

/// Lays one layer over another. A secret that the upper one has as value takes the place of the lower one's file, and
/// the other way round.
pub(super) fn overlay(below: &mut Dict, above: Dict) {
    for name in above.keys() {
        below.remove(&twin(name));
    }
    for (name, value) in above {
        match (below.get_mut(&name), value) {
            (Some(Value::Dict(_, inner)), Value::Dict(_, values)) => overlay(inner, values),
            (_, value) => {
                below.insert(name, value);
            }
        }
    }
}

/// The other way to write a secret.
pub(super) fn twin(name: &str) -> String {
    name.strip_suffix("_file")
        .map_or_else(|| format!("{name}_file"), str::to_owned)
}
