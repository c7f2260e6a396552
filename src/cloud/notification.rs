//! Notifications: what Meta posts, cut into the single things that happened. What is inside of one is not looked at
//! here, so that one that cannot be read takes nothing from its neighbours.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The only `object` whose notifications are about messages.
const OBJECT: &str = "whatsapp_business_account";
/// The only `field` the old client had a counterpart of.
const FIELD: &str = "messages";

/// Which list of a notification an event stood in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// An element of `messages`.
    Message,
    /// An element of `statuses`.
    Status,
    /// All of `errors`.
    Errors,
}

/// One thing that happened: what is kept, translated and told by itself.
#[derive(Debug, Serialize, Deserialize)]
pub struct Event<'a> {
    /// Where it stood.
    pub part: Part,
    /// As Meta wrote it.
    #[serde(borrow)]
    pub body: &'a RawValue,
    /// `contacts` beside a message, as Meta wrote it; of several, beside several messages, its sender's alone.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub contacts: Option<&'a RawValue>,
}

impl<'a> Event<'a> {
    /// Reads what [`Event::write`] wrote.
    pub fn read(text: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(text).ok()
    }

    /// As it is kept.
    pub fn write(&self) -> Vec<u8> {
        // Raw JSON and a word always serialize.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// The events of one number in a notification.
#[derive(Debug)]
pub struct Group<'a> {
    /// Whose they are.
    pub phone_number_id: Cow<'a, str>,
    /// In Meta's order, messages before statuses before errors.
    pub events: Vec<Event<'a>>,
}

/// A notification, cut up.
#[derive(Debug, Default)]
pub struct Batch<'a> {
    /// What is about messages.
    pub groups: Vec<Group<'a>>,
    /// Changes that the old client had no counterpart of, and that nobody is told of.
    pub others: usize,
    /// Changes that cannot be taken apart.
    pub unreadable: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    object: Option<&'a RawValue>,
    #[serde(borrow, default)]
    entry: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow, default)]
    changes: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Change<'a> {
    #[serde(borrow)]
    field: Cow<'a, str>,
    #[serde(borrow, default)]
    value: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Value<'a> {
    #[serde(borrow)]
    metadata: Metadata<'a>,
    #[serde(borrow, default)]
    contacts: Option<&'a RawValue>,
    #[serde(borrow, default)]
    messages: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    statuses: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    errors: Option<&'a RawValue>,
}

/// What almost every notification is, read in one go.
#[derive(Deserialize)]
struct Usual<'a> {
    #[serde(borrow)]
    object: Cow<'a, str>,
    #[serde(borrow)]
    entry: Vec<UsualEntry<'a>>,
}

#[derive(Deserialize)]
struct UsualEntry<'a> {
    #[serde(borrow)]
    changes: Vec<UsualChange<'a>>,
}

#[derive(Deserialize)]
struct UsualChange<'a> {
    #[serde(borrow)]
    field: Cow<'a, str>,
    #[serde(borrow)]
    value: Value<'a>,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow)]
    phone_number_id: Cow<'a, str>,
}

/// Cuts a notification up.
///
/// # Errors
/// The body is no JSON, or nothing like an object. Everything else finds its place in the batch.
pub fn split(body: &[u8]) -> Result<Batch<'_>, serde_json::Error> {
    match usual(body) {
        Some(batch) => Ok(batch),
        None => piece_by_piece(body),
    }
}

/// Where nothing is amiss and everything is about messages.
fn usual(body: &[u8]) -> Option<Batch<'_>> {
    let usual: Usual<'_> = serde_json::from_slice(body).ok()?;
    (usual.object == OBJECT).then_some(())?;
    let mut batch = Batch::default();
    for change in usual.entry.into_iter().flat_map(|entry| entry.changes) {
        match &*change.field {
            FIELD => batch.groups.push(group(change.value)),
            _ => batch.others += 1,
        }
    }
    Some(batch)
}

/// With what cannot be read beside what can.
fn piece_by_piece(body: &[u8]) -> Result<Batch<'_>, serde_json::Error> {
    let envelope: Envelope<'_> = serde_json::from_slice(body)?;
    let mut batch = Batch::default();
    let Some(entries) = envelope.entry else {
        return Ok(batch);
    };
    if envelope.object.is_none_or(|object| text(object) != OBJECT) {
        batch.others += 1;
        return Ok(batch);
    }
    let Ok(entries) = serde_json::from_str::<Vec<&RawValue>>(entries.get()) else {
        batch.unreadable.push(entries);
        return Ok(batch);
    };
    for raw in entries {
        match serde_json::from_str::<Entry<'_>>(raw.get()) {
            Ok(entry) => {
                for change in entry.changes {
                    batch.take(change);
                }
            }
            Err(_) => batch.unreadable.push(raw),
        }
    }
    Ok(batch)
}

impl<'a> Batch<'a> {
    fn take(&mut self, raw: &'a RawValue) {
        let Ok(change) = serde_json::from_str::<Change<'_>>(raw.get()) else {
            self.unreadable.push(raw);
            return;
        };
        if change.field != FIELD {
            self.others += 1;
            return;
        }
        let value = change.value.map(|value| serde_json::from_str(value.get()));
        let Some(Ok(value)) = value else {
            self.unreadable.push(raw);
            return;
        };
        self.groups.push(group(value));
    }
}

fn group(value: Value<'_>) -> Group<'_> {
    let Value {
        metadata,
        contacts,
        messages,
        statuses,
        errors,
    } = value;
    let event = |part, body, contacts| Event {
        part,
        body,
        contacts,
    };
    let messages = messages.unwrap_or_default();
    let contacts = Contacts::beside(&messages, contacts);
    let messages = messages.into_iter();
    let messages = messages.map(|body| event(Part::Message, body, contacts.of(body)));
    let statuses = statuses.into_iter().flatten();
    let statuses = statuses.map(|body| event(Part::Status, body, None));
    let errors = errors.filter(|errors| !matches!(errors.get(), "null" | "[]"));
    let errors = errors.map(|body| event(Part::Errors, body, None));
    Group {
        phone_number_id: metadata.phone_number_id,
        events: messages.chain(statuses).chain(errors).collect(),
    }
}

/// The contacts beside messages.
enum Contacts<'a> {
    /// For whoever reads the message to choose from.
    All(Option<&'a RawValue>),
    /// By phone number and by Cloud's id: a batch must not carry all of them once for each of its messages.
    ByName(HashMap<Cow<'a, str>, &'a RawValue>),
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow, default)]
    wa_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    user_id: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Sent<'a> {
    #[serde(borrow, default)]
    from: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    from_user_id: Option<Cow<'a, str>>,
}

impl<'a> Contacts<'a> {
    fn beside(messages: &[&RawValue], contacts: Option<&'a RawValue>) -> Self {
        let list = contacts.filter(|_| messages.len() > 1);
        let list = list.and_then(|list| serde_json::from_str::<Vec<&RawValue>>(list.get()).ok());
        let Some(list) = list.filter(|list| list.len() > 1) else {
            return Self::All(contacts);
        };
        let mut by_name = HashMap::new();
        for contact in list {
            let Ok(Named { wa_id, user_id }) = serde_json::from_str(contact.get()) else {
                continue;
            };
            for name in [wa_id, user_id].into_iter().flatten() {
                by_name.entry(without_plus(name)).or_insert(contact);
            }
        }
        Self::ByName(by_name)
    }

    fn of(&self, message: &RawValue) -> Option<&'a RawValue> {
        let by_name = match self {
            Self::All(contacts) => return *contacts,
            Self::ByName(by_name) => by_name,
        };
        let Sent { from, from_user_id } = serde_json::from_str(message.get()).ok()?;
        let names = [from, from_user_id].into_iter().flatten();
        let mut contacts = names.filter_map(|name| by_name.get(&without_plus(name)));
        contacts.next().copied()
    }
}

fn without_plus(name: Cow<'_, str>) -> Cow<'_, str> {
    match name {
        Cow::Borrowed(name) => Cow::Borrowed(name.trim_start_matches('+')),
        Cow::Owned(name) => Cow::Owned(name.trim_start_matches('+').to_owned()),
    }
}

fn text(raw: &RawValue) -> Cow<'_, str> {
    serde_json::from_str(raw.get()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(body: &str) -> (Vec<Part>, usize, usize) {
        let batch = split(body.as_bytes()).unwrap();
        let events = batch.groups.iter().flat_map(|group| &group.events);
        let parts = events.map(|event| event.part).collect();
        (parts, batch.others, batch.unreadable.len())
    }

    fn notification(value: &str) -> String {
        format!(
            r#"{{"object":"whatsapp_business_account","entry":[{{"id":"1","changes":[{{"field":"messages","value":{value}}}]}}]}}"#
        )
    }

    #[test]
    fn every_list_is_cut_into_its_elements() {
        let body = notification(
            r#"{"metadata":{"phone_number_id":"12"},"contacts":[{"wa_id":"1"}],"messages":[{"id":"a"},{"id":"b"}],
               "statuses":[{"id":"c"}],"errors":[{"code":1},{"code":2}]}"#,
        );
        let batch = split(body.as_bytes()).unwrap();
        assert_eq!(batch.groups[0].phone_number_id, "12");
        let events = &batch.groups[0].events;
        let bodies = events.iter().map(|event| event.body.get());
        assert_eq!(
            bodies.collect::<Vec<_>>(),
            [
                r#"{"id":"a"}"#,
                r#"{"id":"b"}"#,
                r#"{"id":"c"}"#,
                r#"[{"code":1},{"code":2}]"#
            ]
        );
        assert!(events[1].contacts.is_some() && events[2].contacts.is_none());
        let written = events[1].write();
        let read = Event::read(&written).unwrap();
        assert_eq!(read.body.get(), r#"{"id":"b"}"#);
    }

    #[test]
    fn a_batch_carries_each_contact_once() {
        let body = notification(
            r#"{"metadata":{"phone_number_id":"12"},"contacts":[{"wa_id":"1"},{"user_id":"US.2"},7],
               "messages":[{"from":"+1"},{"from_user_id":"US.2"},{"from":"3"},{}]}"#,
        );
        let batch = split(body.as_bytes()).unwrap();
        let contacts = batch.groups[0].events.iter();
        let contacts = contacts.map(|event| event.contacts.map(RawValue::get));
        assert_eq!(
            contacts.collect::<Vec<_>>(),
            [
                Some(r#"{"wa_id":"1"}"#),
                Some(r#"{"user_id":"US.2"}"#),
                None,
                None
            ]
        );
    }

    #[test]
    fn what_is_not_about_messages_is_counted_only() {
        let other = notification("{}").replace("messages", "account_update");
        assert_eq!(parts(&other), (vec![], 1, 0));
        assert_eq!(parts(r#"{"object":"page","entry":[{}]}"#), (vec![], 1, 0));
        assert_eq!(parts("{}"), (vec![], 0, 0));
    }

    #[test]
    fn what_cannot_be_taken_apart_harms_no_neighbour() {
        let body = r#"{"object":"whatsapp_business_account","entry":[7,{"changes":[3,{"field":"messages","value":{"metadata":1}},
            {"field":"messages","value":{"metadata":{"phone_number_id":"1"},"statuses":["\ud83d",{"id":"a"}]}}]}]}"#;
        assert_eq!(parts(body), (vec![Part::Status, Part::Status], 0, 3));
        assert!(split(b"7").is_err() && split(b"{").is_err());
    }
}
