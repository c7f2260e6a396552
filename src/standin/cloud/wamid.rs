//! The ids of messages as Cloud makes them: the customer's number, who wrote, and a random key.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// Who wrote the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Author {
    Business,
    Customer,
}

/// A fresh id of a message to or from this customer.
pub(super) fn fresh(customer: &str, author: Author) -> String {
    let random = uuid::Uuid::new_v4().simple().to_string().to_uppercase();
    // As many digits as the recorded ones have.
    match author {
        Author::Business => written(customer, 0x11, &random[..18]),
        Author::Customer => written(customer, 0x12, &random[..20]),
    }
}

fn written(customer: &str, author: u8, key: &str) -> String {
    let mut bytes = vec![0x1c];
    text(&mut bytes, customer);
    bytes.extend([0x15, 0x02, 0x00, author]);
    text(&mut bytes, key);
    bytes.push(0x00);
    format!("wamid.{}", BASE64_STANDARD.encode(bytes))
}

fn text(bytes: &mut Vec<u8>, text: &str) {
    // One byte of length is enough for whatever a customer is called by: 128 is the longest.
    let length = u8::try_from(text.len()).unwrap_or(u8::MAX);
    bytes.extend([0x18, length]);
    bytes.extend(text.bytes().take(length.into()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_ones_are_made_alike() {
        assert_eq!(
            written("16503879439", 0x12, "3A4A6599AEE03810144F"),
            "wamid.HBgLMTY1MDM4Nzk0MzkVAgASGBQzQTRBNjU5OUFFRTAzODEwMTQ0RgA="
        );
        assert_eq!(
            written("918884075557", 0x11, "4AD5912A03560A3EB5"),
            "wamid.HBgMOTE4ODg0MDc1NTU3FQIAERgSNEFENTkxMkEwMzU2MEEzRUI1AA=="
        );
        assert_ne!(fresh("1", Author::Customer), fresh("1", Author::Customer));
    }
}
