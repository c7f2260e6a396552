//! Pairs, told in small stories. `telling.rs` tells random ones.

use super::super::Sqlite;
use super::{all, block_on, done, job, number, payloads};
use crate::route::Side;
use crate::route::Side::{Cloud, OnPrem};
use crate::state::{
    Ack, Job, NewJob, NewPair, Offer, Offered, Opened, PairId, Queue, Settlement, Timestamp,
};

pub(super) const DEADLINE: Timestamp = Timestamp(1 << 60);
const LATER: Timestamp = Timestamp((1 << 60) + 1);

pub(super) fn pair(medium: &str, answer: Side) -> NewPair {
    NewPair {
        number: number("support"),
        medium: medium.to_owned(),
        answer,
        deadline: DEADLINE,
    }
}

/// A side's callback with this body; an empty one: a refusal.
pub(super) fn offer(medium: &str, side: Side, body: &str) -> Offer {
    let callback = NewJob {
        queue: Queue::Callback,
        lane: Some("contact".to_owned()),
        ..job(body)
    };
    Offer {
        number: number("support"),
        medium: medium.to_owned(),
        side,
        outcome: format!("outcome of {body}").into_bytes(),
        callback: (!body.is_empty()).then_some(callback),
    }
}

fn fetch() -> NewJob {
    NewJob {
        key: Some("1".to_owned()),
        ..job("fetch")
    }
}

/// The bodies of the callbacks kept for delivery.
pub(super) async fn told(state: &Sqlite) -> Vec<String> {
    let kept = state.jobs(Some(Queue::Callback), None, false, usize::MAX);
    let body = |payload| String::from_utf8(payload).unwrap();
    let kept = kept.await.unwrap().into_iter();
    kept.map(|record| body(record.job.payload)).collect()
}

pub(super) async fn ends(state: &Sqlite, now: Timestamp, limit: usize) -> Vec<Job> {
    let number = number("support");
    let lease = state.lease(Queue::Compare, &number, now, limit);
    lease.await.unwrap()
}

async fn close(state: &Sqlite, tell: Option<Side>) {
    let job = ends(state, LATER, 1).await.remove(0);
    let pair = PairId::read(&job.payload).unwrap();
    let settlement = Settlement::Paired { pair, tell };
    state.settle(job.id, settlement.clone()).await.unwrap();
    // As after a crash before the answer.
    state.settle(job.id, settlement).await.unwrap();
}

fn open() -> (tempfile::TempDir, Sqlite) {
    let folder = tempfile::tempdir().unwrap();
    let state = Sqlite::open(&folder.path().join("state.db")).unwrap();
    (folder, state)
}

async fn opened(state: &Sqlite, answer: Side) -> PairId {
    match state.open_pair(pair("1", answer), None).await.unwrap() {
        Opened::New(id) => id,
        Opened::Joined(id) => panic!("{id:?} was open"),
    }
}

#[test]
fn a_pair_is_opened_with_its_jobs_and_joined_while_it_is_open() {
    let (_folder, state) = open();
    block_on(async {
        let mut wake = state.subscribe(Queue::Compare, &number("support"));
        let request = || state.open_pair(pair("1", OnPrem), Some(fetch()));
        let Opened::New(id) = request().await.unwrap() else {
            panic!("no pair was open")
        };
        assert!(wake.has_changed().unwrap());
        wake.mark_unchanged();
        assert_eq!(request().await.unwrap(), Opened::Joined(id));
        let kept = all(&state).await;
        let jobs: Vec<Job> = kept.iter().map(|record| record.job.clone()).collect();
        assert_eq!(payloads(&jobs), [&id.0.to_string(), "fetch"]);
        assert_eq!(jobs[0].key, Some(format!("pair/{}", id.0)));
        assert_eq!((kept[0].due_at, jobs[0].queue), (DEADLINE, Queue::Compare));
        assert!(state.is_paired(&number("support"), "1").await.unwrap());
        assert!(!state.is_paired(&number("support"), "2").await.unwrap());
        assert!(!state.is_paired(&number("sales"), "1").await.unwrap());
        close(&state, None).await;
        assert!(!state.is_paired(&number("support"), "1").await.unwrap());
        assert!(matches!(request().await.unwrap(), Opened::New(next) if next > id));
    });
}

#[test]
fn both_outcomes_end_the_pair_at_once() {
    let (_folder, state) = open();
    block_on(async {
        let id = opened(&state, OnPrem).await;
        let mut wake = state.subscribe(Queue::Compare, &number("support"));
        let refused = Ack {
            status: None,
            took_ms: 9,
        };
        let accepted = Ack {
            status: Some(200),
            took_ms: 5,
        };
        state
            .acknowledged(id, OnPrem, accepted.clone())
            .await
            .unwrap();
        state
            .acknowledged(id, Cloud, refused.clone())
            .await
            .unwrap();
        state
            .acknowledged(id, OnPrem, refused.clone())
            .await
            .unwrap();
        assert_eq!(
            state.offer(offer("1", Cloud, "c")).await.unwrap(),
            Offered::Withheld
        );
        assert!(ends(&state, Timestamp::now(), 1).await.is_empty());
        assert!(!wake.has_changed().unwrap());
        assert_eq!(
            state.offer(offer("1", OnPrem, "o")).await.unwrap(),
            Offered::Told
        );
        assert!(wake.has_changed().unwrap());
        wake.mark_unchanged();
        let now = Timestamp::now();
        assert_eq!(ends(&state, now, 1).await.len(), 1);
        state.offer(offer("1", OnPrem, "again")).await.unwrap();
        assert!(!wake.has_changed().unwrap());
        let found = state.pair(id).await.unwrap().unwrap();
        assert_eq!(
            (found.id, found.number, found.medium),
            (id, number("support"), "1".to_owned())
        );
        assert_eq!((found.answer, found.told), (OnPrem, Some(OnPrem)));
        assert_eq!(found.deadline, DEADLINE);
        assert_eq!(
            (found.onprem.ack, found.cloud.ack),
            (Some(accepted), Some(refused))
        );
        assert_eq!(found.onprem.outcome.as_deref(), Some(&b"outcome of o"[..]));
        assert_eq!(found.cloud.outcome.as_deref(), Some(&b"outcome of c"[..]));
        assert!(found.opened_at <= found.cloud.ended_at.unwrap());
        assert!(found.cloud.ended_at <= found.onprem.ended_at);
        assert!(found.onprem.ended_at.unwrap() <= now);
        assert_eq!(state.pair(PairId(99)).await.unwrap(), None);
    });
}

/// What happens to a pair that on-prem answers. `join` and `owe` are further requests; `-x` is a refusal of that side.
const STORIES: [(&str, &str, &str); 17] = [
    ("the answering side tells", "o1 c1 close:cloud", "o1"),
    ("the other one is withheld", "c1 o1 close:cloud", "o1"),
    (
        "repeated, twice, late",
        "o1 o1 c1 o2 close:cloud c2 o3",
        "o1",
    ),
    ("silent at the deadline", "c1 c2 close:cloud o1 c3", "c1"),
    ("nobody at the deadline", "close:cloud c1 o1", "c1"),
    ("late, and answers", "close:onprem o1 c1 o1", "o1"),
    ("not to be told", "c1 close o1 c2", "o1"),
    ("who tells has nothing", "c1 close:onprem o1", "o1"),
    ("refused", "-o c1 close:cloud c2 o1", ""),
    ("the other side refused", "-c o1 close:onprem", "o1"),
    ("one of two refused", "join -o c1 o1 close:cloud o2", "o1"),
    ("both refused", "-o join -o c1 close:cloud", ""),
    ("two wait for one", "join o1 o2 c1 close:cloud", "o1"),
    (
        "asked again after it was told",
        "o1 join c1 o2 o3 close:cloud",
        "o1 o2",
    ),
    (
        "asked again, then silence",
        "o1 c1 join close:cloud o2",
        "o1 c1",
    ),
    (
        "asked again outside",
        "o1 c1 close:cloud o2 owe o3 o4 c2",
        "o1 o3",
    ),
    ("paired again", "close open -o c1 close:cloud o1", "c1"),
];

#[test]
fn whoever_waits_is_told_once() {
    for (story, steps, expected) in STORIES {
        let (_folder, state) = open();
        block_on(async {
            opened(&state, OnPrem).await;
            for step in steps.split(' ') {
                match step {
                    "join" => {
                        let joined = state.open_pair(pair("1", OnPrem), None).await.unwrap();
                        assert!(matches!(joined, Opened::Joined(_)), "{story}");
                    }
                    "open" => drop(opened(&state, OnPrem).await),
                    "owe" => assert!(state.owe(&number("support"), "1").await.unwrap()),
                    "close" => close(&state, None).await,
                    "close:cloud" => close(&state, Some(Cloud)).await,
                    "close:onprem" => close(&state, Some(OnPrem)).await,
                    "-o" => drop(state.offer(offer("1", OnPrem, "")).await.unwrap()),
                    "-c" => drop(state.offer(offer("1", Cloud, "")).await.unwrap()),
                    body => {
                        let side = if body.starts_with('o') { OnPrem } else { Cloud };
                        let before = told(&state).await.len();
                        let offered = state.offer(offer("1", side, body)).await.unwrap();
                        let kept = told(&state).await.len() > before;
                        assert_eq!(kept, offered == Offered::Told, "{story}: {body}");
                    }
                }
            }
            assert_eq!(told(&state).await.join(" "), expected, "{story}");
        });
    }
}

#[test]
fn a_medium_without_a_pair_is_told_like_any_other() {
    let (_folder, state) = open();
    block_on(async {
        assert!(!state.owe(&number("support"), "1").await.unwrap());
        opened(&state, OnPrem).await;
        assert!(!state.owe(&number("support"), "2").await.unwrap());
        for body in ["a", "b"] {
            let offered = state.offer(offer("2", Cloud, body)).await.unwrap();
            assert_eq!(offered, Offered::Unpaired);
        }
        let elsewhere = Offer {
            number: number("sales"),
            ..offer("1", Cloud, "c")
        };
        assert_eq!(state.offer(elsewhere).await.unwrap(), Offered::Unpaired);
        assert_eq!(
            state.offer(offer("2", Cloud, "")).await.unwrap(),
            Offered::Unpaired
        );
        assert_eq!(told(&state).await, ["a", "b", "c"]);
    });
}

#[test]
fn a_fetch_is_asked_for_again_once_the_pair_was_told() {
    let (_folder, state) = open();
    block_on(async {
        let request = || state.open_pair(pair("1", Cloud), Some(fetch()));
        let run = async |body| {
            let job = super::lease(&state, 9).await.remove(0);
            let offer = Some(Box::new(offer("1", Cloud, body)));
            let settlement = Settlement::Done {
                follow_up: Vec::new(),
                offer,
            };
            state.settle(job.id, settlement.clone()).await.unwrap();
            state.settle(job.id, settlement).await.unwrap();
        };
        request().await.unwrap();
        run("a").await;
        assert_eq!(told(&state).await, ["a"]);
        assert!(matches!(request().await.unwrap(), Opened::Joined(_)));
        run("b").await;
        assert_eq!(told(&state).await, ["a", "b"]);
    });
}

#[test]
fn a_withheld_callback_is_delivered_as_it_was_offered() {
    let (_folder, state) = open();
    block_on(async {
        opened(&state, OnPrem).await;
        let offer = offer("1", Cloud, "c");
        let expected = NewJob {
            key: Some("key".to_owned()),
            due_at: Timestamp(77),
            ..offer.callback.clone().unwrap()
        };
        let callback = Some(expected.clone());
        state.offer(Offer { callback, ..offer }).await.unwrap();
        let mut wake = state.subscribe(Queue::Callback, &number("support"));
        close(&state, Some(Cloud)).await;
        assert!(wake.has_changed().unwrap());
        wake.mark_unchanged();
        let record = all(&state).await.remove(0);
        let kept = NewJob {
            queue: record.job.queue,
            number: record.job.number,
            key: record.job.key,
            lane: record.job.lane,
            payload: record.job.payload,
            due_at: record.due_at,
        };
        assert_eq!(kept, expected);
    });
}

#[test]
fn a_closed_pair_is_known_for_eight_days() {
    let (folder, state) = open();
    block_on(async {
        let id = opened(&state, OnPrem).await;
        state.open_pair(pair("2", OnPrem), None).await.unwrap();
        state.offer(offer("1", OnPrem, "a")).await.unwrap();
        close(&state, None).await;
        let day = std::time::Duration::from_secs(24 * 60 * 60);
        let now = Timestamp::now();
        state.sweep(now.after(day * 7)).await.unwrap();
        assert!(state.pair(id).await.unwrap().is_some());
        assert_eq!(
            state.offer(offer("1", OnPrem, "b")).await.unwrap(),
            Offered::Withheld
        );
        state.sweep(now.after(day * 9)).await.unwrap();
        assert_eq!(state.pair(id).await.unwrap(), None);
        assert_eq!(
            state.offer(offer("1", OnPrem, "c")).await.unwrap(),
            Offered::Unpaired
        );
        assert!(state.is_paired(&number("support"), "2").await.unwrap());
        let left = "SELECT count(*) FROM pair_sides";
        let count =
            move |conn: &rusqlite::Connection| conn.query_row(left, [], |row| row.get::<_, i64>(0));
        assert_eq!(state.read(count).await.unwrap(), 2);
        state.close().await;
        // What is owed is looked for after a restart too.
        let state = Sqlite::open(&folder.path().join("state.db")).unwrap();
        assert!(state.owe(&number("support"), "2").await.unwrap());
        state
            .settle(ends(&state, LATER, 1).await[0].id, done())
            .await
            .unwrap();
    });
}
