//! Where two answers differ: a JSON path, or a part of an answer that is no JSON.

use std::fmt;

use super::words;

/// One step into a JSON value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Segment {
    /// A member of an object.
    Key(String),
    /// A member of an array.
    Index(usize),
}

/// A place in an answer. Shown in full it may hold a personal key: log [`Path::field`], or what a
/// [`super::Redactor`] made of it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Path {
    /// `status`, `content`, `content_type`, `length` or `sha256`.
    Part(&'static str),
    /// The steps from the body's root.
    Json(Vec<Segment>),
}

impl Path {
    /// The place without what is particular to one answer: indexes and keys outside the protocol become `[*]`.
    /// Statistics are kept by it, and it holds nothing personal.
    pub fn field(&self) -> String {
        match self {
            Self::Part(part) => (*part).to_owned(),
            Self::Json(segments) => {
                let mut text = "$".to_owned();
                for segment in segments {
                    match segment {
                        Segment::Key(key) if words::is_key(key) => push_key(&mut text, key),
                        Segment::Key(_) | Segment::Index(_) => text.push_str("[*]"),
                    }
                }
                text
            }
        }
    }
}

/// As RFC 9535 writes it, with the short form for plain names.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Part(part) => f.write_str(part),
            Self::Json(segments) => {
                let mut text = "$".to_owned();
                for segment in segments {
                    match segment {
                        Segment::Key(key) => push_key(&mut text, key),
                        Segment::Index(index) => text.push_str(&format!("[{index}]")),
                    }
                }
                f.write_str(&text)
            }
        }
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.field())
    }
}

fn push_key(text: &mut String, key: &str) {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    if key.chars().all(plain) && key.starts_with(|first: char| !first.is_ascii_digit()) {
        text.push('.');
        text.push_str(key);
        return;
    }
    text.push_str("['");
    for letter in key.chars() {
        match letter {
            '\'' | '\\' => text.extend(['\\', letter]),
            control if control.is_control() => {
                text.push_str(&format!("\\u{:04x}", u32::from(control)))
            }
            other => text.push(other),
        }
    }
    text.push_str("']");
}

/// The keys that decide what a value means: its own and that of the object around it. Members of an array go by the
/// array's key.
#[derive(Clone, Copy, Default)]
pub(super) struct Keys<'a> {
    pub(super) parent: &'a str,
    pub(super) own: &'a str,
}

impl<'a> Keys<'a> {
    pub(super) fn at(path: &'a Path) -> Self {
        match path {
            Path::Part(part) => Self::default().under(part),
            Path::Json(segments) => {
                segments
                    .iter()
                    .fold(Self::default(), |keys, segment| match segment {
                        Segment::Key(key) => keys.under(key),
                        Segment::Index(_) => keys,
                    })
            }
        }
    }

    pub(super) fn under(self, key: &'a str) -> Self {
        Self {
            parent: self.own,
            own: key,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_shown_as_rfc_9535_writes_it_and_its_field_without_what_is_personal() {
        let path = Path::Json(vec![
            Segment::Key("health".to_owned()),
            Segment::Key("it's\\node\n".to_owned()),
            Segment::Index(3),
            Segment::Key("gateway_status".to_owned()),
        ]);
        assert_eq!(
            path.to_string(),
            r"$.health['it\'s\\node\u000a'][3].gateway_status"
        );
        assert_eq!(path.field(), "$.health[*][*].gateway_status");
        assert_eq!(Path::Part("sha256").field(), "sha256");
        assert!(serde_json_path::JsonPath::parse(&path.to_string()).is_ok());
    }
}
