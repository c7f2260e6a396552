//! What Cloud would refuse of a body, without asking it: unknown keys, what is missing, what is too long or too many.
//!
//! `shape` holds the forms and compares a value with one, `tables` says which form each part has, and the files beside
//! them know the few rules that no table can say. Limits are Meta's; lengths are counted in characters.

mod interactive;
mod shape;
mod tables;
mod template;

use serde_json::Value;

use shape::Shape;

/// One thing that Cloud would not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objection {
    /// Where, such as `interactive.action.buttons[0].reply.title`; empty for the body as a whole.
    pub path: String,
    /// What about it, as the end of a sentence. Never holds the value.
    pub what: String,
}

/// Everything that Cloud would refuse about the body of a message, in the order of the body.
pub fn check(body: &Value) -> Vec<Objection> {
    let mut objections = Objections::default();
    let Some(fields) = body.as_object() else {
        objections.add("", "is not an object");
        return objections.0;
    };
    let kind = body["type"].as_str().unwrap_or("text");
    let Some((_, shape)) = tables::TYPES.iter().find(|(name, _)| *name == kind) else {
        objections.add("type", "is no type of message");
        return objections.0;
    };
    shape::fields(
        fields,
        &[tables::ENVELOPE, &[(kind, shape::Must, *shape)]],
        "",
        &mut objections,
    );
    match kind {
        "interactive" => interactive::check(&body[kind], &mut objections),
        "template" => template::check(&body[kind], &mut objections),
        _ => {}
    }
    objections.0
}

#[derive(Debug, Default)]
struct Objections(Vec<Objection>);

impl Objections {
    fn add(&mut self, path: impl Into<String>, what: impl Into<String>) {
        self.0.push(Objection {
            path: path.into(),
            what: what.into(),
        });
    }

    fn check(&mut self, value: &Value, shape: Shape, path: &str) {
        shape::value(value, shape, path, self);
    }
}
