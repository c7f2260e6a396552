//! `[[numbers]]`: lays each entry over `[every_number]` and reads it.

use std::net::SocketAddr;

use figment::value::{Dict, Value};

use super::flags::{Ground, Written};
use super::layers::overlay;
use super::outside::{self, Part};
use super::reader::{Context, Reader};
use super::{Number, check, compat, host, users};
use crate::ids::NumberName;
use crate::route::{Means, needs_cloud};

/// What all numbers share.
pub(super) struct Surroundings<'a> {
    pub every: &'a Dict,
    pub routes: &'a Written,
    /// `compare.against = "recorded"`
    pub recorded: bool,
    /// Whether the old client's callbacks can come in.
    pub intake: bool,
}

/// A number and what it is compared by with the others, which is there even if the number is not.
pub(super) struct Entry {
    pub path: String,
    pub name: Option<String>,
    pub hosts: Vec<String>,
    /// Not even unreadable ones.
    pub has_no_hosts: bool,
    pub listen: Option<SocketAddr>,
    pub has_own_listener: bool,
    pub number: Option<Number>,
}

/// Takes `[every_number]`, refusing what `default.toml` does not have there.
pub(super) fn every_number(root: &mut Reader<'_>, defaults: &Dict) -> Dict {
    let known = defaults
        .get("every_number")
        .and_then(Value::as_dict)
        .cloned()
        .unwrap_or_default();
    // Stands for what cannot be read, so that one mistake is not reported as all that is missing then.
    let mut every = known.clone();
    root.section("every_number", |reader| {
        for (section, keys) in &known {
            let keys = keys.as_dict().cloned().unwrap_or_default();
            let taken = reader.section(section, |reader| {
                let take = |key: &String| reader.take(key).map(|value| (key.clone(), value));
                keys.keys().filter_map(take).collect::<Dict>()
            });
            let mut taken = taken.unwrap_or(keys);
            lower_headers(&mut taken, reader, section);
            every.insert(section.clone(), Value::from(taken));
        }
    });
    every
}

/// Reads all entries and compares them with each other.
pub(super) fn all(
    context: Context<'_>,
    entries: Vec<Dict>,
    surroundings: &Surroundings<'_>,
) -> Vec<Entry> {
    if entries.is_empty() {
        context.findings.problem(
            "numbers",
            "there is none; write one [[numbers]] for each business phone number",
        );
    }
    let read = |(index, values)| read(context, index, values, surroundings);
    let entries = entries
        .into_iter()
        .enumerate()
        .map(read)
        .collect::<Vec<_>>();
    check::names_and_hosts(context.findings, &entries);
    entries
}

fn read(
    context: Context<'_>,
    index: usize,
    values: Dict,
    surroundings: &Surroundings<'_>,
) -> Entry {
    let name = values.get("name").and_then(Value::as_str);
    let name = name.and_then(NumberName::parse);
    let place = name
        .as_ref()
        .map_or_else(|| format!("[{index}]"), |name| format!(".{name}"));
    let path = format!("numbers{place}");
    let mut reader = Reader::new(context, &path, values);
    take_name(&mut reader, name.is_some());
    let has_no_hosts = !reader
        .values
        .get("hosts")
        .is_some_and(|hosts| hosts.as_array() != Some(&[]));
    let hosts = hosts(&mut reader);
    let has_own_listener = reader.is_set("listen");
    let listen = reader.address("listen");
    let number = number(&mut reader, name.as_ref(), &hosts, listen, surroundings);
    reader.finish();
    Entry {
        path,
        name: name.map(|name| name.to_string()),
        hosts,
        has_no_hosts,
        listen,
        has_own_listener,
        number,
    }
}

fn take_name(reader: &mut Reader<'_>, is_good: bool) {
    if !reader.is_set("name") {
        reader.problem(
            "name",
            "is missing; it stands for the number in logs and metrics",
        );
    } else if !is_good {
        reader.problem(
            "name",
            "is not a name; write 1 to 64 of a-z, 0-9, \"-\" and \"_\"",
        );
    }
    reader.take("name");
}

fn number(
    reader: &mut Reader<'_>,
    name: Option<&NumberName>,
    hosts: &[String],
    listen: Option<SocketAddr>,
    surroundings: &Surroundings<'_>,
) -> Option<Number> {
    let cloud = lay(reader, "cloud", surroundings);
    let has_token = cloud.reader.has_secret("access_token");
    let (onprem, has_onprem) = read_part(lay(reader, "onprem", surroundings), outside::onprem);
    let callback = lay(reader, "callback", surroundings);
    let (callback, has_callback) = read_part(callback, outside::callback);
    let (compat, _) = read_part(lay(reader, "compat", surroundings), compat::compat);
    let (settings, _) = read_part(lay(reader, "settings", surroundings), compat::settings);
    let users = users::read(reader);
    reader.or_default("routes", Dict::new());
    let own = reader.section("routes", |reader| {
        Written::read(reader, surroundings.recorded)
    });
    let findings = reader.context.findings;
    let ground = Ground {
        all: surroundings.routes,
        own: &own.unwrap_or_default(),
        has_onprem,
        has_token,
    };
    let (flags, layers) = ground.resolve(&reader.path, findings);
    let needed_by = flags
        .iter()
        .filter(|(route, flag)| needs_cloud(*route, *flag));
    let needed_by = needed_by.collect::<Vec<_>>();
    let (cloud, has_cloud) = read_part(cloud, |part| outside::cloud(part, &needed_by));
    let facts = check::Facts {
        flags: &flags,
        layers: &layers,
        means: Means {
            onprem: has_onprem,
            onprem_login: onprem.as_ref().is_none_or(|onprem| onprem.login.is_some()),
            cloud: true,
            recorded: surroundings.recorded,
            intake: surroundings.intake,
        },
        has_cloud,
        has_callback,
        has_users: !users.is_empty(),
    };
    check::flags(findings, &reader.path, &facts);
    Some(Number {
        name: name?.clone(),
        hosts: hosts.to_vec(),
        listen,
        onprem,
        cloud,
        callback,
        users,
        compat: compat?,
        settings: settings?,
        flags,
        layers,
    })
}

/// Takes one section of a number and lays it over `[every_number]`.
fn lay<'a>(reader: &mut Reader<'a>, name: &str, surroundings: &Surroundings<'_>) -> Part<'a> {
    let is_written = reader.values.contains_key(name);
    reader.or_default(name, Dict::new());
    let mut own = reader
        .section(name, |section| std::mem::take(&mut section.values))
        .unwrap_or_default();
    lower_headers(&mut own, reader, name);
    let mut values = surroundings
        .every
        .get(name)
        .and_then(Value::as_dict)
        .cloned()
        .unwrap_or_default();
    let is_inherited = |(key, value): (&String, &Value)| {
        (!own.contains_key(key) && value.as_str() != Some("")).then(|| key.clone())
    };
    let inherited = values.iter().filter_map(is_inherited).collect();
    let is_refused = own.get("url").and_then(Value::as_str) == Some("");
    overlay(&mut values, own);
    let section = Reader::new(reader.context, reader.key(name), values);
    Part {
        reader: section.inheriting(format!("every_number.{name}"), inherited),
        is_written,
        is_refused,
    }
}

/// Reads a section. The second value says whether the operator wants it, even if something in it is wrong.
fn read_part<'a, T>(
    mut part: Part<'a>,
    read: impl FnOnce(&mut Part<'a>) -> (Option<T>, bool),
) -> (Option<T>, bool) {
    let (read, is_wanted) = read(&mut part);
    if is_wanted {
        part.reader.finish();
    }
    (read, is_wanted)
}

fn hosts(reader: &mut Reader<'_>) -> Vec<String> {
    reader.or_default("hosts", Vec::<String>::new());
    let mut hosts = Vec::new();
    for text in reader.texts("hosts") {
        match host::parse(&text) {
            Some(host) => hosts.push(host),
            None => reader.problem(
                "hosts",
                format!("\"{text}\" is not a host; write a name without scheme and port"),
            ),
        }
    }
    hosts
}

/// Header names mean the same in any case, so layers must meet under one spelling.
fn lower_headers(section: &mut Dict, reader: &Reader<'_>, name: &str) {
    let Some(Value::Dict(_, headers)) = section.get_mut("headers") else {
        return;
    };
    let mut lowered = Dict::new();
    for (key, value) in std::mem::take(headers) {
        let lower = key.to_ascii_lowercase();
        if lowered.insert(lower, value).is_some() {
            reader.problem(
                name,
                format!("headers has \"{key}\" twice, in different case"),
            );
        }
    }
    *headers = lowered;
}
