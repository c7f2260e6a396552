//! What is wrong with a configuration. Everything is collected; nothing here may ever hold a secret's value.

use std::cell::RefCell;
use std::fmt;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where: `numbers.support.cloud.version`, the name of an environment variable, or the file itself.
    pub key: String,
    /// What is wrong with it, and what would be right.
    pub what: String,
}

/// All that is wrong; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// A single problem.
    pub(super) fn one(key: impl Into<String>, what: impl Into<String>) -> Self {
        Self(vec![Problem {
            key: key.into(),
            what: what.into(),
        }])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Problem { key, what }) in self.0.iter().enumerate() {
            let end = if index == 0 { "" } else { "\n" };
            write!(f, "{end}{key}: {what}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// Collects while the configuration is read.
#[derive(Default)]
pub(super) struct Findings {
    problems: RefCell<Vec<Problem>>,
    warnings: RefCell<Vec<String>>,
}

impl Findings {
    /// Notes a problem. The same one is kept once: what all numbers inherit is read for each of them.
    pub fn problem(&self, key: impl Into<String>, what: impl Into<String>) {
        let problem = Problem {
            key: key.into(),
            what: what.into(),
        };
        let mut problems = self.problems.borrow_mut();
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }

    /// Notes something that is allowed, but that an operator should hear of.
    pub fn warning(&self, text: impl Into<String>) {
        self.warnings.borrow_mut().push(text.into());
    }

    /// The problems if there are any, else the warnings.
    pub fn finish(self) -> Result<Vec<String>, Problems> {
        let problems = self.problems.into_inner();
        if problems.is_empty() {
            Ok(self.warnings.into_inner())
        } else {
            Err(Problems(problems))
        }
    }
}
