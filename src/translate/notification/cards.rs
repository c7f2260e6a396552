//! Address cards that a customer sends.

use super::raw::{self, Raw, shapes};
use crate::onprem::callback::{Address, Card, Content, Email, Name, Organization, Phone, Url};

shapes! {
    /// An element of `contacts`.
    CloudCard {
        addresses: b"addresses",
        birthday: b"birthday",
        emails: b"emails",
        name: b"name",
        org: b"org",
        phones: b"phones",
        urls: b"urls",
    }
    CloudAddress {
        city: b"city",
        country: b"country",
        country_code: b"country_code",
        kind: b"type",
        state: b"state",
        street: b"street",
        zip: b"zip",
    }
    CloudEmail {
        email: b"email",
        kind: b"type",
    }
    CloudName {
        first_name: b"first_name",
        formatted_name: b"formatted_name",
        last_name: b"last_name",
        middle_name: b"middle_name",
        prefix: b"prefix",
        suffix: b"suffix",
    }
    CloudOrganization {
        company: b"company",
        department: b"department",
        title: b"title",
    }
    CloudPhone {
        kind: b"type",
        phone: b"phone",
        wa_id: b"wa_id",
    }
    CloudUrl {
        kind: b"type",
        url: b"url",
    }
}

/// The cards, without what only Cloud has.
pub(super) fn cards(raw: Raw<'_>) -> Option<Content<'_>> {
    let cards: Vec<CloudCard<'_>> = raw::objects(raw)?;
    (!cards.is_empty()).then(|| Content::Contacts(cards.iter().map(card).collect()))
}

fn card<'a>(card: &CloudCard<'a>) -> Card<'a> {
    Card {
        addresses: each(card.addresses, address),
        birthday: raw::text(card.birthday),
        emails: each(card.emails, |email: CloudEmail<'a>| Email {
            email: raw::text(email.email),
            kind: raw::text(email.kind),
        }),
        name: raw::object(card.name).map(name),
        org: raw::object(card.org).map(|org: CloudOrganization<'a>| Organization {
            company: raw::text(org.company),
            department: raw::text(org.department),
            title: raw::text(org.title),
        }),
        phones: each(card.phones, |phone: CloudPhone<'a>| Phone {
            phone: raw::word(phone.phone),
            kind: raw::text(phone.kind),
            wa_id: raw::word(phone.wa_id),
        }),
        urls: each(card.urls, |url: CloudUrl<'a>| Url {
            kind: raw::text(url.kind),
            url: raw::text(url.url),
        }),
    }
}

fn address(address: CloudAddress<'_>) -> Address<'_> {
    Address {
        city: raw::text(address.city),
        country: raw::text(address.country),
        country_code: raw::text(address.country_code),
        state: raw::text(address.state),
        street: raw::text(address.street),
        kind: raw::text(address.kind),
        zip: raw::word(address.zip),
    }
}

fn name(name: CloudName<'_>) -> Name<'_> {
    Name {
        first_name: raw::text(name.first_name),
        formatted_name: raw::text(name.formatted_name),
        last_name: raw::text(name.last_name),
        middle_name: raw::text(name.middle_name),
        prefix: raw::text(name.prefix),
        suffix: raw::text(name.suffix),
    }
}

fn each<'a, T: serde::Deserialize<'a>, U>(raw: Raw<'a>, told: impl Fn(T) -> U) -> Option<Vec<U>> {
    Some(raw::objects(raw)?.into_iter().map(told).collect())
}
