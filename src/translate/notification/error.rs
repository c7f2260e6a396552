//! Errors: Cloud's codes are others than the old client's, and Meta published no table of both. The pattern is visible
//! though: many are 130000 and the old one.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::raw::{self, Raw, shapes};
use crate::config::Compat;
use crate::onprem::callback::{self, HREF};

shapes! {
    /// An error of Cloud's.
    Error {
        code: b"code",
        details: b"details",
        error_data: b"error_data",
        message: b"message",
        title: b"title",
    }
    /// Where its details are since v16.
    ErrorData {
        details: b"details",
    }
}

/// The errors of a list, or the only one.
pub(super) fn errors<'a>(raw: Raw<'a>, compat: &Compat) -> Vec<callback::Error<'a>> {
    let told = |raw: &'a RawValue| error(raw, compat);
    match raw::list(raw) {
        Some(list) => list.into_iter().filter_map(told).collect(),
        None => raw.and_then(told).into_iter().collect(),
    }
}

fn error<'a>(raw: &'a RawValue, compat: &Compat) -> Option<callback::Error<'a>> {
    let error: Error<'_> = raw::object(Some(raw))?;
    let data: ErrorData<'_> = raw::object(error.error_data).unwrap_or_default();
    let details = raw::filled(data.details)
        .or_else(|| raw::filled(error.details))
        .or_else(|| raw::filled(error.message));
    let title = raw::filled(error.title);
    let number = raw::number(error.code);
    let known = number.and_then(|number| number.get().parse().ok());
    let (code, title, details) = match known.and_then(|number| twin(number, compat)) {
        Some((code, Title::Ours(title))) => (code, Cow::Borrowed(title), details),
        Some((code, Title::Clouds(name))) => (code, title.unwrap_or(name.into()), details),
        None => {
            let title = title.unwrap_or(GENERIC.into());
            (1000, title, numbered(number, details))
        }
    };
    Some(callback::Error {
        code,
        details,
        href: Some(HREF),
        title,
    })
}

/// The number of an error that the old client had nothing like, where a person can find it.
fn numbered<'a>(number: Raw<'_>, details: Option<Cow<'a, str>>) -> Option<Cow<'a, str>> {
    let Some(number) = number else {
        return details;
    };
    Some(Cow::Owned(match details {
        Some(details) => format!("{number}: {details}"),
        None => number.to_string(),
    }))
}

const GENERIC: &str = "Generic error";

/// Whose title an error has.
enum Title {
    /// The old client's.
    Ours(&'static str),
    /// The old client's is not known; Cloud's own, and this if it says none.
    Clouds(&'static str),
}

/// The old client's code for one of Cloud's, and its title.
fn twin(cloud: u32, compat: &Compat) -> Option<(u32, Title)> {
    let ours = |code, title| Some((code, Title::Ours(title)));
    let clouds = |code, title| Some((code, Title::Clouds(title)));
    match cloud {
        0 | 190 | 130_497 | 131_005 | 131_037 | 133_000..=133_999 => ours(1005, "Access denied"),
        368 | 131_031 => ours(1031, "Account locked"),
        80_007 => ours(1015, "Too many requests"),
        130_429 | 131_056 => ours(429, "Rate limit hit"),
        130_472 | 131_049 => ours(472, "User's number is part of an experiment"),
        131_000 | 132_068 | 132_069 | 135_000 => ours(1000, GENERIC),
        131_008 => ours(1008, "Required parameter is missing"),
        131_009 | 131_021 => ours(1009, "Parameter value is not valid"),
        131_016 => ours(1016, "System overloaded"),
        131_026 if compat.undeliverable_code == 1013 => ours(1013, "User is not valid"),
        131_026 => ours(1026, "Receiver incapable"),
        131_042 | 134_011 => ours(402, "Business eligibility, payment issue"),
        131_045 => ours(433, "Certificate signature invalid"),
        131_047 => ours(470, "Re-engagement message"),
        131_048 => ours(471, "Spam rate limit hit"),
        131_050 => ours(1007, "Recipient blocked to receive message"),
        131_051 | 131_060 => ours(501, "Unknown message type"),
        131_052 => ours(400, "Media download error"),
        131_053 => ours(1014, "Internal error"),
        131_057 => ours(1011, "Service not ready"),
        131_062 => ours(1002, "Invalid recipient type"),
        132_000 => clouds(2000, "Template param count mismatch"),
        132_001 => ours(2001, "Template missing"),
        132_005 => clouds(2005, "Template hydrated text too long"),
        132_007 => clouds(2007, "Template format character policy violated"),
        132_012 => clouds(2012, "Template parameter format mismatch"),
        132_015 => ours(2061, "Template is paused"),
        132_016 => ours(2062, "Template is disabled"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Every row of the table: Cloud's code, and the old client's code and title. `None`: Cloud's own.
    const ROWS: [(u32, u32, Option<&str>); 40] = [
        (130_429, 429, Some("Rate limit hit")),
        (130_472, 472, Some("User's number is part of an experiment")),
        (130_497, 1005, Some("Access denied")),
        (131_000, 1000, Some("Generic error")),
        (131_005, 1005, Some("Access denied")),
        (131_008, 1008, Some("Required parameter is missing")),
        (131_009, 1009, Some("Parameter value is not valid")),
        (131_016, 1016, Some("System overloaded")),
        (131_021, 1009, Some("Parameter value is not valid")),
        (131_026, 1026, Some("Receiver incapable")),
        (131_031, 1031, Some("Account locked")),
        (131_037, 1005, Some("Access denied")),
        (131_042, 402, Some("Business eligibility, payment issue")),
        (131_045, 433, Some("Certificate signature invalid")),
        (131_047, 470, Some("Re-engagement message")),
        (131_048, 471, Some("Spam rate limit hit")),
        (131_049, 472, Some("User's number is part of an experiment")),
        (131_050, 1007, Some("Recipient blocked to receive message")),
        (131_051, 501, Some("Unknown message type")),
        (131_052, 400, Some("Media download error")),
        (131_053, 1014, Some("Internal error")),
        (131_056, 429, Some("Rate limit hit")),
        (131_057, 1011, Some("Service not ready")),
        (131_060, 501, Some("Unknown message type")),
        (131_062, 1002, Some("Invalid recipient type")),
        (132_000, 2000, None),
        (132_001, 2001, Some("Template missing")),
        (132_005, 2005, None),
        (132_007, 2007, None),
        (132_012, 2012, None),
        (132_015, 2061, Some("Template is paused")),
        (132_016, 2062, Some("Template is disabled")),
        (132_068, 1000, Some("Generic error")),
        (132_069, 1000, Some("Generic error")),
        (133_010, 1005, Some("Access denied")),
        (134_011, 402, Some("Business eligibility, payment issue")),
        (135_000, 1000, Some("Generic error")),
        (368, 1031, Some("Account locked")),
        (80_007, 1015, Some("Too many requests")),
        (190, 1005, Some("Access denied")),
    ];

    fn compat() -> Compat {
        let toml = "[routes]\ndefault = \"off\"\n[[numbers]]\nname = \"support\"\n";
        let config = crate::config::parse(toml, Path::new("")).unwrap();
        config.numbers.into_iter().next().unwrap().compat
    }

    fn told(error: &str, compat: &Compat) -> String {
        let raw: &RawValue = serde_json::from_str(error).unwrap();
        serde_json::to_string(&errors(Some(raw), compat)).unwrap()
    }

    #[test]
    fn every_code_has_its_twin() {
        let compat = compat();
        for (cloud, code, title) in ROWS {
            let error =
                format!(r#"[{{"code":{cloud},"title":"T","error_data":{{"details":"D"}}}}]"#);
            let expected = serde_json::json!([
                {"code": code, "details": "D", "href": HREF, "title": title.unwrap_or("T")}
            ]);
            assert_eq!(told(&error, &compat), expected.to_string());
        }
    }

    #[test]
    fn what_has_no_twin_keeps_its_title_and_number() {
        let told = |error| told(error, &compat());
        assert_eq!(
            told(r#"{"code":"139999","title":"New","message":"M","details":"D"}"#),
            format!(r#"[{{"code":1000,"details":"139999: D","href":"{HREF}","title":"New"}}]"#)
        );
        assert_eq!(
            told(r#"[7,{"code":9e9}]"#),
            format!(r#"[{{"code":1000,"details":"9e9","href":"{HREF}","title":"Generic error"}}]"#)
        );
    }

    #[test]
    fn an_undeliverable_message_has_the_code_that_was_chosen() {
        let compat = Compat {
            undeliverable_code: 1013,
            ..compat()
        };
        let told = told(r#"[{"code":131026}]"#, &compat);
        assert!(
            told.contains("1013") && told.contains("User is not valid"),
            "{told}"
        );
    }
}
