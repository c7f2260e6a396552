//! The configuration from outside: layers, problems, secrets.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::Path;
use std::time::Duration;

use figment::providers::{Format, Toml};
use figment::value::Dict;
use secrecy::ExposeSecret;
use tempfile::TempDir;
use waba_bridge::config::{self, Config, HostRule, Problems};
use waba_bridge::route::{Mode, Route};

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
    let [number] = &config.numbers[..] else {
        panic!("one number")
    };
    assert!(number.modes.values().all(|mode| *mode == Mode::OnPrem));
    assert_eq!(number.modes.len(), Route::ALL.len());
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
    assert_eq!(number.modes[&Route::MediaDownload], Mode::Cloud);
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
    listen = "0.0.0.0:9092"
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
    [routes]
    media_get = { mode = "cloud", percent = 25 }
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
    [numbers.cloud]
    graph_url = "http://graph.facebook.com"
    version = "24"
    phone_number_id = "+49 151"
    app_secret = "EAAGsecret"
    media_hosts = [".com"]
    [numbers.callback]
    url = "https://user:EAAGsecret@crm.example/"
    max_concurrent_requests = 65
    callback_backoff_delay_ms = 5000
    max_callback_backoff_delay_ms = 4000
    headers = { host = "EAAGsecret", "no good" = "EAAGsecret", X-A = 3 }
    [numbers.compat]
    sha256 = "md5"
    media_ids = "uuid"
    [[numbers.users]]
    name = "admin"
    password_hash = "EAAGsecret"
    [numbers.routes]
    media_download = "cloud"
    login = "cloud"
"#;

const BAD_KEYS: [&str; 40] = [
    "extra",
    "server.listen",
    "server.threads",
    "server.tls.key",
    "server.tls.certificate",
    "intake",
    "admin.token",
    "state.url",
    "media.url",
    "media.layout",
    "log.level",
    "limits.header_kb",
    "fetch.retry_delays_s",
    "routes.media_get",
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
    "numbers.sales.cloud.graph_url",
    "numbers.sales.cloud.version",
    "numbers.sales.cloud.phone_number_id",
    "numbers.sales.cloud.app_secret",
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
    for (key, what) in problems(BAD) {
        let is_later = ["intake", "app_secret", "media_ids", "media_get"]
            .iter()
            .any(|end| key.ends_with(end));
        assert!(
            !is_later || what.contains("not in this version"),
            "{key}: {what}"
        );
    }
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
    assert_eq!(number.modes[&Route::MediaDownload], Mode::Cloud);
    assert_eq!(number.modes[&Route::Login], Mode::OnPrem);
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
    for (route, mode) in &config.numbers[0].modes {
        let expected = if route.is_served_from_cloud() {
            Mode::Cloud
        } else {
            Mode::Off
        };
        assert_eq!(*mode, expected, "{route}");
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
