//! What is lost on the way to Cloud. Not a reason to refuse: the message goes out, but not quite as it was meant.

/// One thing that Cloud was not told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The path of the field, such as `template.language.policy`. Keys that are nobody's are not named: they may be anything.
    pub field: String,
    /// What is lost.
    pub loss: Loss,
}

/// The kinds of loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Loss {
    /// A life time of one message; Cloud has it per template.
    Ttl,
    /// The name of a media provider: nobody adds its credentials to the link any more.
    Provider,
    /// `language.policy` other than `deterministic`.
    LanguagePolicy,
    /// The parts of a date: Cloud always shows the `fallback_value`.
    DateParts,
    /// A caption where Cloud has none.
    Caption,
    /// The id of a medium at the old client, which Cloud does not know.
    MediaId,
    /// The id of a message that is of neither side's form.
    MessageId,
    /// Keys that the old client ignored as well.
    Ignored,
}

impl Loss {
    /// The word for logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ttl => "ttl",
            Self::Provider => "provider",
            Self::LanguagePolicy => "language_policy",
            Self::DateParts => "date_parts",
            Self::Caption => "caption",
            Self::MediaId => "media_id",
            Self::MessageId => "message_id",
            Self::Ignored => "ignored",
        }
    }
}

/// The notes of one translation, in the order in which they were made.
#[derive(Debug, Default)]
pub(super) struct Notes(Vec<Note>);

impl Notes {
    pub(super) fn add(&mut self, field: impl Into<String>, loss: Loss) {
        self.0.push(Note {
            field: field.into(),
            loss,
        });
    }

    pub(super) fn into_vec(self) -> Vec<Note> {
        self.0
    }
}
