//! What a receiver saw of the callbacks: how many, whether each contact's came in order, and how late they were.
//!
//! `notify` writes timestamps that rise by one for each event of a contact, and into texts when they were due (`at MILLISECONDS`).

use std::collections::{HashMap, HashSet};
use std::time::{SystemTime, UNIX_EPOCH};

/// Later than this is counted as this.
const LATEST_MS: usize = 120_000;

#[derive(Default)]
pub struct Tally {
    contacts: HashMap<Box<[u8]>, Contact>,
    posts: u64,
    events: u64,
    duplicates: u64,
    disordered: u64,
    /// Not made of what `notify` writes.
    strange: u64,
    /// How many texts were so many milliseconds late.
    late: Vec<u32>,
}

#[derive(Default)]
struct Contact {
    newest: u64,
    seen: HashSet<u64>,
}

impl Tally {
    pub fn count(&mut self, body: &[u8]) {
        self.posts += 1;
        let contact = after(body, b"\"from\":\"").or_else(|| after(body, b"\"recipient_id\":\""));
        let number = after(body, b"\"timestamp\":\"").and_then(number);
        let (Some(contact), Some(number)) = (contact, number) else {
            self.strange += 1;
            return;
        };
        if !self.contacts.contains_key(contact) {
            self.contacts.insert(contact.into(), Contact::default());
        }
        let Some(contact) = self.contacts.get_mut(contact) else {
            return;
        };
        if !contact.seen.insert(number) {
            self.duplicates += 1;
            return;
        }
        self.events += 1;
        if number < contact.newest {
            self.disordered += 1;
        }
        contact.newest = contact.newest.max(number);
        if let Some(due) = after(body, b"\"body\":\"at ").and_then(self::number) {
            self.late.resize(LATEST_MS + 1, 0);
            let late = usize::try_from(now_ms().saturating_sub(due)).unwrap_or(LATEST_MS);
            self.late[late.min(LATEST_MS)] += 1;
        }
    }

    pub fn told(&self) -> String {
        serde_json::json!({
            "posts": self.posts,
            "events": self.events,
            "duplicates": self.duplicates,
            "disordered": self.disordered,
            "strange": self.strange,
            "late_p50_ms": self.late_by(50),
            "late_p99_ms": self.late_by(99),
        })
        .to_string()
    }

    fn late_by(&self, percent: u64) -> usize {
        let all: u64 = self.late.iter().map(|&count| u64::from(count)).sum();
        let mut so_far = 0;
        let within = self.late.iter().position(|&count| {
            so_far += u64::from(count);
            so_far * 100 >= all * percent
        });
        within.unwrap_or(0)
    }
}

/// The text after the first such beginning, up to the quote.
fn after<'a>(body: &'a [u8], beginning: &[u8]) -> Option<&'a [u8]> {
    let start = body
        .windows(beginning.len())
        .position(|window| window == beginning)?;
    let rest = &body[start + beginning.len()..];
    let end = rest.iter().position(|&byte| byte == b'"')?;
    Some(&rest[..end])
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}
