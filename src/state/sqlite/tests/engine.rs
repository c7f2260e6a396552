//! Keys, lanes, settlements, and writes that share a commit.

use std::sync::mpsc;

use rusqlite::ErrorCode;

use super::super::Sqlite;
use super::{all, block_on, done, job, lease, number, payloads};
use crate::state::{Enqueued, NewJob, Queue, Settlement, StateError, Timestamp};

fn in_lane(payload: &str) -> NewJob {
    NewJob {
        lane: Some("chat".to_owned()),
        ..job(payload)
    }
}

fn with_key(payload: &str) -> NewJob {
    NewJob {
        key: Some("medium".to_owned()),
        ..job(payload)
    }
}

fn open() -> (tempfile::TempDir, Sqlite) {
    let folder = tempfile::tempdir().unwrap();
    let state = Sqlite::open(&folder.path().join("state.db")).unwrap();
    (folder, state)
}

#[test]
fn the_state_can_cross_threads() {
    fn check<T: Clone + Send + Sync + 'static>() {}
    check::<Sqlite>();
}

#[test]
fn a_key_is_free_again_when_its_job_is_done_or_buried() {
    let (_folder, state) = open();
    block_on(async {
        for settlement in [
            done(),
            Settlement::Bury {
                reason: "gone".to_owned(),
            },
            done(),
        ] {
            assert_eq!(state.enqueue(with_key("a")).await.unwrap(), Enqueued::New);
            assert_eq!(
                state.enqueue(with_key("b")).await.unwrap(),
                Enqueued::Joined
            );
            let leased = lease(&state, 9).await;
            assert_eq!(payloads(&leased), ["a"]);
            assert_eq!(
                state.enqueue(with_key("c")).await.unwrap(),
                Enqueued::Joined
            );
            state.settle(leased[0].id, settlement).await.unwrap();
        }
    });
}

#[test]
fn a_lane_runs_one_job_at_a_time_in_order_and_a_buried_one_lets_it_go_on() {
    let (_folder, state) = open();
    block_on(async {
        for payload in ["a", "b", "c"] {
            state.enqueue(in_lane(payload)).await.unwrap();
        }
        let a = lease(&state, 9).await;
        assert_eq!(payloads(&a), ["a"]);
        let retry = Settlement::Retry {
            due_at: Timestamp(500),
            reason: "busy".to_owned(),
            payload: Some(b"changed".to_vec()),
        };
        state.settle(a[0].id, retry).await.unwrap();
        let a = lease(&state, 9).await;
        assert_eq!((payloads(&a), a[0].attempts), (vec!["changed"], 1));
        state
            .settle(
                a[0].id,
                Settlement::Bury {
                    reason: "no".to_owned(),
                },
            )
            .await
            .unwrap();
        let b = lease(&state, 9).await;
        assert_eq!(payloads(&b), ["b"]);
        assert!(state.redrive(a[0].id, Timestamp(7)).await.unwrap());
        assert!(!state.redrive(a[0].id, Timestamp(7)).await.unwrap());
        let follow_up = vec![in_lane("d")];
        state
            .settle(
                b[0].id,
                Settlement::Done {
                    follow_up,
                    offer: None,
                },
            )
            .await
            .unwrap();
        for expected in ["changed", "c", "d"] {
            let next = lease(&state, 9).await;
            assert_eq!((payloads(&next), next[0].attempts), (vec![expected], 0));
            state.settle(next[0].id, done()).await.unwrap();
        }
        assert!(all(&state).await.is_empty());
    });
}

#[test]
fn a_job_settled_twice_has_its_consequences_once() {
    let (_folder, state) = open();
    block_on(async {
        state.enqueue(job("a")).await.unwrap();
        let id = lease(&state, 1).await[0].id;
        let finish = || Settlement::Done {
            follow_up: vec![job("next")],
            offer: None,
        };
        state.settle(id, finish()).await.unwrap();
        state.settle(id, finish()).await.unwrap();
        let left = all(&state).await;
        assert_eq!(left.len(), 1);
        // The id is not used again, so a late settlement cannot hit another job.
        assert!(left[0].job.id > id);
    });
}

#[test]
fn a_release_is_no_attempt_and_keeps_the_reason_of_the_last_one() {
    let (_folder, state) = open();
    block_on(async {
        state.enqueue(job("a")).await.unwrap();
        let id = lease(&state, 1).await[0].id;
        let retry = Settlement::Retry {
            due_at: Timestamp(3),
            reason: "slow".to_owned(),
            payload: None,
        };
        state.settle(id, retry).await.unwrap();
        lease(&state, 1).await;
        state
            .settle(
                id,
                Settlement::Release {
                    due_at: Timestamp(4),
                },
            )
            .await
            .unwrap();
        let record = all(&state).await.remove(0);
        assert_eq!((record.job.attempts, record.due_at), (1, Timestamp(4)));
        assert_eq!(record.reason.as_deref(), Some("slow"));
    });
}

#[test]
fn a_failing_write_does_not_fail_those_that_share_its_commit() {
    let (_folder, state) = open();
    block_on(async {
        let (release, held) = mpsc::channel::<()>();
        // The others wait in the channel while this one keeps the thread busy, and then form one group.
        let blocker = state.write(move |_| {
            let _ = held.recv();
            Ok(())
        });
        let bad =
            state.write(|tx| tx.run("INSERT INTO secrets (name, value) VALUES (NULL, NULL)", []));
        let (blocked, a, bad, b, ()) = tokio::join!(
            blocker,
            state.enqueue(with_key("a")),
            bad,
            state.enqueue(with_key("b")),
            async move { drop(release) },
        );
        blocked.unwrap();
        assert_eq!((a.unwrap(), b.unwrap()), (Enqueued::New, Enqueued::Joined));
        assert!(matches!(bad, Err(StateError::Engine(_))));
        assert_eq!(all(&state).await.len(), 1);
    });
}

#[test]
fn a_full_disk_fails_what_does_not_fit_and_nothing_else() {
    let (_folder, state) = open();
    let limit_pages = |sql: &'static str| {
        state.write(move |tx| tx.conn.query_row(sql, [], |row| row.get::<_, i64>(0)))
    };
    block_on(async {
        state.enqueue(job("first")).await.unwrap();
        // A limit below the present size means the present size.
        limit_pages("PRAGMA max_page_count = 1").await.unwrap();
        let big = NewJob {
            payload: vec![7; 1 << 20],
            ..job("")
        };
        let (before, refused, after) = tokio::join!(
            state.is_writable(),
            state.enqueue(big.clone()),
            state.is_writable()
        );
        before.unwrap();
        after.unwrap();
        let Err(StateError::Engine(error)) = refused else {
            panic!("a full disk took it")
        };
        assert_eq!(error.sqlite_error_code(), Some(ErrorCode::DiskFull));
        assert_eq!(all(&state).await.len(), 1);
        limit_pages("PRAGMA max_page_count = 1000000")
            .await
            .unwrap();
        assert_eq!(state.enqueue(big).await.unwrap(), Enqueued::New);
        assert_eq!(all(&state).await.len(), 2);
    });
}

#[test]
fn many_at_once_are_each_kept_once_and_wake_the_worker() {
    let (_folder, state) = open();
    block_on(async {
        let mut wake = state.subscribe(Queue::Fetch, &number("support"));
        let mut waiting = tokio::task::JoinSet::new();
        for turn in 0..200 {
            let (state, key) = (state.clone(), Some((turn % 50).to_string()));
            waiting.spawn(async move { state.enqueue(NewJob { key, ..job("x") }).await.unwrap() });
        }
        let outcomes = waiting.join_all().await;
        assert_eq!(
            outcomes
                .iter()
                .filter(|outcome| **outcome == Enqueued::New)
                .count(),
            50
        );
        assert!(wake.has_changed().unwrap());
        wake.mark_unchanged();
        assert_eq!(lease(&state, 100).await.len(), 50);
        assert!(!wake.has_changed().unwrap());
    });
}

#[test]
fn a_mass_change_is_done_whole() {
    let (_folder, state) = open();
    block_on(async {
        state
            .write(|tx| {
                for _ in 0..2500 {
                    let late = NewJob {
                        due_at: Timestamp(9000),
                        ..job("x")
                    };
                    super::super::jobs::insert(tx, &late, Timestamp(0))?;
                }
                Ok(())
            })
            .await
            .unwrap();
        assert!(lease(&state, 1).await.is_empty());
        let pulled = state
            .pull_in(
                Queue::Fetch,
                &number("support"),
                Timestamp(5000),
                Timestamp(1000),
            )
            .await;
        assert_eq!(pulled.unwrap(), 2500);
        assert_eq!(lease(&state, 9000).await.len(), 2500);
        let backlog = state.backlog().await.unwrap();
        assert_eq!((backlog.len(), backlog[0].waiting), (1, 2500));
    });
}

#[test]
fn closing_finishes_what_was_asked_and_refuses_the_rest() {
    let (folder, state) = open();
    block_on(async {
        let (kept, ()) = tokio::join!(state.enqueue(job("a")), state.close());
        assert_eq!(kept.unwrap(), Enqueued::New);
        assert!(matches!(
            state.enqueue(job("b")).await,
            Err(StateError::Closed)
        ));
        assert!(matches!(state.backlog().await, Err(StateError::Closed)));
        state.close().await;
        let state = Sqlite::open(&folder.path().join("state.db")).unwrap();
        assert_eq!(all(&state).await.len(), 1);
    });
}
