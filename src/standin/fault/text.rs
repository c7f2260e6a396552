//! Rules as lines of text, read and written.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use super::{Fault, Hop, Point, Rule, When};

/// Why a line is not a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a fault rule: `{line}`: {reason}")]
pub struct NotARule {
    line: String,
    reason: String,
}

impl FromStr for Rule {
    type Err = NotARule;

    fn from_str(line: &str) -> Result<Self, NotARule> {
        read(line.trim()).map_err(|reason| NotARule {
            line: line.to_owned(),
            reason,
        })
    }
}

fn read(line: &str) -> Result<Rule, String> {
    let (place, rest) = line
        .split_once(':')
        .ok_or("expected `<point>:<fault>` or `<point>:<fault>:<when>`")?;
    // A redirect's URL holds colons as well, so the last part counts as `when` only if it reads as one.
    let (fault, when) = match rest.rsplit_once(':') {
        Some((fault, last)) => match read_when(last)? {
            Some(when) => (fault, when),
            None => (rest, When::Always),
        },
        None => (rest, When::Always),
    };
    let (point, medium) = match place.split_once('@') {
        Some((point, medium)) => (point, Some(medium.to_owned())),
        None => (place, None),
    };
    Ok(Rule {
        point: read_point(point)?,
        medium,
        fault: read_fault(fault)?,
        when,
    })
}

fn read_point(text: &str) -> Result<Point, String> {
    if text == "any" {
        return Ok(Point::Any);
    }
    if text.starts_with('/') {
        return Ok(Point::Path(text.to_owned()));
    }
    let known = HOPS.iter().find(|(name, _)| *name == text);
    known.map(|(_, hop)| Point::Hop(*hop)).ok_or_else(|| {
        format!(
            "unknown point `{text}`; expected any, a path, or one of {}",
            hop_names()
        )
    })
}

fn read_when(text: &str) -> Result<Option<When>, String> {
    Ok(Some(match text.split_once('=') {
        None if text == "always" => When::Always,
        Some(("next", count)) => When::Next(number(count)?),
        Some(("every", count)) => {
            When::Every(NonZeroU64::new(number(count)?).ok_or("`every` needs at least 1")?)
        }
        Some(_) | None => return Ok(None),
    }))
}

fn read_fault(text: &str) -> Result<Fault, String> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (text, None),
    };
    Ok(match (name, value) {
        ("status", Some(status)) => Fault::Status(read_status(status)?),
        ("body", Some(value)) => {
            let (status, body) = value
                .split_once(',')
                .ok_or("expected `body=<status>,<text>`")?;
            Fault::Body {
                status: read_status(status)?,
                body: body.to_owned(),
            }
        }
        ("hang", None) => Fault::Hang,
        ("reset", None) => Fault::Reset(None),
        ("reset", Some(bytes)) => Fault::Reset(Some(number(bytes)?)),
        ("truncate", Some(bytes)) => Fault::Truncate(number(bytes)?),
        ("wrong-bytes", None) => Fault::WrongBytes,
        ("html", None) => Fault::Html,
        ("slow", Some(rate)) => Fault::Slow {
            bytes_per_second: number(rate)?,
        },
        ("expired-token", None) => Fault::ExpiredToken,
        ("throttle", Some(minutes)) => Fault::Throttle {
            minutes: number(minutes)?,
        },
        ("redirect", Some(url)) => Fault::Redirect(url.to_owned()),
        ("not-found", None) => Fault::NotFound,
        ("silent", None) => Fault::Silent,
        ("twice", None) => Fault::Twice,
        ("held", None) => Fault::Held,
        ("mime-type", Some(mime_type)) => Fault::MimeType(mime_type.to_owned()),
        (name, _) => {
            return Err(format!(
                "unknown fault `{name}`, or its value is missing or superfluous"
            ));
        }
    })
}

fn read_status(text: &str) -> Result<u16, String> {
    let status = number(text)?;
    u16::try_from(status)
        .ok()
        .filter(|status| (200..=599).contains(status))
        .ok_or_else(|| format!("`{text}` is not a final HTTP status"))
}

fn number(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is not a number"))
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.point)?;
        if let Some(medium) = &self.medium {
            write!(f, "@{medium}")?;
        }
        write!(f, ":{}:{}", self.fault, self.when)
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Hop(hop) => write!(f, "{hop}"),
            Self::Path(path) => f.write_str(path),
        }
    }
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = HOPS.iter().find(|(_, hop)| hop == self);
        f.write_str(known.map_or("unknown", |(name, _)| name))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "status={status}"),
            Self::Body { status, body } => write!(f, "body={status},{body}"),
            Self::Hang => f.write_str("hang"),
            Self::Reset(None) => f.write_str("reset"),
            Self::Reset(Some(bytes)) => write!(f, "reset={bytes}"),
            Self::Truncate(bytes) => write!(f, "truncate={bytes}"),
            Self::WrongBytes => f.write_str("wrong-bytes"),
            Self::Html => f.write_str("html"),
            Self::Slow { bytes_per_second } => write!(f, "slow={bytes_per_second}"),
            Self::ExpiredToken => f.write_str("expired-token"),
            Self::Throttle { minutes } => write!(f, "throttle={minutes}"),
            Self::Redirect(url) => write!(f, "redirect={url}"),
            Self::NotFound => f.write_str("not-found"),
            Self::Silent => f.write_str("silent"),
            Self::Twice => f.write_str("twice"),
            Self::Held => f.write_str("held"),
            Self::MimeType(mime_type) => write!(f, "mime-type={mime_type}"),
        }
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always => f.write_str("always"),
            Self::Next(count) => write!(f, "next={count}"),
            Self::Every(count) => write!(f, "every={count}"),
        }
    }
}

const HOPS: [(&str, Hop); 15] = [
    ("lookup", Hop::Lookup),
    ("download", Hop::Download),
    ("picture", Hop::Picture),
    ("delete", Hop::Delete),
    ("number", Hop::Number),
    ("token", Hop::Token),
    ("profile", Hop::Profile),
    ("message", Hop::Message),
    ("webhook", Hop::Webhook),
    ("subscription", Hop::Subscription),
    ("notification", Hop::Notification),
    ("login", Hop::Login),
    ("route", Hop::Route),
    ("callback", Hop::Callback),
    ("unknown", Hop::Unknown),
];

fn hop_names() -> String {
    HOPS.map(|(name, _)| name).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_line_is_read_and_written_back() {
        for line in [
            "download:truncate=1000:next=2",
            "lookup:status=503:every=3",
            "download@1761991787669262:reset=4096:always",
            "login:reset:always",
            "any:hang:next=1",
            "/v1/settings:body=400,{\"errors\":[{\"code\":1009}]}:always",
            "callback:redirect=http://127.0.0.1:8080/a?b=c:next=1",
            "download:wrong-bytes:always",
            "download:html:always",
            "download:slow=1000:always",
            "lookup:expired-token:always",
            "lookup:throttle=5:always",
            "delete:not-found:always",
            "profile:status=500:next=1",
            "message:reset:next=1",
            "callback:silent:always",
            "callback@1:twice:next=1",
            "callback:held:next=2",
            "callback:mime-type=audio/ogg; codecs=opus:always",
        ] {
            let rule: Rule = line.parse().unwrap();
            assert_eq!(rule.to_string(), line);
        }
    }

    #[test]
    fn a_line_without_when_means_always_even_if_it_holds_colons() {
        let rule: Rule = "callback:redirect=http://127.0.0.1:80/x".parse().unwrap();
        assert_eq!(
            rule,
            Rule::at(
                Hop::Callback,
                Fault::Redirect("http://127.0.0.1:80/x".to_owned()),
                When::Always
            )
        );
    }

    #[test]
    fn what_is_not_a_rule_is_refused_with_a_reason() {
        for line in [
            "",
            "lookup",
            "lokup:hang",
            "lookup:hung",
            "lookup:status",
            "lookup:status=20",
            "lookup:hang:nxt=2",
            "lookup:hang:every=0",
            "lookup:hang=1",
            "download:truncate=all",
        ] {
            assert!(line.parse::<Rule>().is_err(), "{line}");
        }
    }
}
