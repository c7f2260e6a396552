//! The strictest integration there could be: everything that real ones are known to insist on, at once.
//!
//! | Who | Insists on |
//! |---|---|
//! | tock | closed lists of types and statuses; `id`, `mime_type` and `sha256` of every medium; `recipient_id` at the root of a status |
//! | courier | whole seconds in a string; a sender of digits, or a user id |
//! | chatwoot | `contacts` beside `messages`; one element in each list |
//! | postman-sg | `statuses`, or `messages` with `contacts`, or `errors`, and nothing else beside them |
//! | ndoh | `message.recipient_id` of a status |
//! | waba-net | an expiration that is a whole number; closed lists of pricing models |

use serde_json::{Map, Value};

/// What an integration of 2023 can have known, and `unknown` for the rest.
const TYPES: [&str; 14] = [
    "audio",
    "button",
    "contacts",
    "document",
    "image",
    "interactive",
    "location",
    "order",
    "sticker",
    "system",
    "text",
    "unknown",
    "video",
    "voice",
];
const MEDIA: [&str; 6] = ["audio", "document", "image", "sticker", "video", "voice"];
const STATUSES: [&str; 5] = ["deleted", "delivered", "failed", "read", "sent"];
const PRICING_MODELS: [&str; 3] = ["CBP", "NBP", "PMP"];
const INTERACTIVE: [&str; 3] = ["button_reply", "list_reply", "nfm_reply"];
/// The longest user id: a country, a dot, and 128 characters; `ENT.` for that of a whole business.
const LONGEST_USER_ID: usize = 2 + 1 + 4 + 128;

/// Why an integration would not take this body; empty if every one takes it. The texts name fields and never what was
/// in them.
pub fn objections(body: &[u8]) -> Vec<String> {
    let mut found = Found(Vec::new());
    match serde_json::from_slice(body) {
        Ok(Value::Object(body)) => found.body(&body),
        Ok(_) => found.say("", "is no object"),
        Err(_) => found.say("", "is no JSON"),
    }
    found.0
}

struct Found(Vec<String>);

impl Found {
    fn say(&mut self, place: &str, what: &str) {
        let place = if place.is_empty() { "the body" } else { place };
        self.0.push(format!("{place} {what}"));
    }

    fn body(&mut self, body: &Map<String, Value>) {
        for key in body.keys() {
            // What it is called may be anything, and is not repeated.
            if ![
                "contacts",
                "errors",
                "media_items",
                "messages",
                "services",
                "statuses",
            ]
            .contains(&key.as_str())
            {
                self.say("", "has a key that no integration knows");
            }
        }
        let kinds = ["media_items", "messages", "services", "statuses"];
        match kinds
            .iter()
            .filter(|kind| body.contains_key(**kind))
            .count()
        {
            0 if body.contains_key("errors") => {}
            0 => self.say("", "is about nothing"),
            1 => {}
            _ => self.say("", "is about more than one thing"),
        }
        if let Some(errors) = body.get("errors") {
            self.errors("errors", errors);
        }
        if let Some(list) = body.get("messages")
            && let Some(message) = self.only("messages", list)
        {
            self.message(message);
            let system = message.get("type").is_some_and(|kind| kind == "system");
            match body.get("contacts") {
                None if system => {}
                None => self.say("contacts", "is missing beside messages"),
                Some(list) => {
                    if let Some(contact) = self.only("contacts", list) {
                        self.contact(contact);
                    }
                }
            }
        } else if body.contains_key("contacts") && !body.contains_key("messages") {
            self.say("contacts", "stands beside no message");
        }
        if let Some(list) = body.get("statuses")
            && let Some(status) = self.only("statuses", list)
        {
            self.status(status);
        }
        if let Some(list) = body.get("media_items")
            && let Some(item) = self.only("media_items", list)
        {
            self.media_item(item);
        }
    }

    /// Integrations read the first element and drop the others.
    fn only<'a>(&mut self, place: &str, list: &'a Value) -> Option<&'a Map<String, Value>> {
        match list.as_array().map(Vec::as_slice) {
            Some([Value::Object(only)]) => Some(only),
            Some([_]) => {
                self.say(place, "has an element that is no object");
                None
            }
            Some(_) => {
                self.say(place, "does not have exactly one element");
                None
            }
            None => {
                self.say(place, "is no list");
                None
            }
        }
    }

    fn contact(&mut self, contact: &Map<String, Value>) {
        self.sender("contacts[0].wa_id", contact.get("wa_id"));
        let name = contact
            .get("profile")
            .and_then(|profile| profile.get("name"));
        if !name.is_some_and(Value::is_string) {
            self.say("contacts[0].profile.name", "is no text");
        }
    }

    fn message(&mut self, message: &Map<String, Value>) {
        self.sender("messages[0].from", message.get("from"));
        self.word("messages[0].id", message.get("id"));
        self.seconds("messages[0].timestamp", message.get("timestamp"));
        self.optional(message, "messages[0]", &["context", "referral", "identity"]);
        if let Some(errors) = message.get("errors") {
            self.errors("messages[0].errors", errors);
        }
        let Some(kind) = self.one_of("messages[0].type", message.get("type"), &TYPES) else {
            return;
        };
        let content = message.get(kind);
        let place = format!("messages[0].{kind}");
        match (kind, content) {
            ("unknown", _) if message.contains_key("errors") => {}
            ("unknown", _) => self.say("messages[0].errors", "is missing in an unknown message"),
            ("contacts", Some(Value::Array(_))) => {}
            ("contacts", _) => self.say(&place, "is no list"),
            (_, Some(Value::Object(content))) => self.content(kind, &place, content),
            _ => self.say(&place, "is no object"),
        }
    }

    fn content(&mut self, kind: &str, place: &str, content: &Map<String, Value>) {
        let at = |key: &str| format!("{place}.{key}");
        match kind {
            "text" if !content.get("body").is_some_and(Value::is_string) => {
                self.say(&at("body"), "is no text");
            }
            "button" if !content.get("text").is_some_and(Value::is_string) => {
                self.say(&at("text"), "is no text");
            }
            "location" => {
                for key in ["latitude", "longitude"] {
                    if !content.get(key).is_some_and(Value::is_number) {
                        self.say(&at(key), "is no number");
                    }
                }
            }
            "order" if !content.get("product_items").is_some_and(Value::is_array) => {
                self.say(&at("product_items"), "is no list");
            }
            "interactive" => {
                let reply = self.one_of(&at("type"), content.get("type"), &INTERACTIVE);
                if let Some(reply) = reply
                    && !content.get(reply).is_some_and(Value::is_object)
                {
                    self.say(&at(reply), "is no object");
                }
            }
            "system" => self.word(&at("type"), content.get("type")),
            kind if MEDIA.contains(&kind) => {
                self.word(&at("id"), content.get("id"));
                self.word(&at("mime_type"), content.get("mime_type"));
                if !content.get("sha256").is_some_and(Value::is_string) {
                    self.say(&at("sha256"), "is no text");
                }
                self.medium_status(&at("status"), content);
            }
            _ => {}
        }
    }

    fn status(&mut self, status: &Map<String, Value>) {
        self.word("statuses[0].id", status.get("id"));
        self.one_of("statuses[0].status", status.get("status"), &STATUSES);
        self.seconds("statuses[0].timestamp", status.get("timestamp"));
        self.word("statuses[0].recipient_id", status.get("recipient_id"));
        let inner = status
            .get("message")
            .and_then(|message| message.get("recipient_id"));
        self.word("statuses[0].message.recipient_id", inner);
        self.optional(
            status,
            "statuses[0]",
            &["conversation", "message", "pricing"],
        );
        if let Some(Value::Object(conversation)) = status.get("conversation") {
            self.word("statuses[0].conversation.id", conversation.get("id"));
            if !conversation
                .get("expiration_timestamp")
                .is_none_or(Value::is_u64)
            {
                let place = "statuses[0].conversation.expiration_timestamp";
                self.say(place, "is no whole number");
            }
        }
        if let Some(Value::Object(pricing)) = status.get("pricing") {
            if let Some(model) = pricing.get("pricing_model") {
                let place = "statuses[0].pricing.pricing_model";
                self.one_of(place, Some(model), &PRICING_MODELS);
            }
            if !pricing.get("billable").is_none_or(Value::is_boolean) {
                self.say("statuses[0].pricing.billable", "is neither true nor false");
            }
        }
        if let Some(errors) = status.get("errors") {
            self.errors("statuses[0].errors", errors);
        }
    }

    fn media_item(&mut self, item: &Map<String, Value>) {
        if let Some(errors) = item.get("errors") {
            self.errors("media_items[0].errors", errors);
        }
        let Some(kind) = self.one_of("media_items[0].type", item.get("type"), &MEDIA) else {
            return;
        };
        let place = format!("media_items[0].{kind}");
        match item.get(kind) {
            Some(Value::Object(medium)) => {
                self.word(&format!("{place}.id"), medium.get("id"));
                self.medium_status(&format!("{place}.status"), medium);
            }
            _ => self.say(&place, "is no object"),
        }
    }

    fn medium_status(&mut self, place: &str, medium: &Map<String, Value>) {
        if let Some(status) = medium.get("status") {
            self.one_of(place, Some(status), &["downloaded", "undownloaded"]);
        }
    }

    fn errors(&mut self, place: &str, errors: &Value) {
        let Some(errors) = errors.as_array().filter(|errors| !errors.is_empty()) else {
            return self.say(place, "has no errors");
        };
        for error in errors {
            if !error.get("code").is_some_and(Value::is_u64) {
                self.say(place, "has a code that is no whole number");
            }
            if !error.get("title").is_some_and(Value::is_string) {
                self.say(place, "has a title that is no text");
            }
            for key in ["details", "href"] {
                if !error.get(key).is_none_or(Value::is_string) {
                    self.say(place, "has details or a link that are no text");
                }
            }
        }
    }

    /// Objects that may be missing.
    fn optional(&mut self, of: &Map<String, Value>, place: &str, keys: &[&str]) {
        for key in keys {
            if !of.get(*key).is_none_or(Value::is_object) {
                self.say(&format!("{place}.{key}"), "is no object");
            }
        }
    }

    fn word(&mut self, place: &str, value: Option<&Value>) {
        match value.map(|value| value.as_str()) {
            None => self.say(place, "is missing"),
            Some(None) => self.say(place, "is no text"),
            Some(Some("")) => self.say(place, "is empty"),
            Some(Some(_)) => {}
        }
    }

    fn one_of(
        &mut self,
        place: &str,
        value: Option<&Value>,
        list: &[&'static str],
    ) -> Option<&'static str> {
        let word = value.and_then(Value::as_str);
        let known = list.iter().find(|known| Some(**known) == word).copied();
        if known.is_none() {
            self.say(place, "is none of the known words");
        }
        known
    }

    /// Digits, or a user id as in `US.13491208655302741918`.
    fn sender(&mut self, place: &str, value: Option<&Value>) {
        let valid = |text: &str| {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            (digits && (1..=20).contains(&text.len())) || is_user_id(text)
        };
        if !value.and_then(Value::as_str).is_some_and(valid) {
            self.say(place, "is neither a phone number nor a user id");
        }
    }

    fn seconds(&mut self, place: &str, value: Option<&Value>) {
        let valid = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_digit())
                && text.parse::<i64>().is_ok()
        };
        if !value.and_then(Value::as_str).is_some_and(valid) {
            self.say(place, "is no whole number of seconds in a string");
        }
    }
}

fn is_user_id(text: &str) -> bool {
    let Some((country, rest)) = text.split_once('.') else {
        return false;
    };
    let rest = rest.strip_prefix("ENT.").unwrap_or(rest);
    text.len() <= LONGEST_USER_ID
        && country.len() == 2
        && country.bytes().all(|byte| byte.is_ascii_uppercase())
        && !rest.is_empty()
        && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
