//! `compare record`: keeping what on-prem answers, and carrying it elsewhere.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::table::{bare_table, moment, shown};
use super::super::{Failure, NOT_A_BRIDGE, Place, UNWRITTEN, accepted, block_on, get, post};
use crate::backend::admin::Admin;
use crate::route::Route;

/// Files of many answers take a while.
const PATIENCE: Duration = Duration::from_secs(600);

/// What is to be done about recordings.
#[derive(Clone, Debug)]
pub enum Record {
    /// Begin, for so long.
    Start {
        /// Which routes.
        routes: Vec<Route>,
        /// How long.
        length: Duration,
    },
    /// End.
    Stop,
    /// Show.
    Status,
    /// Write what is kept to a file.
    Export(PathBuf),
    /// Take in such a file.
    Import(PathBuf),
    /// Forget what is kept.
    Clear,
}

/// Whose answers.
#[derive(Clone, Debug)]
pub struct Baselines {
    /// None: of all; to begin a recording, of the only one.
    pub number: Option<String>,
    /// None: of all.
    pub route: Option<Route>,
}

#[derive(Deserialize)]
struct Status {
    recordings: Vec<Recording>,
    baselines: Vec<Count>,
}

#[derive(Deserialize)]
struct Recording {
    number: String,
    route: String,
    until: i64,
}

#[derive(Deserialize)]
struct Count {
    number: String,
    route: String,
    count: u64,
    oldest: i64,
    newest: i64,
}

/// Does it.
pub fn record(
    place: &Place,
    of: &Baselines,
    record: &Record,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let admin = place.find()?.patient(PATIENCE);
    let (body, text) = block_on(done(&admin, of, record))?;
    let text = match json {
        true => format!("{body:#}"),
        false => text,
    };
    Ok(writeln!(out, "{text}").context(UNWRITTEN)?)
}

async fn done(admin: &Admin, of: &Baselines, record: &Record) -> anyhow::Result<(Value, String)> {
    match record {
        Record::Start { routes, length } => start(admin, of, routes, *length).await,
        Record::Stop => {
            let said = post(admin, "/api/compare/record/stop", &of.as_json()).await?;
            let text = match said["stopped"].as_u64() {
                Some(1) => "1 recording is ended".to_owned(),
                count => format!("{} recordings are ended", count.unwrap_or_default()),
            };
            Ok((said, text))
        }
        Record::Clear => {
            let said = post(admin, "/api/compare/record/clear", &of.as_json()).await?;
            let text = format!("{} recorded answers are removed", said["removed"]);
            Ok((said, text))
        }
        Record::Status => {
            let said = get(admin, "/api/compare/record", &[]).await?;
            let status: Status = serde_json::from_value(said.clone()).context(NOT_A_BRIDGE)?;
            Ok((said, in_words(&status)))
        }
        Record::Export(path) => export(admin, of, path).await,
        Record::Import(path) => {
            let file = std::fs::read(path)
                .with_context(|| format!("{} cannot be read", path.display()))?;
            let said = accepted(admin, admin.send("/api/compare/record/import", file).await)?;
            let text = format!("{} recorded answers are taken in", said["taken"]);
            Ok((said, text))
        }
    }
}

async fn start(
    admin: &Admin,
    of: &Baselines,
    routes: &[Route],
    length: Duration,
) -> anyhow::Result<(Value, String)> {
    let (mut all, mut lines) = (Vec::new(), Vec::new());
    for route in routes {
        let body = json!({
            "number": of.number,
            "route": route.as_str(),
            "for_s": length.as_secs(),
        });
        let said = post(admin, "/api/compare/record/start", &body).await?;
        let number = said["number"].as_str().unwrap_or_default();
        let until = moment(said["until"].as_i64().unwrap_or_default());
        lines.push(format!("{route} of {number} is recorded until {until}"));
        lines.extend(said["note"].as_str().map(|note| format!("  {note}")));
        all.push(said);
    }
    Ok((Value::Array(all), lines.join("\n")))
}

/// Whoever has the file can test guesses at what is in it, so it is for its owner alone.
async fn export(admin: &Admin, of: &Baselines, path: &Path) -> anyhow::Result<(Value, String)> {
    let mut query = Vec::new();
    query.extend(of.number.as_deref().map(|number| ("number", number)));
    query.extend(of.route.map(|route| ("route", route.as_str())));
    let answer = admin.get("/api/compare/record/export", &query).await;
    let bytes = match answer {
        Ok(answer) if answer.status == StatusCode::OK => answer.bytes,
        other => {
            accepted(admin, other)?;
            bail!(NOT_A_BRIDGE);
        }
    };
    let unwritten = || format!("{} cannot be written", path.display());
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(folder).with_context(unwritten)?;
    file.write_all(&bytes).with_context(unwritten)?;
    file.as_file().sync_all().with_context(unwritten)?;
    file.persist(path).with_context(unwritten)?;
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
    let count = lines.saturating_sub(1);
    let text = format!(
        "{count} recorded answers are in {}; keep it like the state itself, it holds the key of its hashes",
        path.display()
    );
    Ok((json!({"file": path, "exported": count}), text))
}

fn in_words(status: &Status) -> String {
    let mut parts = Vec::new();
    if status.recordings.is_empty() {
        parts.push("nothing is being recorded".to_owned());
    } else {
        let mut table = bare_table();
        table.set_header(["RECORDING", "NUMBER", "UNTIL"]);
        for recording in &status.recordings {
            table.add_row([
                recording.route.clone(),
                recording.number.clone(),
                moment(recording.until),
            ]);
        }
        parts.push(shown(table));
    }
    if status.baselines.is_empty() {
        parts.push("no recorded answers".to_owned());
    } else {
        let mut table = bare_table();
        table.set_header(["RECORDED", "NUMBER", "ANSWERS", "OLDEST", "NEWEST"]);
        for count in &status.baselines {
            table.add_row([
                count.route.clone(),
                count.number.clone(),
                count.count.to_string(),
                moment(count.oldest),
                moment(count.newest),
            ]);
        }
        parts.push(shown(table));
    }
    parts.join("\n\n")
}

impl Baselines {
    fn as_json(&self) -> Value {
        let mut body = Map::new();
        if let Some(number) = &self.number {
            body.insert("number".to_owned(), number.as_str().into());
        }
        if let Some(route) = self.route {
            body.insert("route".to_owned(), route.as_str().into());
        }
        Value::Object(body)
    }
}
