//! The rules of templates: which component may have which parameters.

use serde_json::Value;

use super::Objections;
use super::shape::Shape::{Any, List, Object, Place, Text, Whole, Word};
use super::shape::{Field, May, Must, Shape};
use super::tables::{BARE, LOCATION, NAMED, UNLIMITED};

const HEADER: Shape = Object(&[("type", Must, Any), ("parameters", Must, List(1, 1, &Any))]);

const BODY: Shape = Object(&[
    ("type", Must, Any),
    ("parameters", May, List(0, UNLIMITED, &Any)),
]);

const BUTTON: Shape = Object(&[
    ("type", Must, Any),
    (
        "sub_type",
        Must,
        Word(&[
            "quick_reply",
            "url",
            "catalog",
            "copy_code",
            "flow",
            "mpm",
            "voice_call",
        ]),
    ),
    ("index", Must, Place),
    ("parameters", Must, List(1, UNLIMITED, &Any)),
]);

/// The types of parameters, with the form of what goes with each and the components it may stand in.
const PARAMETERS: &[(&str, Shape, &[&str])] = &[
    ("text", Text(1, 32_768), &["header", "body", "button"]),
    ("payload", Text(1, UNLIMITED), &["button"]),
    (
        "currency",
        Object(&[
            ("fallback_value", Must, Text(1, UNLIMITED)),
            ("code", Must, Text(3, 3)),
            ("amount_1000", Must, Whole),
        ]),
        &["header", "body"],
    ),
    (
        "date_time",
        Object(&[("fallback_value", Must, Text(1, UNLIMITED))]),
        &["header", "body"],
    ),
    ("image", BARE, &["header"]),
    ("video", BARE, &["header"]),
    ("document", NAMED, &["header"]),
    ("location", LOCATION, &["header"]),
];

pub(super) fn check(template: &Value, objections: &mut Objections) {
    let components = template["components"].as_array();
    for (index, component) in components.into_iter().flatten().enumerate() {
        let path = format!("template.components[{index}]");
        let kind = component["type"].as_str().unwrap_or_default();
        let shape = match kind {
            "header" => HEADER,
            "body" => BODY,
            "button" => BUTTON,
            _ => {
                objections.add(format!("{path}.type"), "is no type of component");
                continue;
            }
        };
        objections.check(component, shape, &path);
        let parameters = component["parameters"].as_array();
        for (index, one) in parameters.into_iter().flatten().enumerate() {
            let path = format!("{path}.parameters[{index}]");
            parameter(one, kind, &path, objections);
        }
    }
}

fn parameter(parameter: &Value, component: &str, path: &str, objections: &mut Objections) {
    let Some(fields) = parameter.as_object() else {
        return objections.add(path, "is not an object");
    };
    let kind = parameter["type"].as_str().unwrap_or_default();
    let known = PARAMETERS.iter().find(|(name, _, _)| *name == kind);
    let Some((_, shape, components)) = known else {
        return objections.add(format!("{path}.type"), "is no type of parameter");
    };
    if !components.contains(&component) {
        objections.add(
            format!("{path}.type"),
            format!("cannot be in a {component}"),
        );
    }
    let fits: &[Field<'_>] = &[("type", Must, Any), (kind, Must, *shape)];
    super::shape::fields(fields, &[fits], path, objections);
}
