//! The topmost layer: which key a variable of the environment names, and how it is put there.

use std::collections::BTreeMap;

use figment::value::{Dict, Value};

use super::layers::twin;
use super::problems::Findings;

/// What the names of our variables begin with.
pub(super) const PREFIX: &str = "WABA_BRIDGE__";

/// Puts what the environment says over what the files say. Variables that are none of ours are passed over.
pub(super) fn apply(
    root: &mut Dict,
    environment: impl IntoIterator<Item = (String, String)>,
    findings: &Findings,
) {
    let ours = environment
        .into_iter()
        .filter(|(name, _)| name.starts_with(PREFIX));
    for (name, value) in ours.collect::<BTreeMap<_, _>>() {
        let path = name[PREFIX.len()..].to_ascii_lowercase();
        let put = match path.strip_prefix("numbers__") {
            Some(path) => put_in_number(root, path, value),
            None => put(root, &path.split("__").collect::<Vec<_>>(), value),
        };
        if let Err(what) = put {
            findings.problem(name, what);
        }
    }
}

const NOT_A_KEY: &str =
    "names no key; write WABA_BRIDGE__SECTION__KEY, or WABA_BRIDGE__NUMBERS__NAME__SECTION__KEY";

fn put_in_number(root: &mut Dict, path: &str, value: String) -> Result<(), String> {
    let mut matching = Vec::new();
    if let Some(Value::Array(_, entries)) = root.get_mut("numbers") {
        for entry in entries {
            let Value::Dict(_, entry) = entry else {
                continue;
            };
            let name = entry
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let prefix = format!("{}__", name.to_ascii_lowercase().replace('-', "_"));
            if let Some(rest) = path.strip_prefix(&prefix) {
                matching.push((entry, rest));
            }
        }
    }
    match <[_; 1]>::try_from(matching) {
        Ok([(entry, rest)]) => put(entry, &rest.split("__").collect::<Vec<_>>(), value),
        Err(matching) if matching.is_empty() => {
            Err("names no number of the file; numbers begin there".to_owned())
        }
        Err(_) => Err(
            "names more than one number; give them names that differ in more than \"-\" and \"_\""
                .to_owned(),
        ),
    }
}

/// Values are put in without a tag, which marks them as text out of the environment.
fn put(dict: &mut Dict, path: &[&str], value: String) -> Result<(), String> {
    if let ["routes", route, rest @ ..] = path {
        make_room_for_flag(dict, route, rest.is_empty());
    }
    match path {
        [] | ["", ..] => Err(NOT_A_KEY.to_owned()),
        [name] if matches!(dict.get(*name), Some(Value::Dict(..))) => {
            Err("names a section, not a key of it".to_owned())
        }
        [name] => {
            let twin = twin(name);
            // One that is in the environment too stays: both at once is then noted.
            dict.retain(|key, value| value.tag().is_default() || !key.eq_ignore_ascii_case(&twin));
            dict.insert((*name).to_owned(), Value::from(value));
            Ok(())
        }
        ["headers", name] => {
            let name = match name.strip_suffix("_file") {
                Some(stem) => format!("{}_file", stem.replace('_', "-")),
                None => name.replace('_', "-"),
            };
            let headers = dict
                .entry("headers".to_owned())
                .or_insert_with(|| Value::from(Dict::new()));
            match headers {
                Value::Dict(_, headers) => {
                    headers.retain(|key, _| !key.eq_ignore_ascii_case(&name));
                    put(headers, &[&name], value)
                }
                _ => Err(NOT_A_KEY.to_owned()),
            }
        }
        [name, rest @ ..] => match dict
            .entry((*name).to_owned())
            .or_insert_with(|| Value::from(Dict::new()))
        {
            Value::Dict(_, inner) => put(inner, rest, value),
            _ => Err(NOT_A_KEY.to_owned()),
        },
    }
}

/// A flag is a word or a table. A word takes the place of a table, and a key of a table makes one of a word.
fn make_room_for_flag(dict: &mut Dict, route: &str, is_whole: bool) {
    let Some(Value::Dict(_, routes)) = dict.get_mut("routes") else {
        return;
    };
    match routes.get_mut(route) {
        Some(Value::Dict(..)) if is_whole => {
            routes.remove(route);
        }
        Some(word @ Value::String(..)) if !is_whole => {
            let table = Dict::from([("mode".to_owned(), word.clone())]);
            *word = Value::from(table);
        }
        _ => {}
    }
}
