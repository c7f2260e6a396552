//! `waba-bridge jobs` and `waba-bridge routes`: a running bridge, through its admin API.

use std::collections::{BTreeMap, HashSet};
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use hyper::StatusCode;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::backend::admin::{Admin, Answer};
use crate::backend::trouble::Trouble;
use crate::config::{self, Problems};
use crate::route::Route;

/// As many as the admin API lists at a time.
const PAGE: usize = 1000;

/// How to find the bridge.
#[derive(Clone, Debug)]
pub struct Place {
    /// The configuration to look into.
    pub config: PathBuf,
    /// Given outright; the configuration is then not read.
    pub admin: Option<Url>,
    /// A file with the token; outranks the configuration.
    pub token_file: Option<PathBuf>,
}

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

/// Why a command came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The file that names the bridge cannot be used.
    #[error("{0}")]
    Configuration(#[from] Problems),
    /// Anything else.
    #[error("{0:#}")]
    Other(#[from] anyhow::Error),
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

/// A number's flags as the admin API shows them.
#[derive(Deserialize)]
struct Flags {
    number: String,
    routes: BTreeMap<String, String>,
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

/// Shows every route's flag, number by number.
pub fn routes(place: &Place, json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let admin = place.find()?;
    let body = block_on(async { accepted(&admin, admin.get("/api/routes", &[]).await) })?;
    if json {
        return Ok(writeln!(out, "{body:#}").context(UNWRITTEN)?);
    }
    let numbers: Vec<Flags> = serde_json::from_value(body).context(NOT_A_BRIDGE)?;
    let mut table = bare_table();
    let names = numbers.iter().map(|flags| flags.number.as_str());
    table.set_header(std::iter::once("ROUTE").chain(names));
    for route in Route::ALL {
        let mode = |flags: &Flags| flags.routes.get(route.as_str()).cloned();
        let modes = numbers
            .iter()
            .map(|flags| mode(flags).unwrap_or_else(|| "-".to_owned()));
        table.add_row(std::iter::once(route.as_str().to_owned()).chain(modes));
    }
    Ok(writeln!(out, "{}", shown(table)).context(UNWRITTEN)?)
}

const UNWRITTEN: &str = "the answer cannot be written";
const NOT_A_BRIDGE: &str = "the answer is not that of a bridge of this version";

impl Place {
    fn find(&self) -> Result<Admin, Failure> {
        let given = self.token_file.as_deref().map(read_token).transpose()?;
        let (url, token) = match &self.admin {
            Some(url) if !matches!(url.scheme(), "http" | "https") => {
                return Err(
                    anyhow!("--admin is no address of a bridge; write http://HOST:PORT").into(),
                );
            }
            Some(url) => (url.clone(), given),
            None => {
                let admin = config::load(Some(&self.config))?.admin;
                (url_of(admin.listen)?, given.or(admin.token))
            }
        };
        Ok(Admin::new(url, token).context("no connection can be prepared")?)
    }
}

fn url_of(listen: SocketAddr) -> anyhow::Result<Url> {
    if listen.port() == 0 {
        bail!(
            "admin.listen has port 0, so only the bridge's log knows the port; name it with --admin http://HOST:PORT"
        );
    }
    Ok(Url::parse(&format!("http://{}", dialled(listen)))?)
}

/// A bridge that listens on every address listens on loopback too.
fn dialled(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

fn read_token(path: &Path) -> anyhow::Result<SecretString> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("the token file {} cannot be read", path.display()))?;
    Ok(SecretString::from(text.trim()))
}

fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(work)
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

fn accepted(admin: &Admin, answer: Result<Answer, reqwest::Error>) -> anyhow::Result<Value> {
    let origin = admin.origin();
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => match Trouble::behind(&error) {
            Trouble::Refused => bail!(
                "no bridge is running at {origin}: nobody listens there; start it, or name another with --admin"
            ),
            trouble => bail!("the bridge at {origin} cannot be asked: {trouble}"),
        },
    };
    let said = answer.body["error"].as_str().unwrap_or("without a reason");
    match answer.status {
        StatusCode::OK => Ok(answer.body),
        StatusCode::UNAUTHORIZED => bail!(
            "the bridge at {origin} does not take the token; name the file of admin.token with --admin-token-file"
        ),
        status => bail!("the bridge at {origin} refuses ({status}): {said}"),
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

fn bare_table() -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table
}

/// Flush left, and with nothing after the last word of a line, so that it can be cut and grepped.
fn shown(mut table: Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

/// Two units are enough to act on.
fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds % 86_400 / 3600),
    }
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_every_address_is_called_on_loopback() {
        for (listen, url) in [
            ("0.0.0.0:9091", "http://127.0.0.1:9091/"),
            ("[::]:9091", "http://[::1]:9091/"),
            ("10.0.0.5:9091", "http://10.0.0.5:9091/"),
        ] {
            assert_eq!(url_of(listen.parse().unwrap()).unwrap().as_str(), url);
        }
        assert!(url_of("127.0.0.1:0".parse().unwrap()).is_err());
    }

    #[test]
    fn spans_have_two_units_at_most() {
        assert_eq!(span(59), "59s");
        assert_eq!(span(61), "1m01s");
        assert_eq!(span(3720), "1h02m");
        assert_eq!(span(90_000), "1d01h");
    }
}
