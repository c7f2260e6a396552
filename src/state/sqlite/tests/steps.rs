//! Random work for the property test. Few keys, lanes, moments and media, so that they meet often.

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::Index;

use super::number;
use crate::ids::{CloudMediaId, NumberName, media_uuid};
use crate::onprem;
use crate::route::Side;
use crate::state::{Fate, Medium, NewJob, Offer, Queue, Settlement, Timestamp};

#[derive(Clone, Debug)]
pub(super) enum Step {
    Enqueue(NewJob),
    Lease(Queue, NumberName, Timestamp, usize),
    Settle(Index, Settlement),
    Redrive(Index, Timestamp),
    PullIn(Queue, NumberName, Timestamp, Timestamp),
    PutMedium(Medium),
    Sweep(Timestamp),
    Reopen,
    Crash,
}

fn queues() -> impl Strategy<Value = Queue> {
    prop_oneof![4 => Just(Queue::Fetch), 1 => Just(Queue::Callback)]
}

fn numbers() -> impl Strategy<Value = NumberName> {
    prop_oneof![4 => Just(number("support")), 1 => Just(number("sales"))]
}

fn moments() -> impl Strategy<Value = Timestamp> {
    (0..20i64).prop_map(Timestamp)
}

fn new_jobs() -> impl Strategy<Value = NewJob> {
    let key = weighted(0.5, "[ab]");
    let lane = weighted(0.7, "[xy]");
    (queues(), numbers(), key, lane, any::<[u8; 2]>(), moments()).prop_map(
        |(queue, number, key, lane, payload, due_at)| NewJob {
            queue,
            number,
            key,
            lane,
            payload: payload.to_vec(),
            due_at,
        },
    )
}

fn media() -> impl Strategy<Value = Medium> {
    let failed = moments().prop_map(|until| Fate::Failed {
        error: onprem::Error::MEDIA_DOWNLOAD.with("x"),
        until,
    });
    let fate = prop_oneof![
        Just(Fate::Known),
        Just(Fate::Stored),
        Just(Fate::Held),
        failed
    ];
    (numbers(), "[1-3]", weighted(0.5, any::<[u8; 32]>()), fate).prop_map(
        |(number, cloud_id, sha256, fate)| {
            let cloud_id = CloudMediaId::parse(&cloud_id).unwrap();
            let id = media_uuid(&number, &cloud_id);
            let length = sha256.map(|hash| u64::from(hash[0]));
            let kind = sha256.map(|hash| onprem::media::Kind::ALL[usize::from(hash[1]) % 6]);
            Medium {
                number,
                id,
                cloud_id: Some(cloud_id),
                kind,
                mime_type: None,
                sha256,
                length,
                fate,
                about: None,
            }
        },
    )
}

/// To a pair that is not there; `telling.rs` has those that are.
fn offers() -> impl Strategy<Value = Box<Offer>> {
    weighted(0.8, new_jobs()).prop_map(|callback| {
        Box::new(Offer {
            number: number("support"),
            medium: "1".to_owned(),
            side: Side::Cloud,
            outcome: Vec::new(),
            callback,
        })
    })
}

fn settlements() -> impl Strategy<Value = Settlement> {
    let reason = || "[a-z]{3}";
    prop_oneof![
        2 => (vec(new_jobs(), 0..3), weighted(0.2, offers()))
            .prop_map(|(follow_up, offer)| Settlement::Done { follow_up, offer }),
        1 => (moments(), reason(), weighted(0.5, any::<[u8; 2]>())).prop_map(|(due_at, reason, payload)| {
            Settlement::Retry { due_at, reason, payload: payload.map(|payload| payload.to_vec()) }
        }),
        1 => moments().prop_map(|due_at| Settlement::Release { due_at }),
        2 => reason().prop_map(|reason| Settlement::Bury { reason }),
    ]
}

pub(super) fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => new_jobs().prop_map(Step::Enqueue),
        6 => (queues(), numbers(), 5..25i64, 0..4usize)
            .prop_map(|(queue, number, now, limit)| Step::Lease(queue, number, Timestamp(now), limit)),
        8 => (any::<Index>(), settlements()).prop_map(|(which, how)| Step::Settle(which, how)),
        4 => (any::<Index>(), moments()).prop_map(|(which, now)| Step::Redrive(which, now)),
        1 => (queues(), numbers(), moments(), moments())
            .prop_map(|(queue, number, horizon, now)| Step::PullIn(queue, number, horizon, now)),
        1 => media().prop_map(Step::PutMedium),
        1 => moments().prop_map(Step::Sweep),
        1 => Just(Step::Reopen),
        1 => Just(Step::Crash),
    ]
}
