//! Results, noise and baselines: kept within their bounds, and read a page at a time.

use super::super::Sqlite;
use super::{block_on, number};
use crate::route::{Route, Side};
use crate::state::{
    BaselineCount, BaselineRow, ComparisonQuery, ComparisonRow, NoiseRow, Timestamp,
};

fn open() -> (tempfile::TempDir, Sqlite) {
    let folder = tempfile::tempdir().unwrap();
    let state = Sqlite::open(&folder.path().join("state.db")).unwrap();
    (folder, state)
}

fn comparison(at: i64) -> ComparisonRow {
    ComparisonRow {
        at: Timestamp(at),
        number: number(["support", "sales"][usize::from(at % 2 == 0)]),
        route: [Route::Contacts, Route::Health][usize::from(at % 3 == 0)],
        key: format!("key {at}"),
        verdict: "mismatch".to_owned(),
        reason: (at % 2 == 0).then(|| "late".to_owned()),
        answer: Side::OnPrem,
        onprem_status: Some(200),
        cloud_status: None,
        onprem_ms: Some(3),
        cloud_ms: None,
        detail: "{}".to_owned(),
    }
}

async fn moments(state: &Sqlite, query: &ComparisonQuery, limit: usize) -> Vec<i64> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = state.comparisons(query, after, limit).await.unwrap();
        assert!(page.rows.len() <= limit);
        for row in page.rows {
            assert_eq!(row, comparison(row.at.0));
            found.push(row.at.0);
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return found,
        }
    }
}

#[test]
fn results_are_read_in_the_order_of_time_page_by_page() {
    let (_folder, state) = open();
    block_on(async {
        let mut rows: Vec<ComparisonRow> = (1..=12).map(comparison).collect();
        // A result may come later than one of a later moment; of one moment there may be many.
        rows.swap(2, 7);
        rows.extend([comparison(5), comparison(5)]);
        state.put_comparisons(rows, 100).await.unwrap();
        assert_eq!(state.comparison_count().await.unwrap(), 14);
        let everything = vec![1, 2, 3, 4, 5, 5, 5, 6, 7, 8, 9, 10, 11, 12];
        let by_number = ComparisonQuery {
            number: Some(number("sales")),
            ..ComparisonQuery::default()
        };
        let by_route = ComparisonQuery {
            route: Some(Route::Health),
            ..ComparisonQuery::default()
        };
        let recent = ComparisonQuery {
            since: Some(Timestamp(5)),
            ..ComparisonQuery::default()
        };
        let narrow = ComparisonQuery {
            number: Some(number("sales")),
            route: Some(Route::Health),
            since: Some(Timestamp(7)),
        };
        for (query, expected) in [
            (ComparisonQuery::default(), everything.clone()),
            (by_number, vec![2, 4, 6, 8, 10, 12]),
            (by_route, vec![3, 6, 9, 12]),
            (recent, everything[4..].to_vec()),
            (narrow, vec![12]),
        ] {
            for limit in [1, 2, 14, 99] {
                assert_eq!(moments(&state, &query, limit).await, expected, "{query:?}");
            }
        }
    });
}

#[test]
fn results_are_bounded_by_number_and_age() {
    let (_folder, state) = open();
    block_on(async {
        let everything = ComparisonQuery::default();
        for at in 1..=7 {
            state
                .put_comparisons(vec![comparison(at)], 5)
                .await
                .unwrap();
        }
        assert_eq!(moments(&state, &everything, 9).await, [3, 4, 5, 6, 7]);
        assert_eq!(state.sweep_comparisons(Timestamp(5)).await.unwrap(), 2);
        assert_eq!(moments(&state, &everything, 9).await, [5, 6, 7]);
        let many = (8..=2600).map(comparison).collect();
        state.put_comparisons(many, 5000).await.unwrap();
        assert_eq!(state.comparison_count().await.unwrap(), 2596);
        // A smaller bound takes more than one commit.
        state
            .put_comparisons(vec![comparison(2601)], 10)
            .await
            .unwrap();
        assert_eq!(
            moments(&state, &everything, 99).await,
            (2592..=2601).collect::<Vec<_>>()
        );
        assert_eq!(state.sweep_comparisons(Timestamp(9999)).await.unwrap(), 10);
        state.put_comparisons(vec![comparison(1)], 0).await.unwrap();
        assert_eq!(state.comparison_count().await.unwrap(), 0);
    });
}

#[test]
fn noise_adds_up() {
    let (folder, state) = open();
    let noise = |path: Option<&str>, count| NoiseRow {
        number: number("support"),
        route: Route::Contacts,
        path: path.map(str::to_owned),
        count,
    };
    block_on(async {
        let first = vec![noise(None, 2), noise(Some(""), 1), noise(Some("/a"), 1)];
        state.add_noise(first).await.unwrap();
        state
            .add_noise(vec![noise(None, 3), noise(Some("/a"), 4)])
            .await
            .unwrap();
        state.close().await;
        let state = Sqlite::open(&folder.path().join("state.db")).unwrap();
        let expected = [noise(None, 5), noise(Some(""), 1), noise(Some("/a"), 5)];
        assert_eq!(state.noise().await.unwrap(), expected);
    });
}

fn baseline(name: &str, route: Route, key: &str, at: i64) -> BaselineRow {
    BaselineRow {
        number: number(name),
        route,
        key: key.to_owned(),
        at: Timestamp(at),
        request: format!("request at {at}"),
        answer: format!("answer at {at}"),
        took_ms: 9,
    }
}

async fn keys(state: &Sqlite, name: Option<&str>, route: Option<Route>) -> Vec<String> {
    let (name, mut after, mut found) = (name.map(number), None, Vec::new());
    loop {
        let page = state
            .baselines(name.as_ref(), route, after, 2)
            .await
            .unwrap();
        let Some(last) = page.last() else {
            return found;
        };
        after = Some((last.number.clone(), last.route, last.key.clone()));
        found.extend(
            page.into_iter()
                .map(|row| format!("{} {}", row.key, row.at.0)),
        );
    }
}

#[test]
fn the_newest_answer_to_a_request_is_kept_and_the_oldest_go_first() {
    let (_folder, state) = open();
    let route = Route::Contacts;
    let row = |key, at| baseline("support", route, key, at);
    block_on(async {
        let rows = vec![row("a", 5), row("b", 6), row("a", 8), row("a", 7)];
        state.put_baselines(rows, 3).await.unwrap();
        let found = state.baseline(&number("support"), route, "a").await;
        assert_eq!(found.unwrap(), Some(row("a", 8)));
        for (name, route) in [("sales", route), ("support", Route::Health)] {
            let found = state.baseline(&number(name), route, "a").await;
            assert_eq!(found.unwrap(), None);
        }
        state
            .put_baselines(vec![row("c", 1), row("d", 9)], 3)
            .await
            .unwrap();
        assert_eq!(keys(&state, None, None).await, ["a 8", "b 6", "d 9"]);
        state.put_baselines(vec![row("b", 10)], 3).await.unwrap();
        state.put_baselines(vec![row("e", 11)], 3).await.unwrap();
        assert_eq!(keys(&state, None, None).await, ["b 10", "d 9", "e 11"]);
        state.put_baselines(Vec::new(), 1).await.unwrap();
        assert_eq!(keys(&state, None, None).await, ["e 11"]);
    });
}

#[test]
fn baselines_are_read_counted_and_cleared_by_number_and_route() {
    let (_folder, state) = open();
    let (contacts, health) = (Route::Contacts, Route::Health);
    block_on(async {
        let places = [
            ("support", health),
            ("sales", health),
            ("support", contacts),
        ];
        for (turn, (name, route)) in (0..).zip(places) {
            for (at, key) in [(1, "c"), (2, "a"), (3, "b")] {
                let row = baseline(name, route, &format!("{turn}{key}"), at);
                state.put_baselines(vec![row], 99).await.unwrap();
            }
        }
        let sales = ["1a 2", "1b 3", "1c 1"];
        assert_eq!(keys(&state, Some("sales"), None).await, sales);
        assert_eq!(keys(&state, Some("sales"), Some(contacts)).await, [""; 0]);
        assert_eq!(
            keys(&state, None, Some(contacts)).await,
            ["2a 2", "2b 3", "2c 1"]
        );
        assert_eq!(keys(&state, None, None).await.len(), 9);
        let count = |name, route| BaselineCount {
            number: number(name),
            route,
            count: 3,
            oldest: Timestamp(1),
            newest: Timestamp(3),
        };
        let counts = state.baseline_counts().await.unwrap();
        let expected = [
            count("sales", health),
            count("support", contacts),
            count("support", health),
        ];
        assert_eq!(counts, expected);
        let support = number("support");
        for (whose, route, cleared, left) in [
            (Some(&support), Some(Route::Stats), 0, 9),
            (Some(&support), Some(health), 3, 6),
            (None, Some(health), 3, 3),
            (Some(&support), None, 3, 0),
            (None, None, 0, 0),
        ] {
            let gone = state.clear_baselines(whose, route).await.unwrap();
            assert_eq!(
                (gone, keys(&state, None, None).await.len()),
                (cleared, left)
            );
        }
        // The total that bounds them followed.
        let many = (0..2500).map(|at| baseline("sales", health, &at.to_string(), at));
        state.put_baselines(many.collect(), 2500).await.unwrap();
        assert_eq!(state.baseline_counts().await.unwrap()[0].count, 2500);
        state.put_baselines(Vec::new(), 20).await.unwrap();
        assert_eq!(
            state.baseline_counts().await.unwrap()[0].oldest,
            Timestamp(2480)
        );
        assert_eq!(state.clear_baselines(None, None).await.unwrap(), 20);
    });
}
