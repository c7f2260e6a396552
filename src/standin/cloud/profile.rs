//! The business profile: flat in `data[0]`, as recorded, with what is not set left out.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use hyper::{Response, StatusCode, Uri};
use serde_json::{Map, Value, json};

use super::super::body::Body;
use super::super::refusal;
use super::messages::invalid;
use super::{Scene, address};

pub(super) const EDGE: &str = "whatsapp_business_profile";

/// Fields of text, and how many characters each may have.
const TEXTS: [(&str, usize); 6] = [
    ("about", 139),
    ("address", 256),
    ("description", 512),
    ("email", 128),
    ("profile_picture_handle", 1024),
    ("vertical", 64),
];
const WEBSITES: usize = 2;
const WEBSITE: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Kept(Mutex<Map<String, Value>>);

impl Kept {
    pub(super) fn replace(&self, fields: &Value) {
        let mut kept = self.lock();
        kept.clear();
        put(&mut kept, fields);
    }

    pub(super) fn told(&self) -> Value {
        Value::Object(self.lock().clone())
    }

    fn lock(&self) -> MutexGuard<'_, Map<String, Value>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is set to nothing is not set.
fn put(kept: &mut Map<String, Value>, fields: &Value) {
    for (name, value) in fields.as_object().into_iter().flatten() {
        if value.is_null() || *value == json!("") || *value == json!([]) {
            kept.remove(name);
        } else {
            kept.insert(name.clone(), value.clone());
        }
    }
    kept.remove("messaging_product");
}

pub(super) fn read(scene: &Scene, uri: &Uri) -> Response<Body> {
    let fields = address::parameter(uri, "fields");
    let wanted = |name: &str| {
        fields
            .as_deref()
            .is_none_or(|list| list.split(',').any(|field| field.trim() == name))
    };
    let mut entry = scene.profile.lock().clone();
    entry.retain(|name, _| wanted(name));
    entry.insert("messaging_product".to_owned(), "whatsapp".into());
    refusal::graph_json(StatusCode::OK, &json!({"data": [entry]}))
}

pub(super) fn change(scene: &Scene, body: &Bytes) -> Response<Body> {
    let fields: Value = serde_json::from_slice(body).unwrap_or_default();
    if let Some(details) = wrong(&fields) {
        return invalid(&details);
    }
    put(&mut scene.profile.lock(), &fields);
    refusal::graph_json(StatusCode::OK, &json!({"success": true}))
}

/// Why Graph would not take it.
fn wrong(fields: &Value) -> Option<String> {
    let Some(map) = fields.as_object() else {
        return Some("The body is not an object".to_owned());
    };
    if fields["messaging_product"] != "whatsapp" {
        return Some("The parameter messaging_product is required.".to_owned());
    }
    let short = |value: &Value, most: usize| {
        value
            .as_str()
            .is_some_and(|text| text.chars().count() <= most)
    };
    let taken = |name: &str, value: &Value| match name {
        "messaging_product" => true,
        "websites" => value.as_array().is_some_and(|list| {
            list.len() <= WEBSITES && list.iter().all(|website| short(website, WEBSITE))
        }),
        _ => TEXTS
            .iter()
            .any(|(text, most)| *text == name && short(value, *most)),
    };
    let (name, _) = map.iter().find(|(name, value)| !taken(name, value))?;
    Some(format!("Param {name} is unknown or not valid"))
}
