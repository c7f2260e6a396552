//! Taking events in: once each, in order for each contact, with all that belongs to them.

use std::collections::HashMap;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use uuid::Uuid;

use super::super::Sqlite;
use super::{block_on, done, number};
use crate::ids::{CloudMediaId, MediaId};
use crate::onprem::media::Kind;
use crate::state::{
    About, Fate, Medium, NewAlias, NewEvent, NewJob, NewKept, Queue, SeenKey, Settlement, TakenIn,
    Timestamp,
};

const NOW: TakenIn = TakenIn::New { held: None };

fn state() -> (tempfile::TempDir, Sqlite) {
    let folder = tempfile::tempdir().unwrap();
    let state = Sqlite::open(&folder.path().join("state.db")).unwrap();
    (folder, state)
}

fn work(queue: Queue, lane: &str, payload: &str) -> NewJob {
    NewJob {
        queue,
        number: number("support"),
        key: None,
        lane: Some(lane.to_owned()),
        payload: payload.as_bytes().to_vec(),
        due_at: Timestamp(0),
    }
}

/// An event of a contact; one that waits for a medium cannot be told at once.
fn event(id: &str, contact: &str, waits: bool) -> NewEvent {
    NewEvent {
        seen: Some(SeenKey::of(&number("support"), id, None)),
        direct: (!waits).then(|| work(Queue::Callback, contact, id)),
        processed: Some(work(Queue::Notification, contact, id)),
        ..NewEvent::default()
    }
}

fn medium(fate: Fate) -> Medium {
    Medium {
        number: number("support"),
        id: Uuid::from_u128(1),
        cloud_id: CloudMediaId::parse("1"),
        kind: None,
        mime_type: None,
        sha256: None,
        length: None,
        fate,
        about: None,
    }
}

async fn waiting(state: &Sqlite) -> Vec<(Queue, String)> {
    let jobs = state.jobs(None, None, false, usize::MAX).await.unwrap();
    let text = |payload: Vec<u8>| String::from_utf8(payload).unwrap();
    let jobs = jobs.into_iter();
    jobs.map(|record| (record.job.queue, text(record.job.payload)))
        .collect()
}

#[test]
fn an_event_that_comes_again_changes_nothing() {
    let (_folder, state) = state();
    block_on(async {
        let first = state
            .take_in(vec![event("a", "1", false)], 9)
            .await
            .unwrap();
        assert_eq!(first, [NOW]);
        let again = vec![
            event("a", "1", false),
            event("b", "1", false),
            event("b", "1", false),
        ];
        let again = state.take_in(again, 9).await.unwrap();
        assert_eq!(again, [TakenIn::Duplicate, NOW, TakenIn::Duplicate]);
        let expected = ["a", "b"].map(|id| (Queue::Callback, id.to_owned()));
        assert_eq!(waiting(&state).await, expected);
    });
}

#[test]
fn a_repetition_is_known_for_eight_days_and_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    block_on(async {
        let state = Sqlite::open(&path).unwrap();
        state
            .take_in(vec![event("a", "1", false)], 9)
            .await
            .unwrap();
        state.close().await;
        let state = Sqlite::open(&path).unwrap();
        let day = Duration::from_secs(86_400);
        let again = async || {
            state
                .take_in(vec![event("a", "1", false)], 9)
                .await
                .unwrap()
        };
        state.sweep(Timestamp::now().after(day * 7)).await.unwrap();
        assert_eq!(again().await, [TakenIn::Duplicate]);
        state.sweep(Timestamp::now().after(day * 9)).await.unwrap();
        assert_eq!(again().await, [NOW]);
    });
}

#[test]
fn what_is_known_of_a_mediums_bytes_outlasts_a_second_message_with_it() {
    let (_folder, state) = state();
    let told = |caption: &str| {
        let about = About {
            sender: Some("1".to_owned()),
            message: Some("m".to_owned()),
            file_name: None,
            caption: Some(caption.to_owned()),
            sent_at: Some(5),
            received_at: Timestamp(6),
        };
        Medium {
            kind: Some(Kind::Voice),
            mime_type: Some("audio/ogg; codecs=opus".to_owned()),
            sha256: Some([1; 32]),
            about: Some(Box::new(about)),
            ..medium(Fate::Known)
        }
    };
    let with = |id: &str, medium| NewEvent {
        medium: Some(medium),
        ..event(id, "1", true)
    };
    block_on(async {
        let known = async || {
            let id = MediaId::parse("1").unwrap();
            state
                .medium(&number("support"), &id)
                .await
                .unwrap()
                .unwrap()
        };
        state
            .take_in(vec![with("a", told("first"))], 9)
            .await
            .unwrap();
        assert_eq!(known().await, told("first"));
        let stored = Medium {
            length: Some(7),
            sha256: Some([2; 32]),
            fate: Fate::Stored,
            ..known().await
        };
        state.put_medium(stored.clone()).await.unwrap();
        state
            .take_in(vec![with("b", told("second"))], 9)
            .await
            .unwrap();
        let expected = Medium {
            about: told("second").about,
            ..stored
        };
        assert_eq!(known().await, expected);
    });
}

#[test]
fn a_status_that_is_held_back_goes_when_it_is_let() {
    let (_folder, state) = state();
    let later = Timestamp::now().after(Duration::from_secs(600));
    let mut held = event("a", "1", false);
    held.direct.as_mut().unwrap().due_at = later;
    block_on(async {
        let taken = state
            .take_in(vec![held, event("b", "1", false)], 9)
            .await
            .unwrap();
        let [
            TakenIn::New { held: Some(job) },
            TakenIn::New { held: None },
        ] = taken[..]
        else {
            panic!("{taken:?}");
        };
        let lease = async |queue| {
            let support = number("support");
            let jobs = state.lease(queue, &support, Timestamp::now(), 9);
            jobs.await.unwrap()
        };
        assert!(lease(Queue::Callback).await.is_empty());
        let mut ready = state.subscribe(Queue::Callback, &number("support"));
        ready.mark_unchanged();
        state.hasten(vec![job], Timestamp::now()).await.unwrap();
        assert!(ready.has_changed().unwrap());
        let jobs = lease(Queue::Callback).await;
        assert_eq!(jobs.len(), 1);
        state.settle(jobs[0].id, done()).await.unwrap();
        assert_eq!(lease(Queue::Callback).await.len(), 1);
        // One that is under way, or gone, is left alone.
        state.hasten(vec![job], Timestamp::now()).await.unwrap();
    });
}

#[test]
fn names_and_kept_events_are_found_again() {
    let (_folder, state) = state();
    let kept = |body: &str| NewKept {
        number: Some(number("support")),
        kind: "message".to_owned(),
        reason: "unknown".to_owned(),
        sealed: true,
        body: body.as_bytes().to_vec(),
    };
    let alias = NewAlias {
        number: number("support"),
        told: "999".to_owned(),
        cloud: "US.1".to_owned(),
    };
    block_on(async {
        let events = ["a", "b", "c"].map(|id| NewEvent {
            aliases: vec![alias.clone()],
            kept: Some(kept(id)),
            ..event(id, "1", false)
        });
        state.take_in(events.into(), 2).await.unwrap();
        let cloud = state.alias(&number("support"), "999").await.unwrap();
        assert_eq!(cloud.as_deref(), Some("US.1"));
        assert_eq!(state.alias(&number("sales"), "999").await.unwrap(), None);
        let rows = state.kept(9).await.unwrap();
        let bodies = rows.iter().map(|row| row.kept.clone()).collect::<Vec<_>>();
        assert_eq!(bodies, [kept("c"), kept("b")]);
        assert_eq!(state.kept_count().await.unwrap(), 2);
        let id = rows[0].id;
        assert_eq!(state.kept_one(id).await.unwrap().as_ref(), Some(&rows[0]));
        // Seen or not: the operator wants it.
        assert!(state.redrive_kept(id, event("c", "1", true)).await.unwrap());
        assert!(!state.redrive_kept(id, event("c", "1", true)).await.unwrap());
        assert!(
            waiting(&state)
                .await
                .contains(&(Queue::Notification, "c".to_owned()))
        );
        assert!(state.drop_kept(rows[1].id).await.unwrap());
        assert_eq!(state.kept_count().await.unwrap(), 0);
    });
}

/// What happens, from outside: events come, and one job or another of what is due comes to its end.
#[derive(Clone, Debug)]
enum Happening {
    Comes { contact: u8, waits: bool },
    Processed(usize),
    Delivered(usize),
    Fails(usize),
}

fn happenings() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => (0..3u8, any::<bool>()).prop_map(|(contact, waits)| Happening::Comes { contact, waits }),
        2 => (0..4usize).prop_map(Happening::Processed),
        2 => (0..4usize).prop_map(Happening::Delivered),
        1 => (0..4usize).prop_map(Happening::Fails),
    ]
}

/// Ends the so-manieth job that is due; says what it was.
async fn end(state: &Sqlite, queue: Queue, nth: usize, fails: bool) -> Option<(String, String)> {
    let support = number("support");
    let due = Timestamp::now();
    let jobs = state.lease(queue, &support, due, nth + 1).await.unwrap();
    let last = jobs.len().checked_sub(1)?;
    for job in &jobs[..last] {
        let back = Settlement::Release {
            due_at: Timestamp(0),
        };
        state.settle(job.id, back).await.unwrap();
    }
    let job = &jobs[last];
    let (lane, id) = (job.lane.clone().unwrap(), job.payload.clone());
    let id = String::from_utf8(id).unwrap();
    let settlement = match (fails, queue) {
        (true, _) => Settlement::Retry {
            due_at: Timestamp(0),
            reason: "x".to_owned(),
            payload: None,
        },
        (false, Queue::Notification) => Settlement::Done {
            follow_up: vec![work(Queue::Callback, &lane, &id)],
            offer: None,
        },
        (false, _) => done(),
    };
    state.settle(job.id, settlement).await.unwrap();
    (!fails && queue == Queue::Callback).then_some((lane, id))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_contacts_events_are_told_once_and_in_order(happenings in vec(happenings(), 1..60)) {
        let (_folder, state) = state();
        block_on(async {
            let (mut came, mut told) = (HashMap::<String, Vec<String>>::new(), HashMap::<String, Vec<String>>::new());
            let mut next = 0;
            let note = |ended: Option<(String, String)>, told: &mut HashMap<String, Vec<String>>| {
                if let Some((lane, id)) = ended {
                    told.entry(lane).or_default().push(id);
                }
            };
            for happening in happenings {
                match happening {
                    Happening::Comes { contact, waits } => {
                        let (contact, id) = (contact.to_string(), next.to_string());
                        next += 1;
                        state.take_in(vec![event(&id, &contact, waits)], 9).await.unwrap();
                        came.entry(contact).or_default().push(id);
                    }
                    Happening::Processed(nth) => note(end(&state, Queue::Notification, nth, false).await, &mut told),
                    Happening::Delivered(nth) => note(end(&state, Queue::Callback, nth, false).await, &mut told),
                    Happening::Fails(nth) => note(end(&state, Queue::Callback, nth, true).await, &mut told),
                }
            }
            while !waiting(&state).await.is_empty() {
                note(end(&state, Queue::Notification, 0, false).await, &mut told);
                note(end(&state, Queue::Callback, 0, false).await, &mut told);
            }
            assert_eq!(told, came);
        });
    }
}
