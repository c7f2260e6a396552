//! The access token and the phone number, as Graph describes them.

use serde::Deserialize;

/// The answer to `GET /debug_token`.
#[derive(Clone, Debug, Deserialize)]
pub struct Token {
    /// What is known of the token.
    pub data: TokenData,
}

/// The payload of [`Token`].
#[derive(Clone, Debug, Deserialize)]
pub struct TokenData {
    /// Whether Meta takes it now.
    #[serde(default)]
    pub is_valid: bool,
    /// Unix seconds; 0 means never.
    #[serde(default)]
    pub expires_at: i64,
    /// The permissions it was made with.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Whose it is, decimal.
    #[serde(default)]
    pub app_id: Option<String>,
}

/// The fields of a number that say whether it is on Cloud, and well.
#[derive(Clone, Debug, Deserialize)]
pub struct PhoneNumber {
    /// As people write it; not for logs.
    #[serde(default)]
    pub display_phone_number: Option<String>,
    /// The name customers see.
    #[serde(default)]
    pub verified_name: Option<String>,
    /// `CLOUD_API` once the number was registered there.
    #[serde(default)]
    pub platform_type: Option<String>,
    /// `CONNECTED` while it can send and receive.
    #[serde(default)]
    pub status: Option<String>,
    /// `GREEN`, `YELLOW`, `RED`, `NA` or `UNKNOWN`.
    #[serde(default)]
    pub quality_rating: Option<String>,
}

impl PhoneNumber {
    /// The fields to ask for.
    pub const FIELDS: &'static str =
        "id,display_phone_number,verified_name,platform_type,status,quality_rating";
}
