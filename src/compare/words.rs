//! The protocol's own words: keys and values that say nothing about a person, as tables. All else is redacted.

use serde_json::{Number, Value};

use super::path::Keys;

/// Every key of the documented bodies, in order. A key that is not here may be an id or a name.
#[rustfmt::skip]
const KEYS: &[&str] = &[
    "ROLES", "about", "account", "ack", "acknowledged", "action", "address", "addresses", "admins", "amount_1000",
    "android-app-store-link", "android_app_store_link", "animated", "api_status", "app", "application", "audio",
    "auto_download", "axolotl_context_striping_disabled", "basic", "bearer", "billable", "birthday",
    "biz_opaque_callback_data", "blocking", "body", "business", "button", "button_reply", "buttons",
    "callback_backoff_delay_ms", "callback_persist", "caption", "catalog_id", "category", "cc", "cert", "city",
    "code", "company", "compliance_info", "components", "config", "contact_image", "contacts", "content_type",
    "context", "conversation", "country", "country_code", "created_timestamp", "creation_time", "creator",
    "ctwa_clid", "currency", "customer_care_details", "data", "date_time", "db", "db_garbagecollector_enable",
    "default", "delivered", "department", "description", "details", "display_phone_number", "document", "email",
    "emails", "emojis", "entity_name", "entity_type", "entity_type_custom", "errors", "expiration_timestamp",
    "expires_after", "fallback_value", "file", "file_size", "filename", "first_name", "footer", "formatted_name",
    "forwarded", "frequently_forwarded", "from", "garbagecollector_enable", "gateway_status", "gc",
    "grievance_officer_details", "group_id", "groups", "hash", "header", "headline", "health", "heartbeat_interval",
    "help", "href", "hsm", "id", "identity", "image", "image_data_id", "ims", "index", "input", "interactive",
    "ios-app-store-link", "ios_app_store_link", "is-first-party-sticker", "is_registered", "item_price",
    "items_deleted", "labels", "landline_number", "language", "last_name", "latitude", "length", "link", "list_reply",
    "location", "log_level", "longitude", "max_callback_backoff_delay_ms", "max_concurrent_requests", "media",
    "media_items", "mentions", "message", "message_id", "messages", "messages_deleted", "meta", "metadata", "method",
    "metrics", "middle_name", "mime_type", "mobile_number", "name", "namespace", "new_wa_id", "nfm_reply", "node",
    "notify_user_change_number", "on_call_pager", "operator", "order", "org", "origin", "parameters", "participants",
    "pass_through", "payload", "phone", "phone_number", "phones", "photo", "policy", "prefix", "preview_url",
    "pricing", "pricing_model", "product_items", "product_retailer_id", "profile", "provider", "providers",
    "publisher", "quantity", "read", "recipient_id", "recipient_type", "referral", "referred_product", "reply",
    "response_json", "result", "role", "rows", "sections", "sent", "sent_status", "service", "services", "settings",
    "sha256", "shards", "show_security_notifications", "skip_referral_media_download", "source_id", "source_type",
    "source_url", "state", "stats", "status", "statuses", "sticker", "sticker-pack-id", "sticker-pack-name",
    "sticker-pack-publisher", "stickerpacks", "stickers", "street", "sub_type", "subject", "suffix", "support",
    "system", "template", "text", "timestamp", "title", "to", "token", "ttl", "type", "unhealthy_interval", "url",
    "urls", "user_id", "username", "users", "value", "verbose_logging", "version", "vertical", "video", "vname",
    "voice", "wa_id", "wa_ids", "webhook_payload_conversation_pricingmodel_disabled", "webhooks", "websites", "zip",
];

/// What may stand in clear at a key.
enum Clear {
    /// One of these, to the letter.
    Words(&'static [&'static str]),
    /// An integer up to this one.
    UpTo(u64),
    /// `v2.57.2` and the like.
    Version,
    /// `audio/ogg; codecs=opus` and the like.
    MediaType,
}

/// Keys whose values may stay in clear, with the key of the object around them where it matters. The first line that
/// fits decides.
#[rustfmt::skip]
const CLEAR: &[(&str, &str, Clear)] = &[
    ("errors", "code", Clear::UpTo(999_999)),
    ("errors", "title", Clear::Words(TITLES)),
    ("errors", "details", Clear::Words(DETAILS)),
    ("errors", "href", Clear::Words(&["https://developers.facebook.com/docs/whatsapp/api/errors/"])),
    ("", "content", Clear::Words(&["empty", "json", "bytes"])),
    ("", "content_type", Clear::MediaType),
    ("", "mime_type", Clear::MediaType),
    ("", "version", Clear::Version),
    ("", "api_status", Clear::Words(&["stable", "deprecated", "experimental"])),
    ("", "status", Clear::UpTo(599)),
    ("", "status", Clear::Words(STATUSES)),
    ("", "gateway_status", Clear::Words(&["connected", "connecting", "disconnected", "uninitialized", "unregistered"])),
    ("", "role", Clear::Words(&["primary_master", "secondary_master", "coreapp"])),
    ("", "ROLES", Clear::Words(&["ROLE_ADMIN", "ROLE_USER"])),
    ("", "type", Clear::Words(TYPES)),
    ("", "sub_type", Clear::Words(&["quick_reply", "url"])),
    ("", "auto_download", Clear::Words(&["audio", "document", "voice", "video", "image", "sticker"])),
    ("", "recipient_type", Clear::Words(&["individual", "group"])),
    ("", "blocking", Clear::Words(&["wait", "no_wait"])),
    ("", "policy", Clear::Words(&["deterministic", "fallback"])),
    ("", "pricing_model", Clear::Words(&["NBP", "CBP", "PMP"])),
    ("", "category", Clear::Words(&["marketing", "utility", "authentication", "service", "referral_conversion"])),
    ("", "vertical", Clear::Words(VERTICALS)),
    ("", "entity_type", Clear::Words(ENTITY_TYPES)),
    ("", "log_level", Clear::Words(&["debug", "info", "warning", "error"])),
    ("", "length", Clear::UpTo(999_999_999)),
    ("", "callback_backoff_delay_ms", Clear::UpTo(9_999_999)),
    ("", "max_callback_backoff_delay_ms", Clear::UpTo(9_999_999)),
    ("", "heartbeat_interval", Clear::UpTo(9_999)),
    ("", "unhealthy_interval", Clear::UpTo(9_999)),
    ("", "max_concurrent_requests", Clear::UpTo(9_999)),
    ("", "shards", Clear::UpTo(99)),
    ("", "index", Clear::UpTo(999)),
    ("", "items_deleted", Clear::UpTo(999_999)),
    ("", "messages_deleted", Clear::UpTo(999_999)),
];

#[rustfmt::skip]
const STATUSES: &[&str] = &[
    "downloaded", "undownloaded", "valid", "invalid", "processing", "failed", "complete", "sent", "delivered", "read",
    "deleted", "warning", "sending",
];

#[rustfmt::skip]
const TYPES: &[&str] = &[
    "text", "image", "video", "audio", "voice", "document", "sticker", "location", "contacts", "contact", "button",
    "interactive", "order", "system", "unknown", "ephemeral", "hsm", "template", "reaction", "unsupported", "message",
    "button_reply", "list_reply", "nfm_reply", "list", "product", "product_list", "reply", "header", "body", "payload",
    "currency", "date_time", "user_changed_number", "user_identity_changed", "user_initiated", "business_initiated",
    "referral_conversion", "marketing", "utility", "authentication", "service", "gauge", "counter", "www", "HOME",
    "WORK", "CELL", "MAIN", "IPHONE", "ad", "post",
];

#[rustfmt::skip]
const VERTICALS: &[&str] = &[
    "Automotive", "Beauty, Spa and Salon", "Clothing and Apparel", "Education", "Entertainment",
    "Event Planning and Service", "Finance and Banking", "Food and Grocery", "Public Service", "Hotel and Lodging",
    "Medical and Health", "Non-profit", "Professional Services", "Shopping and Retail", "Travel and Transportation",
    "Restaurant", "Other", "AUTO", "BEAUTY", "APPAREL", "EDU", "ENTERTAIN", "EVENT_PLAN", "FINANCE", "GROCERY", "GOVT",
    "HOTEL", "HEALTH", "NONPROFIT", "PROF_SERVICES", "RETAIL", "TRAVEL", "RESTAURANT", "OTHER", "NOT_A_BIZ",
    "UNDEFINED",
];

#[rustfmt::skip]
const ENTITY_TYPES: &[&str] = &[
    "Limited liability partnership", "Sole proprietorship", "Partnership", "Public Company", "Private Company", "Other",
];

#[rustfmt::skip]
const TITLES: &[&str] = &[
    "Generic error", "Message too long", "Invalid recipient type", "Not a group participant", "Resource already exists",
    "Access denied", "Resource not found", "Recipient blocked to receive message", "Required parameter is missing",
    "Parameter value is not valid", "Parameter not valid", "Parameter is not required", "Service not ready",
    "Group is unknown", "User is not valid", "Internal error", "Too many requests", "System overloaded",
    "Not Primary Master", "Not Primary Coreapp", "Not group admin", "Bad group", "Bad user",
    "Webhooks URL is not configured", "Database error occurred", "Password Change Required", "Password change required",
    "Invalid Request", "Request is not valid", "Receiver incapable", "Sender account has been locked",
    "Account locked", "Template Param Count Mismatch", "Template Missing", "Media download error", "Message expired",
    "Message is not valid", "Rate limit hit", "Re-engagement message", "Spam rate limit hit", "Unknown message type",
    "Message type is not currently supported",
];

#[rustfmt::skip]
const DETAILS: &[&str] = &[
    "URL path not found.", "Media not found in the datastore.", "Invalid credentials.", "No picture set.",
    "No webhook CA certificates found", "unknown contact", "Could not retrieve phone number from contact store",
    "Recipient is not a valid WhatsApp user", "Password must be changed",
    "Unable to decode json from the request: Syntax error", "Failed to fetch media to delete",
    "Could not delete media files", "Message type is not currently supported",
    "Connection timed out. Please check if wacore is running: wacore:6252",
];

#[rustfmt::skip]
const MEDIA_TYPES: &[&str] = &[
    "application/gzip", "application/json", "application/msword", "application/octet-stream", "application/ogg",
    "application/pdf", "application/rtf", "application/vnd.android.package-archive", "application/vnd.ms-excel",
    "application/vnd.ms-powerpoint", "application/vnd.oasis.opendocument.spreadsheet",
    "application/vnd.oasis.opendocument.text", "application/vnd.rar", "application/x-7z-compressed",
    "application/x-rar-compressed", "application/xml", "application/zip", "audio/3gpp", "audio/aac", "audio/amr",
    "audio/mp4", "audio/mpeg", "audio/ogg", "audio/opus", "audio/wav", "audio/webm", "audio/x-wav", "image/gif",
    "image/heic", "image/jpeg", "image/jpg", "image/png", "image/svg+xml", "image/tiff", "image/webp", "text/calendar",
    "text/csv", "text/html", "text/plain", "text/vcard", "text/x-vcard", "text/xml", "video/3gpp", "video/mp4",
    "video/mpeg", "video/quicktime", "video/webm",
];

const OFFICE: &str = "application/vnd.openxmlformats-officedocument.";

const OFFICE_TYPES: &[&str] = &[
    "presentationml.presentation",
    "spreadsheetml.sheet",
    "wordprocessingml.document",
];

#[rustfmt::skip]
const PARAMETERS: &[&str] = &["codecs=opus", "charset=utf-8", "charset=us-ascii", "charset=iso-8859-1", "version=0.0.4"];

/// Whether a key is one of the protocol's.
pub(super) fn is_key(key: &str) -> bool {
    KEYS.binary_search(&key).is_ok()
}

/// Whether a value is one of the protocol's words at its place. Empty values and booleans say nothing of anybody.
pub(super) fn is_clear(keys: Keys<'_>, value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) => true,
        Value::Array(members) => members.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::String(text) => text.is_empty() || rules(keys).any(|rule| rule.allows(text)),
        Value::Number(number) => rules(keys).any(|rule| rule.allows_number(number)),
    }
}

fn rules<'a>(keys: Keys<'a>) -> impl Iterator<Item = &'static Clear> + 'a {
    CLEAR
        .iter()
        .filter(move |(parent, key, _)| {
            *key == keys.own && (parent.is_empty() || *parent == keys.parent)
        })
        .map(|(_, _, clear)| clear)
}

impl Clear {
    fn allows(&self, text: &str) -> bool {
        match self {
            Self::Words(words) => words.contains(&text),
            Self::UpTo(_) => false,
            Self::Version => is_version(text),
            Self::MediaType => is_media_type(text),
        }
    }

    fn allows_number(&self, number: &Number) -> bool {
        match self {
            Self::UpTo(most) => number.as_u64().is_some_and(|number| number <= *most),
            Self::Words(_) | Self::Version | Self::MediaType => false,
        }
    }
}

fn is_version(text: &str) -> bool {
    let parts: Vec<&str> = text.strip_prefix('v').unwrap_or(text).split('.').collect();
    let part = |part: &&str| {
        (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    (2..=4).contains(&parts.len()) && parts.iter().all(part)
}

/// A common type, with nothing but a common parameter behind it.
fn is_media_type(text: &str) -> bool {
    let mut parts = text.split(';').map(str::trim);
    let known = |part: &str, words: &[&str]| words.contains(&part.to_ascii_lowercase().as_str());
    parts.next().is_some_and(|essence| {
        known(essence, MEDIA_TYPES)
            || essence
                .strip_prefix(OFFICE)
                .is_some_and(|rest| known(rest, OFFICE_TYPES))
    }) && parts.all(|parameter| known(parameter, PARAMETERS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_keys_are_in_order_and_none_needs_escaping_in_a_pointer() {
        assert!(KEYS.is_sorted());
        for key in KEYS {
            assert!(!key.contains(['/', '~', '#']), "{key}");
        }
        for (parent, key, _) in CLEAR {
            assert!(is_key(key) || *key == "content", "{key}");
            assert!(parent.is_empty() || is_key(parent), "{parent}");
        }
    }

    #[test]
    fn words_are_clear_only_where_they_mean_something() {
        let at = |parent, own| Keys { parent, own };
        for (keys, value, clear) in [
            (at("errors", "title"), json!("Resource not found"), true),
            (at("reply", "title"), json!("Resource not found"), false),
            (at("errors", "title"), json!("Kerry Fisher"), false),
            (at("errors", "code"), json!(131_026), true),
            (at("errors", "code"), json!(16_315_551_234_u64), false),
            (at("errors", "code"), json!("222867"), false),
            (at("image", "status"), json!("downloaded"), true),
            (
                at("", "mime_type"),
                json!("audio/ogg; codecs=opus; name=Kerry"),
                false,
            ),
            (at("", "mime_type"), json!("application/vnd.ms-excel"), true),
            (at("", "mime_type"), json!("image/kerryfisher"), false),
            (at("", "mime_type"), json!("Audio/OGG;codecs=opus"), true),
            (at("meta", "version"), json!("v2.57.2"), true),
            (at("meta", "version"), json!("16315551234"), false),
            (at("text", "body"), json!("downloaded"), false),
            (at("text", "body"), json!(""), true),
            (at("location", "latitude"), json!(1), false),
        ] {
            assert_eq!(
                is_clear(keys, &value),
                clear,
                "{}.{}: {value}",
                keys.parent,
                keys.own
            );
        }
    }
}
