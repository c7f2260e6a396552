//! Random requests, callbacks, closings and crashes: whoever waits is told, and nobody else.

use std::collections::BTreeMap;
use std::fs;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use tempfile::TempDir;

use super::super::Sqlite;
use super::pairs::{DEADLINE, ends, offer, pair, told};
use super::{block_on, job, lease, number};
use crate::route::Side;
use crate::state::{Offer, Offered, Opened, PairId, Settlement, Timestamp};

#[derive(Clone, Debug)]
enum Step {
    Open(u8, Side),
    Owe(u8),
    Callback(u8, Side),
    /// The same, as what a job comes to.
    Fetched(u8),
    Refuse(u8, Side),
    Close(Option<Side>),
    Reopen,
    Crash,
    /// Between taking the job that ends a pair and settling it.
    CrashAtTheEnd,
}

fn sides() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::OnPrem), Just(Side::Cloud)]
}

fn steps() -> impl Strategy<Value = Step> {
    // The last medium never has a pair.
    prop_oneof![
        4 => (0..2u8, sides()).prop_map(|(medium, answer)| Step::Open(medium, answer)),
        2 => (0..3u8).prop_map(Step::Owe),
        6 => (0..3u8, sides()).prop_map(|(medium, side)| Step::Callback(medium, side)),
        3 => (0..3u8).prop_map(Step::Fetched),
        2 => (0..3u8, sides()).prop_map(|(medium, side)| Step::Refuse(medium, side)),
        4 => option::weighted(0.8, sides()).prop_map(Step::Close),
        1 => Just(Step::Reopen),
        1 => Just(Step::Crash),
        1 => Just(Step::CrashAtTheEnd),
    ]
}

/// What has to be known of a medium's newest pair to judge what is told.
struct Known {
    id: PairId,
    answer: Side,
    open: bool,
    waiting: u32,
    /// The first callback that the side which does not answer made.
    withheld: Option<String>,
}

struct World {
    folder: TempDir,
    state: Sqlite,
    known: BTreeMap<u8, Known>,
    told: Vec<String>,
    callbacks: u32,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = Sqlite::open(&folder.path().join("state.db")).unwrap();
        Self {
            folder,
            state,
            known: BTreeMap::new(),
            told: Vec::new(),
            callbacks: 0,
        }
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Open(medium, answer) => self.open(medium, answer).await,
            Step::Owe(medium) => {
                let number = number("support");
                let owed = self.state.owe(&number, &medium.to_string()).await.unwrap();
                assert_eq!(owed, self.known.contains_key(&medium));
                if let Some(known) = self.known.get_mut(&medium) {
                    known.waiting += 1;
                }
            }
            Step::Callback(medium, side) => {
                let before = self.told.len();
                let offer = self.callback(medium, side);
                let offered = self.state.offer(offer).await.unwrap();
                assert_eq!(offered == Offered::Withheld, self.told.len() == before);
            }
            Step::Fetched(medium) => {
                let offer = self.callback(medium, Side::Cloud);
                self.state.enqueue(job("fetch")).await.unwrap();
                let job = lease(&self.state, 1).await.remove(0);
                let settlement = Settlement::Done {
                    follow_up: Vec::new(),
                    offer: Some(Box::new(offer)),
                };
                for _ in 0..2 {
                    let settled = self.state.settle(job.id, settlement.clone());
                    settled.await.unwrap();
                }
            }
            Step::Refuse(medium, side) => {
                let refusal = offer(&medium.to_string(), side, "");
                self.state.offer(refusal).await.unwrap();
                if let Some(known) = self.known.get_mut(&medium)
                    && known.answer == side
                {
                    known.waiting = known.waiting.saturating_sub(1);
                }
            }
            Step::Close(tell) => self.close(tell).await,
            Step::Reopen => self.restart(false).await,
            Step::Crash => self.restart(true).await,
            Step::CrashAtTheEnd => {
                ends(&self.state, DEADLINE, 1).await;
                self.restart(true).await;
            }
        }
        assert_eq!(told(&self.state).await, self.told);
    }

    async fn open(&mut self, medium: u8, answer: Side) {
        let opened = self
            .state
            .open_pair(pair(&medium.to_string(), answer), None);
        let opened = opened.await.unwrap();
        let waiting = self.known.get(&medium).map_or(0, |known| known.waiting) + 1;
        match (opened, self.known.get_mut(&medium)) {
            (Opened::Joined(id), Some(known)) => {
                assert!(known.open && known.id == id);
                known.waiting = waiting;
            }
            (Opened::New(id), known) => {
                assert!(known.is_none_or(|known| !known.open && known.id < id));
                let known = Known {
                    id,
                    answer,
                    open: true,
                    waiting,
                    withheld: None,
                };
                self.known.insert(medium, known);
            }
            (Opened::Joined(_), None) => panic!("joined what was never opened"),
        }
    }

    /// A callback, entered where it is to be told.
    fn callback(&mut self, medium: u8, side: Side) -> Offer {
        self.callbacks += 1;
        let body = format!("{}", self.callbacks);
        match self.known.get_mut(&medium) {
            None => self.told.push(body.clone()),
            Some(known) if known.waiting > 0 && (side == known.answer || !known.open) => {
                known.waiting = 0;
                self.told.push(body.clone());
            }
            Some(known) if known.open && side != known.answer => {
                known.withheld.get_or_insert_with(|| body.clone());
            }
            Some(_) => {}
        }
        offer(&medium.to_string(), side, &body)
    }

    async fn close(&mut self, tell: Option<Side>) {
        let Some(job) = ends(&self.state, DEADLINE, 1).await.into_iter().next() else {
            assert!(self.known.values().all(|known| !known.open));
            return;
        };
        let pair = PairId::read(&job.payload).unwrap();
        let mut pairs = self.known.values_mut();
        let known = pairs.find(|known| known.id == pair).unwrap();
        let found = self.state.pair(pair).await.unwrap().unwrap();
        assert_eq!(found.told.is_none(), known.waiting > 0);
        let settlement = Settlement::Paired { pair, tell };
        for _ in 0..2 {
            self.state.settle(job.id, settlement.clone()).await.unwrap();
        }
        known.open = false;
        let withheld = known.withheld.take();
        if let Some(body) = withheld
            && known.waiting > 0
            && tell.is_some_and(|side| side != known.answer)
        {
            known.waiting = 0;
            self.told.push(body);
        }
    }

    async fn restart(&mut self, crash: bool) {
        let copy = tempfile::tempdir().unwrap();
        if crash {
            for name in ["state.db", "state.db-wal"] {
                fs::copy(self.folder.path().join(name), copy.path().join(name)).unwrap();
            }
        }
        self.state.close().await;
        if crash {
            self.folder = copy;
        }
        self.state = Sqlite::open(&self.folder.path().join("state.db")).unwrap();
    }
}

/// One request, and what its two sides and the deadline do: the sides that call back before and after.
async fn one_request(answer: Side, before: &[Side], after: &[Side]) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let state = Sqlite::open(&folder.path().join("state.db")).unwrap();
    state.open_pair(pair("1", answer), None).await.unwrap();
    for side in before {
        state.offer(offer("1", *side, "x")).await.unwrap();
    }
    let job = ends(&state, DEADLINE, 1).await.remove(0);
    let pair = PairId::read(&job.payload).unwrap();
    let found = state.pair(pair).await.unwrap().unwrap();
    // As the job does: whoever has an outcome tells.
    let tell = match found.cloud.outcome {
        Some(_) => Side::Cloud,
        None => Side::OnPrem,
    };
    let tell = Some(tell);
    let settlement = Settlement::Paired { pair, tell };
    state.settle(job.id, settlement).await.unwrap();
    for side in after {
        state.offer(offer("1", *side, "x")).await.unwrap();
    }
    assert!(state.sweep(Timestamp::now()).await.is_ok());
    told(&state).await.len()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whoever_waits_is_told_and_nobody_else(steps in vec(steps(), 1..60)) {
        block_on(async {
            let mut world = World::new();
            for step in steps {
                world.step(step).await;
            }
        });
    }

    #[test]
    fn one_request_is_told_exactly_once(answer in sides(), before in vec(sides(), 0..5), after in vec(sides(), 0..4)) {
        let told = block_on(one_request(answer, &before, &after));
        let called_back = !before.is_empty() || !after.is_empty();
        prop_assert_eq!(told, usize::from(called_back));
    }
}
