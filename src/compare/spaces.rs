//! The id spaces of both APIs, and the message that a message id names.
//!
//! An on-prem message id and a wamid are two encodings of one triple: the user's number, who sent it, the message key.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use crate::ids::MediaId;

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
    if let Some(rest) = text.strip_prefix("wamid.") {
        let bytes = STANDARD_NO_PAD.decode(rest.trim_end_matches('=')).ok()?;
        return Some((Space::CloudMessage, wamid(&bytes)));
    }
    if let Some(id) = MediaId::parse(text) {
        let space = match id {
            MediaId::Cloud(_) => Space::CloudMedia,
            MediaId::Uuid(id) if id.get_version_num() == 5 => Space::BridgeMedia,
            MediaId::Uuid(_) => Space::OnPremMedia,
        };
        return Some((space, None));
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    onprem(&bytes).map(|message| (Space::OnPremMessage, Some(message)))
}

/// `00` or `80`, `11`, count of BCD bytes (`80` added when the number of digits is odd), BCD, `02`, length, key.
fn onprem(bytes: &[u8]) -> Option<String> {
    let (&[from, 0x11, count], rest) = bytes.split_first_chunk()? else {
        return None;
    };
    let from = match from {
        0x00 => "user",
        0x80 => "us",
        _ => return None,
    };
    let (packed, rest) = rest.split_at_checked(usize::from(count & 0x7f))?;
    let (&[0x02, length], key) = rest.split_first_chunk()? else {
        return None;
    };
    let mut digits: Vec<u8> = packed
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0x0f])
        .collect();
    if count & 0x80 != 0 && digits.pop() != Some(0x0f) {
        return None;
    }
    if key.len() != usize::from(length) || digits.iter().any(|digit| *digit > 9) {
        return None;
    }
    let digits: String = digits
        .into_iter()
        .map(|digit| char::from(b'0' + digit))
        .collect();
    let key: String = key.iter().map(|byte| format!("{byte:02X}")).collect();
    Some(format!("{from}/{digits}/{key}"))
}

/// The compact Thrift form: `1c 18 <length> <digits> 15 02 00`, `11` or `12`, `18 <length> <key in hex> 00`.
fn wamid(bytes: &[u8]) -> Option<String> {
    let (digits, rest) = text(bytes.strip_prefix(&[0x1c, 0x18])?)?;
    let (&from, rest) = rest.strip_prefix(&[0x15, 0x02, 0x00])?.split_first()?;
    let from = match from {
        0x11 => "us",
        0x12 => "user",
        _ => return None,
    };
    let (key, rest) = text(rest.strip_prefix(&[0x18])?)?;
    let is_hex = key.len() % 2 == 0 && key.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    (rest == [0] && is_hex && is_number)
        .then(|| format!("{from}/{digits}/{}", key.to_ascii_uppercase()))
}

fn text(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    let (text, rest) = rest.split_at_checked(usize::from(length))?;
    Some((std::str::from_utf8(text).ok()?, rest))
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
