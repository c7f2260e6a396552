//! The rules of interactive messages that hang on the type, or on several parts at once.

use serde_json::Value;

use super::Objections;
use super::shape::Shape::{Object, Text, Word};
use super::shape::{May, Must, Shape};
use super::tables::{ACTIONS, BARE, NAMED};

/// Rows of a list, over all its sections.
const ROWS: usize = 10;
/// Products of a list, over all its sections.
const PRODUCTS: usize = 30;

const HEADER: Shape = Object(&[
    ("type", Must, Word(&["text", "image", "video", "document"])),
    ("text", May, Text(1, 60)),
    ("image", May, BARE),
    ("video", May, BARE),
    ("document", May, NAMED),
]);

pub(super) fn check(interactive: &Value, objections: &mut Objections) {
    let kind = interactive["type"].as_str().unwrap_or_default();
    let Some((_, action)) = ACTIONS.iter().find(|(name, _)| *name == kind) else {
        if interactive.get("type").is_some() {
            objections.add("interactive.type", "is no type of interactive message");
        }
        return;
    };
    header(interactive, kind, objections);
    body(interactive, kind, objections);
    if let Some(found) = interactive.get("action") {
        objections.check(found, *action, "interactive.action");
        sections(found, kind, objections);
        buttons(found, objections);
    }
}

fn header(interactive: &Value, kind: &str, objections: &mut Objections) {
    let path = "interactive.header";
    let Some(header) = interactive.get("header") else {
        if kind == "product_list" {
            objections.add(path, "is missing");
        }
        return;
    };
    objections.check(header, HEADER, path);
    let content = header["type"].as_str().unwrap_or_default();
    if header.get("type").is_some() && header.get(content).is_none() {
        objections.add(path, "has not what its type says");
    }
    match kind {
        "list" | "product_list" if content != "text" => {
            objections.add("interactive.header.type", "can only be text here");
        }
        "product" => objections.add(path, "cannot be here"),
        _ => {}
    }
}

fn body(interactive: &Value, kind: &str, objections: &mut Objections) {
    const SHORT: Shape = Object(&[("text", Must, Text(1, 1024))]);
    const LONG: Shape = Object(&[("text", Must, Text(1, 4096))]);
    let path = "interactive.body";
    match interactive.get("body") {
        Some(body) if kind == "list" => objections.check(body, LONG, path),
        Some(body) => objections.check(body, SHORT, path),
        None if kind == "product" => {}
        None => objections.add(path, "is missing"),
    }
}

fn sections(action: &Value, kind: &str, objections: &mut Objections) {
    let (key, id, most) = match kind {
        "list" => ("rows", "id", ROWS),
        "product_list" => ("product_items", "product_retailer_id", PRODUCTS),
        _ => return,
    };
    let path = "interactive.action.sections";
    let sections = action["sections"].as_array().map_or(&[][..], Vec::as_slice);
    if sections.len() > 1 {
        for (index, section) in sections.iter().enumerate() {
            if section.get("title").is_none() {
                let path = format!("{path}[{index}].title");
                objections.add(path, "is missing, as there is more than one section");
            }
        }
    }
    let items: Vec<&Value> = sections
        .iter()
        .filter_map(|section| section[key].as_array())
        .flatten()
        .collect();
    if items.len() > most {
        objections.add(path, format!("have more than {most} {key} in all"));
    }
    if kind == "list" && repeats(items.into_iter().map(|item| &item[id])) {
        objections.add(path, "have an id twice");
    }
}

fn buttons(action: &Value, objections: &mut Objections) {
    let buttons = action["buttons"].as_array().map_or(&[][..], Vec::as_slice);
    for name in ["id", "title"] {
        if repeats(buttons.iter().map(|button| &button["reply"][name])) {
            let what = format!("have one {name} twice");
            objections.add("interactive.action.buttons", what);
        }
    }
}

fn repeats<'a>(values: impl Iterator<Item = &'a Value>) -> bool {
    let mut seen = std::collections::BTreeSet::new();
    let mut texts = values.filter_map(Value::as_str);
    texts.any(|text| !seen.insert(text))
}
