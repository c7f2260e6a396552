//! What each connection posts, and when.

use std::time::Duration;

use aws_lc_rs::hmac;
use waba_bridge::standin::cloud::Attachment;
use waba_bridge::standin::media::Kind;
use waba_bridge::standin::{Cloud, Content, Medium};

use crate::Plan;
use crate::writing::{self, Author};

/// One POST.
pub struct Post {
    /// From the beginning of all.
    pub due: Duration,
    pub events: usize,
    pub request: Vec<u8>,
}

/// A customer, and how far its story went.
struct Contact {
    digits: String,
    events: u64,
    steps: u64,
}

/// The first customer's number.
const FIRST_CONTACT: u64 = 16_503_800_000;
const FIRST_MEDIUM: u64 = 1_761_991_787_669_000;
/// Timestamps begin so long ago, and rise by one with every event of a contact.
const AGO_S: u64 = 3600;

/// A script for each connection. `begins_ms` is when posting begins, in Unix milliseconds.
pub fn write(plan: &Plan, cloud: Option<&Cloud>, begins_ms: u64) -> anyhow::Result<Vec<Vec<Post>>> {
    anyhow::ensure!(
        plan.contacts >= plan.connections,
        "each connection needs a contact"
    );
    let mut contacts: Vec<Contact> = (FIRST_CONTACT..)
        .take(plan.contacts)
        .map(|digits| Contact {
            digits: digits.to_string(),
            events: 0,
            steps: 0,
        })
        .collect();
    let writer = Writer {
        plan,
        begins_ms,
        first_timestamp: begins_ms / 1000 - AGO_S,
        key: hmac::Key::new(hmac::HMAC_SHA256, plan.app_secret.as_bytes()),
    };
    let mut scripts: Vec<Vec<Post>> = (0..plan.connections).map(|_| Vec::new()).collect();
    let mut images = plan
        .media
        .as_ref()
        .map_or(0..0, |media| 0..media.count)
        .peekable();
    for number in 0..plan.events / plan.per_post {
        let due = after(number * plan.per_post, plan.rate);
        while let (Some(media), Some(cloud)) = (&plan.media, cloud)
            && let Some(&image) = images.peek()
            && after(image, media.rate) <= due
        {
            images.next();
            let place = image * 7 % contacts.len();
            let post = writer.image(
                cloud,
                image,
                media.bytes,
                after(image, media.rate),
                &mut contacts[place],
            );
            scripts[place % plan.connections].push(post);
        }
        let connection = number % plan.connections;
        let mine = (plan.contacts - connection).div_ceil(plan.connections);
        let first = number / plan.connections * plan.per_post;
        let values = (first..first + plan.per_post).map(|event| {
            let contact = &mut contacts[event % mine * plan.connections + connection];
            writer.event(contact, due)
        });
        let values: Vec<String> = values.collect();
        scripts[connection].push(writer.post(&values, due));
    }
    Ok(scripts)
}

struct Writer<'a> {
    plan: &'a Plan,
    begins_ms: u64,
    first_timestamp: u64,
    key: hmac::Key,
}

impl Writer<'_> {
    fn post(&self, values: &[String], due: Duration) -> Post {
        let body = writing::notification(&self.plan.phone_number_id, values);
        Post {
            due,
            events: values.len(),
            request: writing::request(self.plan, &self.key, body.as_bytes()),
        }
    }

    fn event(&self, contact: &mut Contact, due: Duration) -> String {
        let timestamp = self.timestamp(contact);
        let step = contact.steps;
        contact.steps += 1;
        let sent = |message| writing::wamid(&contact.digits, Author::Business, self.name(message));
        if !self.plan.mixed {
            return writing::status(&contact.digits, &sent(step), timestamp, "delivered");
        }
        let words = ["sent", "delivered", "read"];
        match (step % 4).checked_sub(1) {
            Some(status) => {
                let word = words[status as usize];
                writing::status(&contact.digits, &sent(step / 4), timestamp, word)
            }
            None => {
                let id = writing::wamid(&contact.digits, Author::Customer, self.name(step));
                let body = match self.plan.rate {
                    0 => "Does it come in another color?".to_owned(),
                    _ => format!("at {}", self.begins_ms + due.as_millis() as u64),
                };
                writing::text(&contact.digits, &id, timestamp, &body)
            }
        }
    }

    fn image(
        &self,
        cloud: &Cloud,
        image: usize,
        length: u64,
        due: Duration,
        contact: &mut Contact,
    ) -> Post {
        let seed = FIRST_MEDIUM + image as u64;
        let id = seed.to_string();
        cloud.add_medium(
            id.clone(),
            Medium::new("image/jpeg", Content::Pattern { length, seed }),
        );
        let mut value = cloud.inbound_media(&contact.digits, Kind::Image, &Attachment::of(&id));
        value["messages"][0]["timestamp"] = self.timestamp(contact).to_string().into();
        let body = cloud.written(&[value]);
        Post {
            due,
            events: 1,
            request: writing::request(self.plan, &self.key, &body),
        }
    }

    fn timestamp(&self, contact: &mut Contact) -> u64 {
        contact.events += 1;
        self.first_timestamp + contact.events
    }

    /// Of a message: another one in every run.
    fn name(&self, message: u64) -> u64 {
        (self.begins_ms << 20) + message
    }
}

/// When so many were due, at this rate.
fn after(count: usize, rate: u32) -> Duration {
    match rate {
        0 => Duration::ZERO,
        rate => Duration::from_micros(count as u64 * 1_000_000 / u64::from(rate)),
    }
}
