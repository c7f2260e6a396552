//! Which module may import which, as a table in dependency order, so that it cannot hide a cycle.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A module, and what it may name besides itself.
const MAY_IMPORT: [(&str, &str); 31] = [
    ("ids", ""),
    ("route", ""),
    ("onprem", ""),
    ("cloud", ""),
    ("compare", "cloud ids route"),
    ("config", "compare ids onprem route"),
    ("telemetry", "config"),
    ("metrics", "ids route"),
    ("http", "config"),
    ("translate", "cloud config ids onprem"),
    ("backend", "cloud config http ids onprem"),
    ("media", "config"),
    ("state", "ids onprem route"),
    ("jobs", "ids state"),
    ("users", "config ids state"),
    ("cutover", "compare config ids route state"),
    (
        "comparisons",
        "compare config cutover ids metrics route state telemetry",
    ),
    ("sends", ""),
    (
        "proxy",
        "backend cloud compare comparisons config cutover http ids jobs media metrics onprem route sends state telemetry translate users",
    ),
    (
        "relay",
        "backend cloud compare comparisons config cutover http ids jobs media metrics onprem route sends state telemetry translate",
    ),
    (
        "admin",
        "comparisons config cutover http ids media metrics proxy relay route state",
    ),
    ("entry", "backend http proxy relay"),
    (
        "app",
        "admin backend comparisons config cutover entry http jobs media metrics proxy relay route sends state users",
    ),
    ("standin", ""),
    ("demo", "standin"),
    ("sandbox", "config demo standin"),
    ("check", "backend cloud config ids media route state"),
    ("operate", "backend cloud compare config cutover ids route"),
    ("arguments", "check demo operate route sandbox"),
    (
        "main",
        "app arguments check config demo operate sandbox telemetry users",
    ),
    ("lib", ""),
];

/// The only modules that may open sockets.
const DIALS: [&str; 1] = ["backend"];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => sources(&path),
            false => vec![path],
        })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

fn module_of(path: &Path, root: &Path) -> String {
    let first = path
        .strip_prefix(root)
        .unwrap()
        .components()
        .next()
        .unwrap();
    first
        .as_os_str()
        .to_str()
        .unwrap()
        .trim_end_matches(".rs")
        .to_owned()
}

/// Modules named as `crate::x` or `waba_bridge::x`, also in braces.
fn imported(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for prefix in ["crate::", "waba_bridge::"] {
        for (at, _) in text.match_indices(prefix) {
            let rest = &text[at + prefix.len()..];
            let names: Vec<&str> = match rest.strip_prefix('{') {
                Some(list) => list.split('}').next().unwrap_or("").split(',').collect(),
                None => vec![rest],
            };
            found.extend(names.into_iter().map(|name| {
                name.trim()
                    .chars()
                    .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
                    .collect()
            }));
        }
    }
    found
}

#[test]
fn modules_import_only_what_lies_below_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let table: BTreeMap<&str, Vec<&str>> = MAY_IMPORT
        .iter()
        .map(|(module, list)| (*module, list.split(' ').collect()))
        .collect();
    let order: Vec<&str> = MAY_IMPORT.iter().map(|(module, _)| *module).collect();
    let mut faults = Vec::new();
    let sources = sources(&root);
    assert!(sources.len() > 50, "the sources were not found");
    for path in sources {
        let module = module_of(&path, &root);
        let shown = path.strip_prefix(&root).unwrap().display().to_string();
        let Some(allowed) = table.get(module.as_str()) else {
            faults.push(format!("{shown}: {module} is not in the table"));
            continue;
        };
        let text = fs::read_to_string(&path).unwrap();
        for name in imported(&text) {
            let known = order.contains(&name.as_str());
            if known && name != module && !allowed.contains(&name.as_str()) {
                faults.push(format!("{shown} imports {name}"));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn the_table_is_in_dependency_order() {
    for (index, (module, list)) in MAY_IMPORT.iter().enumerate() {
        for name in list.split(' ').filter(|name| !name.is_empty()) {
            let at = MAY_IMPORT.iter().position(|(other, _)| *other == name);
            assert!(
                at.is_some_and(|at| at < index),
                "{module} may not come before {name}"
            );
        }
    }
}

#[test]
fn only_the_backends_open_outbound_connections() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for path in sources(&root) {
        let module = module_of(&path, &root);
        if DIALS.contains(&module.as_str()) || module == "standin" {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap();
        for word in [
            "reqwest::Client",
            "legacy::Client",
            "TcpStream::connect",
            "HttpConnector",
        ] {
            assert!(!text.contains(word), "{} names {word}", path.display());
        }
    }
}

#[test]
fn rules_are_pure() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for path in sources(&root) {
        if !["translate", "route", "compare"].contains(&module_of(&path, &root).as_str()) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let rules = text.split("#[cfg(test)]").next().unwrap();
        for word in [
            "async ",
            "std::fs",
            "tokio",
            "SystemTime",
            "Instant",
            "tracing",
            "rand::",
        ] {
            assert!(!rules.contains(word), "{} uses {word}", path.display());
        }
    }
}
