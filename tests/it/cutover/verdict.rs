//! `compare report` and `compare record`, by their exit codes and files.

use serde_json::{Value, json};

use super::{PROFILE, ask, decided, done, order, tell, until, with_onprem};
use crate::harness::World;

/// A world that compares the business profile.
async fn comparing() -> (World, String) {
    let world = with_onprem("business_profile = \"compare\"").start().await;
    let token = world.login().await;
    (world, token)
}

async fn compare(world: &World, token: &str, times: u64) {
    for _ in 0..times {
        assert_eq!(decided(&world.bridge, PROFILE, token).await.0, 200);
    }
    until(async || {
        let said = ask(&world.bridge, &["compare", "report", "--json"]).await;
        let routes = said.json()["numbers"][0]["routes"].clone();
        let compared = |route: &Value| route["compared"].as_u64().unwrap();
        routes.as_array().unwrap().iter().map(compared).sum::<u64>() >= times
    })
    .await;
}

#[tokio::test]
async fn a_report_tells_ready_from_not_ready_and_from_too_little() {
    let (world, token) = comparing().await;
    let said = ask(&world.bridge, &["compare", "report"]).await;
    assert_eq!(said.code, 4, "{}", said.err);
    said.line(&["NOT ENOUGH DATA: nothing was compared"]);

    let profile = json!({"email": "old@example.com"});
    world.onprem.as_ref().unwrap().set_profile(&profile);
    compare(&world, &token, 30).await;
    let said = ask(&world.bridge, &["compare", "report"]).await;
    assert_eq!(said.code, 3, "{}{}", said.out, said.err);
    said.line(&["business_profile of support: NOT READY: 0 of "]);
    assert!(!said.out.contains("old@example.com"), "{}", said.out);
    let later = ["compare", "report", "--since", "2100-01-01T00:00:00Z"];
    assert_eq!(ask(&world.bridge, &later).await.code, 4);
    let other = ["compare", "report", "--route", "contacts"];
    assert_eq!(ask(&world.bridge, &other).await.code, 4);
    let unknown = ["compare", "report", "--number", "sales"];
    assert_eq!(ask(&world.bridge, &unknown).await.code, 1);
}

#[tokio::test]
async fn what_is_recorded_can_be_carried_to_another_bridge() {
    let world = with_onprem("").start().await;
    let token = world.login().await;
    let start = [
        "compare",
        "record",
        "start",
        "--route",
        "business_profile",
        "--for",
        "1h",
    ];
    done(ask(&world.bridge, &start).await).line(&["business_profile of support is recorded until"]);
    decided(&world.bridge, PROFILE, &token).await;
    let status = ["compare", "record", "status"];
    until(async || {
        let said = done(ask(&world.bridge, &status).await);
        said.out.contains("RECORDED")
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("baselines.jsonl");
    let file = file.to_str().unwrap();
    done(ask(&world.bridge, &["compare", "record", "export", file]).await)
        .line(&["1 recorded answers are in"]);
    done(ask(&world.bridge, &["compare", "record", "stop"]).await).line(&["1 recording is ended"]);
    done(ask(&world.bridge, &["compare", "record", "clear"]).await).line(&["1 recorded answers"]);

    let other = with_onprem("").start().await;
    let import = ["compare", "record", "import", file];
    done(ask(&other.bridge, &import).await).line(&["1 recorded answers are taken in"]);
    let said = done(ask(&other.bridge, &["compare", "record", "status", "--json"]).await).json();
    assert_eq!(said["baselines"][0]["count"], 1);

    let text = std::fs::read_to_string(file).unwrap();
    std::fs::write(file, text.replacen("\"version\":1", "\"version\":9", 1)).unwrap();
    let said = ask(&other.bridge, &import).await;
    assert_eq!(said.code, 1);
    assert!(
        said.err.contains("422") && said.err.contains("of version 9"),
        "{}",
        said.err
    );
    std::fs::write(file, "{}\n").unwrap();
    let said = ask(&other.bridge, &import).await;
    assert!(said.err.contains("not a file of baselines"), "{}", said.err);
}

#[tokio::test]
async fn what_cannot_be_recorded_is_refused() {
    let world = with_onprem("business_profile = \"cloud\"").start().await;
    for (body, status, words) in [
        (
            json!({"route": "messages", "for_s": 60}),
            422,
            "nothing to record",
        ),
        (json!({"route": "nix", "for_s": 60}), 404, "no route"),
        (json!({"route": "contacts", "for_s": 0}), 400, "31 days"),
        (json!({"route": "contacts"}), 400, "for_s"),
    ] {
        let (found, said) = tell(&world.bridge, "/api/compare/record/start", &body).await;
        let error = said["error"].as_str().unwrap();
        assert_eq!(found, status, "{error}");
        assert!(error.contains(words), "{error}");
    }
    let start = ["compare", "record", "start", "--route", "business_profile"];
    done(ask(&world.bridge, &start).await).line(&["on-prem is not asked"]);
    let said = order(&world.bridge, &["cutover", "kill", "--number", "support"]).await;
    assert_eq!(said.code, 0, "{}", said.err);
}
