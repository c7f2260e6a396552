//! The oldest form of a template, which Cloud never had.

use serde_json::{Map, Value, json};

use super::read::Source;
use super::template::{amount, language};
use super::{Loss, Notes, Refusal};

/// The template it would be today.
pub(super) fn template(source: &Source<'_>, notes: &mut Notes) -> Result<Value, Refusal> {
    let mut built = Map::new();
    built.insert("name".to_owned(), source.need_text("element_name")?.into());
    let language = language(&source.need_object("language")?, notes)?;
    built.insert("language".to_owned(), language);
    let parameters = source
        .objects("localizable_params")?
        .unwrap_or_default()
        .iter()
        .map(|one| parameter(one, notes))
        .collect::<Result<Vec<Value>, _>>()?;
    if !parameters.is_empty() {
        let body = json!([{"type": "body", "parameters": parameters}]);
        built.insert("components".to_owned(), body);
    }
    let known = [
        "namespace",
        "element_name",
        "language",
        "localizable_params",
    ];
    source.note_others(&[&known], notes);
    Ok(Value::Object(built))
}

/// What was the default is now the fallback, and of a date it is all that is shown.
fn parameter(source: &Source<'_>, notes: &mut Notes) -> Result<Value, Refusal> {
    let default = source.need_text("default")?;
    source.note_others(&[&["default", "currency", "date_time"]], notes);
    if let Some(currency) = source.object("currency")? {
        currency.note_others(&[&["currency_code", "amount_1000"]], notes);
        return Ok(json!({"type": "currency", "currency": {
            "fallback_value": default,
            "code": currency.need_text("currency_code")?,
            "amount_1000": amount(&currency)?,
        }}));
    }
    if source.get("date_time").is_some() {
        notes.add(source.at("date_time"), Loss::DateParts);
        return Ok(json!({"type": "date_time", "date_time": {"fallback_value": default}}));
    }
    Ok(json!({"type": "text", "text": default}))
}
