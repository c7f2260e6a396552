//! A message, without what is in it.

use std::borrow::Cow;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use uuid::Uuid;

use super::{Content, Error};

/// What a customer sent.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    /// What is in it.
    pub content: Content<'a>,
    /// What it refers to.
    pub context: Option<Context<'a>>,
    /// What is wrong with it.
    pub errors: Vec<Error<'a>>,
    /// The phone number's digits.
    pub from: Cow<'a, str>,
    /// Cloud's own, which the old client did not have.
    pub from_user_id: Option<Cow<'a, str>>,
    /// In a group.
    pub group_id: Option<Cow<'a, str>>,
    /// Its id.
    pub id: Cow<'a, str>,
    /// Of the sender's telephone.
    pub identity: Option<Identity<'a>>,
    /// The advertisement it came by.
    pub referral: Option<Referral<'a>>,
    /// Unix seconds.
    pub timestamp: Cow<'a, str>,
}

/// All keys but the content's, in order.
const KEYS: [&str; 10] = [
    "context",
    "errors",
    "from",
    "from_user_id",
    "group_id",
    "id",
    "identity",
    "referral",
    "timestamp",
    "type",
];

impl Serialize for Message<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let mut content = self.content.key();
        for key in KEYS {
            if let Some(of_content) = content.filter(|of_content| *of_content < key) {
                map.serialize_entry(of_content, &self.content)?;
                content = None;
            }
            match key {
                "context" => entry(&mut map, key, self.context.as_ref())?,
                "errors" if !self.errors.is_empty() => map.serialize_entry(key, &self.errors)?,
                "from" => map.serialize_entry(key, &self.from)?,
                "from_user_id" => entry(&mut map, key, self.from_user_id.as_ref())?,
                "group_id" => entry(&mut map, key, self.group_id.as_ref())?,
                "id" => map.serialize_entry(key, &self.id)?,
                "identity" => entry(&mut map, key, self.identity.as_ref())?,
                "referral" => {
                    let empty = Referral::default();
                    let referral = self
                        .referral
                        .as_ref()
                        .filter(|referral| **referral != empty);
                    entry(&mut map, key, referral)?;
                }
                "timestamp" => map.serialize_entry(key, &self.timestamp)?,
                "type" => map.serialize_entry(key, self.content.kind())?,
                _ => {}
            }
        }
        if let Some(of_content) = content {
            map.serialize_entry(of_content, &self.content)?;
        }
        map.end()
    }
}

fn entry<M: SerializeMap>(
    map: &mut M,
    key: &'static str,
    value: Option<&impl Serialize>,
) -> Result<(), M::Error> {
    value.map_or(Ok(()), |value| map.serialize_entry(key, value))
}

/// What a message refers to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Context<'a> {
    /// Passed on by its sender.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forwarded: Option<bool>,
    /// Passed on more than five times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frequently_forwarded: Option<bool>,
    /// Who wrote the message answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Cow<'a, str>>,
    /// The message answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Cow<'a, str>>,
    /// The product asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub referred_product: Option<Product<'a>>,
}

/// A product of a catalogue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Product<'a> {
    /// Which catalogue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catalog_id: Option<Cow<'a, str>>,
    /// Which product.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product_retailer_id: Option<Cow<'a, str>>,
}

/// What is known of the sender's telephone.
#[derive(Clone, Debug, Serialize)]
pub struct Identity<'a> {
    /// Of its key.
    pub hash: Cow<'a, str>,
}

/// An advertisement.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Referral<'a> {
    /// Its text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Cow<'a, str>>,
    /// Of the click.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ctwa_clid: Option<Cow<'a, str>>,
    /// Its headline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headline: Option<Cow<'a, str>>,
    /// Its picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<Object>,
    /// Cloud's own, which the old client did not have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<Cow<'a, str>>,
    /// Its id at Meta.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_id: Option<Cow<'a, str>>,
    /// Advertisement or post.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_type: Option<Cow<'a, str>>,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_url: Option<Cow<'a, str>>,
    /// Cloud's own, which the old client did not have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thumbnail_url: Option<Cow<'a, str>>,
    /// Its video.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video: Option<Object>,
    /// Cloud's own, which the old client did not have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub welcome_message: Option<Welcome<'a>>,
}

/// Cloud's own, which the old client did not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Welcome<'a> {
    /// What the customer saw first.
    pub text: Cow<'a, str>,
}

/// A medium of which nothing but the id is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Object {
    /// Its id.
    pub id: Uuid,
}
