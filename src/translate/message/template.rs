//! Templates: without their namespace, in exactly one language, and with a place for every button.

use serde_json::{Map, Value, json};

use super::read::Source;
use super::{Loss, Notes, Refusal, location, media};

pub(super) fn template(source: &Source<'_>, notes: &mut Notes) -> Result<Value, Refusal> {
    let mut built = Map::new();
    built.insert("name".to_owned(), source.need_text("name")?.into());
    let language = language(&source.need_object("language")?, notes)?;
    built.insert("language".to_owned(), language);
    if let Some(components) = source.objects("components")? {
        let components = self::components(&components, notes)?;
        if !components.is_empty() {
            built.insert("components".to_owned(), components.into());
        }
    }
    let known = ["namespace", "name", "language", "components"];
    source.note_others(&[&known], notes);
    Ok(Value::Object(built))
}

/// `deterministic` is the only policy that Cloud has, so it need not be said.
pub(super) fn language(language: &Source<'_>, notes: &mut Notes) -> Result<Value, Refusal> {
    let code = language.need_text("code")?;
    if language
        .text("policy")?
        .is_some_and(|policy| policy != "deterministic")
    {
        notes.add(language.at("policy"), Loss::LanguagePolicy);
    }
    language.note_others(&[&["code", "policy"]], notes);
    Ok(json!({"code": code}))
}

fn components(components: &[Source<'_>], notes: &mut Notes) -> Result<Vec<Value>, Refusal> {
    let mut built = Vec::new();
    let mut buttons = 0;
    for component in components {
        // Real clients write some of these words in capitals, as the definition of a template does.
        let kind = component.need_text("type")?.to_lowercase();
        let parameters = component.objects("parameters")?.unwrap_or_default();
        let parameters = parameters
            .iter()
            .map(|one| parameter(one, notes))
            .collect::<Result<Vec<Value>, _>>()?;
        let known: &[&str] = match kind.as_str() {
            "button" => {
                built.push(button(component, buttons, parameters)?);
                buttons += 1;
                &["type", "parameters", "sub_type", "index"]
            }
            "header" | "body" => {
                // An empty list says nothing, and Cloud does not take one everywhere.
                if !parameters.is_empty() {
                    built.push(json!({"type": kind, "parameters": parameters}));
                }
                &["type", "parameters"]
            }
            // Nothing in a footer can vary; some send it all the same.
            "footer" if parameters.is_empty() => &["type", "parameters"],
            _ => {
                let field = component.at("type");
                return Err(Refusal::invalid(field, "is no type of component"));
            }
        };
        component.note_others(&[known], notes);
    }
    Ok(built)
}

/// The old client let the place of a button be left out; then it is the one in the order of the buttons.
fn button(component: &Source<'_>, place: usize, parameters: Vec<Value>) -> Result<Value, Refusal> {
    let index = match component.get("index") {
        None => place.to_string(),
        Some(Value::String(index)) => index.trim().to_owned(),
        Some(Value::Number(index)) => index.to_string(),
        Some(_) => return Err(Refusal::invalid(component.at("index"), "is not a number")),
    };
    let sub_type = component.need_text("sub_type")?.to_lowercase();
    let mut built = json!({"type": "button", "sub_type": sub_type, "index": index});
    if !parameters.is_empty() {
        built["parameters"] = parameters.into();
    }
    Ok(built)
}

fn parameter(source: &Source<'_>, notes: &mut Notes) -> Result<Value, Refusal> {
    let kind = source.need_text("type")?;
    let content = match kind {
        "text" | "payload" => source.need_text(kind)?.into(),
        "currency" => currency(&source.need_object(kind)?, notes)?,
        "date_time" => date_time(&source.need_object(kind)?, notes)?,
        "location" => location(&source.need_object(kind)?, notes)?,
        "image" | "video" | "document" => {
            // Meta's own collection has a parameter whose link stands directly beside the type.
            match source.object(kind)? {
                Some(medium) => media::bare(&medium, kind, notes)?,
                None => media::bare(source, kind, notes)?,
            }
        }
        _ => {
            return Err(Refusal::invalid(
                source.at("type"),
                "is no type of parameter",
            ));
        }
    };
    if source.get(kind).is_some() {
        source.note_others(&[&["type", kind]], notes);
    }
    let mut built = json!({"type": kind});
    built[kind] = content;
    Ok(built)
}

fn currency(source: &Source<'_>, notes: &mut Notes) -> Result<Value, Refusal> {
    source.note_others(&[&["fallback_value", "code", "amount_1000"]], notes);
    Ok(json!({
        "fallback_value": source.need_text("fallback_value")?,
        "code": source.need_text("code")?,
        "amount_1000": amount(source)?,
    }))
}

/// Thousandths of the currency's unit, also as a text.
pub(super) fn amount(source: &Source<'_>) -> Result<i64, Refusal> {
    let amount = match source.need("amount_1000")? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    amount.ok_or_else(|| Refusal::invalid(source.at("amount_1000"), "is not a whole number"))
}

fn date_time(source: &Source<'_>, notes: &mut Notes) -> Result<Value, Refusal> {
    const PARTS: [&str; 8] = [
        "timestamp",
        "day_of_week",
        "day_of_month",
        "year",
        "month",
        "hour",
        "minute",
        "calendar",
    ];
    if PARTS.iter().any(|part| source.get(part).is_some()) {
        notes.add(source.path(), Loss::DateParts);
    }
    source.note_others(&[&["fallback_value"], &PARTS], notes);
    Ok(json!({"fallback_value": source.need_text("fallback_value")?}))
}
