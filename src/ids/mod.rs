//! Checked identifiers: a string that passed a constructor here is never checked again.

pub mod message;

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

/// The operator's name of one business phone number. It appears in logs, metrics and paths, so it is
/// never the phone number itself.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NumberName(Arc<str>);

impl NumberName {
    /// 1 to 64 characters out of `a-z`, `0-9`, `-` and `_`.
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_'
        };
        ((1..=64).contains(&text.len()) && text.bytes().all(allowed)).then(|| Self(text.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NumberName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for NumberName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A medium's id at Cloud: decimal digits, 15 to 17 of them in every sample seen.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CloudMediaId(Arc<str>);

impl CloudMediaId {
    /// 1 to 32 decimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        ((1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| Self(text.into()))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CloudMediaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for CloudMediaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A medium as an integration may name it in a path. On-prem ids are UUIDs and Cloud ids are decimal,
/// so the two kinds never collide.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MediaId {
    /// Cloud's own id.
    Cloud(CloudMediaId),
    /// An id in the old client's form: given out by the bridge, or by the old client before it.
    Uuid(Uuid),
}

impl MediaId {
    /// Reads either form; anything else can be no medium. UUIDs are taken hyphenated only, in either case.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(id) = CloudMediaId::parse(text) {
            return Some(Self::Cloud(id));
        }
        if text.len() != 36 {
            return None;
        }
        Uuid::try_parse(text).ok().map(Self::Uuid)
    }
}

impl fmt::Display for MediaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cloud(id) => id.fmt(f),
            Self::Uuid(id) => id.hyphenated().fmt(f),
        }
    }
}

/// Names the UUIDs that stand for Cloud media. Changing it would orphan every stored file.
const MEDIA_NAMESPACE: Uuid = Uuid::from_u128(0x6f1d_7a52_9c1e_4b7e_8a40_5d9f_3b27_c1e8);

/// The UUID under which a number's Cloud medium is stored and given out. It is name-based, so that
/// a notification that comes twice, or a second machine, arrives at the same id without asking anybody.
pub fn media_uuid(number: &NumberName, cloud_id: &CloudMediaId) -> Uuid {
    Uuid::new_v5(&MEDIA_NAMESPACE, format!("{number}/{cloud_id}").as_bytes())
}

/// Names the UUIDs of the pictures of advertisements.
const REFERRAL_NAMESPACE: Uuid = Uuid::from_u128(0x2c58_9b0d_41f7_4e36_b3a9_70e5_16d2_8f4b);

/// The UUID of the picture or video of the advertisement that a message came by, which is no medium of Cloud's.
pub fn referral_uuid(number: &NumberName, wamid: &str) -> Uuid {
    Uuid::new_v5(&REFERRAL_NAMESPACE, format!("{number}/{wamid}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_ids_are_decimal_or_hyphenated_uuids_and_nothing_else() {
        assert!(matches!(
            MediaId::parse("1761991787669262"),
            Some(MediaId::Cloud(_))
        ));
        let upper = MediaId::parse("F043AFD0-F0AE-4B9C-AB3D-696FB4C8CD68");
        assert_eq!(
            upper.map(|id| id.to_string()).as_deref(),
            Some("f043afd0-f0ae-4b9c-ab3d-696fb4c8cd68")
        );
        let long = "1".repeat(33);
        for bad in [
            "",
            "..",
            "../../etc/passwd",
            "..%2f",
            "12 3",
            "-1",
            "１２",
            "f043afd0f0ae4b9cab3d696fb4c8cd68",
            &long,
        ] {
            assert_eq!(MediaId::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_uuid_of_a_cloud_medium_never_changes() {
        let number = NumberName::parse("support").unwrap();
        let cloud_id = CloudMediaId::parse("1761991787669262").unwrap();
        assert_eq!(
            media_uuid(&number, &cloud_id),
            media_uuid(&number, &cloud_id)
        );
        assert_ne!(
            media_uuid(&number, &cloud_id),
            media_uuid(&NumberName::parse("sales").unwrap(), &cloud_id)
        );
    }
}
