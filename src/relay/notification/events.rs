//! From a notification to what is durable: every event is read, and written down as the work it makes. Meta is answered
//! after that.
//!
//! What can be told at once is translated here already and waits as a finished callback; only what needs a medium, or
//! stands behind such a message of the same contact, is processed later.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::refusal::Refused;
use super::seal::Seal;
use super::signature::{Signed, Unsigned};
use crate::cloud::notification::{Batch, Event, Part};
use crate::config;
use crate::ids::{MediaId, NumberName, media_uuid};
use crate::jobs::{self, FetchOrder};
use crate::metrics::{NotificationMetrics, NumberMetrics};
use crate::sends::{Mark, Sends};
use crate::state::{
    About, Fate, JobId, Medium, NewAlias, NewEvent, NewKept, SeenKey, State, StateError, TakenIn,
    Timestamp,
};
use crate::translate::notification::{
    self, Alias, Fates, Inbound, Reading, Rules, Silence, Verdict,
};

/// The kind of a change that cannot be taken apart.
pub const UNREADABLE_CHANGE: &str = "unreadable_change";
/// The kind of a whole notification that cannot.
pub const UNREADABLE_BODY: &str = "unreadable_body";
/// The reason why an event is kept that nobody was told of in any form.
pub(super) const UNREADABLE: &str = "unreadable";

/// One number, as its events need it.
pub struct Number {
    /// What signatures know it by.
    pub index: usize,
    /// The numbers that an app of its own may sign for, itself among them.
    pub kin: Vec<usize>,
    /// Its name.
    pub name: NumberName,
    /// How closely the old client is imitated.
    pub compat: config::Compat,
    /// What it had been told.
    pub settings: config::Settings,
    /// Its messages that are being sent.
    pub sends: Arc<Sends>,
    /// Its figures.
    pub metrics: Arc<NumberMetrics>,
}

/// Takes events in.
pub struct Events {
    /// By what Meta calls them.
    pub numbers: HashMap<String, Number>,
    /// Where events are written down.
    pub state: State,
    /// What becomes of what cannot be told as it is.
    pub seal: Arc<Seal>,
    /// How much of that is kept.
    pub keep_rows: u64,
    /// How long a status waits for sends.
    pub status_wait: Duration,
    /// What belongs to no number.
    pub metrics: Arc<NotificationMetrics>,
}

/// An event that was read, and the words for its figures.
struct Read {
    new: NewEvent,
    kind: &'static str,
    outcome: &'static str,
}

impl Number {
    /// By what its events are translated.
    pub fn rules(&self) -> Rules<'_> {
        Rules {
            number: &self.name,
            compat: &self.compat,
            settings: &self.settings,
        }
    }
}

impl Events {
    /// Takes in what happened. When this returns without a refusal, it is on disk.
    ///
    /// What is about a number of ours and signed by another app is refused, so that Meta brings it again until the
    /// operator has mended the secret; what is about a number of nobody's would come for days, and is let go.
    pub async fn accept(&self, signed: Signed<'_>, batch: Batch<'_>) -> Result<(), Refused> {
        // All that is about one number goes into one commit, however many changes Meta made of it.
        let mut by_number: Vec<(&Number, Vec<&Event<'_>>)> = Vec::new();
        for group in &batch.groups {
            let number = match self.numbers.get(group.phone_number_id.as_ref()) {
                Some(number) if signed.is_good_for(number.index) => number,
                Some(_) => return Err(Unsigned.into()),
                None => {
                    self.metrics.unknown_number();
                    continue;
                }
            };
            match by_number
                .iter_mut()
                .find(|(known, _)| known.index == number.index)
            {
                Some((_, events)) => events.extend(&group.events),
                None => by_number.push((number, group.events.iter().collect())),
            }
        }
        for (number, events) in by_number {
            self.take_in(number, &events).await?;
        }
        for raw in &batch.unreadable {
            let raw = raw.get().as_bytes();
            self.keep(signed, UNREADABLE_CHANGE, raw).await?;
        }
        Ok(())
    }

    /// Takes a number's events in. When this returns, all of them are on disk, or nobody is to be told of them.
    pub(super) async fn take_in(
        &self,
        number: &Number,
        events: &[&Event<'_>],
    ) -> Result<(), StateError> {
        // Sends that begin after this have not been told of by what is here.
        let mark = number.sends.mark();
        let read = events.iter();
        let read = read.map(|event| self.read(number, event, mark));
        let (mut new, mut words) = (Vec::new(), Vec::new());
        for read in read {
            match is_nothing(&read.new) {
                true => number.metrics.event(read.kind, read.outcome),
                false => {
                    new.push(read.new);
                    words.push((read.kind, read.outcome));
                }
            }
        }
        if new.is_empty() {
            return Ok(());
        }
        let taken = self.state.take_in(new, self.keep_rows).await?;
        let mut held = Vec::new();
        for (taken, (kind, outcome)) in taken.into_iter().zip(words) {
            match taken {
                TakenIn::Duplicate => number.metrics.event(kind, "duplicate"),
                TakenIn::New { held: job } => {
                    held.extend(job);
                    number.metrics.event(kind, outcome);
                }
            }
        }
        if let Some(mark) = mark
            && !held.is_empty()
        {
            self.hasten(number, mark, held);
        }
        Ok(())
    }

    /// Keeps what is signed and cannot be taken apart, for a number that it may have been about.
    pub async fn keep(
        &self,
        signed: Signed<'_>,
        kind: &'static str,
        raw: &[u8],
    ) -> Result<(), StateError> {
        let mut numbers = self.numbers.values();
        let number = numbers.find(|number| signed.is_good_for(number.index));
        let number = number.map(|number| &number.name);
        let kept = self.kept(number, kind, "it cannot be taken apart", raw);
        let new = NewEvent {
            // Meta brings it again until it is taken, and it says nothing that it could be known by.
            seen: Some(SeenKey::of_bytes(raw)),
            kept: Some(kept),
            ..NewEvent::default()
        };
        self.state.take_in(vec![new], self.keep_rows).await?;
        Ok(())
    }

    fn read(&self, number: &Number, event: &Event<'_>, mark: Option<Mark>) -> Read {
        let rules = number.rules();
        let reading = notification::read(event, rules);
        let outcome = outcome(reading.verdict);
        let mut new = NewEvent {
            seen: seen(number, event, &reading),
            ..NewEvent::default()
        };
        let reason = match reading.verdict {
            Verdict::Silent(Silence::Setting | Silence::NoCounterpart) => {
                // It leaves no trace, so there is nothing that could happen twice.
                let new = NewEvent::default();
                return Read {
                    new,
                    kind: reading.kind,
                    outcome,
                };
            }
            Verdict::Tell => None,
            Verdict::TellUnknown => Some("told as unknown"),
            Verdict::Silent(Silence::Unheard) => Some("unknown, nobody can be told"),
            Verdict::Unreadable => Some(UNREADABLE),
        };
        if matches!(reading.verdict, Verdict::Tell | Verdict::TellUnknown) {
            self.work(number, event, &reading, mark, &mut new);
        }
        new.kept = reason
            .map(|reason| self.kept(Some(&number.name), reading.kind, reason, &event.write()));
        Read {
            new,
            kind: reading.kind,
            outcome,
        }
    }

    /// What is to be done so that the event is told.
    pub(super) fn work(
        &self,
        number: &Number,
        event: &Event<'_>,
        reading: &Reading<'_>,
        mark: Option<Mark>,
        new: &mut NewEvent,
    ) {
        let contact = reading.contact.as_deref().map(str::to_owned);
        let waits_for_medium = reading.medium.as_ref().is_some_and(|medium| medium.first);
        if !waits_for_medium && reading.picture.is_none() {
            new.direct = reading
                .callback(&Fates::default(), number.rules())
                .map(|body| jobs::callback(&number.name, body, contact.clone()));
        }
        let mut processed = jobs::notification(&number.name, event.write(), contact);
        if event.part == Part::Status && mark.is_some() {
            processed.due_at = processed.due_at.after(self.status_wait);
            if let Some(direct) = &mut new.direct {
                direct.due_at = processed.due_at;
            }
        }
        new.processed = Some(processed);
        if let Some(inbound) = &reading.medium {
            if !inbound.first {
                let order = FetchOrder::quiet(&MediaId::Cloud(inbound.id.clone()));
                new.order = Some(order.job(&number.name));
            }
            new.medium = Some(medium(&number.name, inbound));
        }
        let alias = |alias: &Alias<'_>| NewAlias {
            number: number.name.clone(),
            told: alias.told.to_string(),
            cloud: alias.cloud.to_string(),
        };
        new.aliases = reading.aliases.iter().map(alias).collect();
    }

    fn kept(&self, number: Option<&NumberName>, kind: &str, reason: &str, raw: &[u8]) -> NewKept {
        let (sealed, body) = self.seal.close(raw);
        NewKept {
            number: number.cloned(),
            kind: kind.to_owned(),
            reason: reason.to_owned(),
            sealed,
            body,
        }
    }

    /// Lets statuses go as soon as the sends are over that they were held for. If this bridge does not live to see it,
    /// they go when their time has come.
    fn hasten(&self, number: &Number, mark: Mark, held: Vec<JobId>) {
        let (state, sends) = (self.state.clone(), Arc::clone(&number.sends));
        let limit = self.status_wait;
        tokio::spawn(async move {
            if tokio::time::timeout(limit, sends.over(mark)).await.is_ok() {
                // If it cannot be written down, they go when their time has come.
                let _ = state.hasten(held, Timestamp::now()).await;
            }
        });
    }
}

/// An event that makes no work and leaves no trace.
fn is_nothing(new: &NewEvent) -> bool {
    new.direct.is_none() && new.processed.is_none() && new.kept.is_none()
}

fn outcome(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Tell => "told",
        Verdict::TellUnknown => "unknown",
        Verdict::Silent(Silence::Setting) => "setting",
        Verdict::Silent(Silence::NoCounterpart) => "no_counterpart",
        Verdict::Silent(Silence::Unheard) => "unheard",
        Verdict::Unreadable => "unreadable",
    }
}

/// By what a repetition is known. What cannot be read is known by its bytes, as Meta repeats them.
fn seen(number: &Number, event: &Event<'_>, reading: &Reading<'_>) -> Option<SeenKey> {
    match &reading.identity {
        Some(identity) => Some(SeenKey::of(
            &number.name,
            &identity.id,
            identity.status.as_deref(),
        )),
        None if reading.verdict == Verdict::Unreadable => {
            Some(SeenKey::of_bytes(event.body.get().as_bytes()))
        }
        None => None,
    }
}

/// What a message says of its medium.
fn medium(number: &NumberName, inbound: &Inbound<'_>) -> Medium {
    let text = |text: &Option<std::borrow::Cow<'_, str>>| text.as_deref().map(str::to_owned);
    Medium {
        number: number.clone(),
        id: media_uuid(number, &inbound.id),
        cloud_id: Some(inbound.id.clone()),
        kind: Some(inbound.kind),
        mime_type: text(&inbound.mime_type),
        sha256: inbound.sha256,
        length: None,
        fate: Fate::Known,
        about: Some(Box::new(About {
            sender: text(&inbound.sender),
            message: Some(inbound.message.to_string()),
            file_name: text(&inbound.file_name),
            caption: text(&inbound.caption),
            sent_at: inbound.sent_at,
            received_at: Timestamp::now(),
        })),
    }
}
