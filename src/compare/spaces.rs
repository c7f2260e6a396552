//! The id spaces of both APIs, and the message that a message id names.
//!
//! A message is named by its wamid: what an on-prem message id names as well can be read out of it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::ids::{MediaId, message};

/// An id space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Space {
    /// The old client's media.
    OnPremMedia,
    /// Media that the bridge named: UUIDs of version 5.
    BridgeMedia,
    /// Cloud's media: decimal digits.
    CloudMedia,
    /// The old client's messages.
    OnPremMessage,
    /// Cloud's messages.
    CloudMessage,
}

impl Space {
    const fn names_messages(self) -> bool {
        matches!(self, Self::OnPremMessage | Self::CloudMessage)
    }

    /// Whether one thing may have an id in each of the two.
    pub(super) fn meets(self, other: Self) -> bool {
        self != other && self.names_messages() == other.names_messages()
    }
}

/// The space of a well-formed id, and what it names where that can be read.
pub(super) fn of(text: &str) -> Option<(Space, Option<String>)> {
    if let Some(coded) = text.strip_prefix("wamid.") {
        STANDARD_NO_PAD.decode(coded.trim_end_matches('=')).ok()?;
        let named = message::to_onprem(text).map(|_| text.to_owned());
        return Some((Space::CloudMessage, named));
    }
    if let Some(id) = MediaId::parse(text) {
        let space = match id {
            MediaId::Cloud(_) => Space::CloudMedia,
            MediaId::Uuid(id) if id.get_version_num() == 5 => Space::BridgeMedia,
            MediaId::Uuid(_) => Space::OnPremMedia,
        };
        return Some((space, None));
    }
    let named = message::to_cloud(text)?;
    Some((Space::OnPremMessage, Some(named)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_encodings_of_a_message_name_the_same_message() {
        for (cloud, onprem) in [
            (
                "wamid.HBgLMTY1MDM4Nzk0MzkVAgASGBQzQTRBNjU5OUFFRTAzODEwMTQ0RgA=",
                "ABGGFlA4eUOfAgo6SmWZruA4EBRP",
            ),
            (
                "wamid.HBgLMTY1MDM4Nzk0MzkVAgARGBI0RTJEOTc2ODVERUY5RDlGNkYA",
                "gBGGFlA4eUOfAglOLZdoXe-dn28",
            ),
            (
                "wamid.HBgMOTE4ODg0MDc1NTU3FQIAERgSNEFENTkxMkEwMzU2MEEzRUI1AA==",
                "gBEGkYiEB1VXAglK1ZEqA1YKPrU",
            ),
            (
                "wamid.HBgLMTY1MDM5MTY5NjkVAgASGBQzQUI0NzcwRDk4RDhENzlBRTQ5RgA=",
                "ABGGFlA5FpafAgo6tHcNmNjXmuSf",
            ),
        ] {
            let (space, message) = of(cloud).unwrap();
            assert_eq!(space, Space::CloudMessage);
            assert!(message.is_some(), "{cloud}");
            assert_eq!(of(onprem), Some((Space::OnPremMessage, message)));
        }
    }

    #[test]
    fn what_is_no_id_has_no_space() {
        for text in [
            "",
            "0",
            "hello",
            "a b",
            "UKD6Y/5SqDU=",
            "wamid.?",
            "US.13491208655302741918",
        ] {
            assert!(of(text).is_none_or(|(space, _)| text == "0" && space == Space::CloudMedia));
        }
        let opaque = "wamid.HBgLMTY1MDM4Nzk0MzkVAgARGA9wcm9kdWN0X2lucXVpcnkA";
        assert_eq!(of(opaque), Some((Space::CloudMessage, None)));
    }

    #[test]
    fn only_spaces_of_the_same_kind_meet() {
        assert!(Space::OnPremMedia.meets(Space::CloudMedia));
        assert!(!Space::OnPremMedia.meets(Space::OnPremMedia));
        assert!(!Space::OnPremMedia.meets(Space::CloudMessage));
    }
}
