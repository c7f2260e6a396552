//! Who is who: customers, and messages, by the names that callbacks have for them.

use std::borrow::Cow;

use aws_lc_rs::digest::{SHA256, digest};

use super::raw::{self, Raw, shapes};
use super::{Alias, Rules};
use crate::config::{MessageIds, UsernameUsers};
use crate::ids::message;
use crate::onprem::callback;

shapes! {
    /// An element of `contacts`.
    Contact {
        identity_key_hash: b"identity_key_hash",
        parent_user_id: b"parent_user_id",
        profile: b"profile",
        user_id: b"user_id",
        wa_id: b"wa_id",
    }
    /// What somebody calls himself.
    Profile {
        name: b"name",
        username: b"username",
    }
}

/// Gives names, and remembers those that cannot be turned back by themselves.
pub(super) struct Names<'r, 'a> {
    pub(super) rules: Rules<'r>,
    pub(super) aliases: Vec<Alias<'a>>,
}

impl<'a> Names<'_, 'a> {
    /// A customer, from what [`said`] read: a phone number, or Cloud's id of somebody whose phone number it does not tell.
    pub(super) fn person(&mut self, said: Cow<'a, str>) -> Cow<'a, str> {
        let is_number = said.bytes().all(|byte| byte.is_ascii_digit());
        if is_number || self.rules.compat.username_users == UsernameUsers::UserId {
            return said;
        }
        let told: Cow<'_, str> = Cow::Owned(digits(&said));
        self.remember(Alias {
            told: told.clone(),
            cloud: said,
        });
        told
    }

    /// A message.
    pub(super) fn message(&mut self, said: Cow<'a, str>) -> Cow<'a, str> {
        if self.rules.compat.message_ids == MessageIds::Cloud {
            return said;
        }
        match message::to_onprem(&said) {
            Some(told) => Cow::Owned(told),
            None => {
                self.remember(Alias {
                    told: said.clone(),
                    cloud: said.clone(),
                });
                said
            }
        }
    }

    fn remember(&mut self, alias: Alias<'a>) {
        if !self.aliases.contains(&alias) {
            self.aliases.push(alias);
        }
    }

    /// The sender's contact, which is made up where Cloud has none.
    pub(super) fn contact(
        &mut self,
        contact: Option<Contact<'a>>,
        from: &Cow<'a, str>,
    ) -> callback::Contact<'a> {
        let contact = contact.unwrap_or_default();
        let profile: Profile<'_> = raw::object(contact.profile).unwrap_or_default();
        let wa_id = said(contact.wa_id).map(|wa_id| self.person(wa_id));
        let handed_through = |raw: Raw<'a>| match self.rules.compat.user_ids {
            true => raw::filled(raw),
            false => None,
        };
        callback::Contact {
            parent_user_id: handed_through(contact.parent_user_id),
            profile: callback::Profile {
                name: raw::text(profile.name).unwrap_or_default(),
                username: handed_through(profile.username),
            },
            user_id: handed_through(contact.user_id),
            wa_id: wa_id.unwrap_or_else(|| from.clone()),
        }
    }
}

/// The contact of a message's sender: by the phone number, else by Cloud's id, else the only one there is.
pub(super) fn choose<'a>(
    contacts: Raw<'a>,
    from: Option<&str>,
    user_id: Option<&str>,
) -> Option<Contact<'a>> {
    let contacts: Vec<Contact<'_>> = match raw::object(contacts) {
        // Chosen already, where a notification was cut up.
        Some(contact) => return Some(contact),
        None => raw::objects(contacts)?,
    };
    let is =
        |raw: Raw<'_>, wanted: Option<&str>| wanted.is_some() && said(raw).as_deref() == wanted;
    let by_number = contacts.iter().find(|contact| is(contact.wa_id, from));
    let by_user = || contacts.iter().find(|contact| is(contact.user_id, user_id));
    by_number
        .or_else(by_user)
        .or(match contacts.as_slice() {
            [only] => Some(only),
            _ => None,
        })
        .copied()
}

/// A phone number without the plus that stands before some of them, or Cloud's id of a user. Anything else is nobody:
/// integrations refuse a sender that is neither, and would be called back with it for ever.
pub(super) fn said(raw: Raw<'_>) -> Option<Cow<'_, str>> {
    said_of_any(raw).filter(|said| is_phone_number(said) || is_user_id(said))
}

/// The same, or the id of a group, which is any text.
pub(super) fn said_of_any(raw: Raw<'_>) -> Option<Cow<'_, str>> {
    let said = match raw::word(raw)? {
        Cow::Borrowed(said) => Cow::Borrowed(said.trim_start_matches('+')),
        Cow::Owned(said) => Cow::Owned(said.trim_start_matches('+').to_owned()),
    };
    (!said.is_empty()).then_some(said)
}

fn is_phone_number(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `US.13491208655302741918`, or with `ENT.` in the middle.
fn is_user_id(text: &str) -> bool {
    let Some((country, id)) = text.split_once('.') else {
        return false;
    };
    let id = id.strip_prefix("ENT.").unwrap_or(id);
    country.len() == 2
        && country.bytes().all(|byte| byte.is_ascii_uppercase())
        && (1..=128).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// 15 digits that are no phone number, always the same ones for the same id: no country has the code 999.
fn digits(user_id: &str) -> String {
    let hash = digest(&SHA256, user_id.as_bytes());
    let number = hash.as_ref().iter().take(8);
    let number = number.fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    format!("999{:012}", number % 1_000_000_000_000)
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;

    fn chosen(contacts: &str, from: Option<&str>, user_id: Option<&str>) -> Option<String> {
        let contacts: &RawValue = serde_json::from_str(contacts).unwrap();
        let contact = choose(Some(contacts), from, user_id)?;
        let profile: Profile<'_> = raw::object(contact.profile).unwrap();
        raw::text(profile.name).map(Cow::into_owned)
    }

    #[test]
    fn the_contact_is_the_senders() {
        let both = r#"[7,{"profile":{"name":"A"},"wa_id":"1","user_id":"US.2"},
                       {"profile":{"name":"B"},"wa_id":"+3","user_id":"US.4"}]"#;
        let name = |from, user_id| chosen(both, from, user_id);
        assert_eq!(name(Some("3"), Some("US.2")).as_deref(), Some("B"));
        assert_eq!(name(Some("9"), Some("US.2")).as_deref(), Some("A"));
        assert_eq!(name(None, Some("US.4")).as_deref(), Some("B"));
        assert_eq!(name(Some("9"), None), None);
        let one = r#"[{"profile":{"name":"A"}}]"#;
        assert_eq!(chosen(one, Some("9"), None).as_deref(), Some("A"));
        let alone = r#"{"profile":{"name":"A"}}"#;
        assert_eq!(chosen(alone, Some("9"), None).as_deref(), Some("A"));
        assert_eq!(chosen("[]", Some("9"), None), None);
    }

    #[test]
    fn digits_of_a_user_never_change() {
        let told = digits("US.13491208655302741918");
        assert_eq!(told, digits("US.13491208655302741918"));
        assert!(told.len() == 15 && told.starts_with("999"), "{told}");
        assert_ne!(told, digits("US.13491208655302741919"));
    }
}
