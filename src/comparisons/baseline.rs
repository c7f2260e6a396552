//! Baselines: what on-prem answered, kept for the time when it answers no more.
//!
//! An answer is kept redacted, under a keyed hash of the question; the newest answer to a question replaces the older
//! one. A file of baselines carries the key its hashes were made with, without which it would be worth nothing
//! elsewhere: whoever has the file can test guesses against it, so it is to be kept like the state itself.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{About, Comparisons, KEY, keep};
use crate::compare::{Content, Outcome, Recorded, Redactor};
use crate::ids::NumberName;
use crate::metrics::NumberMetrics;
use crate::route::{self, Matched, Route, Side};
use crate::state::{BaselineRow, StateError, Timestamp};

const FORMAT: &str = "waba-bridge baseline";
const VERSION: u32 = 1;

/// The path without what it names, and without its query.
fn path_of(question: &Question, redactor: &Redactor) -> String {
    let (path, _) = question
        .target
        .split_once('?')
        .unwrap_or((&question.target, ""));
    let method = question.method.parse().unwrap_or_default();
    match route::find(&method, path) {
        Matched::Route { id: "", .. } | Matched::WrongMethod { id: "", .. } => path.to_owned(),
        Matched::Route { id, .. } | Matched::WrongMethod { id, .. } => {
            path.replacen(id, &redactor.hash(id), 1)
        }
        Matched::Unknown => redactor.hash(path),
    }
}

/// What was asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// The HTTP method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The body, if there was one.
    pub body: bytes::Bytes,
}

impl Question {
    /// Stands for the callback that tells of a retry download.
    pub fn callback(medium: &str) -> Self {
        Self {
            method: "CALLBACK".to_owned(),
            target: format!("/v1/media/{medium}/download"),
            body: bytes::Bytes::new(),
        }
    }
}

/// A recording that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Recording {
    /// Whose.
    pub number: String,
    /// Which route.
    pub route: &'static str,
    /// When it ends by itself, in Unix milliseconds.
    pub until: i64,
}

/// Which routes are being recorded. Only in memory: a restart ends recordings, which is safer than one forgotten.
#[derive(Default)]
pub(super) struct Switches {
    any: AtomicBool,
    on: Mutex<HashMap<(NumberName, Route), Timestamp>>,
}

impl Switches {
    fn on(&self) -> MutexGuard<'_, HashMap<(NumberName, Route), Timestamp>> {
        self.on.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Comparisons {
    /// Records a route until a moment.
    pub fn record(&self, number: &NumberName, route: Route, until: Timestamp) {
        self.recording.on().insert((number.clone(), route), until);
        self.recording.any.store(true, Ordering::Relaxed);
    }

    /// Ends recordings; all of them, or those of a number or route. Says which.
    pub fn stop_recording(&self, number: Option<&NumberName>, route: Option<Route>) -> usize {
        let mut on = self.recording.on();
        let before = on.len();
        on.retain(|(of, on), _| {
            number.is_some_and(|number| number != of) || route.is_some_and(|route| route != *on)
        });
        self.recording.any.store(!on.is_empty(), Ordering::Relaxed);
        before - on.len()
    }

    /// Which recordings are under way.
    pub fn recordings(&self) -> Vec<Recording> {
        let now = Timestamp::now();
        let on = self.recording.on();
        let mut recordings: Vec<Recording> = on
            .iter()
            .filter(|(_, until)| **until > now)
            .map(|((number, route), until)| Recording {
                number: number.to_string(),
                route: route.as_str(),
                until: until.0,
            })
            .collect();
        recordings.sort_by(|a, b| (&a.number, a.route).cmp(&(&b.number, b.route)));
        recordings
    }

    /// Whether a route is being recorded. Costs nothing while none is.
    pub fn is_recording(&self, number: &NumberName, route: Route) -> bool {
        self.recording.any.load(Ordering::Relaxed)
            && self
                .recording
                .on()
                .get(&(number.clone(), route))
                .is_some_and(|until| *until > Timestamp::now())
    }

    /// Keeps what on-prem answered to a question.
    pub fn keep_baseline(&self, about: &About, question: &Question, outcome: &Outcome) {
        // A failure says nothing about what on-prem answers.
        if outcome.status >= 500 {
            return;
        }
        let redactor = self.redactor.load();
        let config = self.cutover.compare();
        let Some(recorded) = redactor.model(about.route.as_str(), outcome, &config.rules) else {
            return self.skipped(about, "too_deep");
        };
        let request = json!({
            "method": question.method,
            "path": path_of(question, &redactor),
            "body": match serde_json::from_slice::<Value>(&question.body) {
                Ok(body) => redactor.redact_all(&body),
                Err(_) => Value::Null,
            },
        });
        let row = BaselineRow {
            number: about.number.clone(),
            route: about.route,
            key: self.question_key(question),
            at: Timestamp::now(),
            request: request.to_string(),
            took_ms: recorded.took_ms,
            answer: serde_json::to_string(&recorded).unwrap_or_default(),
        };
        self.keep(keep::Item::Baseline(Box::new(row)), about);
    }

    /// Keeps a retry download's callback as a baseline, if the route is being recorded.
    pub fn observe_callback(
        &self,
        number: &NumberName,
        metrics: &Arc<NumberMetrics>,
        medium: &str,
        item: &Value,
    ) {
        if !self.is_recording(number, Route::MediaDownload) {
            return;
        }
        let Some(published) = self.cutover.of(number) else {
            return;
        };
        let about = About {
            number: number.clone(),
            route: Route::MediaDownload,
            key: medium.to_owned(),
            answer: Side::OnPrem,
            metrics: Arc::clone(metrics),
            published,
            notes: Vec::new(),
        };
        let outcome = Outcome {
            status: 200,
            content: Content::Json(json!({"media_items": [item]})),
            took: Duration::ZERO,
        };
        self.keep_baseline(&about, &Question::callback(medium), &outcome);
    }

    /// What on-prem once answered to a question.
    pub async fn baseline(
        &self,
        number: &NumberName,
        route: Route,
        question: &Question,
    ) -> Result<Option<Recorded>, StateError> {
        let key = self.question_key(question);
        let row = self.state.baseline(number, route, &key).await?;
        Ok(row.and_then(|row| serde_json::from_str(&row.answer).ok()))
    }

    /// The same question has the same key, however its JSON is spaced.
    fn question_key(&self, question: &Question) -> String {
        let body = match serde_json::from_slice::<Value>(&question.body) {
            Ok(body) => body.to_string(),
            Err(_) => String::from_utf8_lossy(&question.body).into_owned(),
        };
        self.hash(&format!("{} {}\n{body}", question.method, question.target))
    }
}

#[derive(Serialize, Deserialize)]
struct Header {
    format: String,
    version: u32,
    /// Of this version; another one may have something else.
    #[serde(default)]
    key: String,
}

#[derive(Serialize, Deserialize)]
struct Line {
    number: String,
    route: String,
    key: String,
    at: i64,
    took_ms: u64,
    request: String,
    answer: Recorded,
}

/// The first line of a file of baselines, then one line for each.
pub async fn exported(
    comparisons: &Comparisons,
    number: Option<&NumberName>,
    route: Option<Route>,
) -> Result<String, StateError> {
    let key = comparisons.state.secret(KEY, 32).await?;
    let header = Header {
        format: FORMAT.to_owned(),
        version: VERSION,
        key: BASE64_STANDARD.encode(key),
    };
    let mut text = serde_json::to_string(&header).unwrap_or_default();
    text.push('\n');
    let mut after = None;
    loop {
        let page = comparisons
            .state
            .baselines(number, route, after, 500)
            .await?;
        let Some(last) = page.last() else {
            return Ok(text);
        };
        after = Some((last.number.clone(), last.route, last.key.clone()));
        for row in page {
            let Ok(answer) = serde_json::from_str(&row.answer) else {
                continue;
            };
            let line = Line {
                number: row.number.to_string(),
                route: row.route.to_string(),
                key: row.key,
                at: row.at.0,
                took_ms: row.took_ms,
                request: row.request,
                answer,
            };
            text.push_str(&serde_json::to_string(&line).unwrap_or_default());
            text.push('\n');
        }
    }
}

/// Why a file of baselines is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It is something else.
    #[error("this is not a file of baselines: its first line does not say \"{FORMAT}\"")]
    NotBaselines,
    /// It is one of another version.
    #[error(
        "the file is of version {0}, this bridge reads version {VERSION}; export it again with a bridge of this version"
    )]
    Version(u32),
    /// A line cannot be read.
    #[error("line {0} cannot be read; nothing was taken")]
    Line(usize),
    /// A line names what this bridge does not have.
    #[error("line {line} is of {what}, which this bridge does not have; nothing was taken")]
    Unknown {
        /// Which line.
        line: usize,
        /// Which number or route.
        what: String,
    },
    /// Hashes of two keys cannot be compared.
    #[error(
        "the file was made with another key than the baselines that are here; remove those first with `waba-bridge compare record clear`"
    )]
    OtherKey,
    /// It cannot be kept.
    #[error("the baselines cannot be kept")]
    State(#[from] StateError),
}

/// Takes in a file of baselines, or nothing of it. Says how many there were.
pub async fn read_export(comparisons: &Comparisons, text: &str) -> Result<usize, ImportError> {
    let mut lines = text.lines().enumerate();
    let header: Header = lines
        .next()
        .and_then(|(_, line)| serde_json::from_str(line).ok())
        .ok_or(ImportError::NotBaselines)?;
    if header.format != FORMAT {
        return Err(ImportError::NotBaselines);
    }
    if header.version != VERSION {
        return Err(ImportError::Version(header.version));
    }
    let key = BASE64_STANDARD
        .decode(&header.key)
        .ok()
        .filter(|key| key.len() == 32)
        .ok_or(ImportError::NotBaselines)?;
    let mut rows = Vec::new();
    for (index, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        rows.push(row(comparisons, index + 1, line)?);
    }
    let state = &comparisons.state;
    if state.secret(KEY, 32).await? != key {
        if !state.baseline_counts().await?.is_empty() {
            return Err(ImportError::OtherKey);
        }
        state.put_secret(KEY, key.clone()).await?;
        comparisons.redactor.store(Arc::new(super::redactor(&key)));
    }
    let count = rows.len();
    let keep = comparisons.cutover.compare().baseline_rows;
    state.put_baselines(rows, keep).await?;
    Ok(count)
}

fn row(comparisons: &Comparisons, line: usize, text: &str) -> Result<BaselineRow, ImportError> {
    let read: Line = serde_json::from_str(text).map_err(|_| ImportError::Line(line))?;
    let unknown = |what: &str| ImportError::Unknown {
        line,
        what: what.to_owned(),
    };
    let number =
        NumberName::parse(&read.number).filter(|number| comparisons.cutover.of(number).is_some());
    let number = number.ok_or_else(|| unknown("a number"))?;
    let route = Route::parse(&read.route).ok_or_else(|| unknown("a route"))?;
    Ok(BaselineRow {
        number,
        route,
        key: read.key,
        at: Timestamp(read.at),
        request: read.request,
        answer: serde_json::to_string(&read.answer).map_err(|_| ImportError::Line(line))?,
        took_ms: read.took_ms,
    })
}
