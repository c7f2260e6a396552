//! What goes over the wire: the envelope around the values, Graph's way to write JSON, and the signature.

use std::fmt::Write as _;

use aws_lc_rs::hmac;
use bytes::Bytes;
use serde_json::{Value, json};

use super::super::super::digest::hex;

/// One change for each value, all of the same account.
pub(super) fn envelope(business_account_id: &str, values: &[Value]) -> Value {
    let changes: Vec<Value> = values
        .iter()
        .map(|value| json!({"field": "messages", "value": value}))
        .collect();
    json!({
        "object": "whatsapp_business_account",
        "entry": [{"id": business_account_id, "changes": changes}],
    })
}

/// As Graph writes JSON: slashes escaped, and nothing in it but ASCII.
pub(super) fn escaped(value: &Value) -> Bytes {
    let plain = value.to_string();
    let mut text = String::with_capacity(plain.len() + plain.len() / 8);
    for character in plain.chars() {
        match character {
            // In JSON a slash stands in strings only.
            '/' => text.push_str("\\/"),
            ascii if ascii.is_ascii() => text.push(ascii),
            other => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    // Writing into a String cannot fail.
                    let _ = write!(text, "\\u{unit:04x}");
                }
            }
        }
    }
    text.into()
}

/// The value of `X-Hub-Signature-256`.
pub(super) fn signature(secret: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    format!("sha256={}", hex(hmac::sign(&key, body).as_ref()))
}

/// All values in one, as Meta does with what happened to one number at about the same time.
pub fn merged(values: impl IntoIterator<Item = Value>) -> Value {
    let mut values = values.into_iter();
    let mut whole = values.next().unwrap_or_default();
    for value in values {
        for list in ["contacts", "messages", "statuses", "errors"] {
            let Some(more) = value[list].as_array() else {
                continue;
            };
            match whole[list].as_array_mut() {
                Some(there) => there.extend(more.iter().cloned()),
                None => whole[list] = more.clone().into(),
            }
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_and_all_but_ascii_are_escaped() {
        let text = escaped(&json!({"a/b": "\u{e9} \u{1f600} \" \\ @"}));
        assert_eq!(text, r#"{"a\/b":"\u00e9 \ud83d\ude00 \" \\ @"}"#.as_bytes());
        let read: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(read["a/b"], "\u{e9} \u{1f600} \" \\ @");
    }

    #[test]
    fn the_signature_is_the_published_one() {
        // RFC 4231, test case 2.
        assert_eq!(
            signature("Jefe", b"what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn merging_keeps_every_element_in_order() {
        let whole = merged([
            json!({"metadata": 1, "messages": ["a"], "contacts": ["x"]}),
            json!({"metadata": 2, "statuses": ["s"]}),
            json!({"metadata": 3, "messages": ["b"]}),
        ]);
        assert_eq!(
            whole,
            json!({"metadata": 1, "messages": ["a", "b"], "contacts": ["x"], "statuses": ["s"]})
        );
    }
}
