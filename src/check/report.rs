//! What was found, and how it is told: lines for people, one document for programs.

use std::io::{self, Write};
use std::path::Path;

use serde_json::json;

use super::summary;
use crate::config::{Config, Problems};
use crate::ids::NumberName;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Ok,
    Warn,
    Fail,
}

impl Verdict {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
        }
    }
}

/// One line: what was looked at, what was found, what would help. Never holds a secret or a whole phone number.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    /// None for the bridge as a whole.
    pub number: Option<NumberName>,
    pub check: &'static str,
    pub verdict: Verdict,
    pub found: String,
    pub remedy: Option<String>,
}

impl Finding {
    pub fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self {
            number: None,
            check,
            verdict: Verdict::Ok,
            found: found.into(),
            remedy: None,
        }
    }

    pub fn warn(check: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Warn,
            remedy: Some(remedy.into()),
            ..Self::ok(check, found)
        }
    }

    pub fn fail(check: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Fail,
            ..Self::warn(check, found, remedy)
        }
    }

    pub fn is_ok(&self) -> bool {
        self.verdict == Verdict::Ok
    }

    fn subject(&self) -> String {
        match &self.number {
            Some(number) => format!("{number}: {}", self.check),
            None => self.check.to_owned(),
        }
    }
}

/// Everything that a good configuration led to.
pub(super) struct Report<'a> {
    pub file: &'a Path,
    pub config: &'a Config,
    pub online: bool,
    pub findings: Vec<Finding>,
}

impl Report<'_> {
    pub fn has_failed(&self) -> bool {
        self.count(Verdict::Fail) > 0
    }

    fn count(&self, verdict: Verdict) -> usize {
        let of = |finding: &&Finding| finding.verdict == verdict;
        self.findings.iter().filter(of).count()
    }

    pub fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{} is a good configuration.", self.file.display())?;
        for warning in &self.config.warnings {
            writeln!(out, "warn  {warning}")?;
        }
        writeln!(out, "\n{}", summary::text(self.config))?;
        let subjects = self.findings.iter().map(Finding::subject);
        let width = subjects.map(|subject| subject.chars().count()).max();
        let width = width.unwrap_or_default();
        for finding in &self.findings {
            let (verdict, subject) = (finding.verdict.as_str(), finding.subject());
            writeln!(out, "{verdict:<5} {subject:<width$}  {}", finding.found)?;
            if let Some(remedy) = &finding.remedy {
                writeln!(out, "      {:<width$}  -> {remedy}", "")?;
            }
        }
        writeln!(out, "\n{}", self.verdict())
    }

    fn verdict(&self) -> String {
        let failed = self.count(Verdict::Fail);
        let warned = self.count(Verdict::Warn) + self.config.warnings.len();
        let looked = match self.online {
            true => "",
            false => " Nobody was asked; --online does that.",
        };
        match (failed, warned) {
            (0, 0) => format!("All is well.{looked}"),
            (0, _) => format!("Nothing failed, {warned} to look at.{looked}"),
            (_, 0) => format!("{failed} failed.{looked}"),
            (_, _) => format!("{failed} failed, {warned} to look at.{looked}"),
        }
    }

    pub fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        let check = |finding: &Finding| {
            json!({
                "number": finding.number.as_ref().map(NumberName::as_str),
                "check": finding.check,
                "result": finding.verdict.as_str().to_lowercase(),
                "found": finding.found,
                "remedy": finding.remedy,
            })
        };
        let document = json!({
            "result": if self.has_failed() { "failed" } else { "ok" },
            "online": self.online,
            "warnings": self.config.warnings,
            "configuration": summary::json(self.config),
            "checks": self.findings.iter().map(check).collect::<Vec<_>>(),
        });
        writeln!(out, "{document:#}")
    }
}

/// A configuration that cannot be used: every problem there is.
pub(super) fn problems(
    file: &Path,
    problems: &Problems,
    json: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    if json {
        let problem =
            |problem: &crate::config::Problem| json!({"key": problem.key, "what": problem.what});
        let all = problems.0.iter().map(problem).collect::<Vec<_>>();
        let document = json!({"result": "bad_configuration", "problems": all});
        return writeln!(out, "{document:#}");
    }
    writeln!(out, "{problems}")?;
    let count = problems.0.len();
    let s = if count == 1 { "" } else { "s" };
    writeln!(
        out,
        "\n{count} problem{s}; the bridge does not start with {}.",
        file.display()
    )
}
