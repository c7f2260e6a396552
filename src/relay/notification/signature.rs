//! Who may have signed a notification, and for which numbers that is good.

use std::collections::BTreeMap;

use aws_lc_rs::hmac;
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use crate::cloud;

/// Where the signature stands.
const SIGNATURE: HeaderName = HeaderName::from_static("x-hub-signature-256");

/// Everybody who may sign: one key for each secret, however many numbers share it.
pub struct Signers(Vec<Signer>);

struct Signer {
    key: hmac::Key,
    /// The indices of the numbers that have this secret.
    numbers: Vec<usize>,
}

/// A signature as it was sent, not yet checked.
pub struct Claim([u8; 32]);

/// What one of the secrets signed.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    numbers: &'a [usize],
}

/// A signature is missing, is none, or fits no secret.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no good signature")]
pub struct Unsigned;

impl Signers {
    /// The secrets of each number, in the order of the numbers' indices.
    pub fn new<'a>(secrets: impl Iterator<Item = &'a [SecretString]>) -> Self {
        let mut numbers: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, secrets) in secrets.enumerate() {
            for secret in secrets {
                numbers
                    .entry(secret.expose_secret())
                    .or_default()
                    .push(index);
            }
        }
        let signer = |(secret, numbers): (&str, _)| Signer {
            key: hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()),
            numbers,
        };
        Self(numbers.into_iter().map(signer).collect())
    }

    /// Whose secret signed these bytes.
    pub fn verify(&self, body: &[u8], claim: &Claim) -> Result<Signed<'_>, Unsigned> {
        let fits = |signer: &&Signer| hmac::verify(&signer.key, body, claim.0.as_slice()).is_ok();
        let signer = self.0.iter().find(fits).ok_or(Unsigned)?;
        Ok(Signed {
            numbers: &signer.numbers,
        })
    }
}

impl Claim {
    /// Reads `sha256=` and 64 hex digits, which must stand there once.
    pub fn read(headers: &HeaderMap) -> Result<Self, Unsigned> {
        let mut values = headers.get_all(SIGNATURE).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(Unsigned);
        };
        Self::parse(value).ok_or(Unsigned)
    }

    fn parse(value: &HeaderValue) -> Option<Self> {
        let digits = value.to_str().ok()?.strip_prefix("sha256=")?;
        // Other encodings of a digest are none of a signature.
        let is_hex = digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex
            .then(|| cloud::media::digest(digits))
            .flatten()
            .map(Self)
    }
}

impl Signed<'_> {
    /// Whether the number with this index has the secret that signed.
    pub fn is_good_for(&self, number: usize) -> bool {
        self.numbers.contains(&number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // By `openssl dgst -sha256 -hmac SECRET`.
    const VECTORS: [(&str, &str, &str); 3] = [
        (
            "app-secret-one",
            r#"{"a":"b\/c \u00e9"}"#,
            "f1f638ae2020265335c08b08bacefb37aab282f1e0c15d07f5ae30c939d6742a",
        ),
        (
            "app-secret-two",
            r#"{"a":"b\/c \u00e9 é"}"#,
            "2a6a868ef35de477120c840b5474b0bdd411c5f3b38bbd0a02a04ee1f4b9a4b7",
        ),
        (
            "app-secret-one",
            "",
            "a7adbf36f557764aebf26d5504e037e402055f834b9f515bdf5be3555f2aa525",
        ),
    ];

    fn claim(values: &[&str]) -> Result<Claim, Unsigned> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(SIGNATURE, HeaderValue::from_str(value).unwrap());
        }
        Claim::read(&headers)
    }

    fn signers(secrets: &[&[&str]]) -> Signers {
        let secrets = secrets.iter().map(|of| {
            let of = of.iter().map(|secret| SecretString::from(*secret));
            of.collect::<Vec<_>>()
        });
        let secrets: Vec<_> = secrets.collect();
        Signers::new(secrets.iter().map(Vec::as_slice))
    }

    #[test]
    fn any_of_the_secrets_may_have_signed_and_is_good_for_those_who_have_it() {
        let signers = signers(&[
            &["app-secret-one"],
            &[],
            &["app-secret-two", "app-secret-one"],
            &["another"],
        ]);
        for (secret, body, digest) in VECTORS {
            for digest in [digest.to_owned(), digest.to_uppercase()] {
                let claim = claim(&[&format!("sha256={digest}")]).unwrap();
                let signed = signers.verify(body.as_bytes(), &claim).unwrap();
                let good: Vec<_> = (0..5).filter(|index| signed.is_good_for(*index)).collect();
                let expected: &[_] = match secret {
                    "app-secret-one" => &[0, 2],
                    _ => &[2],
                };
                assert_eq!(good, expected, "{secret}");
                let changed = format!("{body} ");
                assert!(signers.verify(changed.as_bytes(), &claim).is_err());
            }
        }
    }

    #[test]
    fn without_the_secret_nothing_is_signed() {
        let (_, body, digest) = VECTORS[0];
        let claim = claim(&[&format!("sha256={digest}")]).unwrap();
        for signers in [signers(&[]), signers(&[&["app-secret-two"], &[""]])] {
            assert!(signers.verify(body.as_bytes(), &claim).is_err());
        }
    }

    #[test]
    fn a_signature_is_sha256_and_64_digits_once() {
        let digest = VECTORS[0].2;
        let whole = format!("sha256={digest}");
        assert!(claim(&[&whole]).is_ok());
        for bad in [
            "",
            "sha256=",
            digest,
            &format!("sha1={digest}"),
            &format!("SHA256={digest}"),
            &format!("sha256={}", &digest[1..]),
            &format!("sha256={digest}0"),
            &format!("sha256=+{}", &digest[1..]),
            &format!("sha256=g{}", &digest[1..]),
            &format!("sha256= {digest}"),
            // The same 32 bytes as base64.
            "sha256=8fY4riAgJlM1wIsIus77N6qygvHgwV0H9a4wyTnWdCo=",
        ] {
            assert!(claim(&[bad]).is_err(), "{bad}");
        }
        assert!(claim(&[]).is_err());
        assert!(claim(&[&whole, &whole]).is_err());
    }
}
