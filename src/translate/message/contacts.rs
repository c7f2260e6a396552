//! Contact cards: the same shape on both sides, taken over field by field.

use serde_json::{Map, Value};

use super::read::Source;
use super::{Notes, Refusal};

/// What a card holds beside `birthday`: objects, then lists of objects, with the texts in each.
const OBJECTS: [(&str, &[&str]); 2] = [
    (
        "name",
        &[
            "formatted_name",
            "first_name",
            "last_name",
            "middle_name",
            "suffix",
            "prefix",
        ],
    ),
    ("org", &["company", "department", "title"]),
];
const LISTS: [(&str, &[&str]); 4] = [
    (
        "addresses",
        &[
            "street",
            "city",
            "state",
            "zip",
            "country",
            "country_code",
            "type",
        ],
    ),
    ("emails", &["email", "type"]),
    ("phones", &["phone", "type", "wa_id"]),
    ("urls", &["url", "type"]),
];

/// The list under `key`.
pub(super) fn contacts(
    message: &Source<'_>,
    key: &str,
    notes: &mut Notes,
) -> Result<Value, Refusal> {
    let cards = message.need_objects(key)?;
    cards.iter().map(|card| self::card(card, notes)).collect()
}

fn card(card: &Source<'_>, notes: &mut Notes) -> Result<Value, Refusal> {
    let mut built = Map::new();
    card.copy_texts(&["birthday"], &mut built)?;
    for (name, texts) in OBJECTS {
        if let Some(object) = card.object(name)? {
            built.insert(name.to_owned(), copied(&object, texts, notes)?);
        }
    }
    for (name, texts) in LISTS {
        if let Some(list) = card.objects(name)? {
            let list = list.iter().map(|object| copied(object, texts, notes));
            built.insert(name.to_owned(), list.collect::<Result<Value, _>>()?);
        }
    }
    let objects = OBJECTS.map(|(name, _)| name);
    let lists = LISTS.map(|(name, _)| name);
    card.note_others(&[&["birthday"], &objects, &lists], notes);
    Ok(Value::Object(built))
}

fn copied(source: &Source<'_>, texts: &[&str], notes: &mut Notes) -> Result<Value, Refusal> {
    let mut built = Map::new();
    source.copy_texts(texts, &mut built)?;
    source.note_others(&[texts], notes);
    Ok(Value::Object(built))
}
