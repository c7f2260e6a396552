//! The contacts check, as it is since v2.43: what looks like a number is valid, and nobody is asked.

use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::super::body::Body;
use super::Scene;

impl Scene {
    pub(super) fn check_contacts(&self, asked: &Value) -> Response<Body> {
        let missing = (
            1008,
            "Required parameter is missing",
            "Parameter 'contacts' is mandatory.",
        );
        let Some(contacts) = asked.get("contacts") else {
            return self.error(StatusCode::BAD_REQUEST, missing);
        };
        let inputs = contacts.as_array().map(|list| list.iter().map(checked));
        match inputs.and_then(Iterator::collect::<Option<Vec<Value>>>) {
            Some(contacts) => self.enveloped(StatusCode::OK, json!({"contacts": contacts})),
            None => self.invalid("contacts is not valid."),
        }
    }
}

/// The answer about one input; none if it is no text.
fn checked(input: &Value) -> Option<Value> {
    let text = input.as_str()?;
    let bare = text.replace(['+', '-', '(', ')', ' ', '.'], "");
    let is_number =
        (5..=15).contains(&bare.len()) && bare.bytes().all(|byte| byte.is_ascii_digit());
    Some(match is_number {
        true => json!({"input": text, "status": "valid", "wa_id": bare}),
        false => json!({"input": text, "status": "invalid"}),
    })
}
