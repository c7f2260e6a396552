//! Events kept for operators: shown, told after all, or forgotten.

use std::sync::Arc;

use super::events::{Events, Number, UNREADABLE, UNREADABLE_BODY, UNREADABLE_CHANGE};
use super::seal::Sealed;
use crate::cloud::notification::{Batch, Event, split};
use crate::state::{KeptRow, NewEvent, StateError};
use crate::translate::notification::{self, Silence, Verdict};

/// How much of a notification a change may be, and what is then missing around it.
const ENVELOPES: [(&str, &str); 3] = [
    (
        r#"{"object":"whatsapp_business_account","entry":[{"changes":["#,
        "]}]}",
    ),
    (r#"{"object":"whatsapp_business_account","entry":["#, "]}"),
    (r#"{"object":"whatsapp_business_account","entry":"#, "}"),
];

/// What could not be told as it was.
pub struct Kept {
    events: Arc<Events>,
}

/// A kept event, opened.
#[derive(Debug)]
pub struct Shown {
    /// What is known of it.
    pub row: KeptRow,
    /// As Meta wrote it, or redacted.
    pub body: Vec<u8>,
}

/// Why a kept event is not shown, or not told.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It is not there, or not any more.
    #[error("no kept notification has this id")]
    Unknown,
    /// The key is another one now.
    #[error(transparent)]
    Sealed(#[from] Sealed),
    /// There is nothing to be told.
    #[error("only its form was kept (notifications.keep is \"redacted\"), so it cannot be told")]
    Redacted,
    /// It is for a later version.
    #[error("this version cannot tell it either; try again after an update")]
    StillUnknown,
    /// It is understood by now.
    #[error("it is understood, and it is nothing that anybody is told of; drop it")]
    NothingToTell,
    /// Its number is not in the configuration, or not of the app that signed.
    #[error("it is about no number that is configured here for the app that signed it")]
    NoNumber,
    /// The state is in trouble.
    #[error(transparent)]
    State(#[from] StateError),
}

impl Kept {
    /// Of what these take in.
    pub fn new(events: Arc<Events>) -> Self {
        Self { events }
    }

    /// The newest, newest first.
    pub async fn list(&self, limit: usize) -> Result<Vec<KeptRow>, StateError> {
        self.events.state.kept(limit).await
    }

    /// How many there are.
    pub async fn count(&self) -> Result<u64, StateError> {
        self.events.state.kept_count().await
    }

    /// One of them, opened.
    pub async fn show(&self, id: i64) -> Result<Shown, Refused> {
        let row = self.events.state.kept_one(id).await?;
        let row = row.ok_or(Refused::Unknown)?;
        let body = match row.kept.sealed {
            true => self.events.seal.open(&row.kept.body)?,
            false => row.kept.body.clone(),
        };
        Ok(Shown { row, body })
    }

    /// Forgets one.
    pub async fn drop(&self, id: i64) -> Result<(), Refused> {
        match self.events.state.drop_kept(id).await? {
            true => Ok(()),
            false => Err(Refused::Unknown),
        }
    }

    /// Takes one in again, if it can be told by now, and forgets it; says how many events it was.
    pub async fn redrive(&self, id: i64) -> Result<usize, Refused> {
        let Shown { row, body } = self.show(id).await?;
        if !row.kept.sealed {
            return Err(Refused::Redacted);
        }
        let numbers = self.events.numbers.values();
        let mut number = numbers.filter(|number| Some(&number.name) == row.kept.number.as_ref());
        let number = number.next().ok_or(Refused::NoNumber)?;
        match row.kept.kind.as_str() {
            UNREADABLE_BODY => self.retake(id, number, &body).await,
            UNREADABLE_CHANGE => {
                let whole = ENVELOPES.into_iter().map(|(before, after)| {
                    [before.as_bytes(), body.as_slice(), after.as_bytes()].concat()
                });
                let mut whole = whole.filter(|whole| is_readable(whole));
                let whole = whole.next().ok_or(Refused::StillUnknown)?;
                self.retake(id, number, &whole).await
            }
            _ => self.again(&row, number, &body).await,
        }
    }

    /// Takes in an event that could be taken apart.
    async fn again(&self, row: &KeptRow, number: &Number, body: &[u8]) -> Result<usize, Refused> {
        let event = Event::read(body).ok_or(Refused::StillUnknown)?;
        let reading = notification::read(&event, number.rules());
        match reading.verdict {
            Verdict::Tell => {
                let mut new = NewEvent::default();
                self.events.work(number, &event, &reading, None, &mut new);
                match self.events.state.redrive_kept(row.id, new).await? {
                    true => Ok(1),
                    false => Err(Refused::Unknown),
                }
            }
            // Nobody was told of it in any form. A later version may know more, so it is kept once more.
            Verdict::TellUnknown if row.kept.reason == UNREADABLE => {
                self.events.take_in(number, &[&event]).await?;
                self.events.state.drop_kept(row.id).await?;
                Ok(1)
            }
            Verdict::Silent(Silence::Setting | Silence::NoCounterpart) => {
                Err(Refused::NothingToTell)
            }
            Verdict::TellUnknown | Verdict::Silent(Silence::Unheard) | Verdict::Unreadable => {
                Err(Refused::StillUnknown)
            }
        }
    }

    /// Takes in what can be taken apart by now. Its events have names of their own, so that nothing is told twice when
    /// this ends between the two commits.
    async fn retake(&self, id: i64, signed: &Number, body: &[u8]) -> Result<usize, Refused> {
        let batch = readable(body).ok_or(Refused::StillUnknown)?;
        if batch.groups.is_empty() {
            return Err(Refused::NothingToTell);
        }
        let number_of = |id: &str| {
            let number = self.events.numbers.get(id);
            number
                .filter(|number| signed.index == number.index || signed.kin.contains(&number.index))
        };
        let groups = batch.groups.iter();
        let groups = groups.map(|group| Some((number_of(&group.phone_number_id)?, &group.events)));
        let groups = groups.collect::<Option<Vec<_>>>();
        let groups = groups.ok_or(Refused::NoNumber)?;
        let mut count = 0;
        for (number, events) in groups {
            let events = events.iter().collect::<Vec<_>>();
            self.events.take_in(number, &events).await?;
            count += events.len();
        }
        self.events.state.drop_kept(id).await?;
        Ok(count)
    }
}

/// A notification of which nothing is left that cannot be taken apart.
fn readable(body: &[u8]) -> Option<Batch<'_>> {
    let batch = split(body).ok()?;
    let has_any = batch.others > 0 || !batch.groups.is_empty();
    (batch.unreadable.is_empty() && has_any).then_some(batch)
}

fn is_readable(body: &[u8]) -> bool {
    readable(body).is_some()
}
