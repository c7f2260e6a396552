//! The settings that the old client keeps and tells back: the business profile and the about text.

use std::sync::{Mutex, MutexGuard, PoisonError};

use hyper::{Response, StatusCode};
use serde_json::{Map, Value, json};

use super::super::body::Body;
use super::Scene;

/// Fields of text, and how many characters each may have.
const TEXTS: [(&str, usize); 4] = [
    ("address", 256),
    ("description", 256),
    ("email", 128),
    ("vertical", 256),
];
const WEBSITES: usize = 2;
const WEBSITE: usize = 256;
const ABOUT: usize = 139;

#[derive(Debug)]
pub(super) struct Settings(Mutex<Kept>);

#[derive(Debug)]
struct Kept {
    /// All five fields are always there.
    profile: Map<String, Value>,
    about: String,
}

impl Default for Settings {
    fn default() -> Self {
        let mut profile: Map<String, Value> = TEXTS
            .iter()
            .map(|(name, _)| ((*name).to_owned(), "".into()))
            .collect();
        profile.insert("websites".to_owned(), json!([]));
        Self(Mutex::new(Kept {
            profile,
            about: "Hey there! I am using WhatsApp.".to_owned(),
        }))
    }
}

impl Settings {
    /// What is no field is not kept.
    pub(super) fn set_profile(&self, fields: &Value) {
        let mut kept = self.lock();
        for (name, value) in fields.as_object().into_iter().flatten() {
            if let Some(field) = kept.profile.get_mut(name) {
                *field = value.clone();
            }
        }
    }

    pub(super) fn set_about(&self, text: String) {
        self.lock().about = text;
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Scene {
    pub(super) fn profile(&self) -> Response<Body> {
        let profile = self.settings.lock().profile.clone();
        self.enveloped(
            StatusCode::OK,
            json!({"settings": {"business": {"profile": profile}}}),
        )
    }

    pub(super) fn change_profile(&self, fields: &Value) -> Response<Body> {
        match wrong_field(fields) {
            Some(name) => self.invalid(&format!("{name} is not valid.")),
            None => {
                self.settings.set_profile(fields);
                self.enveloped(StatusCode::OK, json!({}))
            }
        }
    }

    pub(super) fn about(&self) -> Response<Body> {
        let about = self.settings.lock().about.clone();
        self.enveloped(
            StatusCode::OK,
            json!({"settings": {"profile": {"about": {"text": about}}}}),
        )
    }

    pub(super) fn change_about(&self, asked: &Value) -> Response<Body> {
        match asked["text"].as_str() {
            Some(text) if text.chars().count() <= ABOUT => {
                self.settings.set_about(text.to_owned());
                self.enveloped(StatusCode::OK, json!({}))
            }
            Some(_) | None => self.invalid("text is not valid."),
        }
    }

    pub(super) fn invalid(&self, details: &str) -> Response<Body> {
        self.error(
            StatusCode::BAD_REQUEST,
            (1009, "Parameter value is not valid", details),
        )
    }
}

/// The first field that cannot be kept.
fn wrong_field(fields: &Value) -> Option<&'static str> {
    let short = |value: &Value, most: usize| {
        value
            .as_str()
            .is_some_and(|text| text.chars().count() <= most)
    };
    let text = TEXTS
        .iter()
        .find(|(name, most)| fields.get(name).is_some_and(|value| !short(value, *most)));
    if let Some((name, _)) = text {
        return Some(name);
    }
    let websites = fields.get("websites")?.as_array();
    let good = websites.is_some_and(|list| {
        list.len() <= WEBSITES && list.iter().all(|website| short(website, WEBSITE))
    });
    (!good).then_some("websites")
}
