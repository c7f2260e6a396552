//! The business profile at Cloud, which holds the about text as well.

use serde::{Deserialize, Serialize};

/// The answer to `GET /{version}/{phone-number-id}/whatsapp_business_profile`.
#[derive(Clone, Debug, Deserialize)]
pub struct Answer {
    /// One entry.
    pub data: Vec<Entry>,
}

impl Answer {
    /// The profile; without an entry nothing is set.
    pub fn into_profile(self) -> Profile {
        let entry = self.data.into_iter().next();
        entry.map_or_else(Profile::default, |entry| {
            entry.business_profile.unwrap_or(entry.flat)
        })
    }
}

/// The element of [`Answer`].
#[derive(Clone, Debug, Deserialize)]
pub struct Entry {
    /// Where Meta's OpenAPI document has the profile.
    #[serde(default)]
    business_profile: Option<Profile>,
    /// Where every recording has it.
    #[serde(flatten)]
    flat: Profile,
}

/// The fields that were set; Graph leaves out the others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Profile {
    /// The about text.
    #[serde(default)]
    pub about: Option<String>,
    /// The street address.
    #[serde(default)]
    pub address: Option<String>,
    /// What the business does.
    #[serde(default)]
    pub description: Option<String>,
    /// For customers to write to.
    #[serde(default)]
    pub email: Option<String>,
    /// An enum's name such as `TRAVEL`; `UNDEFINED` when not set.
    #[serde(default)]
    pub vertical: Option<String>,
    /// At most two.
    #[serde(default)]
    pub websites: Option<Vec<String>>,
}

impl Profile {
    /// The fields to ask for. Meta documents a default, but it may change.
    pub const FIELDS: &'static str = "about,address,description,email,vertical,websites";
}

/// The body of `POST` to the same place. Fields that are not there stay as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Says who is spoken to.
    pub messaging_product: Product,
    /// The about text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// The street address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What the business does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// For customers to write to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// An enum's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vertical: Option<String>,
    /// Replaces the whole list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub websites: Option<Vec<String>>,
}

impl Change {
    /// Whether it would change nothing, and need not be sent.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The constant that Cloud wants in every body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Product {
    /// The only one.
    #[default]
    Whatsapp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recorded_and_the_documented_answer_are_read() {
        let recorded = r#"{"data":[{"about":"a","email":"testing\u0040gmail.com","websites":["https:\/\/www.google.com\/"],
            "vertical":"EDU","messaging_product":"whatsapp"}]}"#;
        let profile = serde_json::from_str::<Answer>(recorded)
            .unwrap()
            .into_profile();
        assert_eq!(profile.email.as_deref(), Some("testing@gmail.com"));
        assert_eq!(profile.websites.unwrap(), ["https://www.google.com/"]);
        assert_eq!(profile.address, None);
        let documented = r#"{"data":[{"business_profile":{"vertical":"EDU"}}]}"#;
        let profile = serde_json::from_str::<Answer>(documented)
            .unwrap()
            .into_profile();
        assert_eq!(profile.vertical.as_deref(), Some("EDU"));
        let nothing = serde_json::from_str::<Answer>(r#"{"data":[]}"#).unwrap();
        assert_eq!(nothing.into_profile(), Profile::default());
    }
}
