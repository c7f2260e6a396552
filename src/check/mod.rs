//! `waba-bridge check`: is the configuration good, and is the world as it says?
//!
//! One file per thing that is looked at; each gives [`Finding`]s and none of them prints. Nothing is changed by a
//! check: no folder made, no schema brought up, no event posted, and a bridge that runs meanwhile does not notice.

mod callback;
mod clock;
mod cloud;
mod disk;
mod media_hosts;
mod notifications;
mod onprem;
mod report;
mod summary;

use std::io::{self, Write};
use std::path::Path;

use futures_util::future::join_all;

use self::clock::Sighting;
use self::report::{Finding, Report};
use crate::backend;
use crate::config::{self, Config};

/// What to look at, and how to tell.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Ask everybody the configuration names.
    pub online: bool,
    /// One JSON document instead of text.
    pub json: bool,
}

/// How it ended; each has an exit code of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All is well, warnings aside.
    Well,
    /// Something failed.
    Failed,
    /// The configuration cannot be used; nothing else was looked at.
    BadConfiguration,
}

/// Checks, and writes what was found.
pub fn run(file: &Path, options: Options, out: &mut dyn Write) -> io::Result<Outcome> {
    let config = match config::load(Some(file)) {
        Ok(config) => config,
        Err(problems) => {
            report::problems(file, &problems, options.json, out)?;
            return Ok(Outcome::BadConfiguration);
        }
    };
    let mut findings = disk::check(&config);
    for number in &config.numbers {
        findings.extend(of(number, notifications::offline(&config, number)));
    }
    if options.online {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        findings.extend(runtime.block_on(online(&config)));
        // A resolver that still waits for its answer would hold up the end.
        runtime.shutdown_background();
    }
    let report = Report {
        file,
        config: &config,
        online: options.online,
        findings,
    };
    if options.json {
        report.write_json(out)?;
    } else {
        report.write_text(out)?;
    }
    Ok(match report.has_failed() {
        true => Outcome::Failed,
        false => Outcome::Well,
    })
}

/// Everybody at once, so that several silent peers cost no more time than one.
async fn online(config: &Config) -> Vec<Finding> {
    let insecure = config.server.allow_insecure_upstreams;
    let client = match backend::cloud::Client::new(&config.fetch, insecure) {
        Ok(client) => client,
        Err(error) => {
            let found = format!("no connection can be prepared: {error}");
            return vec![Finding::fail(
                "cloud",
                found,
                "look at the system's trusted certificates",
            )];
        }
    };
    let numbers = config
        .numbers
        .iter()
        .map(|number| one(config, number, &client));
    let (mut findings, mut sightings) = (Vec::new(), Vec::new());
    for (found, seen) in join_all(numbers).await {
        findings.extend(found);
        sightings.extend(seen);
    }
    findings.push(clock::check(&sightings));
    findings
}

async fn one(
    config: &Config,
    number: &config::Number,
    client: &backend::cloud::Client,
) -> (Vec<Finding>, Vec<Sighting>) {
    let (cloud, onprem, callback, hosts, notified) = tokio::join!(
        cloud::check(number, client),
        onprem::check(number),
        callback::check(number),
        media_hosts::check(config, number),
        notifications::online(config, number, client),
    );
    let (mut findings, mut sightings) = onprem;
    findings.extend(cloud.0);
    sightings.extend(cloud.1);
    findings.extend(hosts);
    findings.extend(callback);
    findings.extend(notified);
    (of(number, findings), sightings)
}

fn of(number: &config::Number, mut findings: Vec<Finding>) -> Vec<Finding> {
    for finding in &mut findings {
        finding.number = Some(number.name.clone());
    }
    findings
}
