//! `why`: which side a call would go to, and which rule says so.

use std::io::Write;

use anyhow::Context;
use serde::Deserialize;

use super::super::{Failure, NOT_A_BRIDGE, Place, UNWRITTEN, block_on, get};

/// A call that nobody makes.
#[derive(Clone, Debug)]
pub struct Question {
    /// Of which number; none: the only one.
    pub number: Option<String>,
    /// The HTTP method.
    pub method: String,
    /// The path.
    pub path: String,
    /// Who would make it.
    pub caller: Option<String>,
}

#[derive(Deserialize)]
struct Answer {
    number: String,
    route: Option<String>,
    effect: Option<String>,
    plan: String,
    answer: Option<String>,
    reason: String,
    set_by: Option<String>,
    steps: Vec<String>,
}

/// Explains a decision.
pub fn why(
    place: &Place,
    question: &Question,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let admin = place.find()?;
    let mut query = vec![
        ("method", question.method.as_str()),
        ("path", question.path.as_str()),
    ];
    query.extend(question.number.as_deref().map(|number| ("number", number)));
    query.extend(question.caller.as_deref().map(|caller| ("caller", caller)));
    let body = block_on(get(&admin, "/api/why", &query))?;
    if json {
        return Ok(writeln!(out, "{body:#}").context(UNWRITTEN)?);
    }
    let answer: Answer = serde_json::from_value(body).context(NOT_A_BRIDGE)?;
    Ok(writeln!(out, "{}", in_words(question, &answer)).context(UNWRITTEN)?)
}

fn in_words(question: &Question, answer: &Answer) -> String {
    let route = match (&answer.route, &answer.effect) {
        (Some(route), Some(effect)) => format!("{route} ({effect})"),
        _ => "no documented route".to_owned(),
    };
    let done = match (answer.plan.as_str(), &answer.answer) {
        ("compare", Some(side)) => format!("compare; {side} answers"),
        ("off", _) => "off; 404".to_owned(),
        (plan, _) => plan.to_owned(),
    };
    let mut lines = vec![
        format!(
            "{} {} of {}: {route}",
            question.method.to_ascii_uppercase(),
            question.path,
            answer.number
        ),
        format!("{done} (reason: {})", answer.reason),
    ];
    lines.extend(answer.steps.iter().map(|step| format!("  {step}")));
    if let Some(set_by) = &answer.set_by {
        lines.push(format!("  set by {set_by}"));
    }
    lines.join("\n")
}
