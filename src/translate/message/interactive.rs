//! Interactive messages. The shape is the same on both sides; Cloud only minds blanks around what is on a button.

use serde_json::{Map, Value, json};

use super::read::Source;
use super::{Notes, Refusal, media};

pub(super) fn interactive(source: &Source<'_>, notes: &mut Notes) -> Result<Value, Refusal> {
    let kind = source.need_text("type")?;
    let mut built = Map::new();
    built.insert("type".to_owned(), kind.into());
    if let Some(header) = source.object("header")? {
        built.insert("header".to_owned(), self::header(&header, notes)?);
    }
    for name in ["body", "footer"] {
        if let Some(part) = source.object(name)? {
            built.insert(name.to_owned(), json!({"text": part.need_text("text")?}));
            part.note_others(&[&["text"]], notes);
        }
    }
    let action = source.need_object("action")?;
    let action = match kind {
        "button" => buttons(&action, notes)?,
        "list" => list(&action, notes)?,
        "product" => product(&action, notes)?,
        "product_list" => products(&action, notes)?,
        "address_message" | "catalog_message" | "cta_url" | "flow" | "location_request_message" => {
            named(&action, notes)?
        }
        _ => {
            return Err(Refusal::invalid(
                source.at("type"),
                "is no type of interactive message",
            ));
        }
    };
    built.insert("action".to_owned(), action);
    source.note_others(&[&["type", "header", "body", "footer", "action"]], notes);
    Ok(Value::Object(built))
}

fn header(header: &Source<'_>, notes: &mut Notes) -> Result<Value, Refusal> {
    let kind = header.need_text("type")?;
    let content = match kind {
        "text" => header.need_text("text")?.into(),
        "image" | "video" | "document" => media::bare(&header.need_object(kind)?, kind, notes)?,
        _ => {
            return Err(Refusal::invalid(header.at("type"), "is no type of header"));
        }
    };
    header.note_others(&[&["type", kind]], notes);
    let mut built = json!({"type": kind});
    built[kind] = content;
    Ok(built)
}

fn buttons(action: &Source<'_>, notes: &mut Notes) -> Result<Value, Refusal> {
    let mut built = Vec::new();
    for button in action.need_objects("buttons")? {
        let reply = button.need_object("reply")?;
        let mut texts = Map::new();
        reply.copy_trimmed(&["id", "title"], &mut texts)?;
        reply.note_others(&[&["id", "title"]], notes);
        button.note_others(&[&["type", "reply"]], notes);
        let kind = button.text("type")?.unwrap_or("reply");
        built.push(json!({"type": kind, "reply": texts}));
    }
    action.note_others(&[&["buttons"]], notes);
    Ok(json!({"buttons": built}))
}

fn list(action: &Source<'_>, notes: &mut Notes) -> Result<Value, Refusal> {
    let mut built = Map::new();
    action.copy_trimmed(&["button"], &mut built)?;
    let sections = sections(action, "rows", &["id", "title", "description"], notes)?;
    built.insert("sections".to_owned(), sections);
    action.note_others(&[&["button", "sections"]], notes);
    Ok(Value::Object(built))
}

fn product(action: &Source<'_>, notes: &mut Notes) -> Result<Value, Refusal> {
    let known = ["catalog_id", "product_retailer_id"];
    let mut built = Map::new();
    action.copy_trimmed(&known, &mut built)?;
    action.note_others(&[&known], notes);
    Ok(Value::Object(built))
}

fn products(action: &Source<'_>, notes: &mut Notes) -> Result<Value, Refusal> {
    let mut built = Map::new();
    action.copy_trimmed(&["catalog_id"], &mut built)?;
    let sections = sections(action, "product_items", &["product_retailer_id"], notes)?;
    built.insert("sections".to_owned(), sections);
    action.note_others(&[&["catalog_id", "sections"]], notes);
    Ok(Value::Object(built))
}

/// Sections with a list of these texts under this key.
fn sections(
    action: &Source<'_>,
    key: &str,
    texts: &[&str],
    notes: &mut Notes,
) -> Result<Value, Refusal> {
    let mut built = Vec::new();
    for section in action.need_objects("sections")? {
        let mut fields = Map::new();
        section.copy_trimmed(&["title"], &mut fields)?;
        let mut rows = Vec::new();
        for row in section.need_objects(key)? {
            let mut fields = Map::new();
            row.copy_trimmed(texts, &mut fields)?;
            row.note_others(&[texts], notes);
            rows.push(Value::Object(fields));
        }
        fields.insert(key.to_owned(), rows.into());
        section.note_others(&[&["title", key]], notes);
        built.push(Value::Object(fields));
    }
    Ok(built.into())
}

/// The types that came late to the old client: their parameters were Cloud's from the start.
fn named(action: &Source<'_>, notes: &mut Notes) -> Result<Value, Refusal> {
    let mut built = Map::new();
    action.copy_trimmed(&["name"], &mut built)?;
    if let Some(parameters) = action.get("parameters") {
        built.insert("parameters".to_owned(), parameters.clone());
    }
    action.note_others(&[&["name", "parameters"]], notes);
    Ok(Value::Object(built))
}
