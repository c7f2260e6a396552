//! `waba-bridge jobs`

use std::collections::HashSet;
use std::io::Write;

use anyhow::{Context, bail};
use comfy_table::Table;
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::table::{bare_table, shown, span};
use super::{Failure, NOT_A_BRIDGE, Place, UNWRITTEN, accepted, block_on};
use crate::backend::admin::Admin;

/// As many as the admin API lists at a time.
const PAGE: usize = 1000;

/// Which jobs to list.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// `fetch` or `callback`.
    pub queue: Option<String>,
    /// One number's.
    pub number: Option<String>,
    /// Only those given up.
    pub buried: bool,
    /// At most so many.
    pub limit: usize,
}

/// Which buried jobs to bring back.
#[derive(Clone, Debug)]
pub enum Redrive {
    /// This one.
    One(i64),
    /// All of them, or all of a queue or number.
    All(Wanted),
}

/// A job as the admin API shows it.
#[derive(Deserialize)]
struct Job {
    id: i64,
    queue: String,
    number: String,
    attempts: u32,
    age_s: u64,
    due_in_s: u64,
    buried: bool,
    reason: Option<String>,
    medium: Option<String>,
}

/// Lists jobs.
pub fn jobs(
    place: &Place,
    wanted: &Wanted,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let admin = place.find()?;
    let body = block_on(list(&admin, wanted))?;
    if json {
        return Ok(writeln!(out, "{body:#}").context(UNWRITTEN)?);
    }
    let jobs: Vec<Job> = serde_json::from_value(body).context(NOT_A_BRIDGE)?;
    let text = match jobs.len() {
        0 => "no jobs".to_owned(),
        count if count == wanted.limit => {
            format!(
                "{}\n\nthe first {count}; --limit shows more",
                shown(table(&jobs))
            )
        }
        _ => shown(table(&jobs)),
    };
    Ok(writeln!(out, "{text}").context(UNWRITTEN)?)
}

/// Brings buried jobs back.
pub fn redrive(
    place: &Place,
    which: &Redrive,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let admin = place.find()?;
    let ids = match which {
        Redrive::One(id) => block_on(async {
            match bring_back(&admin, *id).await? {
                true => Ok(vec![*id]),
                false => {
                    bail!("no buried job has the id {id}; `waba-bridge jobs --buried` lists them")
                }
            }
        })?,
        Redrive::All(wanted) => block_on(bring_all_back(&admin, wanted))?,
    };
    let text = match ids.len() {
        _ if json => serde_json::json!({"redriven": ids}).to_string(),
        1 => "1 job is tried again".to_owned(),
        count => format!("{count} jobs are tried again"),
    };
    Ok(writeln!(out, "{text}").context(UNWRITTEN)?)
}

async fn list(admin: &Admin, wanted: &Wanted) -> anyhow::Result<Value> {
    let limit = wanted.limit.to_string();
    let mut query = vec![("limit", limit.as_str())];
    if let Some(queue) = &wanted.queue {
        query.push(("queue", queue));
    }
    if let Some(number) = &wanted.number {
        query.push(("number", number));
    }
    if wanted.buried {
        query.push(("buried", "true"));
    }
    accepted(admin, admin.get("/api/jobs", &query).await)
}

/// False: there is no such buried job.
async fn bring_back(admin: &Admin, id: i64) -> anyhow::Result<bool> {
    let answer = admin.post(&format!("/api/jobs/{id}/redrive")).await;
    if matches!(&answer, Ok(answer) if answer.status == StatusCode::NOT_FOUND) {
        return Ok(false);
    }
    accepted(admin, answer).map(|_| true)
}

/// Each once: a job that is buried again meanwhile is not tried for ever.
async fn bring_all_back(admin: &Admin, wanted: &Wanted) -> anyhow::Result<Vec<i64>> {
    let (mut seen, mut done) = (HashSet::new(), Vec::new());
    loop {
        let page: Vec<Job> =
            serde_json::from_value(list(admin, wanted).await?).context(NOT_A_BRIDGE)?;
        let before = seen.len();
        for job in page {
            if seen.insert(job.id) && bring_back(admin, job.id).await? {
                done.push(job.id);
            }
        }
        if seen.len() == before {
            return Ok(done);
        }
    }
}

fn table(jobs: &[Job]) -> Table {
    let mut table = bare_table();
    table.set_header([
        "ID",
        "QUEUE",
        "NUMBER",
        "STATE",
        "AGE",
        "ATTEMPTS",
        "LAST REASON",
        "MEDIUM",
    ]);
    for job in jobs {
        let state = match (job.buried, job.due_in_s) {
            (true, _) => "buried".to_owned(),
            (false, 0) => "due".to_owned(),
            (false, seconds) => format!("due in {}", span(seconds)),
        };
        let or_dash = |field: &Option<String>| field.clone().unwrap_or_else(|| "-".to_owned());
        table.add_row([
            job.id.to_string(),
            job.queue.clone(),
            job.number.clone(),
            state,
            span(job.age_s),
            job.attempts.to_string(),
            or_dash(&job.reason),
            or_dash(&job.medium),
        ]);
    }
    table
}

impl Wanted {
    /// Every buried job of these.
    pub fn all_buried(queue: Option<String>, number: Option<String>) -> Self {
        Self {
            queue,
            number,
            buried: true,
            limit: PAGE,
        }
    }
}
