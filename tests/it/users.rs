//! Users and tokens: logins on either side, what a token opens, and how it ends.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use futures_util::future::join_all;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use waba_bridge::standin::fault::Hop;
use waba_bridge::standin::onprem::{Onprem, OnpremOptions};

use crate::harness::{PASSWORD, PASSWORD_HASH, Setting, USER, World};
use crate::raw::{Upstream, Wire, code};

const DENIED: &str = r#"{"errors":[{"code":1005,"details":"Invalid credentials.","title":"Access denied"}],"meta":{"api_status":"stable","version":"v2.57.2"}}"#;
const NO_LIMITS: &str = "[limits]\nrequests_per_second = 0\n";
/// A Cloud route that changes nothing: 404 for a good token, as the medium is not there.
const PROBE: &str = "/v1/media/1000000000000001";

async fn is_good(world: &World, token: &str) -> bool {
    match world.bridge.get(PROBE, token).await.status().as_u16() {
        404 => true,
        401 => false,
        other => panic!("neither good nor bad: {other}"),
    }
}

async fn token_of(answer: reqwest::Response) -> String {
    assert_eq!(answer.status(), 200);
    let body: Value = answer.json().await.unwrap();
    body["users"][0]["token"].as_str().unwrap().to_owned()
}

async fn login_with(world: &World, user: &str, password: &str, body: &str) -> reqwest::Response {
    let request = world.bridge.request("POST", "/v1/users/login");
    let request = request.basic_auth(user, Some(password));
    request.body(body.to_owned()).send().await.unwrap()
}

async fn logout(world: &World, token: &str) -> reqwest::Response {
    let request = world.bridge.request("POST", "/v1/users/logout");
    request.bearer_auth(token).send().await.unwrap()
}

/// An old client, a bridge that gives out the tokens, and the bridge's own login.
async fn mixed(top: &str) -> (Onprem, World) {
    let options = OnpremOptions {
        users: vec![("bridge".to_owned(), "Bridge-1".to_owned())],
        ..OnpremOptions::default()
    };
    let onprem = Onprem::start(options).await.unwrap();
    let section = format!(
        "[numbers.onprem]\nurl = \"{}\"\nusername = \"bridge\"\npassword = \"Bridge-1\"\n",
        onprem.url()
    );
    let world = Setting::alone()
        .routes("login = \"cloud\"\nlogout = \"cloud\"\nmedia_get = \"cloud\"\n")
        .number(&section)
        .top(top)
        .start()
        .await;
    world.bridge.keep_secret("Bridge-1");
    (onprem, world)
}

/// The same bridge after the old client is gone for good.
fn without_onprem(world: &mut World) {
    world.bridge.reconfigure(|config| {
        let mut dropping = false;
        let kept = config.lines().filter(|line| {
            if line.starts_with('[') {
                dropping = *line == "[numbers.onprem]";
            }
            !dropping
        });
        kept.map(|line| format!("{line}\n")).collect()
    });
    world.bridge.terminate();
    world.bridge.restart();
}

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[tokio::test]
async fn a_login_is_answered_as_real_clients_compare_it() {
    let world = Setting::alone().start().await;
    for body in ["", "{}", " \r\n"] {
        let answer = login_with(&world, USER, PASSWORD, body).await;
        assert_eq!(answer.status(), 200);
        let text = answer.text().await.unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        let session = &value["users"][0];
        let (token, expires) = (&session["token"], &session["expires_after"]);
        let expected = format!(
            r#"{{"users":[{{"expires_after":{expires},"token":{token}}}],"meta":{{"api_status":"stable","version":"v2.57.2"}}}}"#
        );
        assert_eq!(text, expected);

        let token: Vec<&str> = token.as_str().unwrap().split('.').collect();
        assert_eq!(decoded(token[0]), json!({"alg": "HS256", "typ": "JWT"}));
        let claims = decoded(token[1]);
        let issued = claims["iat"].as_i64().unwrap();
        assert_eq!(claims["exp"], issued + 604_800);
        assert_eq!(claims["user"], USER);
        let random = claims["wa:rand"].as_str().unwrap();
        assert!(random.len() == 32 && random.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let form = time::macros::format_description!(
            "[year]-[month]-[day] [hour]:[minute]:[second]+00:00"
        );
        let moment = time::PrimitiveDateTime::parse(expires.as_str().unwrap(), form).unwrap();
        assert_eq!(moment.assume_utc().unix_timestamp(), issued + 604_800);
    }
}

#[tokio::test]
async fn a_login_without_the_right_words_is_denied_as_documented() {
    let world = Setting::alone().start().await;
    let basic = |pair: &str| format!("Basic {}", BASE64_STANDARD.encode(pair));
    for authorization in [
        basic("admin:wrong"),
        basic("nobody:Standin-1"),
        basic(":"),
        basic("admin"),
        "Basic !!!".to_owned(),
        "Basic".to_owned(),
        "Bearer x".to_owned(),
        String::new(),
    ] {
        let mut request = world.bridge.request("POST", "/v1/users/login");
        if !authorization.is_empty() {
            request = request.header("authorization", &authorization);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 401, "{authorization}");
        assert_eq!(answer.text().await.unwrap(), DENIED);
    }
    let answer = world.bridge.request("GET", PROBE).send().await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.text().await.unwrap(), DENIED);
}

#[tokio::test]
async fn a_first_login_must_bring_a_strong_new_password_that_is_then_the_only_one() {
    let user = format!(
        "[[numbers.users]]\nname = \"first\"\npassword_hash = \"{PASSWORD_HASH}\"\nmust_change_password = true\n"
    );
    let mut world = Setting::alone().number(&user).start().await;
    world.bridge.keep_secret("Changed-2");
    for (body, status, error) in [
        ("", 401, 1024),
        ("{\"new_password\":null}", 401, 1024),
        (r#"{"new_password":"weak"}"#, 400, 1009),
        ("{", 400, 1025),
        ("new_password=x", 400, 1025),
    ] {
        let answer = login_with(&world, "first", PASSWORD, body).await;
        assert_eq!(answer.status(), status, "{body}");
        assert_eq!(code(&answer.json().await.unwrap()), error, "{body}");
    }
    let changed = login_with(&world, "first", PASSWORD, r#"{"new_password":"Changed-2"}"#).await;
    let token = token_of(changed).await;
    for restarted in [false, true] {
        if restarted {
            world.bridge.crash_and_restart();
        }
        assert!(is_good(&world, &token).await);
        assert_eq!(world.bridge.login("first", PASSWORD).await.status(), 401);
        assert_eq!(world.bridge.login("first", "Changed-2").await.status(), 200);
    }
}

#[tokio::test]
async fn a_logout_ends_one_token_for_ever_and_no_other() {
    let mut world = Setting::alone().start().await;
    let (one, two) = (world.login().await, world.login().await);
    world.bridge.keep_secret(&one);
    world.bridge.keep_secret(&two);
    assert!(is_good(&world, &one).await && is_good(&world, &two).await);
    let answer = logout(&world, &one).await;
    assert_eq!(answer.status(), 200);
    let body = answer.text().await.unwrap();
    assert_eq!(
        body,
        r#"{"meta":{"api_status":"stable","version":"v2.57.2"}}"#
    );
    assert_eq!(logout(&world, &one).await.status(), 401);
    for restarted in [false, true] {
        if restarted {
            world.bridge.crash_and_restart();
        }
        assert!(!is_good(&world, &one).await && is_good(&world, &two).await);
    }
}

#[tokio::test]
async fn a_token_ends_when_its_time_or_its_user_does_and_is_no_other_number_s() {
    let mut world = Setting::alone().start().await;
    let token = world.login().await;
    let state = world.bridge.folder.path().join("state/bridge.db");
    let db = rusqlite::Connection::open(state).unwrap();
    let select = "SELECT value FROM secrets WHERE name = 'token-key'";
    let master: Vec<u8> = db.query_row(select, [], |row| row.get(0)).unwrap();
    let signed = |number: &str, user: &str, exp: i64| {
        let master = hmac::Key::new(hmac::HMAC_SHA256, &master);
        let key = hmac::sign(&master, format!("sign/{number}").as_bytes());
        let claims = json!({"user": user, "iat": 1, "exp": exp, "wa:rand": "0"});
        let key = EncodingKey::from_secret(key.as_ref());
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap()
    };
    let far = 4_000_000_000;
    assert!(is_good(&world, &signed("support", USER, far)).await);
    for bad in [
        signed("support", USER, 1_600_000_000),
        signed("support", "gone", far),
        signed("sales", USER, far),
        format!("{token}x"),
        "x.y.z".to_owned(),
        "é".to_owned(),
    ] {
        assert!(!is_good(&world, &bad).await, "{bad}");
        assert_eq!(logout(&world, &bad).await.status(), 401);
    }
    drop(db);
    let rename = |config: String| config.replace("name = \"support\"", "name = \"sales\"");
    world.bridge.reconfigure(rename);
    world.bridge.terminate();
    world.bridge.restart();
    assert!(!is_good(&world, &token).await);
}

#[tokio::test]
async fn many_workers_may_log_in_at_once_after_a_start() {
    let user = costly_user(19_456, 2);
    let world = Setting::alone().top(NO_LIMITS).number(&user).start().await;
    let login = |_| world.bridge.login("costly", "Costly-11");
    let logins = join_all((0..40).map(login)).await;
    let refused = logins
        .iter()
        .filter(|answer| answer.status() != 200)
        .count();
    assert_eq!(refused, 0);
}

#[tokio::test]
async fn wrong_passwords_are_slowed_down_and_the_right_one_is_not() {
    let limits = format!("{NO_LIMITS}logins_per_minute = 3\n");
    let world = Setting::alone().top(&limits).start().await;
    world.login().await;
    let mut codes = Vec::new();
    for _ in 0..5 {
        let answer = world.bridge.login(USER, "Wrong-1").await;
        let status = answer.status().as_u16();
        codes.push((status, code(&answer.json().await.unwrap())));
    }
    assert_eq!(codes[..2], [(401, 1005); 2]);
    assert_eq!(codes[4], (429, 1015));
    world.login().await;
    // Another user is another matter.
    assert_eq!(world.bridge.login("other", "x").await.status(), 401);
}

#[tokio::test]
async fn no_limit_of_logins_is_no_limit() {
    let limits = format!("{NO_LIMITS}logins_per_minute = 0\n");
    let world = Setting::alone().top(&limits).start().await;
    for _ in 0..15 {
        assert_eq!(world.bridge.login(USER, "Wrong-1").await.status(), 401);
    }
}

#[tokio::test]
async fn a_password_that_was_just_checked_costs_nothing_to_check_again() {
    let user = costly_user(32_768, 4);
    let world = Setting::alone().top(NO_LIMITS).number(&user).start().await;
    let before = cpu_ticks(&world);
    assert_eq!(
        world.bridge.login("costly", "Costly-11").await.status(),
        200
    );
    let first = cpu_ticks(&world) - before;
    for _ in 0..200 {
        assert_eq!(
            world.bridge.login("costly", "Costly-11").await.status(),
            200
        );
    }
    let others = cpu_ticks(&world) - before - first;
    assert!(others < 20 * first, "{first} for one, {others} for 200");
}

/// A user whose password takes this much memory (kB) and this many passes to check.
fn costly_user(memory: u32, passes: u32) -> String {
    use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
    let params = Params::new(memory, passes, 1, None).unwrap();
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = hasher.hash_password(b"Costly-11").unwrap().to_string();
    format!("[[numbers.users]]\nname = \"costly\"\npassword_hash = \"{hash}\"\n")
}

/// Processor time the bridge has used.
fn cpu_ticks(world: &World) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", world.bridge.pid())).unwrap();
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .unwrap()
        .1
        .split_whitespace()
        .collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[tokio::test]
async fn a_login_at_the_old_client_passes_byte_for_byte() {
    let upstream = Upstream::start().await;
    let world = upstream.world("").await;
    let mut caller = Wire::connect(world.bridge.public).await;
    caller
        .send("POST /v1/users/login/?x=1 HTTP/1.1\r\nHost: a\r\nAUTHORIZATION: Basic YTpi\r\nX-Request-ID: 1\r\nContent-Length: 3\r\n\r\n{ }")
        .await;
    let mut wire = upstream.accept().await;
    let seen = wire.message().await.unwrap();
    assert_eq!(seen.start, "POST /v1/users/login/?x=1 HTTP/1.1");
    let lines = [
        "AUTHORIZATION: Basic YTpi",
        "Content-Length: 3",
        "Host: a",
        "X-Request-ID: 1",
    ];
    assert_eq!(seen.lines_without(&[]), lines);
    assert_eq!(seen.body, b"{ }");
    let body = "{ \"users\" : [ {\"token\":\"abc\",\"more\":1} ] }\n";
    let length = body.len();
    wire.send(format!("HTTP/1.1 200 Fine\r\nDate: x\r\nX-ODD: 1\r\nX-Request-ID: 1\r\nContent-Length: {length}\r\n\r\n{body}")).await;
    let got = caller.message().await.unwrap();
    assert_eq!(got.start, "HTTP/1.1 200 Fine");
    assert!(got.lines_without(&[]).contains(&"X-ODD: 1".to_owned()));
    assert_eq!(got.body, body.as_bytes());
}

#[tokio::test]
async fn an_old_client_that_breaks_off_its_login_answer_is_to_blame_for_it() {
    let upstream = Upstream::start().await;
    let world = upstream.world("").await;
    let dying = async {
        let mut wire = upstream.accept().await;
        wire.message().await.unwrap();
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"users\"")
            .await;
    };
    let (answer, ()) = tokio::join!(world.bridge.login(USER, PASSWORD), dying);
    assert_eq!(answer.status(), 502);
    assert_eq!(code(&answer.json().await.unwrap()), 1014);
}

#[tokio::test]
async fn a_token_of_the_old_client_seen_at_login_opens_cloud_routes_without_asking() {
    let mut world = Setting::first_route().start().await;
    let token = world.login().await;
    world.bridge.keep_secret(&token);
    assert!(is_good(&world, &token).await);
    world.bridge.crash_and_restart();
    assert!(is_good(&world, &token).await);
    let onprem = world.onprem.as_ref().unwrap();
    assert_eq!((onprem.logins(), onprem.requests().len()), (1, 1));
    assert_eq!(logout(&world, &token).await.status(), 200);
    assert!(!is_good(&world, &token).await);
}

#[tokio::test]
async fn passwords_learnt_in_passing_still_log_in_when_the_old_client_is_gone() {
    for (body, kept) in [
        ("", "Crm-Pass-1"),
        (r#"{"new_password":"Crm-Pass-2"}"#, "Crm-Pass-2"),
    ] {
        // One user the configuration knows, too, and one it does not.
        for user in ["crm", USER] {
            let options = OnpremOptions {
                users: vec![(user.to_owned(), "Crm-Pass-1".to_owned())],
                ..OnpremOptions::default()
            };
            let onprem = Onprem::start(options).await.unwrap();
            let section = format!("[numbers.onprem]\nurl = \"{}\"\n", onprem.url());
            let mut world = Setting::alone().number(&section).start().await;
            world.bridge.keep_secret("Crm-Pass-1");
            world.bridge.keep_secret("Crm-Pass-2");
            token_of(login_with(&world, user, "Crm-Pass-1", body).await).await;
            drop(onprem);
            without_onprem(&mut world);
            // What the configuration says of a user outranks what was merely seen, but not a change made here.
            let expected = match (user, body) {
                (USER, "") => PASSWORD,
                _ => kept,
            };
            assert_eq!(
                world.bridge.login(user, expected).await.status(),
                200,
                "{user} {body}"
            );
            assert_eq!(world.bridge.login(user, "No-Pass-1").await.status(), 401);
        }
    }
}

#[tokio::test]
async fn a_failed_login_at_the_old_client_teaches_nothing() {
    let mut world = Setting::first_route().start().await;
    let answer = world.bridge.login("crm", "Wrong-Pass-1").await;
    assert_eq!(answer.status(), 401);
    assert_eq!(code(&answer.json().await.unwrap()), 1005);
    world.onprem = None;
    without_onprem(&mut world);
    assert_eq!(
        world.bridge.login("crm", "Wrong-Pass-1").await.status(),
        401
    );
}

#[tokio::test]
async fn many_logins_at_the_old_client_do_not_fill_the_memory() {
    let options = OnpremOptions {
        users: (0..15)
            .map(|user| (format!("user{user}"), PASSWORD.to_owned()))
            .collect(),
        ..OnpremOptions::default()
    };
    let onprem = Onprem::start(options).await.unwrap();
    let section = format!("[numbers.onprem]\nurl = \"{}\"\n", onprem.url());
    let world = Setting::alone().number(&section).start().await;
    let names: Vec<String> = (0..15).map(|user| format!("user{user}")).collect();
    for answer in join_all(names.iter().map(|name| world.bridge.login(name, PASSWORD))).await {
        assert_eq!(answer.status(), 200);
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", world.bridge.pid())).unwrap();
    let peak = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap();
    let peak: u64 = peak.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(peak < 200 << 10, "{peak} kB");
}

#[tokio::test]
async fn an_unseen_token_is_asked_about_once() {
    let world = Setting::first_route().start().await;
    let onprem = world.onprem.as_ref().unwrap();
    let direct = reqwest::Client::new().post(format!("{}/v1/users/login", onprem.url()));
    let direct = direct
        .basic_auth(USER, Some(PASSWORD))
        .send()
        .await
        .unwrap();
    let token = token_of(direct).await;
    let asked = || onprem.log(|log| log.count(Hop::Route));
    for _ in 0..3 {
        assert!(is_good(&world, &token).await);
    }
    assert_eq!(asked(), 1);
    for _ in 0..3 {
        assert!(!is_good(&world, "made-up").await);
    }
    assert_eq!(asked(), 2);
}

#[tokio::test]
async fn an_old_client_in_trouble_says_nothing_about_a_token() {
    let world = Setting::first_route().start().await;
    let onprem = world.onprem.as_ref().unwrap();
    for fault in ["route:status=503:next=1", "route:throttle=1:next=1"] {
        onprem.faults().push_lines(fault).unwrap();
        let answer = world.bridge.get(PROBE, "unseen").await;
        assert_eq!(answer.status(), 502, "{fault}");
        assert_eq!(code(&answer.json().await.unwrap()), 1014);
    }
    let mut world = world;
    world.onprem = None;
    let answer = world.bridge.get(PROBE, "unseen").await;
    assert_eq!(answer.status(), 502);
    assert_eq!(code(&answer.json().await.unwrap()), 1014);
}

#[tokio::test]
async fn behind_a_token_of_the_bridge_the_old_client_sees_the_bridge_s_own_session() {
    let (onprem, world) = mixed("").await;
    let token = world.login().await;
    let echo = || async {
        let request = world
            .bridge
            .request("PUT", "/v1/contacts")
            .bearer_auth(&token);
        let answer = request
            .header("X-Test", "1")
            .body("abc")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        answer.json::<Value>().await.unwrap()
    };
    // Many at once, none with a session yet, then all of them with one that has ended.
    for logins in [1, 2] {
        for seen in join_all((0..20).map(|_| echo())).await {
            assert_eq!(seen["body"]["length"], 3);
            let headers = seen["headers"].as_array().unwrap();
            assert!(headers.contains(&json!(["x-test", "1"])));
            assert!(!seen.to_string().contains(&token), "{seen}");
        }
        assert_eq!(onprem.logins(), logins);
        onprem.revoke_all_tokens();
    }
    let sent = onprem.requests();
    let leaked = sent.iter().any(|seen| {
        let values = seen.headers.values();
        values
            .into_iter()
            .any(|value| value.to_str().unwrap().contains(&token))
    });
    assert!(!leaked, "the caller's token went to the old client");
    // A token nobody gave out is the old client's to refuse.
    assert_eq!(
        world.bridge.get("/v1/contacts", "foreign").await.status(),
        401
    );
    logout(&world, &token).await;
    assert_eq!(world.bridge.get("/v1/contacts", &token).await.status(), 401);
}

#[tokio::test]
async fn a_caller_never_hears_that_the_bridge_s_own_login_fails() {
    let (onprem, world) = mixed("").await;
    let token = world.login().await;
    onprem.faults().push_lines("login:status=401").unwrap();
    let answer = world.bridge.get("/v1/contacts", &token).await;
    assert_eq!(answer.status(), 503);
    assert_eq!(code(&answer.json().await.unwrap()), 1014);
    onprem.faults().clear();
    for fault in ["login:truncate=5:next=1", "login:wrong-bytes:next=1"] {
        onprem.faults().push_lines(fault).unwrap();
        let answer = world.bridge.get("/v1/contacts", &token).await;
        assert!(
            matches!(answer.status().as_u16(), 502 | 503),
            "{fault}: {}",
            answer.status()
        );
        assert_eq!(code(&answer.json().await.unwrap()), 1014);
    }
    assert_eq!(world.bridge.get("/v1/contacts", &token).await.status(), 200);
    onprem
        .faults()
        .push_lines("/v1/contacts:status=401")
        .unwrap();
    assert_eq!(world.bridge.get("/v1/contacts", &token).await.status(), 503);
}

#[tokio::test]
async fn callers_who_waited_for_one_failed_login_do_not_each_try_another() {
    let (onprem, world) = mixed("[every_number.onprem]\nresponse_timeout_s = 1\n").await;
    let token = world.login().await;
    onprem.faults().push_lines("login:hang").unwrap();
    let ask = |_| world.bridge.get("/v1/contacts", &token);
    for answer in join_all((0..10).map(ask)).await {
        assert!(matches!(answer.status().as_u16(), 503 | 504));
        assert_eq!(code(&answer.json().await.unwrap()), 1014);
    }
    assert!(onprem.logins() < 5, "{} logins", onprem.logins());
    onprem.faults().clear();
    assert_eq!(ask(0).await.status(), 200);
}

#[tokio::test]
async fn a_token_of_the_old_client_is_logged_out_there_whoever_gives_out_tokens_now() {
    let (onprem, world) = mixed("").await;
    let direct = reqwest::Client::new().post(format!("{}/v1/users/login", onprem.url()));
    let direct = direct
        .basic_auth("bridge", Some("Bridge-1"))
        .send()
        .await
        .unwrap();
    let token = token_of(direct).await;
    assert!(is_good(&world, &token).await);
    assert_eq!(logout(&world, &token).await.status(), 200);
    assert!(!is_good(&world, &token).await);
    assert_eq!(world.bridge.get("/v1/contacts", &token).await.status(), 401);
}

#[tokio::test]
async fn callers_without_a_token_do_not_use_up_the_turns_of_those_with_one() {
    let limits = "[limits]\nrequests_per_second = 1\nburst = 2\n";
    let world = Setting::alone().top(limits).start().await;
    let token = world.login().await;
    for _ in 0..10 {
        assert!(!is_good(&world, "made-up").await);
    }
    assert!(is_good(&world, &token).await);
}
