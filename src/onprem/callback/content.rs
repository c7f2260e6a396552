//! What is in a message.

use std::borrow::Cow;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::onprem::media::Kind;

/// What is in a message, by its type.
#[derive(Clone, Debug)]
pub enum Content<'a> {
    /// The answer to a template's button.
    Button(Button<'a>),
    /// Address cards.
    Contacts(Vec<Card<'a>>),
    /// The answer to a list, buttons or a form.
    Interactive(Interactive<'a>),
    /// A place.
    Location(Location<'a>),
    /// A medium.
    Media(Kind, Media<'a>),
    /// A basket.
    Order(Order<'a>),
    /// Cloud's own, which the old client did not have.
    Reaction(Reaction<'a>),
    /// Something about the customer.
    System(System<'a>),
    /// A text.
    Text(Text<'a>),
    /// Nothing that could be told.
    Unknown,
}

impl Content<'_> {
    /// The message's `type`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Button(_) => "button",
            Self::Contacts(_) => "contacts",
            Self::Interactive(_) => "interactive",
            Self::Location(_) => "location",
            Self::Media(kind, _) => kind.as_str(),
            Self::Order(_) => "order",
            Self::Reaction(_) => "reaction",
            Self::System(_) => "system",
            Self::Text(_) => "text",
            Self::Unknown => "unknown",
        }
    }

    /// Under which key of the message it stands.
    pub fn key(&self) -> Option<&'static str> {
        (!matches!(self, Self::Unknown)).then(|| self.kind())
    }
}

impl Serialize for Content<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Button(button) => button.serialize(serializer),
            Self::Contacts(cards) => cards.serialize(serializer),
            Self::Interactive(interactive) => interactive.serialize(serializer),
            Self::Location(location) => location.serialize(serializer),
            Self::Media(_, media) => media.serialize(serializer),
            Self::Order(order) => order.serialize(serializer),
            Self::Reaction(reaction) => reaction.serialize(serializer),
            Self::System(system) => system.serialize(serializer),
            Self::Text(text) => text.serialize(serializer),
            Self::Unknown => serializer.serialize_unit(),
        }
    }
}

/// Structs of texts that may be missing.
macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident $(as $key:literal)?,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
        pub struct $name<'a> {$(
            $(#[$field_doc])*
            #[serde(skip_serializing_if = "Option::is_none" $(, rename = $key)?)]
            pub $field: Option<Cow<'a, str>>,
        )*}
    )*};
}

/// The answer to a template's button.
#[derive(Clone, Debug, Serialize)]
pub struct Button<'a> {
    /// What the business called it; `null` if it did not.
    pub payload: Option<Cow<'a, str>>,
    /// What the customer saw.
    pub text: Cow<'a, str>,
}

/// The answer to a list, buttons or a form, with the key by its `type`.
#[derive(Clone, Debug, Serialize)]
pub struct Interactive<'a> {
    /// One of several buttons.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub button_reply: Option<Choice<'a>>,
    /// One of several rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list_reply: Option<Choice<'a>>,
    /// A form filled in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nfm_reply: Option<FormAnswer<'a>>,
    /// Which of them.
    #[serde(rename = "type")]
    pub kind: &'static str,
}

/// What was chosen.
#[derive(Clone, Debug, Serialize)]
pub struct Choice<'a> {
    /// Of a row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Cow<'a, str>>,
    /// What the business called it.
    pub id: Cow<'a, str>,
    /// What the customer saw.
    pub title: Cow<'a, str>,
}

/// A form filled in.
#[derive(Clone, Debug, Serialize)]
pub struct FormAnswer<'a> {
    /// What the customer saw.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Cow<'a, str>>,
    /// Which kind of form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Cow<'a, str>>,
    /// JSON within a text.
    pub response_json: Cow<'a, str>,
}

/// A place.
#[derive(Clone, Debug, Serialize)]
pub struct Location<'a> {
    /// In words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Cow<'a, str>>,
    /// A number, as it was written.
    pub latitude: &'a RawValue,
    /// A number, as it was written.
    pub longitude: &'a RawValue,
    /// What it is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Cow<'a, str>>,
    /// A page about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<Cow<'a, str>>,
}

texts! {
    /// A medium.
    Media {
        /// As typed; of a document the file's name if nothing was.
        caption,
        /// Its path in the old client's volume.
        file,
        /// Of a document.
        filename,
        /// Its id.
        id,
        /// With parameters.
        mime_type,
        /// Hex or base64, by `compat.sha256`.
        sha256,
        /// `downloaded` or `undownloaded`.
        status,
    }
}

/// A basket.
#[derive(Clone, Debug, Serialize)]
pub struct Order<'a> {
    /// Which catalogue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catalog_id: Option<Cow<'a, str>>,
    /// What is wanted.
    pub product_items: Vec<Item<'a>>,
    /// What was written to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<Cow<'a, str>>,
}

/// What is wanted.
#[derive(Clone, Debug, Serialize)]
pub struct Item<'a> {
    /// Of the price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<Cow<'a, str>>,
    /// A number, as it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item_price: Option<&'a RawValue>,
    /// Which product.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product_retailer_id: Option<Cow<'a, str>>,
    /// A number, as it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity: Option<&'a RawValue>,
}

/// Cloud's own, which the old client did not have.
#[derive(Clone, Debug, Serialize)]
pub struct Reaction<'a> {
    /// Missing when it was taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emoji: Option<Cow<'a, str>>,
    /// To which message.
    pub message_id: Cow<'a, str>,
}

/// Something about the customer.
#[derive(Clone, Debug, Serialize)]
pub struct System<'a> {
    /// In words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Cow<'a, str>>,
    /// Of the new telephone's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<Cow<'a, str>>,
    /// The new phone number's digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_wa_id: Option<Cow<'a, str>>,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: &'static str,
}

/// A text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Text<'a> {
    /// The text.
    pub body: Cow<'a, str>,
}

/// An address card.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Card<'a> {
    /// Postal ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub addresses: Option<Vec<Address<'a>>>,
    /// Year, month and day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub birthday: Option<Cow<'a, str>>,
    /// Electronic ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emails: Option<Vec<Email<'a>>>,
    /// The name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Name<'a>>,
    /// Where somebody works.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org: Option<Organization<'a>>,
    /// Telephones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phones: Option<Vec<Phone<'a>>>,
    /// Pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub urls: Option<Vec<Url<'a>>>,
}

texts! {
    /// A postal address.
    Address {
        /// The city.
        city,
        /// The country.
        country,
        /// Two letters.
        country_code,
        /// A part of the country.
        state,
        /// Street and number.
        street,
        /// Home or work.
        kind as "type",
        /// The postal code.
        zip,
    }
    /// An electronic address.
    Email {
        /// The address.
        email,
        /// Home or work.
        kind as "type",
    }
    /// A name and its parts.
    Name {
        /// The first.
        first_name,
        /// All of it.
        formatted_name,
        /// The last.
        last_name,
        /// What stands in between.
        middle_name,
        /// What stands before it.
        prefix,
        /// What stands behind it.
        suffix,
    }
    /// Where somebody works.
    Organization {
        /// The company.
        company,
        /// The part of it.
        department,
        /// As what.
        title,
    }
    /// A telephone.
    Phone {
        /// Its number.
        phone,
        /// Home or work.
        kind as "type",
        /// The number's digits, of a customer of WhatsApp.
        wa_id,
    }
    /// A page.
    Url {
        /// Home or work.
        kind as "type",
        /// Where it is.
        url,
    }
}
