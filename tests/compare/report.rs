//! Many comparisons of a route, and what the report says of it.

use std::collections::BTreeMap;

use serde_json::json;
use waba_bridge::compare::{
    Content, Latency, Noise, Readiness, Redactor, RouteReport, Row, Rules, Thresholds, Verdict,
    compare, report,
};

use super::answered;

const NEEDED: Thresholds = Thresholds {
    ready_match_rate: 0.99,
};

/// A comparison of two `/v1/stats` answers with these values and types.
fn row(onprem: (u64, &str), cloud: (u64, &str), took: u64) -> Row {
    let side = |(value, kind): (u64, &str)| {
        let meta = json!({"api_status": "stable", "version": format!("2.{value}.0")});
        let body = json!({"stats": [{"value": value, "type": kind}], "meta": meta});
        answered(200, Content::Json(body))
    };
    let comparison = compare(
        "stats",
        &side(onprem),
        &side(cloud),
        &Rules::default(),
        &|_| false,
    );
    let redacted = comparison.redacted(&Redactor::new(&[1; 32]));
    Row::of("stats", &redacted, Some(took), Some(took * 2))
}

fn failed(verdict: Verdict) -> Row {
    Row {
        verdict,
        onprem_ms: None,
        cloud_ms: None,
        ..row((1, "gauge"), (1, "gauge"), 1)
    }
}

fn only(rows: Vec<Row>, noise: &Noise) -> RouteReport {
    let noise = BTreeMap::from([("stats".to_owned(), noise.clone())]);
    let mut reports = report(rows, &noise, &NEEDED);
    assert_eq!(reports.len(), 1);
    reports.remove(0)
}

#[test]
fn a_route_that_matches_often_enough_is_ready() {
    let mut rows: Vec<Row> = (1..=400)
        .map(|took| row((1, "gauge"), (1, "gauge"), took))
        .collect();
    rows.push(failed(Verdict::OnlyCloud));
    rows.push(failed(Verdict::BothFailed));
    rows.push(failed(Verdict::NotComparable));
    let found = only(rows, &Noise::default());
    assert_eq!(found.readiness, Readiness::Ready);
    assert_eq!((found.compared, found.matched), (400, 400));
    assert_eq!(found.verdicts["only_cloud"], 1);
    assert_eq!(
        found.onprem,
        Some(Latency {
            p50_ms: 200,
            p95_ms: 380,
            p99_ms: 396
        })
    );
    assert_eq!(found.cloud.map(|cloud| cloud.p50_ms), Some(400));
    assert!(found.worst.is_empty() && found.ignored.is_empty());
    let shown = serde_json::to_value(&found).unwrap();
    assert_eq!(shown["verdict"], "ready");
}

#[test]
fn a_field_that_differs_makes_it_not_ready_and_is_named_with_an_example() {
    let mut rows: Vec<Row> = (0..80)
        .map(|_| row((1, "gauge"), (1, "gauge"), 5))
        .collect();
    rows.extend((0..19).map(|_| row((1, "gauge"), (2, "counter"), 5)));
    rows.push(failed(Verdict::OnlyOnPrem));
    let found = only(rows, &Noise::default());
    let Readiness::NotReady { why } = &found.readiness else {
        panic!("{:?}", found.readiness);
    };
    assert!(why[0].starts_with("80 of 100 match: 80.00 %"), "{why:?}");
    assert_eq!(why[1], "1 of 100 only on-prem answered");
    assert_eq!(why[2], "$.stats[*].type differs in 19 of 100");
    assert_eq!(found.worst.len(), 2);
    assert_eq!(found.worst[0].onprem, Some(json!("gauge")));
    assert_eq!(found.worst[0].cloud, Some(json!("counter")));
    let hashed = found.worst[1]
        .onprem
        .as_ref()
        .and_then(|value| value.as_str());
    assert!(hashed.is_some_and(|text| text.starts_with('#')));
}

#[test]
fn too_few_comparisons_say_how_many_are_missing() {
    let rows = (0..100)
        .map(|_| row((1, "gauge"), (1, "gauge"), 5))
        .collect();
    let found = only(rows, &Noise::default());
    assert_eq!(
        found.readiness,
        Readiness::NotEnoughData { more: Some(281) }
    );
    assert!(report(Vec::new(), &BTreeMap::new(), &NEEDED).is_empty());
}

/// A field that differs between two answers of one side as often as between the sides is noise, until it differs more.
#[test]
fn noise_excuses_what_it_explains_and_no_more() {
    let mut noise = Noise::default();
    let side = |value: u64| {
        let body = json!({"stats": [{"value": value, "type": "gauge"}]});
        answered(200, Content::Json(body))
    };
    for time in 0..100 {
        let (one, two) = (side(1), side(if time < 20 { 2 } else { 1 }));
        noise.observe(&compare("stats", &one, &two, &Rules::default(), &|_| false));
    }
    let failed_twice = answered(500, Content::Empty);
    let nothing = compare(
        "stats",
        &failed_twice,
        &failed_twice,
        &Rules::default(),
        &|_| false,
    );
    noise.observe(&nothing);
    assert_eq!(
        (noise.samples(), noise.differed("$.stats[*].value")),
        (100, 20)
    );

    let rows = |differing: u64| -> Vec<Row> {
        (0..400)
            .map(|time| {
                row(
                    (1, "gauge"),
                    (if time < differing { 2 } else { 1 }, "gauge"),
                    5,
                )
            })
            .collect()
    };
    let excused = only(rows(80), &noise);
    assert_eq!(excused.readiness, Readiness::Ready);
    assert_eq!(
        (excused.matched, excused.noise.len(), excused.worst.len()),
        (400, 1, 0)
    );
    assert_eq!(excused.noise_samples, 100);
    let mut beside = rows(80);
    beside[0] = row((1, "gauge"), (2, "counter"), 5);
    assert_eq!(only(beside, &noise).matched, 399);
    let too_many = only(rows(200), &noise);
    assert_eq!(
        (too_many.matched, too_many.noise.len(), too_many.worst.len()),
        (200, 0, 1)
    );
    assert_eq!(only(rows(80), &Noise::default()).matched, 320);
}

#[test]
fn a_rule_that_hides_something_in_most_comparisons_is_marked() {
    let mut rows: Vec<Row> = (0..40)
        .map(|_| row((1, "gauge"), (1, "gauge"), 5))
        .collect();
    rows.extend((0..60).map(|_| row((1, "gauge"), (2, "gauge"), 5)));
    let found = only(rows, &Noise::default());
    assert_eq!(found.ignored.len(), 1);
    let applied = &found.ignored[0];
    assert_eq!(
        (applied.rule.as_str(), applied.comparisons, applied.values),
        ("$.meta.version", 60, 60)
    );
    assert!(applied.suspicious && (applied.share - 0.6).abs() < 1e-9);
}

/// Rows are kept as JSON.
#[test]
fn a_row_survives_being_written_down() {
    let kept = row((1, "gauge"), (2, "counter"), 5);
    let text = serde_json::to_string(&kept).unwrap();
    assert_eq!(serde_json::from_str::<Row>(&text).unwrap(), kept);
}
