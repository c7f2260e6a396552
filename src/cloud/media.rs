//! Media at Cloud: the answer to a look-up and the short-lived URL in it.

use serde::{Deserialize, Deserializer};
use url::Url;

/// The answer to `GET /{version}/{media-id}`.
#[derive(Clone, Debug, Deserialize)]
pub struct LookUp {
    /// Good for five minutes; see [`expires_at`].
    pub url: Url,
    /// May lack parameters that the notification had.
    #[serde(default)]
    pub mime_type: Option<String>,
    /// Lower-case hex here, base64 in notifications: compare only what [`digest`] made of it.
    #[serde(default)]
    pub sha256: Option<String>,
    /// A number in every recording, a string in the documentation.
    #[serde(default, deserialize_with = "number_or_text")]
    pub file_size: Option<u64>,
}

/// The moment at which a media URL dies, in Unix seconds, if it says so.
pub fn expires_at(url: &Url) -> Option<i64> {
    url.query_pairs()
        .find(|(key, _)| key == "ext")
        .and_then(|(_, value)| value.parse().ok())
}

/// The 32 bytes of a digest in either of the encodings Meta uses.
pub fn digest(text: &str) -> Option<[u8; 32]> {
    use base64::Engine;
    if text.len() == 64 {
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).ok()?;
            *byte = u8::from_str_radix(pair, 16).ok()?;
        }
        return Some(bytes);
    }
    base64::engine::general_purpose::STANDARD
        .decode(text)
        .ok()?
        .try_into()
        .ok()
}

fn number_or_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u64),
        Text(String),
    }
    Ok(match Option::<Either>::deserialize(deserializer)? {
        Some(Either::Number(number)) => Some(number),
        Some(Either::Text(text)) => text.parse().ok(),
        None => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "49f227634806293b0995459bc310b593e1400f41591efcf07e9bced335f41942";
    const BASE64: &str = "SfInY0gGKTsJlUWbwxC1k+FAD0FZHvzwfpvO0zX0GUI=";

    #[test]
    fn both_encodings_of_a_digest_are_the_same_bytes() {
        assert!(digest(HEX).is_some());
        assert_eq!(digest(HEX), digest(BASE64));
        for bad in [
            "",
            "xyz",
            &HEX[..62],
            &HEX.replace('4', "g"),
            "SfInY0gGKTs=",
        ] {
            assert_eq!(digest(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_recorded_look_up_is_read() {
        let recorded = r#"{"url":"https:\/\/lookaside.fbsbx.com\/whatsapp_business\/attachments\/?mid=1761991787669262&ext=1728904986&hash=ATta-Pk",
            "mime_type":"image\/png","sha256":"c86c28d437534f7367e73b283155c083dddfdaf7f9b4dfae27e140f880035141",
            "file_size":182859,"id":"1761991787669262","messaging_product":"whatsapp"}"#;
        let look_up: LookUp = serde_json::from_str(recorded).unwrap();
        assert_eq!(look_up.file_size, Some(182_859));
        assert_eq!(expires_at(&look_up.url), Some(1_728_904_986));
        let documented: LookUp =
            serde_json::from_str(r#"{"url":"https://a.b/","file_size":"303833"}"#).unwrap();
        assert_eq!(documented.file_size, Some(303_833));
        assert_eq!(expires_at(&documented.url), None);
    }
}
