//! The business profile and the about text as the old client spoke of them.

use serde::{Deserialize, Serialize};

use super::Meta;

/// The business profile. What is not set is empty, never absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// At most 256 characters.
    pub address: String,
    /// At most 256 characters.
    pub description: String,
    /// At most 128 characters.
    pub email: String,
    /// A display string such as `Travel and Transportation`.
    pub vertical: String,
    /// At most two, of 256 characters each.
    pub websites: Vec<String>,
}

/// The answer to a question about one setting.
#[derive(Clone, Debug, Serialize)]
pub struct Answer<'a, S> {
    /// The closing block.
    pub meta: Meta<'a>,
    /// The branch of the tree of settings that was asked for.
    pub settings: S,
}

/// `settings.business.profile`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BusinessSettings {
    /// The inner branch.
    pub business: Business,
}

/// The inner branch of [`BusinessSettings`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Business {
    /// The profile.
    pub profile: Profile,
}

impl From<Profile> for BusinessSettings {
    fn from(profile: Profile) -> Self {
        Self {
            business: Business { profile },
        }
    }
}

/// `settings.profile.about`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AboutSettings {
    /// The inner branch.
    pub profile: AboutProfile,
}

/// The inner branch of [`AboutSettings`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AboutProfile {
    /// The text in its object.
    pub about: About,
}

/// The about text; also the body that changes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct About {
    /// At most 139 characters.
    pub text: String,
}

impl From<About> for AboutSettings {
    fn from(about: About) -> Self {
        Self {
            profile: AboutProfile { about },
        }
    }
}
