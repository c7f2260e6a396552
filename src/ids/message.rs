//! Ids of messages: the old client's and Cloud's are two writings of the same three things, so each is made of the
//! other without asking anybody. What is not exactly of one of the two forms is left to the caller.
//!
//! An id contains the customer's phone number and belongs in no log.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// What Cloud's ids begin with.
const PREFIX: &str = "wamid.";
/// Longer ones are of no known form.
const LONGEST: usize = 512;
/// The most digits of a phone number, and the most bytes of a key: the lengths stand in one byte, whose highest bit
/// means something else at either side.
const DIGITS: usize = 127;
const KEY: usize = 63;

/// What both forms say.
struct Parts {
    /// Of the customer's phone number, in ASCII.
    digits: Vec<u8>,
    from_us: bool,
    key: Vec<u8>,
}

/// The old client's id for one of Cloud's.
pub fn to_onprem(wamid: &str) -> Option<String> {
    let coded = wamid.strip_prefix(PREFIX)?;
    let parts = read_cloud(&decoded(&STANDARD, coded)?)?;
    Some(URL_SAFE_NO_PAD.encode(write_onprem(&parts)?))
}

/// Cloud's id for one of the old client's.
pub fn to_cloud(id: &str) -> Option<String> {
    let parts = read_onprem(&decoded(&URL_SAFE_NO_PAD, id)?)?;
    let mut wamid = PREFIX.to_owned();
    STANDARD.encode_string(write_cloud(&parts)?, &mut wamid);
    Some(wamid)
}

/// The phone number of the customer in one of Cloud's ids.
pub fn customer(wamid: &str) -> Option<String> {
    let coded = wamid.strip_prefix(PREFIX)?;
    let parts = read_cloud(&decoded(&STANDARD, coded)?)?;
    String::from_utf8(parts.digits).ok()
}

/// Both engines take only what they would have written themselves, so that nothing is lost on the way back.
fn decoded(engine: &impl Engine, coded: &str) -> Option<Vec<u8>> {
    if coded.len() > LONGEST {
        return None;
    }
    engine.decode(coded).ok()
}

fn read_cloud(bytes: &[u8]) -> Option<Parts> {
    let (digits, rest) = counted(bytes.strip_prefix(&[0x1c, 0x18])?)?;
    let (from, rest) = rest.strip_prefix(&[0x15, 0x02, 0x00])?.split_first()?;
    let from_us = match from {
        0x11 => true,
        0x12 => false,
        _ => return None,
    };
    let (key, rest) = counted(rest.strip_prefix(&[0x18])?)?;
    (rest == [0x00] && !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)).then_some(())?;
    Some(Parts {
        digits: digits.to_vec(),
        from_us,
        key: unhex(key)?,
    })
}

fn write_cloud(parts: &Parts) -> Option<Vec<u8>> {
    let Parts {
        digits,
        from_us,
        key,
    } = parts;
    let (count, key_count) = (digits.len(), key.len() * 2);
    (count <= DIGITS && key.len() <= KEY).then_some(())?;
    let mut bytes = vec![0x1c, 0x18, u8::try_from(count).ok()?];
    bytes.extend_from_slice(digits);
    let from = if *from_us { 0x11 } else { 0x12 };
    bytes.extend_from_slice(&[0x15, 0x02, 0x00, from, 0x18, u8::try_from(key_count).ok()?]);
    let nibbles = key.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
    bytes.extend(nibbles.map(|nibble| match nibble {
        0..=9 => b'0' + nibble,
        _ => b'A' + nibble - 10,
    }));
    bytes.push(0x00);
    Some(bytes)
}

fn read_onprem(bytes: &[u8]) -> Option<Parts> {
    let [from, 0x11, count, rest @ ..] = bytes else {
        return None;
    };
    let from_us = match from {
        0x80 => true,
        0x00 => false,
        _ => return None,
    };
    let (odd, count) = (count & 0x80 != 0, usize::from(count & 0x7f));
    let (number, rest) = rest.split_at_checked(count)?;
    let mut digits: Vec<u8> = number
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0x0f])
        .collect();
    if odd && digits.pop() != Some(0x0f) {
        return None;
    }
    for digit in &mut digits {
        (*digit <= 9).then(|| *digit += b'0')?;
    }
    let [0x02, length, key @ ..] = rest else {
        return None;
    };
    (!digits.is_empty() && !key.is_empty() && usize::from(*length) == key.len()).then_some(())?;
    Some(Parts {
        digits,
        from_us,
        key: key.to_vec(),
    })
}

fn write_onprem(parts: &Parts) -> Option<Vec<u8>> {
    let Parts {
        digits,
        from_us,
        key,
    } = parts;
    let odd = digits.len() % 2 == 1;
    let count = u8::try_from(digits.len().div_ceil(2)).ok()?;
    (count < 0x80).then_some(())?;
    let from = if *from_us { 0x80 } else { 0x00 };
    let mut bytes = vec![from, 0x11, count | if odd { 0x80 } else { 0x00 }];
    bytes.extend(digits.chunks(2).map(|pair| match pair {
        [high, low] => (high & 0x0f) << 4 | (low & 0x0f),
        [last, ..] => (last & 0x0f) << 4 | 0x0f,
        [] => 0,
    }));
    bytes.extend_from_slice(&[0x02, u8::try_from(key.len()).ok()?]);
    bytes.extend_from_slice(key);
    Some(bytes)
}

/// As many bytes as the first one says, and what comes after them.
fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (count, rest) = bytes.split_first()?;
    (*count < 0x80).then_some(())?;
    rest.split_at_checked(usize::from(*count))
}

/// Upper-case digits only, since these are what is written.
fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let nibble = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    };
    if text.is_empty() || text.len() % 2 == 1 {
        return None;
    }
    let pairs = text.chunks_exact(2);
    pairs
        .map(|pair| Some(nibble(pair[0])? << 4 | nibble(pair[1])?))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const VECTORS: [(&str, &str); 4] = [
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
    ];

    #[test]
    fn ids_are_turned_both_ways() {
        for (wamid, id) in VECTORS {
            assert_eq!(to_onprem(wamid).as_deref(), Some(id));
            assert_eq!(to_cloud(id).as_deref(), Some(wamid));
        }
        assert_eq!(customer(VECTORS[0].0).as_deref(), Some("16503879439"));
    }

    #[test]
    fn what_deviates_is_no_id() {
        let lower = STANDARD.encode(b"\x1c\x18\x0116\x15\x02\x00\x12\x18\x023a\x00");
        for bad in [
            "",
            "wamid.",
            "wamid.HBgLMTY1MDM4Nzk0MzkVAgARGA9wcm9kdWN0X2lucXVpcnkA",
            "ABGGFlA5Fpa",
            "gBGGFlaCGg0xcvAdgmZ9plHrf2Mh-o",
            // Without padding, and with something behind the end.
            "wamid.HBgLMTY1MDM4Nzk0MzkVAgASGBQzQTRBNjU5OUFFRTAzODEwMTQ0RgA",
            "wamid.HBgLMTY1MDM4Nzk0MzkVAgARGBI0RTJEOTc2ODVERUY5RDlGNkYAAA==",
            &format!("wamid.{lower}"),
            &"A".repeat(4000),
        ] {
            assert_eq!((to_onprem(bad), to_cloud(bad)), (None, None), "{bad}");
        }
        assert_eq!(to_onprem(VECTORS[0].1), None);
        assert_eq!(to_cloud(VECTORS[0].0), None);
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_turned_comes_back(
            digits in "[0-9]{1,15}", from_us: bool, key in proptest::collection::vec(0_u8.., 1..70),
        ) {
            let parts = Parts { digits: digits.into_bytes(), from_us, key };
            if let Some(bytes) = write_cloud(&parts) {
                let wamid = format!("{PREFIX}{}", STANDARD.encode(bytes));
                let id = to_onprem(&wamid).unwrap();
                proptest::prop_assert_eq!(to_cloud(&id), Some(wamid));
            }
            let id = URL_SAFE_NO_PAD.encode(write_onprem(&parts).unwrap());
            if let Some(wamid) = to_cloud(&id) {
                proptest::prop_assert_eq!(to_onprem(&wamid), Some(id));
            } else {
                proptest::prop_assert!(parts.key.len() > KEY);
            }
        }
    }
}
