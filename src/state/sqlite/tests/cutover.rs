//! Flags, pins, ramps and kill switches at run time, and their history.

use super::super::Sqlite;
use super::{block_on, number};
use crate::ids::NumberName;
use crate::route::{Flag, KeyKind, Mode, Route, Side};
use crate::state::{Change, ChangeId, Edit, Pin, RunTime, SetFlag, Timestamp};

const ROUTE: Route = Route::MediaDownload;

fn change(number: Option<NumberName>, what: &str) -> Change {
    Change {
        at: Timestamp(7),
        who: "ada".to_owned(),
        number,
        what: what.to_owned(),
        old: "onprem".to_owned(),
        new: "cloud 5%".to_owned(),
        reason: "trial".to_owned(),
    }
}

fn pin(side: Side) -> Pin {
    Pin {
        number: number("support"),
        kind: KeyKind::Medium,
        key: "123".to_owned(),
        side,
    }
}

fn edits() -> Vec<Edit> {
    let number = || number("support");
    let flag = Flag::all(Mode::Cloud).share(5);
    vec![
        Edit::SetFlag {
            number: number(),
            route: ROUTE,
            flag,
        },
        Edit::Pin(pin(Side::OnPrem)),
        Edit::Pin(pin(Side::Cloud)),
        Edit::PutRamp {
            number: number(),
            route: ROUTE,
            ramp: b"5, 25, 100".to_vec(),
        },
    ]
}

fn undo() -> Vec<Edit> {
    let (number, route) = (|| number("support"), ROUTE);
    vec![
        Edit::ResetFlag {
            number: number(),
            route,
        },
        Edit::Unpin {
            number: number(),
            kind: KeyKind::Medium,
            key: "123".to_owned(),
        },
        Edit::DropRamp {
            number: number(),
            route,
        },
    ]
}

#[test]
fn a_change_holds_after_a_restart_until_it_is_undone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    block_on(async {
        let state = Sqlite::open(&path).unwrap();
        assert_eq!(state.run_time().await.unwrap(), RunTime::default());
        let first = state
            .change(Vec::new(), change(None, "file"))
            .await
            .unwrap();
        let second = state
            .change(edits(), change(Some(number("support")), "media_download"))
            .await
            .unwrap();
        assert!(second > first);
        state.close().await;
        let state = Sqlite::open(&path).unwrap();
        let expected = RunTime {
            flags: vec![SetFlag {
                number: number("support"),
                route: ROUTE,
                flag: Flag::all(Mode::Cloud).share(5),
                change: second,
                at: Timestamp(7),
                who: "ada".to_owned(),
                reason: "trial".to_owned(),
            }],
            pins: vec![pin(Side::Cloud)],
            ramps: vec![(number("support"), ROUTE, b"5, 25, 100".to_vec())],
        };
        assert_eq!(state.run_time().await.unwrap(), expected);
        state.change(undo(), change(None, "undo")).await.unwrap();
        assert_eq!(state.run_time().await.unwrap(), RunTime::default());
        assert_eq!(state.history(None, None, 9).await.unwrap().len(), 3);
    });
}

#[test]
fn every_flag_is_read_back_as_it_was_set() {
    let folder = tempfile::tempdir().unwrap();
    let state = Sqlite::open(&folder.path().join("state.db")).unwrap();
    let flags = [
        Flag::all(Mode::OnPrem),
        Flag::all(Mode::Cloud).share(0),
        Flag::compare(Side::Cloud),
        Flag::compare(Side::OnPrem).share(99),
        Flag::all(Mode::Off),
    ];
    block_on(async {
        let mut edits = Vec::new();
        for (route, flag) in Route::ALL.into_iter().zip(flags.into_iter().cycle()) {
            let number = number("support");
            edits.push(Edit::SetFlag {
                number,
                route,
                flag,
            });
        }
        state
            .change(edits.clone(), change(None, "all"))
            .await
            .unwrap();
        let kept = state.run_time().await.unwrap().flags;
        assert_eq!(kept.len(), Route::ALL.len());
        for set in kept {
            let (number, route, flag) = (set.number, set.route, set.flag);
            assert!(edits.contains(&Edit::SetFlag {
                number,
                route,
                flag
            }));
        }
    });
}

#[test]
fn the_history_is_read_newest_first_by_number_and_by_what() {
    let folder = tempfile::tempdir().unwrap();
    let state = Sqlite::open(&folder.path().join("state.db")).unwrap();
    let entries = [
        (None, "file"),
        (Some("support"), "media_download"),
        (Some("sales"), "media_download"),
        (Some("support"), "kill switch"),
        (Some("support"), "login, logout"),
        (Some("support"), "media_download ramp"),
    ];
    block_on(async {
        for (whose, what) in entries {
            let entry = change(whose.map(number), what);
            state.change(Vec::new(), entry).await.unwrap();
        }
        for (whose, what, limit, expected) in [
            (None, None, 9, vec![6, 5, 4, 3, 2, 1]),
            (None, None, 2, vec![6, 5]),
            (Some("support"), None, 9, vec![6, 5, 4, 2, 1]),
            (None, Some("logout"), 9, vec![5]),
            (None, Some("log"), 9, vec![]),
            (Some("support"), Some("media_download"), 9, vec![6, 2]),
            (Some("sales"), Some("media_download"), 9, vec![3]),
            (Some("sales"), Some("kill switch"), 9, vec![]),
        ] {
            let found = state
                .history(whose.map(number).as_ref(), what, limit)
                .await
                .unwrap();
            let ids: Vec<i64> = found.iter().map(|(id, _)| id.0).collect();
            assert_eq!(ids, expected, "{whose:?} {what:?}");
            for (ChangeId(id), entry) in found {
                let (whose, what) = entries[usize::try_from(id).unwrap() - 1];
                assert_eq!(entry, change(whose.map(number), what));
            }
        }
    });
}

#[test]
fn nothing_can_rewrite_the_history() {
    let folder = tempfile::tempdir().unwrap();
    let state = Sqlite::open(&folder.path().join("state.db")).unwrap();
    block_on(async {
        state.change(edits(), change(None, "file")).await.unwrap();
        for sql in ["UPDATE changes SET who = 'eve'", "DELETE FROM changes"] {
            assert!(state.write(move |tx| tx.run(sql, [])).await.is_err());
        }
        let kept = state.history(None, None, 9).await.unwrap();
        assert_eq!(kept, [(ChangeId(1), change(None, "file"))]);
    });
}

#[test]
fn a_change_that_fails_leaves_no_entry() {
    let folder = tempfile::tempdir().unwrap();
    let state = Sqlite::open(&folder.path().join("state.db")).unwrap();
    block_on(async {
        let refuse =
            "CREATE TRIGGER refuse BEFORE INSERT ON ramps BEGIN SELECT RAISE(ABORT, 'no'); END";
        state.write(move |tx| tx.run(refuse, [])).await.unwrap();
        assert!(state.change(edits(), change(None, "x")).await.is_err());
        assert_eq!(state.run_time().await.unwrap(), RunTime::default());
        assert!(state.history(None, None, 9).await.unwrap().is_empty());
    });
}
