//! `[numbers.compat]` and `[numbers.settings]`: how closely the old client is imitated, and what it had been told.

use super::outside::{self, Part};
use super::reader::Reader;
use crate::onprem::media::Kind;

/// `[numbers.compat]`
#[derive(Clone, Debug)]
pub struct Compat {
    /// `meta.version` of every answer.
    pub version: String,
    /// How digests are written in callbacks.
    pub sha256: DigestForm,
    /// `status` of the object in a failure callback.
    pub failed_media_status: MediaStatus,
    /// Which ids of media a message's callback has.
    pub media_ids: MediaIds,
    /// Which ids of messages callbacks have.
    pub message_ids: MessageIds,
    /// Whether the media of messages have a `status`.
    pub media_status: bool,
    /// What stands before `/shared/...` in the `file` of a medium; `None`: there is no `file`.
    pub media_file_root: Option<String>,
    /// Whether a status repeats `recipient_id` beside `message.recipient_id`.
    pub root_recipient_id: bool,
    /// Whether the errors of a failed status stand at the top of the callback, too.
    pub top_errors: bool,
    /// The only pricing model named; `None`: Cloud's own word.
    pub pricing_model: Option<String>,
    /// Whether `pricing.type`, which the old client did not have, is handed through.
    pub pricing_type: bool,
    /// Whether a status without a conversation is given one that is made up, for each recipient and day.
    pub daily_conversations: bool,
    /// What becomes of `played`.
    pub played: Played,
    /// What becomes of reactions.
    pub reactions: Reactions,
    /// What becomes of edited messages.
    pub edits: Edits,
    /// What stands for somebody whose phone number Cloud does not tell.
    pub username_users: UsernameUsers,
    /// The code of an undeliverable message, 1026 or 1013.
    pub undeliverable_code: u32,
    /// Whether `identity` is made of the hash that Cloud tells.
    pub identity: bool,
    /// Whether Cloud's ids of users are handed through beside everything else.
    pub user_ids: bool,
    /// Whether what only Cloud says of an advertisement is handed through.
    pub referral_extras: bool,
}

/// `compat.sha256`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigestForm {
    /// 64 lower-case digits.
    Hex,
    /// 44 characters with padding.
    Base64,
}

/// The two words a media object's `status` can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaStatus {
    /// Also the documented word in a failure.
    Downloaded,
    /// For integrations that go by the word alone.
    Undownloaded,
}

/// `compat.media_ids`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaIds {
    /// As the old client's.
    Uuid,
    /// Cloud's decimal ids.
    Cloud,
}

/// `compat.message_ids`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageIds {
    /// As the old client's.
    OnPrem,
    /// `wamid.`
    Cloud,
}

/// `compat.played`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Played {
    /// Nobody is told.
    Drop,
    /// Told as `read`, unless that was told already.
    Read,
}

/// `compat.reactions`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reactions {
    /// A message of unknown type.
    Unknown,
    /// Nobody is told.
    Drop,
    /// As Cloud writes them.
    Pass,
}

/// `compat.edits`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edits {
    /// A message of unknown type.
    Unknown,
    /// A new text message.
    Text,
}

/// `compat.username_users`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsernameUsers {
    /// Cloud's id of the user, as in `US.13491208655302741918`.
    UserId,
    /// Digits made of it, for integrations that take nothing else.
    Digits,
}

/// `[numbers.settings]`: what the old client was told by `PATCH /v1/settings/application`.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `media.auto_download`: fetched before the message is told.
    pub auto_download: Vec<Kind>,
    /// `webhooks.message.sent`, or the older `sent_status`.
    pub sent: bool,
    /// `webhooks.message.delivered`
    pub delivered: bool,
    /// `webhooks.message.read`
    pub read: bool,
    /// Whether a user's new phone number is told.
    pub notify_user_change_number: bool,
    /// Whether it is told that a user's identity changed.
    pub show_security_notifications: bool,
    /// Whether the pictures of advertisements are left alone.
    pub skip_referral_media_download: bool,
}

pub(super) fn compat(part: &mut Part<'_>) -> (Option<Compat>, bool) {
    let reader = &mut part.reader;
    let version = reader.text("version");
    if !outside::is_version(&version) {
        reader.problem(
            "version",
            "is not a version of the old client; write it as \"v2.57.2\"",
        );
    }
    (words(reader, version), true)
}

fn words(reader: &mut Reader<'_>, version: String) -> Option<Compat> {
    let sha256 = reader.word(
        "sha256",
        &[("hex", DigestForm::Hex), ("base64", DigestForm::Base64)],
    );
    let failed_media_status = reader.word(
        "failed_media_status",
        &[
            ("downloaded", MediaStatus::Downloaded),
            ("undownloaded", MediaStatus::Undownloaded),
        ],
    );
    let media_ids = reader.word(
        "media_ids",
        &[("uuid", MediaIds::Uuid), ("cloud", MediaIds::Cloud)],
    );
    let message_ids = reader.word(
        "message_ids",
        &[("onprem", MessageIds::OnPrem), ("cloud", MessageIds::Cloud)],
    );
    let played = reader.word("played", &[("drop", Played::Drop), ("read", Played::Read)]);
    let reactions = reader.word(
        "reactions",
        &[
            ("unknown", Reactions::Unknown),
            ("drop", Reactions::Drop),
            ("pass", Reactions::Pass),
        ],
    );
    let edits = reader.word(
        "edits",
        &[("unknown", Edits::Unknown), ("text", Edits::Text)],
    );
    let username_users = reader.word(
        "username_users",
        &[
            ("user_id", UsernameUsers::UserId),
            ("digits", UsernameUsers::Digits),
        ],
    );
    let undeliverable_code = reader.word("undeliverable_code", &[("1026", 1026), ("1013", 1013)]);
    let conversations = reader.word("conversations", &[("cloud", false), ("daily", true)]);
    let pricing_model = reader.optional_text("pricing_model");
    let media_file_root = reader.optional_text("media_file_root");
    let media_status = reader.flag("media_status");
    let root_recipient_id = reader.flag("root_recipient_id");
    let top_errors = reader.flag("top_errors");
    let pricing_type = reader.flag("pricing_type");
    let identity = reader.flag("identity");
    let user_ids = reader.flag("user_ids");
    let referral_extras = reader.flag("referral_extras");
    Some(Compat {
        version,
        sha256: sha256?,
        failed_media_status: failed_media_status?,
        media_ids: media_ids?,
        message_ids: message_ids?,
        media_status,
        media_file_root,
        root_recipient_id,
        top_errors,
        pricing_model,
        pricing_type,
        daily_conversations: conversations?,
        played: played?,
        reactions: reactions?,
        edits: edits?,
        username_users: username_users?,
        undeliverable_code: undeliverable_code?,
        identity,
        user_ids,
        referral_extras,
    })
}

pub(super) fn settings(part: &mut Part<'_>) -> (Option<Settings>, bool) {
    let reader = &mut part.reader;
    let mut auto_download = Vec::new();
    for text in reader.texts("auto_download") {
        match Kind::parse(&text) {
            Some(kind) => auto_download.push(kind),
            None => {
                let known = Kind::ALL.map(Kind::as_str).join(", ");
                reader.problem(
                    "auto_download",
                    format!("\"{text}\" is no kind of media; there are {known}"),
                );
            }
        }
    }
    let settings = Settings {
        auto_download,
        sent: reader.flag("sent"),
        delivered: reader.flag("delivered"),
        read: reader.flag("read"),
        notify_user_change_number: reader.flag("notify_user_change_number"),
        show_security_notifications: reader.flag("show_security_notifications"),
        skip_referral_media_download: reader.flag("skip_referral_media_download"),
    };
    (Some(settings), true)
}
