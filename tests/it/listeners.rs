//! Where integrations call: several numbers behind one address or several, with and without TLS.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use reqwest::{Client, Response, Version};
use serde_json::Value;
use waba_bridge::standin::onprem::{Onprem, OnpremOptions};

use crate::harness::{Bridge, PASSWORD, PASSWORD_HASH, PATIENCE, USER, base_config, within};
use crate::raw::{Upstream, Wire, code};

/// A number with the usual user, and these lines of its own.
fn number(name: &str, lines: &str, sections: &str) -> String {
    format!(
        "[[numbers]]\nname = \"{name}\"\n{lines}\n[[numbers.users]]\nname = \"{USER}\"\npassword_hash = \"{PASSWORD_HASH}\"\n\
         [numbers.cloud]\nphone_number_id = \"1\"\naccess_token = \"x\"\n[numbers.compat]\nversion = \"v2.{}.0\"\n{sections}",
        name.len()
    )
}

fn bridge(change: impl FnOnce(&Path, String) -> String) -> Bridge {
    let folder = tempfile::tempdir().unwrap();
    let config = change(folder.path(), base_config(folder.path()));
    Bridge::start(folder, &config)
}

fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

/// Which number answers a login under this name: each has a version of its own.
async fn version_at(bridge: &Bridge, host: &str) -> Result<String, u64> {
    let request = bridge
        .request("POST", "/v1/users/login")
        .header("host", host);
    let answer = request
        .basic_auth(USER, Some(PASSWORD))
        .send()
        .await
        .unwrap();
    let status = answer.status();
    let body: Value = answer.json().await.unwrap();
    if status == 404 {
        return Err(code(&body));
    }
    assert_eq!(status, 200);
    Ok(body["meta"]["version"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn numbers_are_told_apart_by_the_host_they_are_called_by() {
    let bridge = bridge(|_, base| {
        let one = number(
            "a",
            "hosts = [\"one.example\", \"uno.example\", \"[::1]\"]",
            "",
        );
        let two = number("bb", "hosts = [\"two.example\"]", "");
        format!("{base}{one}{two}")
    });
    for (host, version) in [
        ("one.example", "v2.1.0"),
        ("uno.example:9090", "v2.1.0"),
        ("ONE.Example:443", "v2.1.0"),
        ("one.example.", "v2.1.0"),
        ("one.example.:9090", "v2.1.0"),
        ("[::1]:9090", "v2.1.0"),
        ("[::1]", "v2.1.0"),
        ("two.example", "v2.2.0"),
    ] {
        assert_eq!(
            version_at(&bridge, host).await.as_deref(),
            Ok(version),
            "{host}"
        );
    }
    for host in [
        "three.example",
        "127.0.0.1",
        "one.example.evil",
        "xone.example",
        "one",
        ".",
    ] {
        assert_eq!(version_at(&bridge, host).await, Err(1006), "{host}");
    }
    let mut wire = Wire::connect(bridge.public).await;
    wire.send("GET / HTTP/1.1\r\n\r\n").await;
    let answer = wire.message().await.unwrap();
    assert_eq!((answer.status(), answer.code()), (404, 1006));
}

#[tokio::test]
async fn a_token_of_one_number_is_worth_nothing_at_another() {
    let bridge = bridge(|_, base| {
        let one = number("a", "hosts = [\"one.example\"]", "");
        let two = number("bb", "hosts = [\"two.example\"]", "");
        format!("{base}{one}{two}")
    });
    let request = bridge
        .request("POST", "/v1/users/login")
        .header("host", "one.example");
    let answer = request
        .basic_auth(USER, Some(PASSWORD))
        .send()
        .await
        .unwrap();
    let body: Value = answer.json().await.unwrap();
    let token = body["users"][0]["token"].as_str().unwrap();
    for (host, status) in [("one.example", 404), ("two.example", 401)] {
        let request = bridge.request("GET", "/v1/media/1").header("host", host);
        assert_eq!(
            request.bearer_auth(token).send().await.unwrap().status(),
            status
        );
    }
}

#[tokio::test]
async fn a_listener_of_its_own_is_one_number_s_whatever_the_host() {
    let own = free_port();
    let bridge = bridge(|_, base| {
        let shared = number("a", "", "");
        let listening = number("bb", &format!("listen = \"{own}\""), "");
        format!("{base}{shared}{listening}")
    });
    assert_eq!(version_at(&bridge, "any").await.as_deref(), Ok("v2.1.0"));
    assert_eq!(bridge.address_of("bb"), own);
    let request = Client::new().post(format!("http://{own}/v1/users/login"));
    let answer = request
        .basic_auth(USER, Some(PASSWORD))
        .send()
        .await
        .unwrap();
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["meta"]["version"], "v2.2.0");
}

#[tokio::test]
async fn callers_that_fill_one_listener_do_not_close_another() {
    let own = free_port();
    let bridge = bridge(|_, base| {
        let shared = number("a", "", "");
        let listening = number("bb", &format!("listen = \"{own}\""), "");
        format!("{base}[limits]\nconnections = 1\n{shared}{listening}")
    });
    let mut first = Wire::connect(bridge.public).await;
    first.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(first.message().await.unwrap().status(), 200);
    let mut other = Wire::connect(own).await;
    other.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(other.message().await.unwrap().status(), 200);
    // One more on the full listener is answered as soon as there is room.
    let mut second = Wire::connect(bridge.public).await;
    second.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    drop(first);
    assert_eq!(second.message().await.unwrap().status(), 200);
}

/// A certificate for `localhost` in the two files; gives back what a caller has to trust.
fn certify(folder: &Path) -> reqwest::Certificate {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap()
}

fn with_tls(folder: &Path, base: &str) -> String {
    let folder = folder.display();
    let tls = format!(
        "[server]\ntls = {{ certificate = \"{folder}/cert.pem\", key = \"{folder}/key.pem\" }}\n"
    );
    base.replace("[server]\n", &tls)
}

/// A caller that trusts one certificate and nothing else, on a new connection.
fn trusting(root: &reqwest::Certificate, http2: bool) -> Client {
    let client = Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .tls_certs_only([root.clone()]);
    let client = if http2 { client } else { client.http1_only() };
    client.build().unwrap()
}

async fn login_over(client: &Client, bridge: &Bridge) -> reqwest::Result<Response> {
    let url = format!("https://localhost:{}/v1/users/login", bridge.public.port());
    client
        .post(url)
        .basic_auth(USER, Some(PASSWORD))
        .send()
        .await
}

#[tokio::test]
async fn both_versions_of_http_are_served_over_tls() {
    let mut root = None;
    let bridge = bridge(|folder, base| {
        root = Some(certify(folder));
        with_tls(folder, &base) + &number("a", "hosts = [\"localhost\"]", "")
    });
    let root = root.unwrap();
    for (http2, version) in [(true, Version::HTTP_2), (false, Version::HTTP_11)] {
        let client = trusting(&root, http2);
        let answer = login_over(&client, &bridge).await.unwrap();
        assert_eq!((answer.version(), answer.status().as_u16()), (version, 200));
        let body: Value = answer.json().await.unwrap();
        let token = body["users"][0]["token"].as_str().unwrap();
        let url = format!("https://localhost:{}/v1/media/1", bridge.public.port());
        let head = client.head(&url).bearer_auth(token).send().await.unwrap();
        assert_eq!(head.status(), 404);
        let answer = client.get(&url).bearer_auth(token).send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), answer.text().await.unwrap().len()),
            (404, 0)
        );
    }
    // Plain HTTP on a TLS port gets nowhere, and does no harm.
    let mut plain = Wire::connect(bridge.public).await;
    let _ = plain.try_send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    plain.rest().await;
    assert!(login_over(&trusting(&root, true), &bridge).await.is_ok());
}

#[tokio::test]
async fn http2_reaches_an_old_client_that_knows_only_http1() {
    let upstream = Upstream::start().await;
    let mut root = None;
    let bridge = bridge(|folder, base| {
        root = Some(certify(folder));
        let section = format!(
            "[numbers.onprem]\nurl = \"http://{}\"\n",
            upstream.address()
        );
        with_tls(folder, &base) + &number("a", "", &section)
    });
    let client = trusting(&root.unwrap(), true);
    let authority = format!("localhost:{}", bridge.public.port());
    let request = client
        .post(format!("https://{authority}/v1/contacts/?a=%2f"))
        .header("cookie", "a=1")
        .body("hello");
    let answering = async {
        let mut wire = upstream.accept().await;
        let seen = wire.message().await.unwrap();
        wire.send("HTTP/1.1 201 Made\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\nTransfer-Encoding: chunked\r\nX-Own: 1\r\n\r\n2\r\nhi\r\n0\r\n\r\n").await;
        seen
    };
    let (answer, seen) = tokio::join!(request.send(), answering);
    assert_eq!(seen.start, "POST /v1/contacts/?a=%2f HTTP/1.1");
    assert_eq!(seen.header("host"), Some(authority.as_str()));
    assert_eq!(
        (seen.header("content-length"), seen.body.as_slice()),
        (Some("5"), &b"hello"[..])
    );
    let answer = answer.unwrap();
    assert_eq!(
        (answer.version(), answer.status().as_u16()),
        (Version::HTTP_2, 201)
    );
    assert_eq!(answer.headers()["x-own"], "1");
    assert_eq!(answer.text().await.unwrap(), "hi");
}

#[tokio::test]
async fn a_certificate_is_reread_and_a_broken_one_never_taken_over() {
    let mut root = None;
    let bridge = bridge(|folder, base| {
        root = Some(certify(folder));
        with_tls(folder, &base) + &number("a", "", "")
    });
    let old = root.unwrap();
    let folder = bridge.folder.path();
    std::fs::write(folder.join("cert.pem"), "not a certificate").unwrap();
    bridge.signal("HUP");
    bridge.wait_for_line(
        "certificate not taken over, the last good one stays",
        |_| true,
    );
    assert!(login_over(&trusting(&old, true), &bridge).await.is_ok());

    let new = certify(folder);
    // Between the writing of its two files a certificate and a key did not match; nobody noticed.
    bridge.signal("HUP");
    bridge.wait_for_line("certificate reread", |_| true);
    assert!(login_over(&trusting(&new, true), &bridge).await.is_ok());
    assert!(login_over(&trusting(&old, true), &bridge).await.is_err());
}

#[tokio::test]
async fn a_certificate_that_changes_is_noticed_without_a_signal() {
    let bridge = bridge(|folder, base| {
        certify(folder);
        with_tls(folder, &base) + &number("a", "", "")
    });
    let new = certify(bridge.folder.path());
    bridge.wait_for_line("certificate reread", |_| true);
    assert!(login_over(&trusting(&new, true), &bridge).await.is_ok());
}

#[tokio::test]
async fn numbers_reach_their_own_old_clients() {
    let one = Onprem::start(OnpremOptions::default()).await.unwrap();
    let two = Onprem::start(OnpremOptions::default()).await.unwrap();
    let bridge = bridge(|_, base| {
        let section = |onprem: &Onprem| format!("[numbers.onprem]\nurl = \"{}\"\n", onprem.url());
        let first = number("a", "hosts = [\"one.example\"]", &section(&one));
        let second = number("bb", "hosts = [\"two.example\"]", &section(&two));
        format!("{base}{first}{second}")
    });
    let request = bridge
        .request("POST", "/v1/users/login")
        .header("host", "two.example");
    let answer = within(request.basic_auth(USER, Some(PASSWORD)).send())
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!((one.logins(), two.logins()), (0, 1));
}
