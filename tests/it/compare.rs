//! Routes with small JSON bodies in mode `compare`: the integration notices nothing, the log tells what differs.

use serde_json::{Value, json};
use waba_bridge::standin::fault::Hop;
use waba_bridge::standin::onprem::{Onprem, OnpremOptions};

use crate::harness::{PASSWORD, Setting, USER, World, within};
use crate::raw::{Upstream, code};

const PROFILE: &str = "/v1/settings/business/profile";
const ABOUT: &str = "/v1/settings/profile/about";
const HEALTH: &str = "/v1/health";
const SIDES: [&str; 2] = ["onprem", "cloud"];

fn flag(route: &str, answer: &str) -> String {
    format!("{route} = {{ mode = \"compare\", answer = \"{answer}\" }}\n")
}

/// A world whose routes with small bodies are all compared.
async fn world(answer: &str, compare: &str) -> (World, String) {
    let routes = ["business_profile", "profile_about", "contacts", "health"];
    let routes: String = routes.map(|route| flag(route, answer)).concat();
    let world = Setting::compared(&routes, compare).start().await;
    let token = world.login().await;
    (world, token)
}

fn profile(world: &World, onprem: &Value, cloud: &Value) {
    let client = world.onprem.as_ref().unwrap();
    client.set_profile(onprem);
    world.cloud.set_profile(cloud);
    for side in [onprem, cloud] {
        // The vertical is one of a few words.
        for text in side
            .as_object()
            .unwrap()
            .iter()
            .filter(|(name, _)| *name != "vertical")
        {
            let text = text.1.as_str().or(text.1[0].as_str());
            world.bridge.keep_secret(text.unwrap());
        }
    }
}

/// The same business, said in the words of both sides.
fn same_profile(world: &World) {
    let fields = json!({"address": "12 Quiet Lane", "description": "We mend clocks", "email": "clocks@mend.example", "websites": ["https://mend.example/"]});
    let mut onprem = fields.clone();
    onprem["vertical"] = "Professional Services".into();
    let mut cloud = fields;
    cloud["vertical"] = "PROF_SERVICES".into();
    profile(world, &onprem, &cloud);
}

async fn text(answer: reqwest::Response) -> (u16, String) {
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// What the old client itself says to a caller.
async fn from_onprem(world: &World, path: &str) -> (u16, String) {
    let onprem = world.onprem.as_ref().unwrap();
    let http = reqwest::Client::new();
    let login = http.post(format!("{}/v1/users/login", onprem.url()));
    let login = login.basic_auth(USER, Some(PASSWORD)).send().await.unwrap();
    let login: Value = login.json().await.unwrap();
    let token = login["users"][0]["token"].as_str().unwrap();
    let asked = http.get(format!("{}{path}", onprem.url()));
    text(asked.bearer_auth(token).send().await.unwrap()).await
}

fn verdict(line: &Value) -> (&str, &str) {
    let text = |field: &str| line[field].as_str().unwrap_or_default();
    (text("verdict"), text("reason"))
}

fn paths(line: &Value) -> Vec<&str> {
    let differences = line["differences"].as_array().unwrap().iter();
    differences
        .map(|difference| difference["path"].as_str().unwrap())
        .collect()
}

/// The bearers that the old client saw on a path.
fn bearers(world: &World, path: &str) -> Vec<String> {
    world.onprem.as_ref().unwrap().log(|log| {
        let seen = log.iter().filter(|seen| seen.path == path);
        seen.map(|seen| seen.header("authorization").unwrap_or_default().to_owned())
            .collect()
    })
}

#[tokio::test]
async fn the_integration_gets_what_it_gets_without_comparing() {
    for answer in SIDES {
        let (world, token) = world(answer, "").await;
        same_profile(&world);
        let paths = [PROFILE, ABOUT, HEALTH];
        let mut plain = Vec::new();
        match answer {
            "onprem" => {
                for path in paths {
                    plain.push(from_onprem(&world, path).await);
                }
            }
            _ => {
                let other = Setting::first_route()
                    .routes("business_profile = \"cloud\"\nprofile_about = \"cloud\"\nhealth = \"cloud\"\n")
                    .start()
                    .await;
                same_profile(&other);
                let token = other.login().await;
                for path in paths {
                    plain.push(text(other.bridge.get(path, &token).await).await);
                }
            }
        }
        for (index, path) in paths.iter().enumerate() {
            let got = text(world.bridge.get(path, &token).await).await;
            assert_eq!(got, plain[index], "{answer} {path}");
            let line = world.comparison(index).await;
            assert_eq!(line["answer"], answer);
            assert_eq!(
                (&line["onprem_status"], &line["cloud_status"]),
                (&json!(200), &json!(200))
            );
            assert_eq!(line["target"], "compare");
        }
    }
}

#[tokio::test]
async fn two_spellings_of_one_profile_match() {
    for answer in SIDES {
        let (world, token) = world(answer, "").await;
        same_profile(&world);
        world
            .onprem
            .as_ref()
            .unwrap()
            .set_about("Mending since 1911");
        let mut cloud = world.cloud.profile();
        cloud["about"] = "Mending since 1911".into();
        world.cloud.set_profile(&cloud);
        world.bridge.keep_secret("Mending since 1911");
        for (index, (path, route)) in [
            (PROFILE, "business_profile"),
            (ABOUT, "profile_about"),
            (HEALTH, "health"),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(world.bridge.get(path, &token).await.status(), 200);
            let line = world.comparison(index).await;
            assert_eq!(
                (verdict(&line).0, &line["route"]),
                ("match", &json!(route)),
                "{answer}: {line}"
            );
            assert_eq!(line["differences"], json!([]));
        }
    }
}

#[tokio::test]
async fn what_differs_is_named_and_not_told() {
    for answer in SIDES {
        let (world, token) = world(answer, "").await;
        same_profile(&world);
        let mut cloud = world.cloud.profile();
        cloud["address"] = "14 Quiet Lane".into();
        world.cloud.set_profile(&cloud);
        world.bridge.keep_secret("14 Quiet Lane");
        world.bridge.get(PROFILE, &token).await;
        let line = world.comparison(0).await;
        assert_eq!(verdict(&line).0, "mismatch", "{answer}: {line}");
        assert_eq!(paths(&line), ["$.settings.business.profile.address"]);
        let difference = &line["differences"][0];
        assert_ne!(difference["onprem"], difference["cloud"]);
        assert!(
            difference["onprem"].is_string() && difference["cloud"].is_string(),
            "{line}"
        );

        world.onprem.as_ref().unwrap().set_about("One thing");
        cloud["about"] = "Quite another".into();
        world.cloud.set_profile(&cloud);
        for text in ["One thing", "Quite another"] {
            world.bridge.keep_secret(text);
        }
        world.bridge.get(ABOUT, &token).await;
        let line = world.comparison(1).await;
        assert_eq!(verdict(&line).0, "mismatch");
        assert_eq!(paths(&line), ["$.settings.profile.about.text"]);
    }
}

#[tokio::test]
async fn checks_of_contacts_are_compared_and_name_nobody() {
    for answer in SIDES {
        let (world, token) = world(answer, "").await;
        let asked = json!({"blocking": "wait", "contacts": ["+4915112345678", "nobody"], "force_check": true});
        for secret in ["4915112345678", "nobody"] {
            world.bridge.keep_secret(secret);
        }
        let post = |body: String| {
            let request = world
                .bridge
                .request("POST", "/v1/contacts")
                .bearer_auth(&token);
            request
                .header("content-type", "application/json")
                .body(body)
                .send()
        };
        let got: Value = post(asked.to_string()).await.unwrap().json().await.unwrap();
        assert_eq!(got["contacts"][0]["wa_id"], "4915112345678", "{got}");
        let line = world.comparison(0).await;
        assert_eq!(
            (verdict(&line).0, &line["route"]),
            ("match", &json!("contacts")),
            "{answer}: {line}"
        );

        // A refusal is an answer too, and a word about the same request on both sides.
        let answered = post("{\"contacts\": 7}".to_owned()).await.unwrap();
        assert_eq!(answered.status(), 400);
        let line = world.comparison(1).await;
        assert_eq!(
            (&line["onprem_status"], &line["cloud_status"]),
            (&json!(400), &json!(400)),
            "{line}"
        );
        let answered = post("no json".to_owned()).await.unwrap();
        assert_eq!(
            (
                answered.status().as_u16(),
                code(&answered.json().await.unwrap())
            ),
            (400, 1025)
        );
        let line = world.comparison(2).await;
        assert_eq!(
            (&line["onprem_status"], &line["cloud_status"]),
            (&json!(400), &json!(400)),
            "{line}"
        );
        // Down to the envelope.
        assert_eq!(paths(&line), [""; 0], "{line}");
    }
}

#[tokio::test]
async fn a_change_is_made_on_both_sides_or_on_none() {
    for answer in SIDES {
        let (world, token) = world(answer, "").await;
        same_profile(&world);
        let change = |body: Value| {
            let request = world.bridge.request("POST", PROFILE).bearer_auth(&token);
            request.json(&body).send()
        };
        world.bridge.keep_secret("new@mend.example");
        let changed = change(json!({"email": "new@mend.example"})).await.unwrap();
        assert_eq!(changed.status(), 200);
        let line = world.comparison(0).await;
        assert_eq!(verdict(&line).0, "match", "{answer}: {line}");
        let both = async |email: &str| {
            assert_eq!(world.cloud.profile()["email"], email, "{answer}");
            let (_, told) = from_onprem(&world, PROFILE).await;
            let told: Value = serde_json::from_str(&told).unwrap();
            assert_eq!(
                told["settings"]["business"]["profile"]["email"], email,
                "{answer}"
            );
        };
        both("new@mend.example").await;

        // By its own rules, the answering side refuses.
        let refused = change(json!({"email": "x".repeat(129)})).await.unwrap();
        assert_eq!(refused.status(), 400, "{answer}");
        world
            .until_skipped("business_profile", "refused", 1.0)
            .await;
        // Or in its trouble.
        let asked = |world: &World| world.cloud.log(|log| log.count(Hop::Profile));
        let writes = |world: &World| {
            world.onprem.as_ref().unwrap().log(|log| {
                let posts = log
                    .iter()
                    .filter(|seen| seen.method == "POST" && seen.path == PROFILE);
                posts.count()
            })
        };
        let before = (asked(&world), writes(&world));
        match answer {
            "onprem" => world
                .onprem
                .as_ref()
                .unwrap()
                .faults()
                .push_lines(&format!("{PROFILE}:status=503:next=1"))
                .unwrap(),
            _ => world
                .cloud
                .faults()
                .push_lines("profile:status=503:next=1")
                .unwrap(),
        }
        world.bridge.keep_secret("third@mend.example");
        let failed = change(json!({"email": "third@mend.example"}))
            .await
            .unwrap();
        assert!(
            failed.status().is_server_error(),
            "{answer} {}",
            failed.status()
        );
        world
            .until_skipped("business_profile", "refused", 2.0)
            .await;
        let after = (asked(&world), writes(&world));
        match answer {
            "onprem" => assert_eq!((after.0, after.1), (before.0, before.1 + 1)),
            _ => assert_eq!((after.0, after.1), (before.0 + 1, before.1)),
        }
        both("new@mend.example").await;
        assert_eq!(world.bridge.lines("compared").len(), 1);
    }
}

#[tokio::test]
async fn a_callers_token_stays_on_the_side_that_answers() {
    let (world, token) = world("cloud", "").await;
    same_profile(&world);
    for path in [PROFILE, ABOUT] {
        assert_eq!(world.bridge.get(path, &token).await.status(), 200);
    }
    world.comparison(1).await;
    for path in [PROFILE, ABOUT] {
        let seen = bearers(&world, path);
        assert_eq!(seen.len(), 1, "{path}");
        assert!(
            seen[0].starts_with("Bearer ") && !seen[0].contains(&token),
            "{seen:?}"
        );
        world
            .bridge
            .keep_secret(seen[0].trim_start_matches("Bearer "));
    }
    // Of the callers' logins one, of the bridge's own one.
    assert_eq!(world.onprem.as_ref().unwrap().logins(), 2);

    let world = self::world("onprem", "").await;
    let (world, token) = world;
    same_profile(&world);
    world.bridge.get(PROFILE, &token).await;
    world.comparison(0).await;
    assert_eq!(bearers(&world, PROFILE), [format!("Bearer {token}")]);
    let seen = world.cloud.requests();
    let own = format!("Bearer {}", world.cloud.access_token());
    assert_eq!(seen.len(), 1);
    assert!(
        seen.iter()
            .all(|seen| seen.header("authorization") == Some(&own))
    );
}

#[tokio::test]
async fn who_may_not_ask_makes_nobody_ask() {
    for answer in SIDES {
        let (world, _) = world(answer, "").await;
        for token in ["", "stolen.and.worthless"] {
            for path in [PROFILE, HEALTH] {
                let answered = world.bridge.get(path, token).await;
                let status = answered.status().as_u16();
                assert_eq!(
                    (status, code(&answered.json().await.unwrap())),
                    (401, 1005),
                    "{answer} {path} {token}"
                );
            }
            let answered = world
                .bridge
                .request("POST", PROFILE)
                .bearer_auth(token)
                .json(&json!({"email": "a@b.example"}));
            assert_eq!(answered.send().await.unwrap().status(), 401);
        }
        assert_eq!(world.cloud.log(|log| log.total()), 0, "{answer}");
        // Neither is there any session of the bridge's own that somebody could have been asked with.
        assert_eq!(world.onprem.as_ref().unwrap().logins(), 1, "{answer}");
        assert!(world.bridge.lines("compared").is_empty());
        assert_eq!(world.cloud.profile(), json!({}));
    }
}

#[tokio::test]
async fn the_monitoring_key_still_opens_the_health_route() {
    let options = OnpremOptions {
        api_key: Some("monitor".to_owned()),
        ..OnpremOptions::default()
    };
    let onprem = Onprem::start(options).await.unwrap();
    let world = Setting::compared(&flag("health", "onprem"), "")
        .without_onprem()
        .number(&format!("[numbers.onprem]\nurl = \"{}\"\n", onprem.url()))
        .start()
        .await;
    let asked = world
        .bridge
        .request("GET", HEALTH)
        .header("authorization", "Apikey monitor");
    assert_eq!(asked.send().await.unwrap().status(), 200);
    let line = world.comparison(0).await;
    assert_eq!(verdict(&line).0, "match");
}

/// The old client's own words, not the bridge's for the same thing.
#[tokio::test]
async fn what_the_old_client_refuses_it_refuses_in_its_own_words() {
    let (world, token) = world("onprem", "").await;
    let onprem = world.onprem.as_ref().unwrap();
    for (status, fault) in [
        (401, "body=401,no"),
        (403, "body=403,no"),
        (404, "body=404,no"),
        (429, "body=429,no"),
    ] {
        onprem
            .faults()
            .push_lines(&format!("{PROFILE}:{fault}:next=1"))
            .unwrap();
        let got = text(world.bridge.get(PROFILE, &token).await).await;
        assert_eq!(got, (status, "no".to_owned()));
    }
    // More than the bridge would read itself.
    let long = format!("{{\"email\": \"{}\"}}", "x".repeat(300 << 10));
    let posted = world
        .bridge
        .request("POST", PROFILE)
        .bearer_auth(&token)
        .body(long);
    let (status, body) = text(posted.send().await.unwrap()).await;
    assert_eq!(
        (status, code(&serde_json::from_str(&body).unwrap())),
        (400, 1009)
    );
    assert_eq!(world.skipped("business_profile", "too_large").await, 1.0);
    // Two of these were about the question, two about the caller.
    assert_eq!(world.skipped("business_profile", "refused").await, 2.0);
}

/// The side that does not answer the integration, in every kind of trouble.
#[tokio::test]
async fn the_answer_waits_for_nobody() {
    let flood = format!("body=200,{{\"data\":[],\"x\":\"{}\"}}", "x".repeat(2 << 20));
    for (answer, fault, expected) in [
        ("cloud", "hang", ("only_cloud", "deadline")),
        ("cloud", "reset", ("only_cloud", "unreached")),
        ("cloud", "truncate=20", ("only_cloud", "broke_off")),
        ("cloud", "status=503", ("only_cloud", "server_error")),
        ("cloud", "status=429", ("mismatch", "")),
        ("cloud", "slow=20", ("only_cloud", "deadline")),
        ("cloud", flood.as_str(), ("not_comparable", "too_large")),
        ("onprem", "hang", ("only_onprem", "deadline")),
        ("onprem", "reset", ("only_onprem", "cloud_failed")),
        ("onprem", "truncate=20", ("only_onprem", "cloud_failed")),
        ("onprem", "status=503", ("only_onprem", "cloud_failed")),
        ("onprem", "expired-token", ("only_onprem", "cloud_failed")),
        ("onprem", "throttle=5", ("mismatch", "")),
        ("onprem", "slow=20", ("only_onprem", "deadline")),
        ("onprem", flood.as_str(), ("only_onprem", "cloud_failed")),
    ] {
        let name = &fault[..fault.len().min(20)];
        let (world, token) = world(answer, "deadline_s = 1\nmax_mb = 1").await;
        same_profile(&world);
        let expected_answer = text(world.bridge.get(PROFILE, &token).await).await;
        assert_eq!(expected_answer.0, 200);
        world.comparison(0).await;
        match answer {
            "cloud" => world
                .onprem
                .as_ref()
                .unwrap()
                .faults()
                .push_lines(&format!("{PROFILE}:{fault}:always")),
            _ => world
                .cloud
                .faults()
                .push_lines(&format!("profile:{fault}:always")),
        }
        .unwrap();
        assert_eq!(
            text(world.bridge.get(PROFILE, &token).await).await,
            expected_answer,
            "{answer} {name}"
        );
        let line = world.comparison(1).await;
        assert_eq!(verdict(&line), expected, "{answer} {name}: {line}");
    }
}

#[tokio::test]
async fn a_side_that_is_down_is_no_ones_trouble() {
    let (mut world, token) = world("cloud", "").await;
    same_profile(&world);
    drop(world.onprem.take());
    assert_eq!(world.bridge.get(PROFILE, &token).await.status(), 200);
    let line = world.comparison(0).await;
    assert_eq!(verdict(&line), ("only_cloud", "unreached"), "{line}");
    // A write is not owed to it either.
    let posted = world
        .bridge
        .request("POST", PROFILE)
        .bearer_auth(&token)
        .json(&json!({"email": "a@b.example"}));
    assert_eq!(posted.send().await.unwrap().status(), 200);
    assert_eq!(verdict(&world.comparison(1).await).0, "only_cloud");

    // The side that answers is: the caller hears of it as ever, and what the other one said is known.
    let (mut world, token) = self::world("onprem", "").await;
    drop(world.onprem.take());
    assert_eq!(world.bridge.get(PROFILE, &token).await.status(), 502);
    let line = world.comparison(0).await;
    assert_eq!(verdict(&line), ("only_cloud", "unanswered"), "{line}");
    assert_eq!(world.bridge.get(PROFILE, "stolen").await.status(), 502);
    world
        .until_skipped("business_profile", "refused", 1.0)
        .await;
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let upstream = Upstream::start().await;
    let own = format!("username = \"{USER}\"\npassword = \"{PASSWORD}\"");
    let world = upstream
        .setting(&own)
        .top("[compare]\nnoise_percent = 0\nmax_mb = 1\n")
        .routes(&format!(
            "login = \"cloud\"\nlogout = \"cloud\"\n{}",
            flag("business_profile", "cloud")
        ))
        .start()
        .await;
    let token = world.login().await;
    assert_eq!(world.bridge.get(PROFILE, &token).await.status(), 200);
    let mut wire = upstream.accept().await;
    let login = wire.message().await.unwrap();
    assert!(login.start.starts_with("POST /v1/users/login"), "{login:?}");
    let session =
        json!({"users": [{"token": "a.b.c", "expires_after": "2099-01-01 00:00:00+00:00"}]})
            .to_string();
    wire.send(format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{session}",
        session.len()
    ))
    .await;
    let asked = wire.message().await.unwrap();
    assert_eq!(asked.header("authorization"), Some("Bearer a.b.c"));
    wire.send(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
    )
    .await;
    let chunk = format!("10000\r\n{}\r\n", "7".repeat(0x10000));
    let flooding = async { while wire.try_send(&chunk).await.is_ok() {} };
    within(flooding).await;
    let line = world.comparison(0).await;
    assert_eq!(verdict(&line), ("not_comparable", "too_large"), "{line}");
}

#[tokio::test]
async fn what_the_other_side_has_no_room_for_is_not_compared() {
    let (mut world, token) = world("cloud", "permits = 2\ndeadline_s = 60").await;
    same_profile(&world);
    world
        .onprem
        .as_ref()
        .unwrap()
        .faults()
        .push_lines(&format!("{PROFILE}:hang:always"))
        .unwrap();
    for _ in 0..5 {
        assert_eq!(world.bridge.get(PROFILE, &token).await.status(), 200);
    }
    assert_eq!(world.skipped("business_profile", "busy").await, 3.0);
    assert!(world.bridge.lines("compared").is_empty());
    // The hang ends, if not as one would like it.
    drop(world.onprem.take());
    for index in 0..2 {
        assert_eq!(verdict(&world.comparison(index).await).0, "only_cloud");
    }
    // A permit comes back a moment after the line is written.
    let again = async {
        while world.bridge.lines("compared").len() < 3 {
            assert_eq!(world.bridge.get(PROFILE, &token).await.status(), 200);
        }
    };
    within(again).await;
}

#[tokio::test]
async fn a_field_that_never_is_the_same_is_noise() {
    for answer in SIDES {
        let setting = Setting::compared(&flag("business_profile", answer), "");
        let world = noisy(setting).start().await;
        let token = world.login().await;
        same_profile(&world);
        let onprem = world.onprem.as_ref().unwrap();
        let mut seen = None;
        for index in 0..60 {
            // Each answer of the old client tells another number of seconds, and the cloud none.
            for _ in 0..2 {
                let address = format!("address {}", fastrand::u64(..));
                let body = json!({"settings": {"business": {"profile": {"address": address, "description": "We mend clocks", "email": "clocks@mend.example", "vertical": "Professional Services", "websites": ["https://mend.example/"]}}}, "meta": {"api_status": "stable", "version": "v2.57.2"}});
                onprem
                    .faults()
                    .push_lines(&format!("{PROFILE}:body=200,{body}:next=1"))
                    .unwrap();
            }
            assert_eq!(world.bridge.get(PROFILE, &token).await.status(), 200);
            let line = world.comparison(index).await;
            within(onprem.wait_until(|log| {
                log.iter().filter(|seen| seen.path == PROFILE).count() == 2 * (index + 1)
            }))
            .await;
            if line["noise"] == json!(["$.settings.business.profile.address"]) {
                assert_eq!(
                    (verdict(&line).0, &line["differences"]),
                    ("match", &json!([])),
                    "{line}"
                );
                seen = Some(index);
                break;
            }
            assert_eq!(verdict(&line).0, "mismatch", "{line}");
        }
        // Not before there are samples enough to tell.
        assert!(seen.is_some_and(|index| index >= 10), "{answer} {seen:?}");
    }
}

fn noisy(mut setting: Setting) -> Setting {
    setting.top = setting
        .top
        .replace("noise_percent = 0", "noise_percent = 100");
    setting
}

#[tokio::test]
async fn without_a_baseline_nothing_is_compared() {
    let flags = ["business_profile", "health"]
        .map(|route| flag(route, "cloud"))
        .concat();
    let world = Setting::alone()
        .routes(&flags)
        .top("[compare]\nagainst = \"recorded\"\n")
        .start()
        .await;
    let token = world.login().await;
    assert_eq!(world.bridge.get(PROFILE, &token).await.status(), 200);
    world
        .until_skipped("business_profile", "no_baseline", 1.0)
        .await;
    assert!(world.bridge.lines("compared").is_empty());
}
