//! Ids of messages, both ways.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;
use waba_bridge::ids::message::{to_cloud, to_onprem};

/// As Cloud writes ids: Thrift's compact form in base64.
fn wamid(digits: &str, ours: bool, key: &[u8]) -> String {
    let key: String = key.iter().map(|byte| format!("{byte:02X}")).collect();
    let mut bytes = vec![0x1c, 0x18, u8::try_from(digits.len()).unwrap()];
    bytes.extend(digits.bytes());
    bytes.extend([0x15, 0x02, 0x00, if ours { 0x11 } else { 0x12 }, 0x18]);
    bytes.push(u8::try_from(key.len()).unwrap());
    bytes.extend(key.bytes());
    bytes.push(0);
    format!("wamid.{}", STANDARD.encode(bytes))
}

/// As the old client wrote them: two digits in a byte, in base64 for addresses.
fn old(digits: &str, ours: bool, key: &[u8]) -> String {
    let odd = digits.len() % 2;
    let nibbles: Vec<u8> = digits
        .bytes()
        .map(|digit| digit - b'0')
        .chain(std::iter::repeat_n(15, odd))
        .collect();
    let count = u8::try_from(nibbles.len() / 2).unwrap();
    let mut bytes = vec![
        if ours { 0x80 } else { 0 },
        0x11,
        count | if odd == 1 { 0x80 } else { 0 },
    ];
    bytes.extend(nibbles.chunks(2).map(|pair| pair[0] << 4 | pair[1]));
    bytes.extend([2, u8::try_from(key.len()).unwrap()]);
    bytes.extend(key);
    URL_SAFE_NO_PAD.encode(bytes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn ids_of_messages_can_be_turned_both_ways(
        digits in "[0-9]{1,20}",
        ours in any::<bool>(),
        key in prop::collection::vec(any::<u8>(), 1..=32),
    ) {
        let (cloud, onprem) = (wamid(&digits, ours, &key), old(&digits, ours, &key));
        prop_assert_eq!(to_onprem(&cloud), Some(onprem.clone()));
        prop_assert_eq!(to_cloud(&onprem), Some(cloud));
    }

    /// Whatever is told by another name can be asked for by it.
    #[test]
    fn what_is_turned_one_way_is_turned_back(
        text in prop_oneof![
            "\\PC{0,40}",
            "wamid\\.[A-Za-z0-9+/]{0,80}={0,2}",
            "[A-Za-z0-9_-]{0,60}",
            "(ABG|gBG)[A-Za-z0-9_-]{20,30}",
        ],
    ) {
        if let Some(id) = to_onprem(&text) {
            prop_assert_eq!(to_cloud(&id), Some(text.clone()));
        }
        if let Some(id) = to_cloud(&text) {
            prop_assert_eq!(to_onprem(&id), Some(text));
        }
    }

    /// Anything but exactly an id is none.
    #[test]
    fn a_changed_id_is_none_or_another_one(
        digits in "[0-9]{10,13}",
        ours in any::<bool>(),
        key in prop::collection::vec(any::<u8>(), 5..=16),
        at in any::<prop::sample::Index>(),
        to in "[A-Za-z0-9+/=._-]?",
    ) {
        for id in [wamid(&digits, ours, &key), old(&digits, ours, &key)] {
            let at = at.index(id.len());
            let mut other = id.clone();
            other.replace_range(at..=at, &to);
            prop_assume!(other != id);
            if let Some(turned) = to_onprem(&other) {
                prop_assert_eq!(to_cloud(&turned), Some(other));
            } else if let Some(turned) = to_cloud(&other) {
                prop_assert_eq!(to_onprem(&turned), Some(other));
            }
        }
    }

    #[test]
    fn strings_that_are_no_ids_never_decode(text in prop_oneof![
        "\\PC{0,60}",
        "[A-Za-z0-9+/]{0,80}={0,2}",
        "wamid\\.\\PC{0,20}",
    ]) {
        // More than thirty bits of an id are fixed: no such string is one by chance.
        prop_assert_eq!(to_onprem(&text), None);
        prop_assert_eq!(to_cloud(&text), None);
    }
}
