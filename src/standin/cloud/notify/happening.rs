//! What happens to a number, as the `value` of a notification. Every value is complete; a test changes what it needs different.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::super::super::media::Kind;
use super::super::wamid::{self, Author};
use super::super::{Cloud, Scene, address};

/// What customers are called.
const PROFILE: &str = "Kerry Fisher";

/// The URL of a medium in a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NotifiedUrl {
    /// Good for as long as any.
    #[default]
    Fresh,
    /// Dead already.
    Over,
    /// There is none, as before November 2025.
    Absent,
}

/// A medium that somebody sends; it must be at Cloud.
#[derive(Debug, Clone, Copy, Default)]
pub struct Attachment<'a> {
    /// Its id.
    pub id: &'a str,
    /// What the sender wrote under it.
    pub caption: Option<&'a str>,
    /// Its name; documents have one.
    pub file_name: Option<&'a str>,
    /// Where it is to be had.
    pub url: NotifiedUrl,
    /// Whether the hash is that of another file.
    pub wrong_sha256: bool,
}

impl<'a> Attachment<'a> {
    /// A medium with a good URL and nothing else.
    pub fn of(id: &'a str) -> Self {
        Self {
            id,
            ..Self::default()
        }
    }
}

impl Cloud {
    /// A customer writes.
    pub fn inbound_text(&self, from: &str, text: &str) -> Value {
        self.inbound(from, json!({"type": "text", "text": {"body": text}}))
    }

    /// A customer sends a medium.
    pub fn inbound_media(&self, from: &str, kind: Kind, attachment: &Attachment<'_>) -> Value {
        self.scene.inbound_media(from, kind, attachment)
    }

    /// A customer records a voice note.
    pub fn inbound_voice(&self, from: &str, id: &str) -> Value {
        self.inbound_media(from, Kind::Voice, &Attachment::of(id))
    }

    /// Any message from a customer: these members, with sender, id and time beside them.
    pub fn inbound(&self, from: &str, message: Value) -> Value {
        self.scene.inbound(from, message)
    }

    /// What becomes of a message that was sent: `sent`, `delivered`, `read`, `failed` or `played`.
    pub fn status(&self, id: &str, recipient: &str, word: &str) -> Value {
        self.scene.status(id, recipient, word)
    }

    /// Something is wrong with the account.
    pub fn trouble(&self, code: u32, title: &str) -> Value {
        let mut value = self.scene.value();
        value["errors"] = json!([{
            "code": code,
            "title": title,
            "message": title,
            "error_data": {"details": "Something is wrong with the account."},
            "href": "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/",
        }]);
        value
    }

    /// A fresh id of a message that was sent to this customer.
    pub fn sent_id(&self, recipient: &str) -> String {
        wamid::fresh(recipient, Author::Business)
    }
}

impl Scene {
    /// What every value has.
    fn value(&self) -> Value {
        let shown = &self.options.display_phone_number;
        let digits: String = shown.chars().filter(char::is_ascii_digit).collect();
        json!({
            "messaging_product": "whatsapp",
            "metadata": {
                "display_phone_number": digits,
                "phone_number_id": self.options.phone_number_id,
            },
        })
    }

    pub(super) fn inbound(&self, from: &str, message: Value) -> Value {
        let mut message = message;
        message["from"] = from.into();
        message["id"] = wamid::fresh(from, Author::Customer).into();
        message["timestamp"] = address::now(self).to_string().into();
        let mut value = self.value();
        if message["type"] != "system" {
            value["contacts"] = contacts(from);
        }
        value["messages"] = json!([message]);
        value
    }

    pub(super) fn inbound_media(
        &self,
        from: &str,
        kind: Kind,
        attachment: &Attachment<'_>,
    ) -> Value {
        let id = attachment.id;
        let mut content = json!({"id": id});
        if let Some(kept) = self.shelf.get(id) {
            let mime_type = &kept.medium.mime_type;
            content["mime_type"] = match (kind, mime_type.as_str()) {
                (Kind::Voice, "audio/ogg") => "audio/ogg; codecs=opus".into(),
                _ => mime_type.as_str().into(),
            };
            content["sha256"] = BASE64_STANDARD.encode(bytes_of(&kept.digest.sha256)).into();
        }
        if attachment.wrong_sha256 {
            content["sha256"] = BASE64_STANDARD.encode([7; 32]).into();
        }
        match attachment.url {
            NotifiedUrl::Absent => {}
            NotifiedUrl::Fresh => {
                content["url"] = address::make(self, id, address::Source::Notification).into();
            }
            NotifiedUrl::Over => content["url"] = address::made_long_ago(self, id).into(),
        }
        if let Some(caption) = attachment.caption {
            content["caption"] = caption.into();
        }
        if let Some(name) = attachment.file_name {
            content["filename"] = name.into();
        }
        match kind {
            Kind::Voice | Kind::Audio => content["voice"] = (kind == Kind::Voice).into(),
            Kind::Sticker => content["animated"] = false.into(),
            Kind::Image | Kind::Video | Kind::Document => {}
        }
        // To Cloud a voice note is a sound with a flag.
        let word = match kind {
            Kind::Voice => Kind::Audio.name(),
            other => other.name(),
        };
        self.inbound(from, json!({"type": word, word: content}))
    }

    pub(super) fn status(&self, id: &str, recipient: &str, word: &str) -> Value {
        let mut status = json!({
            "id": id,
            "status": word,
            "timestamp": address::now(self).to_string(),
            "recipient_id": recipient,
        });
        match word {
            "failed" => {
                status["errors"] = json!([{
                    "code": 131_047,
                    "title": "Re-engagement message",
                    "message": "Re-engagement message",
                    "error_data": {"details": "Message failed to send because more than 24 hours have passed since the customer last replied to this number."},
                    "href": "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/",
                }]);
            }
            "sent" | "delivered" => {
                status["pricing"] = json!({
                    "billable": true,
                    "pricing_model": "PMP",
                    "type": "regular",
                    "category": "utility",
                });
            }
            _ => {}
        }
        let mut value = self.value();
        if word != "failed" {
            value["contacts"] = contacts(recipient);
        }
        value["statuses"] = json!([status]);
        value
    }
}

fn contacts(wa_id: &str) -> Value {
    json!([{"profile": {"name": PROFILE}, "wa_id": wa_id}])
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    let bytes = digits.filter_map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok());
    bytes.collect()
}
