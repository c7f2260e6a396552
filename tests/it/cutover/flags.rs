//! Flags set at run time: shown, kept, refused, and taken back.

use serde_json::json;

use super::{PROFILE, ask, decided, done, history, order, shown, tell, with_onprem};

#[tokio::test]
async fn a_flag_set_at_run_time_is_in_force_at_once_and_survives_a_crash() {
    let mut world = with_onprem("").start().await;
    let token = world.login().await;
    let (status, decision) = decided(&world.bridge, PROFILE, &token).await;
    assert_eq!(status, 200);
    assert_eq!(
        decision,
        "onprem; reason=mode; flag=\"onprem\"; layer=\"default\""
    );

    let set = ["cutover", "set", "business_profile", "cloud"];
    let said = done(order(&world.bridge, &set).await);
    said.line(&["business_profile of support: onprem -> cloud (change "]);
    let in_force = "cloud; reason=mode; flag=\"cloud\"; layer=\"run time\"";
    assert_eq!(
        decided(&world.bridge, PROFILE, &token).await,
        (200, in_force.to_owned())
    );
    let before = shown(&world.bridge, "business_profile").await;
    assert_eq!(before["layer"], "run time");
    assert_eq!(
        (&before["set"]["by"], &before["set"]["reason"]),
        (&json!("anna"), &json!("a trial"))
    );

    world.bridge.crash_and_restart();
    assert_eq!(shown(&world.bridge, "business_profile").await, before);
    assert_eq!(
        decided(&world.bridge, PROFILE, &token).await,
        (200, in_force.to_owned())
    );
    let said = done(ask(&world.bridge, &["cutover", "show"]).await);
    said.line(&[
        "ROUTE", "FLAG", "LAYER", "REVISION", "SET BY", "SINCE", "REASON",
    ]);
    said.line(&["business_profile", "cloud", "run time", "anna", "a trial"]);
    assert!(!said.out.contains("groups"), "{}", said.out);
    let said = done(ask(&world.bridge, &["cutover", "show", "--all"]).await);
    said.line(&["groups", "onprem", "default"]);

    done(order(&world.bridge, &["cutover", "reset", "business_profile"]).await);
    let after = shown(&world.bridge, "business_profile").await;
    assert_eq!(
        (&after["flag"], &after["layer"], &after["revision"]),
        (&json!("onprem"), &json!("default"), &json!(0))
    );
    let entries = history(&world.bridge, &["business_profile"]).await;
    let changes: Vec<_> = entries
        .iter()
        .map(|entry| {
            (
                entry["old"].as_str().unwrap(),
                entry["new"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        changes,
        [("cloud", "onprem (the file's)"), ("onprem", "cloud")]
    );
    assert!(entries.iter().all(|entry| entry["who"] == "anna"));
}

#[tokio::test]
async fn of_two_operators_who_change_a_route_at_once_one_hears_of_the_other() {
    let world = with_onprem("").start().await;
    let set = |mode| {
        [
            "cutover",
            "set",
            "business_profile",
            mode,
            "--revision",
            "0",
        ]
    };
    let (cloud, off) = (set("cloud"), set("off"));
    let (one, other) = tokio::join!(order(&world.bridge, &cloud), order(&world.bridge, &off));
    let mut codes = [one.code, other.code];
    codes.sort_unstable();
    assert_eq!(codes, [0, 1], "{}{}", one.err, other.err);
    let loser = if one.code == 1 { &one } else { &other };
    assert!(
        loser.err.contains("409") && loser.err.contains("was changed meanwhile: anna set it to"),
        "{}",
        loser.err
    );
    assert_eq!(history(&world.bridge, &[]).await.len(), 1);

    // Who says nothing of what he knows means what is there now.
    done(
        order(
            &world.bridge,
            &["cutover", "set", "business_profile", "onprem"],
        )
        .await,
    );
    done(order(&world.bridge, &["cutover", "reset", "business_profile"]).await);
    let stale = [
        "cutover",
        "set",
        "business_profile",
        "off",
        "--revision",
        "1",
    ];
    let said = order(&world.bridge, &stale).await;
    assert_eq!(said.code, 1);
    assert!(
        said.err.contains("it was reset to the file's"),
        "{}",
        said.err
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_change_is_said_and_nothing_is_changed() {
    let world = with_onprem("").start().await;
    let set = |more: serde_json::Value| {
        let mut body = json!({"who": "anna", "reason": "x", "action": "set",
            "routes": ["business_profile"], "mode": "cloud"});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    for (body, status, words) in [
        (set(json!({"percent": 101})), 400, "101 is no share"),
        (set(json!({"percent": -1})), 400, "percent"),
        (set(json!({"percents": 5})), 400, "percents"),
        (
            set(json!({"routes": ["nix"]})),
            404,
            "no route of this name",
        ),
        (set(json!({"routes": []})), 400, "at least one"),
        (set(json!({"number": "sales"})), 404, "support"),
        (
            set(json!({"mode": "Cloud"})),
            400,
            "onprem, cloud, compare or off",
        ),
        (
            set(json!({"mode": "off", "percent": 5})),
            400,
            "share of off",
        ),
        (set(json!({"answer": "cloud"})), 400, "belongs to compare"),
        (set(json!({"who": " "})), 400, "who is missing"),
        (set(json!({"reason": ""})), 400, "reason is missing"),
        (
            set(json!({"reason": "a\u{1b}[2J"})),
            400,
            "control characters",
        ),
        (
            set(json!({"reason": "a".repeat(501)})),
            400,
            "longer than 500",
        ),
        (set(json!({"action": "nix"})), 400, "unknown variant"),
        (set(json!({"routes": ["messages"]})), 422, "messages"),
        (
            set(json!({"routes": ["messages"], "percent": 25})),
            422,
            "registered with one API at a time",
        ),
        (set(json!({"routes": ["login"]})), 422, "logout"),
        (set(json!({"revision": 5})), 409, "look again"),
        (
            json!({"who": "anna", "reason": "x", "action": "reset", "routes": ["contacts"]}),
            422,
            "not set at run time",
        ),
        (
            json!({"who": "anna", "reason": "x", "action": "unpin", "kind": "medium", "key": "1"}),
            422,
            "not pinned",
        ),
        (
            json!({"who": "anna", "reason": "x", "action": "pin", "kind": "medium", "key": "", "side": "cloud"}),
            400,
            "key is missing",
        ),
        (
            json!({"who": "anna", "reason": "x", "action": "stop_ramp", "route": "contacts"}),
            422,
            "no ramp",
        ),
        (json!([]), 400, "cannot be read"),
    ] {
        let (found, said) = tell(&world.bridge, "/api/cutover/change", &body).await;
        let error = said["error"].as_str().unwrap();
        assert_eq!(found, status, "{body}: {error}");
        assert!(error.contains(words), "{body}: {error}");
    }
    assert_eq!(history(&world.bridge, &[]).await.len(), 0);
}

#[tokio::test]
async fn routes_that_only_fit_together_are_changed_together() {
    let setting = with_onprem("")
        .top("[every_number.onprem]\nusername = \"admin\"\npassword = \"Standin-1\"\n");
    let world = setting.start().await;
    let said = order(&world.bridge, &["cutover", "set", "login", "cloud"]).await;
    assert_eq!(said.code, 1);
    assert!(said.err.contains("422"), "{}", said.err);
    done(order(&world.bridge, &["cutover", "set", "login,logout", "cloud"]).await);
    world.login().await;
    assert_eq!(history(&world.bridge, &["logout"]).await.len(), 1);
    done(order(&world.bridge, &["cutover", "reset", "login,logout"]).await);
}

#[tokio::test]
async fn a_login_that_on_prem_would_not_know_is_refused_at_run_time_too() {
    let world = with_onprem("").start().await;
    let said = order(&world.bridge, &["cutover", "set", "login,logout", "cloud"]).await;
    assert_eq!(said.code, 1);
    assert!(said.err.contains("username and password"), "{}", said.err);
}

#[tokio::test]
async fn a_pinned_key_goes_to_its_side_until_it_is_let_go() {
    let mut world = with_onprem("").start().await;
    let token = world.login().await;
    done(
        order(
            &world.bridge,
            &["cutover", "pin", "--caller", "admin", "cloud"],
        )
        .await,
    );
    world.bridge.crash_and_restart();
    let (_, decision) = decided(&world.bridge, PROFILE, &token).await;
    assert!(decision.starts_with("cloud; reason=pinned"), "{decision}");
    // A token that on-prem did not give out would be worth nothing on all other routes.
    let again = world.login().await;
    assert_eq!(
        decided(&world.bridge, "/v1/settings/application", &again)
            .await
            .0,
        200
    );
    let said = done(ask(&world.bridge, &["cutover", "show"]).await);
    said.line(&["caller", "admin", "cloud"]);
    done(order(&world.bridge, &["cutover", "unpin", "--caller", "admin"]).await);
    let (_, decision) = decided(&world.bridge, PROFILE, &token).await;
    assert!(decision.starts_with("onprem; reason=mode"), "{decision}");
    let said = order(&world.bridge, &["cutover", "unpin", "--caller", "admin"]).await;
    assert_eq!(said.code, 1, "{}", said.out);
}
