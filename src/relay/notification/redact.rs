//! The form of an event without what anybody wrote: enough to see what is new about it, and nobody in it.

use serde::{Serialize, Serializer};
use serde_json::Value;

/// The keys whose values name types.
const NAMING: [&str; 4] = ["type", "status", "field", "object"];
/// Within these, a type is what people call a number or an address.
const PEOPLE: &str = "contacts";
/// Longer than any of Meta's words.
const LONGEST_WORD: usize = 40;
/// An error's number is shorter than a phone number.
const CODES: u64 = 1_000_000;
/// A length with more digits would look like a number of somebody's.
const LONGEST_LENGTH: usize = 9999;

/// What may be shown of it.
pub(super) fn redact(raw: &[u8]) -> Vec<u8> {
    match serde_json::from_slice::<Value>(raw) {
        Ok(value) => serde_json::to_vec(&Redacted {
            key: "",
            value: &value,
            is_named: true,
        }),
        Err(_) => serde_json::to_vec(&length(raw.len())),
    }
    // Strings and lists of them always serialize.
    .unwrap_or_default()
}

/// A value, and the key it stands at.
struct Redacted<'a> {
    key: &'a str,
    value: &'a Value,
    /// Whether types in it are of Meta's naming.
    is_named: bool,
}

impl Serialize for Redacted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let key = self.key;
        let is_named = self.is_named && key != PEOPLE;
        let within = |key, value| Redacted {
            key,
            value,
            is_named,
        };
        match self.value {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Number(number) => {
                let code = number
                    .as_u64()
                    .filter(|code| key == "code" && *code < CODES);
                serializer.serialize_u64(code.unwrap_or(0))
            }
            Value::String(text) if is_named && NAMING.contains(&key) && is_word(text) => {
                serializer.serialize_str(text)
            }
            Value::String(text) => serializer.serialize_str(&length(text.chars().count())),
            Value::Array(values) => {
                serializer.collect_seq(values.iter().map(|value| within(key, value)))
            }
            Value::Object(fields) => serializer.collect_map(fields.iter().map(|(key, value)| {
                let shown = match is_word(key) {
                    true => key.clone(),
                    false => length(key.chars().count()),
                };
                (shown, within(key, value))
            })),
        }
    }
}

fn is_word(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    (1..=LONGEST_WORD).contains(&text.len()) && text.bytes().all(is_letter)
}

fn length(length: usize) -> String {
    match length {
        ..=LONGEST_LENGTH => format!("…({length})"),
        _ => format!("…({LONGEST_LENGTH}+)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn redacted(value: &Value) -> Value {
        serde_json::from_slice(&redact(value.to_string().as_bytes())).unwrap()
    }

    #[test]
    fn the_form_stays_and_the_contents_go() {
        let event = json!({
            "object": "whatsapp_business_account",
            "from": "15550001111",
            "type": "hologram",
            "hologram": {"caption": "see you", "frames": 12, "voice": true, "of": null},
            "15550001111": "x",
            "errors": [{"code": 131051, "title": "no"}, {"code": 15_550_001_111_u64}],
            "status": "Call me",
        });
        assert_eq!(
            redacted(&event),
            json!({
                "object": "whatsapp_business_account",
                "from": "…(11)",
                "type": "hologram",
                "hologram": {"caption": "…(7)", "frames": 0, "voice": true, "of": null},
                "…(11)": "…(1)",
                "errors": [{"code": 131051, "title": "…(2)"}, {"code": 0}],
                "status": "…(7)",
            })
        );
    }

    #[test]
    fn what_a_customer_calls_a_number_is_no_type() {
        let contact = json!({"phones": [{"type": "mum", "phone": "15550001111"}]});
        let event = json!({"type": "contacts", "contacts": [contact]});
        let contact = json!({"phones": [{"type": "…(3)", "phone": "…(11)"}]});
        assert_eq!(
            redacted(&event),
            json!({"type": "contacts", "contacts": [contact]})
        );
    }

    #[test]
    fn of_what_is_no_json_only_the_length_stays() {
        assert_eq!(redact(b"call 15550001111"), r#""…(16)""#.as_bytes());
        assert_eq!(redact(&[0xff; 20_000]), r#""…(9999+)""#.as_bytes());
    }

    /// Events with what people write in them: text with upper-case letters, digits or blanks, also as a key.
    fn events() -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            "[A-Z][A-Za-z ]{4,12}",
            "[0-9]{5,15}",
            "wamid\\.[A-Za-z0-9]{8}",
            ".*"
        ];
        let key = prop_oneof![
            Just("type".to_owned()),
            Just("code".to_owned()),
            Just("body".to_owned()),
            "[0-9]{5,15}",
            "[A-Z][a-z]{4,8}",
        ];
        let leaf = prop_oneof![
            text.prop_map(Value::from),
            (0_u64..u64::MAX).prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((key.clone(), inner), 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    fn texts(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::String(text) => found.push(text.clone()),
            Value::Array(values) => values.iter().for_each(|value| texts(value, found)),
            Value::Object(fields) => {
                for (key, value) in fields {
                    found.push(key.clone());
                    texts(value, found);
                }
            }
            _ => {}
        }
    }

    fn digits(text: &str) -> usize {
        let runs = text.split(|letter: char| !letter.is_ascii_digit());
        runs.map(str::len).max().unwrap_or(0)
    }

    proptest! {
        #[test]
        fn nobody_is_found_in_it(event in events()) {
            let shown = String::from_utf8(redact(event.to_string().as_bytes())).unwrap();
            let codes = shown.replace("\"code\":", "\"code\": ");
            let without_codes = codes.split("\"code\": ").enumerate().map(|(at, piece)| match at {
                0 => piece,
                _ => piece.trim_start_matches(|letter: char| letter.is_ascii_digit()),
            });
            prop_assert!(without_codes.map(digits).max() <= Some(4), "{}", shown);
            let mut written = Vec::new();
            texts(&event, &mut written);
            for text in written {
                for word in text.split_whitespace().filter(|word| word.len() > 4 && !is_word(word)) {
                    prop_assert!(!shown.contains(word), "{} in {}", word, shown);
                }
            }
        }

        #[test]
        fn what_is_written_in_small_letters_goes_too(words in prop::collection::vec("[a-z]{5,12}", 1..5)) {
            let event = json!({"type": "text", "text": {"body": words.join(" ")}, "to": words[0]});
            let shown = redacted(&event).to_string();
            for word in words {
                prop_assert!(!shown.contains(&word), "{} in {}", word, shown);
            }
        }

        #[test]
        fn any_bytes_make_json(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(serde_json::from_slice::<Value>(&redact(&bytes)).is_ok());
        }
    }
}
