//! Reading what may be anything: a part that is not what it should be is not there, and harms no other.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};
use serde_json::value::RawValue;

/// A value of Cloud's, as it was written.
pub(super) type Raw<'a> = Option<&'a RawValue>;

/// A text.
pub(super) fn text(raw: Raw<'_>) -> Option<Cow<'_, str>> {
    let written = raw?.get();
    let inside = written.strip_prefix('"')?.strip_suffix('"')?;
    if !inside.contains('\\') {
        return Some(Cow::Borrowed(inside));
    }
    let Lossy(text) = serde_json::from_str(written).ok()?;
    Some(Cow::Owned(text))
}

/// A text that is not empty.
pub(super) fn filled(raw: Raw<'_>) -> Option<Cow<'_, str>> {
    text(raw).filter(|text| !text.is_empty())
}

/// A text that is not empty, or a number as it was written.
pub(super) fn word(raw: Raw<'_>) -> Option<Cow<'_, str>> {
    filled(raw).or_else(|| Some(Cow::Borrowed(number(raw)?.get())))
}

/// A number, which may also stand in a text; every reader can hold it.
pub(super) fn number(raw: Raw<'_>) -> Raw<'_> {
    let raw = raw?;
    let number = match raw.get().as_bytes().first()? {
        b'-' | b'0'..=b'9' => raw,
        b'"' => {
            let inside = raw.get().strip_prefix('"')?.strip_suffix('"')?;
            let first = inside.as_bytes().first()?;
            (first.is_ascii_digit() || *first == b'-').then_some(())?;
            serde_json::from_str(inside).ok()?
        }
        _ => return None,
    };
    let value: f64 = number.get().parse().ok()?;
    value.is_finite().then_some(number)
}

/// Yes or no.
pub(super) fn flag(raw: Raw<'_>) -> Option<bool> {
    match raw?.get() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// An object, by the keys that are known of it.
pub(super) fn object<'a, T: Deserialize<'a>>(raw: Raw<'a>) -> Option<T> {
    let written = raw?.get();
    // Structs are read from lists as well.
    written.starts_with('{').then_some(())?;
    serde_json::from_str(written).ok()
}

/// The elements of a list.
pub(super) fn list(raw: Raw<'_>) -> Option<Vec<&RawValue>> {
    serde_json::from_str(raw?.get()).ok()
}

/// The elements of a list that are objects.
pub(super) fn objects<'a, T: Deserialize<'a>>(raw: Raw<'a>) -> Option<Vec<T>> {
    let elements = list(raw)?;
    let objects = elements.into_iter().filter_map(|raw| object(Some(raw)));
    Some(objects.collect())
}

/// A text in which halves of characters do no harm.
struct Lossy(String);

impl<'de> Deserialize<'de> for Lossy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Lossy;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Lossy, E> {
                let mut text = String::with_capacity(bytes.len());
                for chunk in bytes.utf8_chunks() {
                    text.push_str(chunk.valid());
                    // Half a character comes as three bytes, and only the first of them is this one.
                    if chunk.invalid().first() == Some(&0xed) {
                        text.push(char::REPLACEMENT_CHARACTER);
                    }
                }
                Ok(Lossy(text))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

/// A key, compared only.
pub(super) struct Key<'a>(pub(super) Cow<'a, [u8]>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl<'de> Visitor<'de> for Bytes {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(bytes)))
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(bytes.to_vec())))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

/// Objects of Cloud's, by the keys that are known of them. Of a key that comes twice the last one holds; what serde
/// derives would refuse the object.
macro_rules! shapes {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $key:literal),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default)]
        pub(super) struct $name<'a> {
            $(pub(super) $field: $crate::translate::notification::raw::Raw<'a>,)*
        }

        impl<'de> serde::Deserialize<'de> for $name<'de> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Fields;
                impl<'de> serde::de::Visitor<'de> for Fields {
                    type Value = $name<'de>;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(
                        self,
                        mut map: A,
                    ) -> Result<$name<'de>, A::Error> {
                        let mut object = $name::default();
                        while let Some($crate::translate::notification::raw::Key(key)) = map.next_key()? {
                            match &*key {
                                $($key => object.$field = map.next_value()?,)*
                                _ => {
                                    map.next_value::<serde::de::IgnoredAny>()?;
                                }
                            }
                        }
                        Ok(object)
                    }
                }
                deserializer.deserialize_map(Fields)
            }
        }
    )*};
}
pub(super) use shapes;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_with_half_a_character_in_it() {
        fn read(written: &str) -> Option<Cow<'_, str>> {
            text(serde_json::from_str(written).unwrap())
        }
        assert_eq!(read(r#""a""#).as_deref(), Some("a"));
        assert_eq!(
            read(r#""\u00e9\/\ud83d\ude00""#).as_deref(),
            Some("\u{e9}/\u{1f600}")
        );
        assert_eq!(
            read(r#""\ud83d\ud83d b\ude00c""#).as_deref(),
            Some("\u{fffd}\u{fffd} b\u{fffd}c")
        );
        assert_eq!(read("null"), None);
    }
}
