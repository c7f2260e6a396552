//! The configuration from outside: layers, problems, secrets.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::Path;
use std::time::Duration;

use figment::providers::{Format, Toml};
use figment::value::Dict;
use secrecy::ExposeSecret;
use tempfile::TempDir;
use waba_bridge::config::{self, Against, Config, HostRule, Layer, Problems};
use waba_bridge::route::{Flag, Mode, Route, Side};

const ONE: &str = r#"
[[numbers]]
name = "support"
[numbers.onprem]
url = "https://10.0.0.5:9090"
[numbers.callback]
url = "https://crm.example.internal/whatsapp"
"#;

const CLOUD: &str = r#"
[numbers.cloud]
phone_number_id = "106540352242922"
access_token = "EAAGsecret"
"#;

const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$vQ0bRkPqmLqUBsyTTBqXWjhfNS8Xj6cTZ1dqFgYzJ0k";

fn parse(toml: &str) -> Result<Config, Problems> {
    config::parse(toml, Path::new("/nonexistent"))
}

fn problems(toml: &str) -> Vec<(String, String)> {
    let problems = parse(toml).expect_err("the text has mistakes");
    problems
        .0
        .into_iter()
        .map(|problem| (problem.key, problem.what))
        .collect()
}

fn keys(toml: &str) -> Vec<String> {
    problems(toml).into_iter().map(|(key, _)| key).collect()
}

#[track_caller]
fn assert_problem(toml: &str, key: &str, what: &str) {
    let problems = problems(toml);
    let found = problems
        .iter()
        .any(|(found, said)| found == key && said.contains(what));
    assert!(found, "no {key}: ...{what}... in {problems:#?}");
}

fn with_environment(toml: &str, variables: &[(&str, &str)]) -> Result<Config, Problems> {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("waba-bridge.toml");
    fs::write(&file, toml).unwrap();
    config::load_from(
        Some(&file),
        variables
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string())),
    )
}

#[test]
fn the_defaults_alone_only_lack_a_number() {
    assert_eq!(keys(""), ["numbers"]);
    let problems = config::load_from(None, []).unwrap_err();
    assert_eq!(problems.0.len(), 1, "{problems}");
}

#[test]
fn nothing_in_the_defaults_is_left_unread_by_a_number_that_has_everything() {
    let config = parse(&format!("{ONE}{CLOUD}")).unwrap();
    let number = &config.numbers[0];
    assert!(number.onprem.is_some() && number.cloud.is_some() && number.callback.is_some());
}

/// The keys below a section, with their paths.
fn leaves(path: &str, values: &Dict, found: &mut Vec<String>) {
    for (name, value) in values {
        let path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        match value.as_dict() {
            Some(inner) if !inner.is_empty() => leaves(&path, inner, found),
            _ => found.push(path),
        }
    }
}

#[test]
fn every_key_of_the_defaults_is_read_and_refuses_what_it_cannot_be() {
    let defaults =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/default.toml"))
            .unwrap();
    let mut paths = Vec::new();
    leaves("", &Toml::from_str::<Dict>(&defaults).unwrap(), &mut paths);
    assert!(paths.len() > 70, "{paths:?}");
    let whole = [
        ("every_number.onprem.url", "https://10.0.0.5"),
        ("every_number.cloud.phone_number_id", "1"),
        ("every_number.cloud.access_token", "t"),
        ("every_number.callback.url", "https://crm.example"),
    ];
    for path in paths {
        let others = whole.iter().filter(|(other, _)| *other != path);
        let others = others
            .map(|(other, value)| format!("{other} = \"{value}\"\n"))
            .collect::<String>();
        let toml = format!("{others}{path} = [[1]]\n[[numbers]]\nname = \"a\"\n");
        assert!(keys(&toml).contains(&path), "{path}: {:?}", problems(&toml));
    }
}

#[test]
fn an_empty_section_is_not_taken_for_a_missing_one() {
    let empty =
        "[[numbers]]\nname = \"a\"\n[numbers.onprem]\n[numbers.cloud]\n[numbers.callback]\n";
    assert_problem(empty, "numbers.a.onprem.url", "is missing");
    assert_problem(empty, "numbers.a.cloud.phone_number_id", "is missing");
    assert_problem(empty, "numbers.a.callback.url", "is missing");
    let without = format!(
        "every_number.onprem.url = \"https://a\"\n[[numbers]]\nname = \"a\"\nonprem.url = \"\"\n{CLOUD}"
    );
    assert!(parse(&without).unwrap().numbers[0].onprem.is_none());
}

#[test]
fn the_environment_can_give_what_all_numbers_share_but_not_a_secret_twice() {
    let token = ("WABA_BRIDGE__EVERY_NUMBER__CLOUD__ACCESS_TOKEN", "shared");
    let toml = format!(
        "[every_number.cloud]\naccess_token_file = \"gone\"\n{ONE}[numbers.cloud]\nphone_number_id = \"1\""
    );
    let config = with_environment(&toml, &[token]).unwrap();
    assert_eq!(
        config.numbers[0]
            .cloud
            .as_ref()
            .unwrap()
            .access_token
            .expose_secret(),
        "shared"
    );
    let file = (
        "WABA_BRIDGE__EVERY_NUMBER__CLOUD__ACCESS_TOKEN_FILE",
        "gone",
    );
    let problems = with_environment(&toml, &[token, file]).unwrap_err();
    assert_eq!(
        problems.0[0].key, "every_number.cloud.access_token",
        "{problems}"
    );
    assert!(problems.0[0].what.contains("keep one"), "{problems}");
}

#[test]
fn one_number_takes_every_default() {
    let config = parse(ONE).unwrap();
    assert_eq!(config.server.listen, "0.0.0.0:9090".parse().unwrap());
    assert!(config.server.threads > 0);
    assert!(config.server.tls.is_none());
    assert_eq!(config.state.path, Path::new("data/bridge.db"));
    assert_eq!(config.media.folder, Path::new("data/media"));
    assert_eq!(config.media.min_free_bytes, 256 << 20);
    assert_eq!(config.limits.header_bytes, 32 << 10);
    assert_eq!(config.limits.upload_bytes, 100 << 20);
    assert_eq!(config.fetch.retry_delays.len(), 5);
    assert_eq!(config.tokens.lifetime, Duration::from_secs(604_800));
    assert_eq!(config.intake.listen, Some("0.0.0.0:9092".parse().unwrap()));
    assert!(config.intake.tls.is_none());
    assert_eq!(config.intake.body_bytes, 3 << 20);
    assert_eq!(config.cutover.kill_file, Path::new("data/kill"));
    let [number] = &config.numbers[..] else {
        panic!("one number")
    };
    assert!(
        Route::ALL
            .into_iter()
            .all(|route| number.mode(route) == Mode::OnPrem)
    );
    let callback = number.callback.as_ref().unwrap();
    assert_eq!(
        (
            callback.backoff_delay.as_secs(),
            callback.max_backoff_delay.as_secs()
        ),
        (3, 900)
    );
    assert_eq!(
        (callback.max_concurrent_requests, callback.give_up_after),
        (6, None)
    );
    assert_eq!(number.compat.version, "v2.57.2");
    assert!(number.cloud.is_none());
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn the_environment_goes_over_the_file_and_the_file_over_the_defaults() {
    let toml = format!(
        "server = {{ listen = \"127.0.0.1:1\", threads = 3 }}\nlog = {{ format = \"json\" }}\n{ONE}"
    );
    let variables = [
        ("WABA_BRIDGE__SERVER__LISTEN", "127.0.0.1:2"),
        ("WABA_BRIDGE__LIMITS__BURST", "7"),
        ("WABA_BRIDGE__FETCH__RETRY_DELAYS_S", "[1, 2]"),
        ("WABA_BRIDGE__ADMIN__TOKEN", "12345"),
        ("WABA_BRIDGE_CONFIG", "elsewhere.toml"),
        ("PATH", "/bin"),
    ];
    let config = with_environment(&toml, &variables).unwrap();
    assert_eq!(config.server.listen, "127.0.0.1:2".parse().unwrap());
    assert_eq!(config.server.threads, 3);
    assert!(config.log.json);
    assert_eq!(config.limits.burst, 7);
    assert_eq!(
        config.fetch.retry_delays,
        [Duration::from_secs(1), Duration::from_secs(2)]
    );
    assert_eq!(config.admin.token.unwrap().expose_secret(), "12345");
}

#[test]
fn the_environment_reaches_a_number_by_its_name() {
    let toml = ONE.replace("support", "support-2").replace(
        "[numbers.callback]",
        "[numbers.cloud]\nphone_number_id = \"1\"\naccess_token_file = \"gone\"\n[numbers.callback]\n\
         headers = { \"X-Api-Key\" = \"old\" }",
    );
    let variables = [
        (
            "WABA_BRIDGE__NUMBERS__SUPPORT_2__CLOUD__ACCESS_TOKEN",
            "EAAGenvironment",
        ),
        (
            "WABA_BRIDGE__NUMBERS__SUPPORT_2__CLOUD__PHONE_NUMBER_ID",
            "00106540352242922",
        ),
        (
            "WABA_BRIDGE__NUMBERS__SUPPORT_2__CLOUD__MEDIA_HOSTS",
            "[\"media.example\"]",
        ),
        (
            "WABA_BRIDGE__NUMBERS__SUPPORT_2__CALLBACK__HEADERS__X_API_KEY",
            "new",
        ),
        (
            "WABA_BRIDGE__NUMBERS__SUPPORT_2__ROUTES__MEDIA_DOWNLOAD",
            "cloud",
        ),
    ];
    let config = with_environment(&toml, &variables).unwrap();
    let number = &config.numbers[0];
    let cloud = number.cloud.as_ref().unwrap();
    assert_eq!(cloud.access_token.expose_secret(), "EAAGenvironment");
    assert_eq!(cloud.phone_number_id, "00106540352242922");
    assert_eq!(
        cloud.media_hosts,
        [HostRule::Exact("media.example".to_owned())]
    );
    let headers = &number.callback.as_ref().unwrap().headers;
    assert_eq!(headers.len(), 1);
    assert_eq!(
        (headers[0].0.as_str(), headers[0].1.expose_secret()),
        ("x-api-key", "new")
    );
    assert_eq!(number.mode(Route::MediaDownload), Mode::Cloud);
}

#[test]
fn an_environment_that_fits_nothing_is_a_problem() {
    let variables = [
        (
            "WABA_BRIDGE__NUMBERS__SALES__CLOUD__ACCESS_TOKEN",
            "EAAGsecret",
        ),
        ("WABA_BRIDGE__SERVER__LISTNE", "EAAGsecret"),
        ("WABA_BRIDGE__SERVER", "EAAGsecret"),
        ("WABA_BRIDGE__ADMIN__LISTEN__PORT", "1"),
    ];
    let problems = with_environment(ONE, &variables).unwrap_err();
    let text = problems.to_string();
    for key in [
        "WABA_BRIDGE__NUMBERS__SALES__CLOUD__ACCESS_TOKEN",
        "WABA_BRIDGE__SERVER",
        "WABA_BRIDGE__ADMIN__LISTEN__PORT",
    ] {
        assert!(
            problems.0.iter().any(|problem| problem.key == key),
            "{key} in {text}"
        );
    }
    assert!(
        text.contains("server.listne: unknown key; did you mean \"listen\"?"),
        "{text}"
    );
    assert!(!text.contains("EAAGsecret"), "{text}");
}

#[test]
fn what_holds_for_every_number_can_be_overridden_by_each() {
    let toml = r#"
        [every_number.cloud]
        version = "v25.0"
        access_token = "shared"
        [every_number.callback]
        url = "https://crm.example/all"
        headers = { X-A = "1", X-B = "2" }
        [[numbers]]
        name = "a"
        hosts = ["A.example"]
        [numbers.cloud]
        phone_number_id = "1"
        [[numbers]]
        name = "b"
        hosts = ["b.example"]
        [numbers.cloud]
        phone_number_id = "2"
        version = "v24.0"
        access_token = "own"
        [numbers.callback]
        url = "https://crm.example/b"
        headers = { x-a = "3" }
    "#;
    let config = parse(toml).unwrap();
    let cloud = |index: usize| config.numbers[index].cloud.as_ref().unwrap();
    assert_eq!(
        (
            cloud(0).version.as_str(),
            cloud(0).access_token.expose_secret()
        ),
        ("v25.0", "shared")
    );
    assert_eq!(
        (
            cloud(1).version.as_str(),
            cloud(1).access_token.expose_secret()
        ),
        ("v24.0", "own")
    );
    assert_eq!(config.numbers[0].hosts, ["a.example"]);
    let callback = config.numbers[1].callback.as_ref().unwrap();
    assert_eq!(callback.url.path(), "/b");
    let headers = callback
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose_secret()));
    assert_eq!(headers.collect::<Vec<_>>(), [("x-a", "3"), ("x-b", "2")]);
}

const BAD: &str = r#"
    extra = 1
    [server]
    listen = "9090"
    threads = "four"
    tls = { certificate = "none.pem" }
    [intake]
    listen = "9092"
    body_kb = 0
    [admin]
    listen = "0.0.0.0:9091"
    [state]
    url = "postgres://db/bridge"
    [media]
    url = "s3://bucket"
    layout = "tree"
    [log]
    level = "inof"
    [limits]
    header_kb = 0
    [fetch]
    retry_delays_s = []
    [compare]
    against = "dead"
    permits = 0
    noise_percent = 101
    ready_match_permille = 99.5
    equivalent = ["ids", "digets"]
    ignore = ["meta.version"]
    keep_rwos = 1
    [compare.ignore_on]
    buisness_profile = ["$.a"]
    contacts = ["$"]
    [cutover]
    kill_file = ""
    [routes]
    default = "cloud"
    health = "clould"
    contacts = { mode = "cloud", answer = "cloud" }
    stats = { mode = "onprem", percent = 25 }
    profile_about = { percent = 25 }
    media_get = { mode = "cloud", percent = 101 }
    messages = "cloud"
    media_uplaod = "off"
    [every_number.cloud]
    verison = "v24.0"
    [every_number.callback]
    timeout_s = -1
    [[numbers]]
    name = "Support"
    hosts = ["https://a.example"]
    [[numbers]]
    name = "sales"
    [numbers.onprem]
    url = "http://10.0.0.5:9090/v1"
    username = "admin"
    ca_file = "gone.pem"
    callback_from = ["10.0.0.5", "10.0.0.0/33"]
    callback_secret_file = "gone"
    [numbers.cloud]
    graph_url = "http://graph.facebook.com"
    version = "24"
    phone_number_id = "+49 151"
    verify_tokne = "EAAGsecret"
    media_hosts = [".com"]
    [numbers.callback]
    url = "https://user:EAAGsecret@crm.example/"
    max_concurrent_requests = 65
    callback_backoff_delay_ms = 5000
    max_callback_backoff_delay_ms = 4000
    headers = { host = "EAAGsecret", "no good" = "EAAGsecret", X-A = 3 }
    [numbers.compat]
    sha256 = "md5"
    media_ids = "guid"
    [[numbers.users]]
    name = "admin"
    password_hash = "EAAGsecret"
    [numbers.routes]
    media_download = "cloud"
    login = "cloud"
"#;

const BAD_KEYS: [&str; 58] = [
    "extra",
    "server.listen",
    "server.threads",
    "server.tls.key",
    "server.tls.certificate",
    "intake.listen",
    "intake.body_kb",
    "admin.token",
    "state.url",
    "media.url",
    "media.layout",
    "log.level",
    "limits.header_kb",
    "fetch.retry_delays_s",
    "compare.against",
    "compare.permits",
    "compare.noise_percent",
    "compare.ready_match_permille",
    "compare.equivalent",
    "compare.ignore",
    "compare.keep_rwos",
    "compare.ignore_on.buisness_profile",
    "compare.ignore_on.contacts",
    "cutover.kill_file",
    "routes.default",
    "routes.health",
    "routes.contacts.answer",
    "routes.stats.percent",
    "routes.profile_about.mode",
    "routes.media_get.percent",
    "routes.messages",
    "routes.media_uplaod",
    "every_number.cloud.verison",
    "every_number.callback.timeout_s",
    "numbers[0].name",
    "numbers[0].hosts",
    "numbers.sales.hosts",
    "numbers.sales.onprem.url",
    "numbers.sales.onprem.password",
    "numbers.sales.onprem.ca_file",
    "numbers.sales.onprem.callback_from",
    "numbers.sales.onprem.callback_secret_file",
    "numbers.sales.cloud.graph_url",
    "numbers.sales.cloud.version",
    "numbers.sales.cloud.phone_number_id",
    "numbers.sales.cloud.verify_tokne",
    "numbers.sales.cloud.media_hosts",
    "numbers.sales.cloud.access_token",
    "numbers.sales.callback.url",
    "numbers.sales.callback.max_concurrent_requests",
    "numbers.sales.callback.max_callback_backoff_delay_ms",
    "numbers.sales.callback.headers.host",
    "numbers.sales.callback.headers.no good",
    "numbers.sales.callback.headers.x-a",
    "numbers.sales.compat.sha256",
    "numbers.sales.compat.media_ids",
    "numbers.sales.users[0].password_hash",
    "numbers.sales.routes.logout",
];

#[test]
fn every_mistake_is_reported_at_once_and_by_its_key() {
    let text = parse(BAD).unwrap_err().to_string();
    let found = keys(BAD);
    let missing = BAD_KEYS
        .iter()
        .filter(|key| !found.iter().any(|found| found == *key));
    assert_eq!(missing.collect::<Vec<_>>(), [&""; 0], "\n{text}");
    assert_eq!(text.lines().count(), found.len(), "one line each:\n{text}");
    assert!(!text.contains("EAAGsecret"), "{text}");
}

#[test]
fn a_syntax_error_has_its_place_and_shows_no_line() {
    let (key, what) = problems("[admin]\ntoken = \"EAAGsecret\n").remove(0);
    assert_eq!(key, "configuration");
    assert!(what.starts_with("line 2, column "), "{what}");
    assert!(!what.contains("EAAGsecret"), "{what}");
    assert!(
        problems("[admin]\ntoken = EAAGsecret\n")
            .iter()
            .all(|(_, what)| !what.contains("EAAGsecret"))
    );
}

#[test]
fn a_missing_file_is_named() {
    let problems = config::load_from(Some(Path::new("/nonexistent/bridge.toml")), []).unwrap_err();
    assert_eq!(problems.0[0].key, "/nonexistent/bridge.toml");
    assert!(problems.0[0].what.contains("cannot be read"), "{problems}");
}

#[test]
fn the_example_loads_once_its_secret_is_there() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("waba-bridge.toml");
    fs::copy(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("config/example.toml"),
        &file,
    )
    .unwrap();
    let problems = config::load_from(Some(&file), []).unwrap_err();
    assert_eq!(problems.0.len(), 1, "{problems}");
    assert_eq!(problems.0[0].key, "numbers.support.cloud.access_token_file");

    fs::create_dir(folder.path().join("secrets")).unwrap();
    fs::write(
        folder.path().join("secrets/support-token"),
        "  EAAGsecret\n",
    )
    .unwrap();
    let config = config::load_from(Some(&file), []).unwrap();
    let number = &config.numbers[0];
    assert_eq!(
        number.cloud.as_ref().unwrap().access_token.expose_secret(),
        "EAAGsecret"
    );
    assert_eq!(number.mode(Route::MediaDownload), Mode::Cloud);
    assert_eq!(number.mode(Route::Login), Mode::OnPrem);
    assert_eq!(config.warnings.len(), 1, "{:?}", config.warnings);
}

#[test]
fn debug_shows_no_secret() {
    let toml = format!(
        "[admin]\ntoken = \"EAAGsecret\"\n{ONE}username = \"u\"\npassword = \"EAAGsecret\"\nheaders.X-Key = \
         \"EAAGsecret\"\n{CLOUD}[[numbers.users]]\nname = \"admin\"\npassword_hash = \"{HASH}\"\n"
    );
    let shown = format!("{:?}", parse(&toml).unwrap());
    assert!(
        !shown.contains("EAAGsecret") && !shown.contains("argon2id"),
        "{shown}"
    );
}

#[test]
fn a_secret_is_given_one_way() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("empty"), " \n").unwrap();
    fs::write(folder.path().join("lines"), "a\nb").unwrap();
    for (keys, key, what) in [
        (
            "token = \"a\"\ntoken_file = \"lines\"",
            "admin.token",
            "keep one",
        ),
        ("token_file = \"empty\"", "admin.token_file", "empty"),
        (
            "token_file = \"EAAGsecret\"",
            "admin.token_file",
            "cannot be read",
        ),
        ("token_file = \"lines\"", "admin.token", "one line"),
        ("token = 17", "admin.token", "in quotes"),
    ] {
        let problems =
            config::parse(&format!("[admin]\n{keys}\n{ONE}"), folder.path()).unwrap_err();
        assert_eq!(problems.0.len(), 1, "{problems}");
        assert_eq!(problems.0[0].key, key);
        assert!(problems.0[0].what.contains(what), "{problems}");
        assert!(!problems.to_string().contains("EAAGsecret"), "{problems}");
    }
}

#[test]
fn tls_files_hold_what_they_should() {
    let folder = TempDir::new().unwrap();
    let pair = rcgen::generate_simple_self_signed(["bridge.example".to_owned()]).unwrap();
    fs::write(folder.path().join("cert.pem"), pair.cert.pem()).unwrap();
    fs::write(
        folder.path().join("key.pem"),
        pair.signing_key.serialize_pem(),
    )
    .unwrap();
    let load = |certificate: &str, key: &str| {
        let toml =
            format!("server.tls = {{ certificate = \"{certificate}\", key = \"{key}\" }}\n{ONE}");
        config::parse(&toml, folder.path())
    };
    let config = load("cert.pem", "key.pem").unwrap();
    assert_eq!(
        config.server.tls.unwrap().key,
        folder.path().join("key.pem")
    );
    let other = rcgen::generate_simple_self_signed(["other.example".to_owned()]).unwrap();
    fs::write(
        folder.path().join("other.pem"),
        other.signing_key.serialize_pem(),
    )
    .unwrap();
    let problems = load("cert.pem", "other.pem").unwrap_err();
    assert!(
        problems
            .to_string()
            .starts_with("server.tls.key: does not go with"),
        "{problems}"
    );
    let problems = load("key.pem", "cert.pem").unwrap_err();
    let keys = problems
        .0
        .iter()
        .map(|problem| problem.key.as_str())
        .collect::<Vec<_>>();
    assert_eq!(keys, ["server.tls.certificate", "server.tls.key"]);
}

#[test]
fn a_number_without_an_old_client_is_served_from_cloud_where_that_is_possible() {
    let toml = format!("[[numbers]]\nname = \"support\"\n{CLOUD}");
    let config = parse(&toml).unwrap();
    for (route, mode) in Route::ALL.map(|route| (route, config.numbers[0].mode(route))) {
        let expected = if route.is_served_from_cloud() {
            Mode::Cloud
        } else {
            Mode::Off
        };
        assert_eq!(mode, expected, "{route}");
    }
    assert!(
        config
            .warnings
            .iter()
            .any(|warning| warning.contains("users")),
        "{:?}",
        config.warnings
    );
    assert!(
        config
            .warnings
            .iter()
            .any(|warning| warning.contains("callback")),
        "{:?}",
        config.warnings
    );
    assert_problem(
        &format!("{toml}[numbers.routes]\nusers = \"onprem\""),
        "numbers.support.routes.users",
        "onprem",
    );
    assert_problem(
        "[[numbers]]\nname = \"support\"",
        "numbers.support.cloud.access_token",
        "is missing",
    );
}

#[test]
fn login_from_cloud_beside_an_old_client_needs_a_session_there() {
    let routes = "[numbers.routes]\nlogin = \"cloud\"\nlogout = \"cloud\"";
    assert_problem(
        &format!("{ONE}{routes}"),
        "numbers.support.onprem.username",
        "login of its own",
    );
    let login = "[numbers.onprem]\nusername = \"bridge\"\npassword = \"p\"";
    let config = parse(&format!("{ONE}{routes}").replace("[numbers.onprem]", login)).unwrap();
    assert_eq!(
        config.numbers[0]
            .onprem
            .as_ref()
            .unwrap()
            .login
            .as_ref()
            .unwrap()
            .username,
        "bridge"
    );
    assert_problem(
        &format!("{ONE}[numbers.routes]\nlogin = \"cloud\""),
        "numbers.support.routes.logout",
        "differ",
    );
}

#[test]
fn listeners_and_hosts_keep_numbers_apart() {
    let two = "[[numbers]]\nname = \"a\"\nhosts = [\"x.example\"]\nonprem.url = \"https://a\"\n\
               [[numbers]]\nname = \"b\"\nhosts = [\"X.example\"]\nonprem.url = \"https://b\"\n";
    assert_problem(two, "numbers.b.hosts", "also in numbers.a.hosts");
    assert_problem(
        &two.replace("\"b\"", "\"a\""),
        "numbers.a.name",
        "more than one",
    );
    assert_problem(
        &two.replace("hosts = [\"X.example\"]\n", ""),
        "numbers.b.hosts",
        "is missing",
    );
    let own = two.replace("hosts = [\"X.example\"]", "listen = \"127.0.0.1:9095\"");
    assert!(parse(&own).is_ok());
    assert_problem(
        &own.replace("9095", "9090"),
        "numbers.b.listen",
        "server.listen",
    );
}

#[test]
fn plain_http_needs_a_word_and_labs_are_warned() {
    let plain = ONE.replace("https://", "http://");
    assert_eq!(
        keys(&plain),
        ["numbers.support.onprem.url", "numbers.support.callback.url"]
    );
    let allowed = plain.replace("url =", "allow_http = true\nurl =");
    assert!(parse(&allowed).is_ok());
    let lab = format!(
        "server.allow_insecure_upstreams = true\n{plain}{CLOUD}graph_url = \"http://127.0.0.1:1\"\n"
    );
    let config = parse(&lab).unwrap();
    assert!(
        config.warnings[0].contains("allow_insecure_upstreams"),
        "{:?}",
        config.warnings
    );
    let private = format!("{ONE}{CLOUD}graph_url = \"https://127.0.0.1:1\"\n");
    assert_problem(&private, "numbers.support.cloud.graph_url", "not public");
}

#[test]
fn comparisons_take_every_default() {
    let compare = parse(ONE).unwrap().compare;
    assert_eq!(compare.against, Against::Live);
    assert!(compare.intake);
    assert_eq!(compare.permits, 64);
    assert_eq!(compare.deadline, Duration::from_secs(10));
    assert_eq!(
        (compare.json_bytes, compare.max_bytes),
        (1 << 20, 105 << 20)
    );
    assert_eq!(
        (compare.noise_percent, compare.ready_match_permille),
        (1, 990)
    );
    assert_eq!(compare.callback_deadline, Duration::from_secs(900));
    assert_eq!(
        (compare.keep_rows, compare.baseline_rows),
        (100_000, 10_000)
    );
    assert_eq!(compare.keep, Duration::from_secs(30 * 86_400));
    let all = [
        "ids",
        "digests",
        "numbers",
        "voice_audio",
        "phones",
        "times",
        "order",
        "absent",
    ];
    assert_eq!(compare.equivalent, all);
    assert_eq!(compare.ignores, [(None, "$.meta.version".to_owned())]);
}

#[test]
fn what_comparisons_hold_to_can_be_set() {
    let toml = format!(
        "[compare]\nagainst = \"recorded\"\npermits = 2\ndeadline_s = 3\njson_kb = 4\nmax_mb = 5\nnoise_percent = 100\n\
         callback_deadline_s = 6\nkeep_rows = 7\nkeep_days = 8\nbaseline_rows = 9\nready_match_permille = 1000\n\
         equivalent = [\"times\"]\nignore = []\n\
         [compare.ignore_on]\nhealth = [\"$.health.gateway_status\"]\n\
         [cutover]\nkill_file = \"/run/kill\"\n[intake]\nlisten = \"\"\nbody_kb = 1\n{ONE}"
    );
    let variables = [(
        "WABA_BRIDGE__COMPARE__IGNORE_ON__CONTACTS",
        "[\"$.contacts[*].wa_id\"]",
    )];
    let config = with_environment(&toml, &variables).unwrap();
    let compare = config.compare;
    assert_eq!(compare.against, Against::Recorded);
    assert!(!compare.intake && config.intake.listen.is_none());
    assert_eq!(
        (compare.permits, compare.deadline),
        (2, Duration::from_secs(3))
    );
    assert_eq!((compare.json_bytes, compare.max_bytes), (4 << 10, 5 << 20));
    assert_eq!(
        (compare.noise_percent, compare.ready_match_permille),
        (100, 1000)
    );
    assert_eq!(compare.callback_deadline, Duration::from_secs(6));
    assert_eq!((compare.keep_rows, compare.baseline_rows), (7, 9));
    assert_eq!(compare.keep, Duration::from_secs(8 * 86_400));
    assert_eq!(compare.equivalent, ["times"]);
    let on = |route, path: &str| (Some(route), path.to_owned());
    assert_eq!(
        compare.ignores,
        [
            on(Route::Contacts, "$.contacts[*].wa_id"),
            on(Route::Health, "$.health.gateway_status")
        ]
    );
    assert_eq!(config.cutover.kill_file, Path::new("/run/kill"));
    assert_eq!(config.intake.body_bytes, 1 << 10);
}

#[test]
fn what_cannot_be_compared_by_is_told_with_what_can() {
    for (section, key, what) in [
        (
            "[compare.ignore_on]\nbuisness_profile = []",
            "compare.ignore_on.buisness_profile",
            "did you mean \"business_profile\"?",
        ),
        (
            "[compare]\nequivalent = [\"id\"]",
            "compare.equivalent",
            "\"id\" is none; there are ids, digests,",
        ),
        (
            "[compare]\nignore = [\"$\"]",
            "compare.ignore",
            "as in \"$.meta.version\"",
        ),
        (
            "[compare]\nnoise_percent = 101",
            "compare.noise_percent",
            "from 0 to 100",
        ),
        (
            "[cutover]\nkill_file = \"\"",
            "cutover.kill_file",
            "is missing",
        ),
    ] {
        let toml = format!("{section}\n{ONE}");
        assert_eq!(keys(&toml), [key]);
        assert_problem(&toml, key, what);
    }
}

#[test]
fn a_flag_is_a_word_or_a_table() {
    let login = "[numbers.onprem]\nusername = \"u\"\npassword = \"p\"";
    let toml = format!(
        "{}{CLOUD}[numbers.routes]\n\
         media_download = {{ mode = \"compare\", answer = \"cloud\", percent = 10 }}\n\
         media_get = {{ mode = \"cloud\", percent = 25 }}\n\
         contacts = \"compare\"\nmessages = {{ mode = \"compare\" }}\nhealth = {{ mode = \"off\" }}\n",
        ONE.replace("[numbers.onprem]", login)
    );
    for (against, answer) in [("live", Side::OnPrem), ("recorded", Side::Cloud)] {
        let toml = format!("compare.against = \"{against}\"\n{toml}");
        let flags = &parse(&toml).unwrap().numbers[0].flags;
        assert_eq!(
            flags[Route::MediaDownload],
            Flag::compare(Side::Cloud).share(10)
        );
        assert_eq!(flags[Route::MediaGet], Flag::all(Mode::Cloud).share(25));
        assert_eq!(flags[Route::Contacts], Flag::compare(answer));
        assert_eq!(flags[Route::Messages], Flag::compare(Side::OnPrem));
        assert_eq!(flags[Route::Health], Flag::all(Mode::Off));
        assert_eq!(flags[Route::Users], Flag::all(Mode::OnPrem));
    }
}

#[test]
fn a_flag_that_does_not_fit_is_told_what_would() {
    for (flag, key, what) in [
        (
            "{ mode = \"cloud\", percent = 101 }",
            "routes.media_download.percent",
            "a whole number from 0 to 100",
        ),
        (
            "{ mode = \"cloud\", percent = -1 }",
            "routes.media_download.percent",
            "a whole number from 0 to 100",
        ),
        (
            "{ mode = \"onprem\", percent = 25 }",
            "routes.media_download.percent",
            "goes with mode = \"cloud\" or \"compare\" only",
        ),
        (
            "{ mode = \"cloud\", answer = \"cloud\" }",
            "routes.media_download.answer",
            "goes with mode = \"compare\" only",
        ),
        (
            "{ mode = \"compare\", answer = \"both\" }",
            "routes.media_download.answer",
            "expected \"onprem\" or \"cloud\"",
        ),
        (
            "{ percent = 25, answer = \"cloud\" }",
            "routes.media_download.mode",
            "is missing; expected \"onprem\"",
        ),
        (
            "{ mode = \"cloud\", pecrent = 25 }",
            "routes.media_download.pecrent",
            "did you mean \"percent\"?",
        ),
        ("\"clould\"", "routes.media_download", "is no flag; write"),
        ("25", "routes.media_download", "is no flag; write"),
    ] {
        let toml = format!("routes.media_download = {flag}\n{ONE}{CLOUD}");
        assert_eq!(keys(&toml), [key], "{flag}");
        assert_problem(&toml, key, what);
    }
}

#[test]
fn the_environment_sets_a_flag_as_a_whole_or_a_key_of_it() {
    let written = |flag: &str| format!("routes.media_download = {flag}\n{ONE}{CLOUD}");
    let cloud = Flag::all(Mode::Cloud);
    let name = "WABA_BRIDGE__ROUTES__MEDIA_DOWNLOAD";
    let own = "WABA_BRIDGE__NUMBERS__SUPPORT__ROUTES__MEDIA_DOWNLOAD";
    let at = |name: &str, key: &str| format!("{name}__{key}");
    for (file, variables, flag) in [
        (
            "\"onprem\"",
            vec![(name.to_owned(), "compare")],
            Flag::compare(Side::OnPrem),
        ),
        (
            "{ mode = \"cloud\", percent = 25 }",
            vec![(name.to_owned(), "cloud")],
            cloud,
        ),
        (
            "\"onprem\"",
            vec![(name.to_owned(), "{mode = \"cloud\", percent = 3}")],
            cloud.share(3),
        ),
        (
            "\"cloud\"",
            vec![(at(name, "PERCENT"), "4")],
            cloud.share(4),
        ),
        (
            "{ mode = \"cloud\", percent = 25 }",
            vec![(at(name, "PERCENT"), "5")],
            cloud.share(5),
        ),
        (
            "{ mode = \"cloud\", percent = 25 }",
            vec![
                (own.to_owned(), "compare"),
                (at(own, "PERCENT"), "6"),
                (at(own, "ANSWER"), "onprem"),
            ],
            Flag::compare(Side::OnPrem).share(6),
        ),
    ] {
        let shown = variables
            .iter()
            .map(|(name, value)| (name.as_str(), *value))
            .collect::<Vec<_>>();
        let config = with_environment(&written(file), &shown).unwrap();
        assert_eq!(config.numbers[0].flags[Route::MediaDownload], flag);
    }
    let percent = at(name, "PERCENT");
    let problems = with_environment(&written("\"cloud\""), &[(&percent, "101")]).unwrap_err();
    assert_eq!(problems.0[0].key, "routes.media_download.percent");
    let problems = with_environment(&written("\"onprem\""), &[(&percent, "25")]).unwrap_err();
    assert!(problems.0[0].what.contains("goes with mode"), "{problems}");
}

#[test]
fn it_is_told_where_a_flag_is_from() {
    let toml = format!(
        "routes = {{ media_download = \"cloud\", media_get = \"cloud\" }}\n{ONE}{CLOUD}\
         [numbers.routes]\nmedia_get = \"onprem\""
    );
    let config = parse(&toml).unwrap();
    let shown = [Route::MediaDownload, Route::MediaGet, Route::Messages]
        .map(|route| config.numbers[0].layer(route).as_str());
    assert_eq!(shown, ["file [routes]", "file [numbers.routes]", "default"]);
    assert!(Layer::Default < Layer::AllNumbers && Layer::AllNumbers < Layer::Number);
}

#[test]
fn one_number_never_sends_to_both_sides() {
    for flag in ["\"cloud\"", "{ mode = \"cloud\", percent = 25 }"] {
        for (toml, key) in [
            (
                format!("{ONE}{CLOUD}[numbers.routes]\nmessages = {flag}"),
                "numbers.support.routes.messages",
            ),
            (
                format!("routes.messages = {flag}\n{ONE}{CLOUD}"),
                "routes.messages",
            ),
        ] {
            assert_problem(&toml, key, "a number is registered with one API at a time");
            assert_problem(&toml, key, "while account goes on-prem");
        }
    }
    let compared = "messages = { mode = \"compare\", answer = \"cloud\" }";
    assert_problem(
        &format!("{ONE}{CLOUD}[numbers.routes]\n{compared}"),
        "numbers.support.routes.messages",
        "use answer = \"onprem\"",
    );
}

#[test]
fn a_fault_is_told_where_it_was_written_and_for_whom() {
    let gone = format!("[[numbers]]\nname = \"support\"\n{CLOUD}");
    for (key, toml) in [
        (
            "numbers.support.routes.users",
            format!("{gone}[numbers.routes]\nusers = \"onprem\""),
        ),
        ("routes.users", format!("routes.users = \"onprem\"\n{gone}")),
    ] {
        assert_eq!(keys(&toml), [key]);
        assert_problem(&toml, key, "this number has no [numbers.onprem]");
    }
    assert_problem(
        &format!("routes.login = \"cloud\"\n{ONE}"),
        "routes.logout",
        "for numbers.support it differs from login",
    );
    // Told once, however many numbers there are.
    let two = "routes.stats = \"cloud\"\n[[numbers]]\nname = \"a\"\nhosts = [\"a\"]\nonprem.url = \"https://a\"\n\
               [[numbers]]\nname = \"b\"\nhosts = [\"b\"]\nonprem.url = \"https://b\"\n";
    assert_eq!(keys(two), ["routes.stats"]);
}

#[test]
fn every_flag_that_needs_cloud_asks_for_its_token() {
    let routes = "[numbers.routes]\nbusiness_profile = \"compare\"\nmedia_download = \"cloud\"\n";
    assert_problem(
        &format!("{ONE}{routes}"),
        "numbers.support.cloud.access_token",
        "is missing; business_profile = \"compare\", media_download = \"cloud\" need it (or access_token_file)",
    );
    let alone = "[[numbers]]\nname = \"support\"\n";
    assert_problem(
        alone,
        "numbers.support.cloud.access_token",
        "is missing; media_download = \"cloud\" needs it (or access_token_file)",
    );
    let without = format!("{alone}[numbers.routes]\nmedia_download = \"off\"");
    let config = parse(&without).unwrap();
    assert_eq!(config.numbers[0].mode(Route::BusinessProfile), Mode::Off);
    assert_eq!(config.numbers[0].mode(Route::Health), Mode::Cloud);
    assert_problem(
        &without.replace("media_download = \"off\"", "profile_about = \"cloud\""),
        "numbers.support.cloud.access_token",
        "profile_about = \"cloud\"",
    );
}

#[test]
fn the_main_job_is_compared_only_where_callbacks_come_in() {
    let toml =
        format!("intake.listen = \"\"\n{ONE}{CLOUD}[numbers.routes]\nmedia_download = \"compare\"");
    assert_eq!(keys(&toml), ["numbers.support.routes.media_download"]);
    assert_problem(
        &toml,
        "numbers.support.routes.media_download",
        "[intake] listen is empty",
    );
    for good in [
        toml.replace("\"\"", "\"127.0.0.1:0\""),
        format!("compare.against = \"recorded\"\n{toml}"),
        toml.replace("media_download = \"compare\"", "contacts = \"compare\""),
    ] {
        assert!(parse(&good).is_ok(), "{good}");
    }
    let unreadable = toml.replace("listen = \"\"", "listen = \"9092\"");
    assert_eq!(keys(&unreadable), ["intake.listen"]);
}

#[test]
fn the_intake_is_a_listener_beside_the_others() {
    assert_problem(
        &format!("intake.listen = \"127.0.0.1:9090\"\n{ONE}"),
        "intake.listen",
        "taken by server.listen",
    );
    assert_problem(
        &format!("intake.tls = {{ certificate = \"gone.pem\" }}\n{ONE}"),
        "intake.tls.key",
        "is missing",
    );
}

#[test]
fn a_number_says_where_its_callbacks_come_from() {
    let own = "[numbers.onprem]\ncallback_from = [\"10.0.0.5\", \"10.1.2.3/16\", \"fd00::/8\"]\n\
               callback_secret = \"s3cret\"";
    let config = parse(&ONE.replace("[numbers.onprem]", own)).unwrap();
    let onprem = config.numbers[0].onprem.as_ref().unwrap();
    let from = onprem.callback_from.iter().map(ToString::to_string);
    assert_eq!(
        from.collect::<Vec<_>>(),
        ["10.0.0.5/32", "10.1.0.0/16", "fd00::/8"]
    );
    let secret = onprem.callback_secret.as_ref().unwrap();
    assert_eq!(secret.expose_secret(), "s3cret");
    assert!(!format!("{config:?}").contains("s3cret"));

    let shared = format!("every_number.onprem.callback_from = [\"everywhere\"]\n{ONE}");
    assert_problem(
        &shared,
        "every_number.onprem.callback_from",
        "\"everywhere\" is neither",
    );
}

#[test]
fn what_a_number_has_is_what_its_flags_are_held_against() {
    let config = parse(&format!("{ONE}{CLOUD}")).unwrap();
    let means = config.numbers[0].means(&config.compare);
    assert!(means.onprem && means.cloud && means.intake);
    assert!(!means.onprem_login && !means.recorded);
    let toml = format!("compare.against = \"recorded\"\nintake.listen = \"\"\n{ONE}");
    let config = parse(&toml).unwrap();
    let means = config.numbers[0].means(&config.compare);
    assert!(means.recorded && !means.cloud && !means.intake);
}

#[test]
fn flags_and_comparisons_change_without_a_restart_and_nothing_else_does() {
    let two = format!(
        "server.threads = 1\n{}[[numbers]]\nname = \"sales\"\nhosts = [\"b\"]\nonprem.url = \"https://b\"\n",
        ONE.replace("name = \"support\"", "name = \"support\"\nhosts = [\"a\"]")
    );
    let before = parse(&two).unwrap();
    let routes = "routes.health = \"cloud\"\ncompare.permits = 1\n";
    let owned = two.replace(
        "[numbers.callback]",
        "[numbers.routes]\nhealth = \"off\"\n[numbers.callback]",
    );
    let support = two.replace("callback]\n", "callback]\ntimeout_s = 3\n");
    let renamed = two.replace("\"sales\"", "\"shop\"");
    let every = "every_number.compat.version = \"v2.57.3\"\n";
    for (toml, keys) in [
        (two.clone(), &[] as &[&str]),
        (format!("{routes}{two}"), &[]),
        (owned, &[]),
        (two.replace("threads = 1", "threads = 2"), &["server"]),
        (format!("cutover.kill_file = \"k\"\n{two}"), &["cutover"]),
        (support, &["numbers.support"]),
        (renamed, &["numbers.sales", "numbers.shop"]),
        (
            format!("{every}{two}"),
            &["numbers.sales", "numbers.support"],
        ),
        (
            format!("log.level = \"warn\"\nserver.threads = 1\n{ONE}"),
            &["log", "numbers.sales", "numbers.support"],
        ),
    ] {
        let after = parse(&toml).unwrap();
        assert_eq!(before.needs_restart(&after), keys, "{toml}");
        assert_eq!(after.needs_restart(&before), keys, "{toml}");
    }
}

#[test]
fn a_new_token_in_the_same_file_needs_a_restart() {
    let folder = TempDir::new().unwrap();
    let toml =
        format!("{ONE}[numbers.cloud]\nphone_number_id = \"1\"\naccess_token_file = \"token\"");
    let load = |token: &str| {
        fs::write(folder.path().join("token"), token).unwrap();
        config::parse(&toml, folder.path()).unwrap()
    };
    let before = load("EAAGsecret");
    assert_eq!(before.needs_restart(&load("EAAGsecret")), [""; 0]);
    assert_eq!(
        before.needs_restart(&load("EAAGother")),
        ["numbers.support"]
    );
    assert!(!format!("{before:?}").contains("EAAGsecret"));
}

#[test]
fn notifications_have_the_defaults_of_the_documents() {
    use waba_bridge::config::{Keep, MediaIds, MessageIds, Played, Reactions};
    let config = parse(&format!("{ONE}{CLOUD}")).unwrap();
    assert_eq!(
        config.intake.client_name,
        "client.webhooks.fbclientcerts.com"
    );
    assert!(config.intake.public_url.is_none() && config.intake.client_ca.is_none());
    assert_eq!(config.notifications.keep, Keep::Encrypted);
    let number = &config.numbers[0];
    let (compat, settings) = (&number.compat, &number.settings);
    assert_eq!(compat.media_ids, MediaIds::Uuid);
    assert_eq!(compat.message_ids, MessageIds::OnPrem);
    assert_eq!(
        (compat.played, compat.reactions),
        (Played::Drop, Reactions::Unknown)
    );
    assert!(compat.media_status && compat.root_recipient_id && compat.top_errors);
    assert_eq!(
        (compat.pricing_model.as_deref(), compat.undeliverable_code),
        (None, 1026)
    );
    assert_eq!(settings.auto_download.len(), 6);
    assert_eq!(
        (settings.sent, settings.delivered, settings.read),
        (false, true, true)
    );
    assert!(settings.notify_user_change_number && !settings.show_security_notifications);
    let cloud = number.cloud.as_ref().unwrap();
    assert!(cloud.app_secrets.is_empty() && cloud.verify_token.is_none());
}

#[test]
fn an_app_secret_can_be_replaced_without_a_gap() {
    let secrets = |line: &str| {
        let config = parse(&format!("{ONE}{CLOUD}{line}\n")).unwrap();
        let cloud = config.numbers[0].cloud.clone().unwrap();
        let secrets = cloud.app_secrets.into_iter();
        secrets
            .map(|secret| secret.expose_secret().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(secrets("app_secret = \"one\""), ["one"]);
    assert_eq!(secrets("app_secret = \"new old\""), ["new", "old"]);
}

#[test]
fn notifications_cannot_be_half_configured() {
    let no_token = format!("{ONE}[numbers.cloud]\nphone_number_id = \"1\"\napp_secret = \"s\"\n");
    assert_problem(
        &no_token,
        "numbers.support.cloud.access_token",
        "app_secret is set",
    );
    let two = format!(
        "{}{CLOUD}app_secret = \"s\"\n[[numbers]]\nname = \"sales\"\nhosts = [\"b.example\"]\n{CLOUD}app_secret = \"s\"\n",
        ONE.replace(
            "name = \"support\"",
            "name = \"support\"\nhosts = [\"a.example\"]"
        )
    );
    assert_problem(
        &two,
        "numbers.sales.cloud.phone_number_id",
        "numbers.support",
    );
    let kinds = format!("{ONE}[numbers.settings]\nauto_download = [\"image\", \"vioce\"]\n");
    assert_problem(
        &kinds,
        "numbers.support.settings.auto_download",
        "\"vioce\" is no kind",
    );
    let root = format!("{ONE}[numbers.compat]\nmedia_file_root = \"/usr/local/wamedia\"\n");
    assert_problem(
        &root,
        "numbers.support.compat.media_file_root",
        "media.layout",
    );
    let ca = format!("[intake]\nclient_ca_file = \"ca.pem\"\n{ONE}");
    assert_problem(&ca, "intake.client_ca_file", "needs tls");
    let url = format!("[intake]\npublic_url = \"https://bridge.example/cloud\"\n{ONE}");
    assert_problem(&url, "intake.public_url", "path");
}
