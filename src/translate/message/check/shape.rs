//! The forms a value may have, and the comparison of a value with one.

use serde_json::{Map, Value};
use url::Url;

use super::Objections;
use crate::translate::contact;

/// Whether a field has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    Must,
    May,
}

pub(super) use Presence::{May, Must};

/// A field of an object.
pub(super) type Field<'a> = (&'a str, Presence, Shape);

/// A form.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// So many characters, at least and at most.
    Text(usize, usize),
    /// What stands on a button: at most so many characters, not blank, and no blanks around it.
    Label(usize),
    /// One of these.
    Word(&'static [&'static str]),
    /// True or false.
    Flag,
    /// A whole number.
    Whole,
    /// An angle of at most so many degrees, as a number or as text.
    Degrees(f64),
    /// A phone number, as text or as a number.
    Phone,
    /// The place of a button, as text or as a number.
    Place,
    /// Exactly one of `id` and `link`, and these.
    Medium(&'static [Field<'static>]),
    /// These fields and no others.
    Object(&'static [Field<'static>]),
    /// So many of a form, at least and at most.
    List(usize, usize, &'static Shape),
    /// Anything: checked elsewhere, or not at all.
    Any,
}

/// The places that a template's buttons may have.
const PLACES: std::ops::RangeInclusive<u64> = 0..=9;

/// Compares a value with a form.
pub(super) fn value(value: &Value, shape: Shape, path: &str, objections: &mut Objections) {
    match shape {
        Shape::Text(least, most) => text(value, least, most, path, objections),
        Shape::Label(most) => label(value, most, path, objections),
        Shape::Medium(others) => medium(value, others, path, objections),
        Shape::Object(known) => match value {
            Value::Object(map) => fields(map, &[known], path, objections),
            _ => objections.add(path, "is not an object"),
        },
        Shape::List(least, most, of) => list(value, (least, most), *of, path, objections),
        Shape::Word(words) => {
            if !value.as_str().is_some_and(|word| words.contains(&word)) {
                objections.add(path, "is none of the known words");
            }
        }
        Shape::Flag if !value.is_boolean() => objections.add(path, "is not true or false"),
        Shape::Whole if !value.is_i64() => objections.add(path, "is not a whole number"),
        Shape::Degrees(most) if !degrees(value).is_some_and(|angle| angle.abs() <= most) => {
            objections.add(path, format!("is not an angle of at most {most} degrees"));
        }
        Shape::Phone if !is_phone(value) => objections.add(path, "is not a phone number"),
        Shape::Place if !is_place(value) => objections.add(path, "is not a place from 0 to 9"),
        Shape::Flag
        | Shape::Whole
        | Shape::Degrees(_)
        | Shape::Phone
        | Shape::Place
        | Shape::Any => {}
    }
}

/// Compares an object with the fields it may have.
pub(super) fn fields(
    map: &Map<String, Value>,
    known: &[&[Field<'_>]],
    path: &str,
    objections: &mut Objections,
) {
    let known = || known.iter().flat_map(|list| list.iter());
    for key in map.keys() {
        if !known().any(|(name, _, _)| name == key) {
            objections.add(joined(path, key), "is unknown");
        }
    }
    for (name, presence, shape) in known() {
        match map.get(*name) {
            Some(field) => value(field, *shape, &joined(path, name), objections),
            None if *presence == Must => objections.add(joined(path, name), "is missing"),
            None => {}
        }
    }
}

/// The path of a field.
pub(super) fn joined(path: &str, name: &str) -> String {
    match path.is_empty() {
        true => name.to_owned(),
        false => format!("{path}.{name}"),
    }
}

fn text(value: &Value, least: usize, most: usize, path: &str, objections: &mut Objections) {
    let Some(text) = value.as_str() else {
        return objections.add(path, "is not a text");
    };
    match text.chars().count() {
        length if length < least => objections.add(path, "is empty"),
        length if length > most => objections.add(path, longer_than(most)),
        _ => {}
    }
}

fn label(value: &Value, most: usize, path: &str, objections: &mut Objections) {
    text(value, 0, most, path, objections);
    if let Some(text) = value.as_str() {
        match text.trim() {
            "" => objections.add(path, "is blank"),
            trimmed if trimmed != text => objections.add(path, "has blanks around it"),
            _ => {}
        }
    }
}

fn medium(value: &Value, others: &[Field<'_>], path: &str, objections: &mut Objections) {
    let Value::Object(map) = value else {
        return objections.add(path, "is not an object");
    };
    let place: &[Field<'_>] = &[("id", May, Shape::Text(1, 512)), ("link", May, Shape::Any)];
    fields(map, &[place, others], path, objections);
    match (map.get("id"), map.get("link")) {
        (None, None) => objections.add(path, "has neither id nor link"),
        (Some(_), Some(_)) => objections.add(path, "has both id and link"),
        (None, Some(link)) if !is_link(link) => {
            objections.add(joined(path, "link"), "is no http or https link");
        }
        _ => {}
    }
}

fn list(
    value: &Value,
    (least, most): (usize, usize),
    of: Shape,
    path: &str,
    objections: &mut Objections,
) {
    let Value::Array(list) = value else {
        return objections.add(path, "is not a list");
    };
    match list.len() {
        length if length < least => objections.add(path, "is empty"),
        length if length > most => objections.add(path, format!("has more than {most} entries")),
        _ => {}
    }
    for (index, item) in list.iter().enumerate() {
        self::value(item, of, &format!("{path}[{index}]"), objections);
    }
}

pub(super) fn longer_than(most: usize) -> String {
    format!("has more than {most} characters")
}

fn is_link(value: &Value) -> bool {
    let url = value.as_str().and_then(|text| Url::parse(text).ok());
    url.is_some_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

fn degrees(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn is_phone(value: &Value) -> bool {
    match value {
        Value::Number(number) => contact::digits(&number.to_string()).is_some(),
        Value::String(text) => contact::digits(text).is_some(),
        _ => false,
    }
}

fn is_place(value: &Value) -> bool {
    let place = match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    place.is_some_and(|place| PLACES.contains(&place))
}
