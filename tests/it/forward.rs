//! Pass-through: the old client and its callers see each other's bytes, and nothing of the bridge between them.

use serde_json::{Value, json};
use waba_bridge::standin::Tls;
use waba_bridge::standin::onprem::{Onprem, OnpremOptions};

use crate::harness::{Setting, World, within};
use crate::raw::{Message, Upstream, Wire, code};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const BIG: usize = 100 << 20;
/// What the bridge may keep of a body that only passes: some buffers.
const FEW_MB: u64 = 8 << 10;

/// Sends a request's bytes through the bridge; gives back what the old client got and what the caller got.
async fn exchange(
    world: &World,
    upstream: &mut Option<Wire>,
    listener: &Upstream,
    request: &str,
    answer: &str,
) -> (Message, Wire) {
    let mut caller = Wire::connect(world.bridge.public).await;
    caller.send(request).await;
    let wire = match upstream {
        Some(wire) => wire,
        None => upstream.insert(listener.accept().await),
    };
    let seen = wire.message().await.unwrap();
    wire.send(answer).await;
    (seen, caller)
}

/// One exchange on connections of its own.
async fn once(request: &str, answer: &str) -> (Message, Message) {
    let upstream = Upstream::start().await;
    let world = upstream.world("").await;
    let mut wire = None;
    let (seen, mut caller) = exchange(&world, &mut wire, &upstream, request, answer).await;
    (seen, caller.message().await.unwrap())
}

/// A number of kB out of the process' own account of its memory.
fn memory(world: &World, key: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", world.bridge.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with(key)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_request_arrives_as_it_was_sent_but_for_what_concerns_the_connection() {
    let request = "PATCH /v1/settings/application/?q=1&q=2&e=%20+%C3%BC&s HTTP/1.1\r\n\
        Host: WA.example:9090\r\nX-ODD-case: 1\r\nx-twice: a\r\nX-Twice: b\r\nauthorization: Bearer whose?\r\n\
        Connection: X-Hop, keep-alive\r\nConnection: x-other\r\nX-Hop: no\r\nX-Other: no\r\nKeep-Alive: timeout=5\r\n\
        TE: trailers\r\nX-Request-ID: caller-1\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\nhello";
    let (seen, _) = once(request, OK).await;
    assert_eq!(
        seen.start,
        "PATCH /v1/settings/application/?q=1&q=2&e=%20+%C3%BC&s HTTP/1.1"
    );
    let expected = [
        "Content-Length: 5",
        "Content-Type: application/json",
        "Host: WA.example:9090",
        "X-ODD-case: 1",
        "X-Request-ID: caller-1",
        "X-Twice: b",
        "authorization: Bearer whose?",
        "x-twice: a",
    ];
    assert_eq!(seen.lines_without(&[]), expected);
    assert_eq!(seen.body, b"hello");
}

#[tokio::test]
async fn methods_and_targets_are_passed_as_they_are() {
    let upstream = Upstream::start().await;
    let world = upstream.world("").await;
    let mut wire = None;
    let targets = [
        "/",
        "/v1/media/",
        "/v1/media/a%2fb",
        "/v1/../v1/users/./x",
        "//v1//contacts",
        "/v1/contacts?",
        "/v1/contacts?a=%zz&b={c}|^d`",
        "/v1/contacts/\u{fc}\u{1f600}",
        "/nowhere",
        "/v1/health;x=1",
    ];
    let methods = [
        "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "x-Own",
    ];
    for (method, target) in methods
        .iter()
        .map(|method| (*method, "/v1/contacts"))
        .chain(targets.iter().map(|target| ("GET", *target)))
    {
        let request = format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        let (seen, mut caller) = exchange(&world, &mut wire, &upstream, &request, OK).await;
        assert_eq!(seen.start, format!("{method} {target} HTTP/1.1"));
        assert_eq!(caller.message().await.unwrap().body, b"ok");
    }
}

#[tokio::test]
async fn an_answer_arrives_as_it_was_given() {
    let answer = "HTTP/1.1 218 This is fine\r\nDate: Sat, 07 Aug 2021 11:13:01 GMT\r\nServer: Server\r\n\
        X-Request-ID: 4303\r\nX-Internal-Request-IDS: a|b\r\nset-COOKIE: a=1\r\nSet-Cookie: b=2\r\n\
        Connection: x-hop\r\nX-Hop: no\r\nContent-Type: image/png\r\nContent-Length: 3\r\n\r\n\x01\x02\x03";
    let (_, got) = once("GET /v1/media/x HTTP/1.1\r\nHost: a\r\n\r\n", answer).await;
    assert_eq!(got.start, "HTTP/1.1 218 This is fine");
    let expected = [
        "Content-Length: 3",
        "Content-Type: image/png",
        "Date: Sat, 07 Aug 2021 11:13:01 GMT",
        "Server: Server",
        "Set-Cookie: b=2",
        "X-Internal-Request-IDS: a|b",
        "X-Request-ID: 4303",
        "set-COOKIE: a=1",
    ];
    assert_eq!(got.lines_without(&[]), expected);
    assert_eq!(got.body, b"\x01\x02\x03");
}

#[tokio::test]
async fn chunks_stay_chunks_in_both_directions() {
    let request = "POST /v1/media HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    let answer = "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n4\r\nyzab\r\n0\r\n\r\n";
    let (seen, got) = once(request, answer).await;
    assert_eq!(seen.header("transfer-encoding"), Some("chunked"));
    assert_eq!(
        (seen.header("content-length"), seen.body.as_slice()),
        (None, &b"abcde"[..])
    );
    assert_eq!(got.header("transfer-encoding"), Some("chunked"));
    assert_eq!((got.status(), got.header("content-length")), (201, None));
    assert_eq!(got.body, b"xyzab");
}

#[tokio::test]
async fn answers_without_a_body_keep_their_headers_and_have_none() {
    let upstream = Upstream::start().await;
    let world = upstream.world("").await;
    let mut wire = None;
    for (method, answer) in [
        (
            "HEAD",
            "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nDate: x\r\nX-Request-ID: 1\r\n\r\n",
        ),
        (
            "HEAD",
            "HTTP/1.1 200 OK\r\nDate: x\r\nX-Request-ID: 1\r\n\r\n",
        ),
        (
            "GET",
            "HTTP/1.1 204 No Content\r\nDate: x\r\nX-Request-ID: 1\r\n\r\n",
        ),
        (
            "GET",
            "HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\nDate: x\r\nX-Request-ID: 1\r\n\r\n",
        ),
        (
            "DELETE",
            "HTTP/1.1 200 OK\r\nDate: x\r\nX-Request-ID: 1\r\nContent-Length: 0\r\n\r\n",
        ),
    ] {
        let request =
            format!("{method} /v1/contacts HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let (_, mut caller) = exchange(&world, &mut wire, &upstream, &request, answer).await;
        let got = caller.rest().await;
        let got = String::from_utf8(got)
            .unwrap()
            .replace("Connection: close\r\n", "");
        assert_eq!(got, answer, "{method}");
    }
}

#[tokio::test]
async fn old_protocol_versions_on_either_side_are_understood() {
    let upstream = Upstream::start().await;
    let world = upstream.world("").await;
    let request = "GET /v1/contacts HTTP/1.1\r\nHost: a\r\n\r\n";
    let (_, mut caller) = exchange(
        &world,
        &mut None,
        &upstream,
        request,
        "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold",
    )
    .await;
    let got = caller.message().await.unwrap();
    assert_eq!(
        (got.start.as_str(), got.body.as_slice()),
        ("HTTP/1.1 200 OK", &b"old"[..])
    );

    let mut wire = None;
    let (seen, mut caller) = exchange(
        &world,
        &mut wire,
        &upstream,
        "GET /v1/contacts HTTP/1.0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nnew\r\n0\r\n\r\n",
    )
    .await;
    assert_eq!(seen.start, "GET /v1/contacts HTTP/1.1");
    assert!(
        seen.header("host").is_some(),
        "HTTP/1.1 needs a Host: {seen:?}"
    );
    let got = caller.head().await.unwrap();
    assert_eq!((got.status(), got.header("transfer-encoding")), (200, None));
    assert_eq!(caller.rest().await, b"new");
}

#[tokio::test]
async fn a_large_request_streams_through_without_being_kept() {
    let upstream = Upstream::start().await;
    let world = upstream.world("").await;
    let before = memory(&world, "VmRSS");
    let mut caller = Wire::connect(world.bridge.public).await;
    caller
        .send(format!(
            "POST /v1/media HTTP/1.1\r\nHost: a\r\nContent-Length: {BIG}\r\n\r\nfirst"
        ))
        .await;
    let mut wire = upstream.accept().await;
    wire.head().await.unwrap();
    // Only now is the rest sent: the beginning did not wait for the end.
    assert_eq!(wire.exactly(5).await, b"first");
    let rest = vec![7; BIG - 5];
    tokio::join!(caller.send(&rest), wire.swallow(BIG - 5));
    wire.send(OK).await;
    assert_eq!(caller.message().await.unwrap().status(), 200);
    let grown = memory(&world, "VmHWM") - before;
    assert!(grown < FEW_MB, "{grown} kB more");
}

#[tokio::test]
async fn a_large_answer_streams_through_without_being_kept() {
    let upstream = Upstream::start().await;
    let world = upstream.world("").await;
    let before = memory(&world, "VmRSS");
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {BIG}\r\n\r\nfirst");
    let request = "GET /v1/media/x HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut wire = None;
    let (_, mut caller) = exchange(&world, &mut wire, &upstream, request, &head).await;
    caller.head().await.unwrap();
    assert_eq!(caller.exactly(5).await, b"first");
    let rest = vec![7; BIG - 5];
    let mut wire = wire.unwrap();
    tokio::join!(wire.send(&rest), caller.swallow(BIG - 5));
    let grown = memory(&world, "VmHWM") - before;
    assert!(grown < FEW_MB, "{grown} kB more");
}

#[tokio::test]
async fn a_read_survives_a_kept_connection_that_the_old_client_closes() {
    let upstream = Upstream::start().await;
    let world = upstream.world("").await;
    let request = "GET /v1/contacts HTTP/1.1\r\nHost: a\r\nX-Kept: Case\r\n\r\n";
    let mut wire = None;
    let (_, mut caller) = exchange(&world, &mut wire, &upstream, request, OK).await;
    caller.message().await.unwrap();

    caller.send(request).await;
    wire.as_mut().unwrap().message().await.unwrap();
    drop(wire);
    let mut wire = upstream.accept().await;
    let again = wire.message().await.unwrap();
    assert!(
        again
            .lines_without(&[])
            .contains(&"X-Kept: Case".to_owned())
    );
    wire.send(OK).await;
    assert_eq!(caller.message().await.unwrap().body, b"ok");
}

#[tokio::test]
async fn a_write_is_never_sent_twice() {
    let upstream = Upstream::start().await;
    let world = upstream.world("").await;
    let post = "POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}";
    let mut wire = None;
    let (_, mut caller) = exchange(&world, &mut wire, &upstream, post, OK).await;
    caller.message().await.unwrap();

    caller.send(post).await;
    wire.as_mut().unwrap().message().await.unwrap();
    drop(wire);
    let refused = caller.message().await.unwrap();
    assert_eq!((refused.status(), refused.code()), (502, 1014));
    // Whatever the old client is sent next is not the message.
    let (next, _) = exchange(
        &world,
        &mut None,
        &upstream,
        "GET /v1/contacts HTTP/1.1\r\nHost: a\r\n\r\n",
        OK,
    )
    .await;
    assert_eq!(next.start, "GET /v1/contacts HTTP/1.1");
}

#[tokio::test]
async fn an_old_client_that_is_down_is_told_as_the_old_client_told_it() {
    let upstream = Upstream::start().await;
    let world = upstream.world("").await;
    upstream.stop();
    for method in ["GET", "POST"] {
        let answer = world
            .bridge
            .request(method, "/v1/contacts")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 502);
        let id = answer.headers()["x-request-id"]
            .to_str()
            .unwrap()
            .to_owned();
        assert_eq!(code(&answer.json().await.unwrap()), 1014);
        let logged = |line: &Value| {
            line["request"]
                .as_str()
                .is_some_and(|request| request.contains(&id))
        };
        let line = world
            .bridge
            .logged("request not answered as asked", logged)
            .await;
        assert_eq!(
            (&line["number"], &line["route"]),
            (&json!("support"), &json!("contacts"))
        );
    }
    let answer = world
        .bridge
        .request("HEAD", "/v1/contacts")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 502);
}

#[tokio::test]
async fn an_old_client_that_hangs_is_given_up_after_its_time() {
    let upstream = Upstream::start().await;
    let world = upstream.world("response_timeout_s = 1").await;
    let answer = world
        .bridge
        .request("POST", "/v1/messages")
        .body("{}")
        .send();
    let (answer, _held) = tokio::join!(answer, upstream.accept());
    let answer = answer.unwrap();
    assert_eq!(answer.status(), 504);
    assert_eq!(code(&answer.json().await.unwrap()), 1014);
}

#[tokio::test]
async fn the_old_clients_time_begins_when_the_request_has_ended() {
    let upstream = Upstream::start().await;
    let world = upstream.world("response_timeout_s = 4").await;
    let mut caller = Wire::connect(world.bridge.public).await;
    caller
        .send("POST /v1/media HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n1")
        .await;
    let mut wire = upstream.accept().await;
    wire.head().await.unwrap();
    // An upload that takes longer in all than the old client may take to answer, and never stands still for long.
    for byte in ["2", "3", "4"] {
        tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
        caller.send(byte).await;
    }
    assert_eq!(wire.exactly(4).await, b"1234");
    wire.send(OK).await;
    assert_eq!(caller.message().await.unwrap().status(), 200);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_not_handed_on_as_a_whole_one() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ] {
        let upstream = Upstream::start().await;
        let world = upstream.world("").await;
        let answered = world.bridge.request("GET", "/v1/media/x").send();
        let dying = async {
            let mut wire = upstream.accept().await;
            wire.message().await.unwrap();
            wire.send(answer).await;
        };
        let (answered, ()) = tokio::join!(answered, dying);
        let body = within(answered.unwrap().bytes()).await;
        assert!(body.is_err(), "{answer}: {body:?}");
    }
}

#[tokio::test]
async fn an_answer_that_stands_still_is_ended() {
    let upstream = Upstream::start().await;
    let world = upstream
        .setting("")
        .top("[limits]\nbody_idle_timeout_s = 1\n")
        .start()
        .await;
    let mut wire = None;
    let request = "GET /v1/media/x HTTP/1.1\r\nHost: a\r\n\r\n";
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf";
    let (_, mut caller) = exchange(&world, &mut wire, &upstream, request, answer).await;
    caller.head().await.unwrap();
    assert_eq!(caller.rest().await, b"half");
}

#[tokio::test]
async fn an_answer_that_comes_before_the_request_has_ended_is_handed_on() {
    let upstream = Upstream::start().await;
    let world = upstream.world("").await;
    let mut caller = Wire::connect(world.bridge.public).await;
    caller
        .send("POST /v1/media HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nbegin")
        .await;
    let mut wire = upstream.accept().await;
    wire.head().await.unwrap();
    wire.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno")
        .await;
    let got = caller.message().await.unwrap();
    assert_eq!((got.status(), got.body.as_slice()), (401, &b"no"[..]));
}

#[tokio::test]
async fn a_caller_that_waits_to_be_told_to_continue_is_told() {
    let upstream = Upstream::start().await;
    let world = upstream.world("").await;
    let mut caller = Wire::connect(world.bridge.public).await;
    caller
        .send("POST /v1/media HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        .await;
    let mut wire = upstream.accept().await;
    wire.head().await.unwrap();
    wire.send("HTTP/1.1 100 Continue\r\n\r\n").await;
    assert_eq!(caller.head().await.unwrap().status(), 100);
    caller.send("hello").await;
    assert_eq!(wire.exactly(5).await, b"hello");
    wire.send(OK).await;
    assert_eq!(caller.message().await.unwrap().status(), 200);
}

#[tokio::test]
async fn what_a_caller_does_wrong_while_sending_is_not_blamed_on_the_old_client() {
    let upstream = Upstream::start().await;
    let world = upstream
        .setting("")
        .top("[limits]\nbody_idle_timeout_s = 1\nupload_mb = 1\n")
        .start()
        .await;
    let chunked = "POST /v1/media HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let two_mb = format!("{chunked}200000\r\n{}\r\n0\r\n\r\n", "x".repeat(2 << 20));
    let announced = "POST /v1/media HTTP/1.1\r\nHost: a\r\nContent-Length: 2097152\r\n\r\n";
    let stalled = "POST /v1/media HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf";
    let garbage = format!("{chunked}zz\r\n");
    for (request, status, error) in [
        (stalled, 408, 1025),
        (garbage.as_str(), 400, 1025),
        (two_mb.as_str(), 413, 1009),
        (announced, 413, 1009),
    ] {
        let mut caller = Wire::connect(world.bridge.public).await;
        let _ = caller.try_send(request).await;
        let got = caller.message().await.unwrap();
        assert_eq!((got.status(), got.code()), (status, error));
    }
}

#[tokio::test]
async fn a_request_id_travels_both_ways() {
    let (seen, got) = once("GET /v1/contacts HTTP/1.1\r\nHost: a\r\n\r\n", OK).await;
    let id = seen.header("x-request-id").unwrap();
    assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_eq!(got.header("x-request-id"), Some(id));
    let request = "GET /v1/contacts HTTP/1.1\r\nHost: a\r\nX-Request-ID: <script>\r\n\r\n";
    let (seen, _) = once(request, OK).await;
    assert_ne!(seen.header("x-request-id"), Some("<script>"));
    assert_eq!(seen.lines_without(&["host"]).len(), 1, "{seen:?}");
}

#[tokio::test]
async fn paths_and_methods_nobody_documented_are_the_old_clients_affair() {
    let world = Setting::first_route().start().await;
    let token = world.login().await;
    for (method, path) in [
        ("GET", "/v1/nothing"),
        ("PURGE", "/v1/contacts"),
        ("DELETE", "/v1/contacts"),
        ("GET", "/v2/x?y=1"),
    ] {
        let answer = world
            .bridge
            .request(method, path)
            .bearer_auth(&token)
            .send();
        let echo: Value = answer.await.unwrap().json().await.unwrap();
        assert_eq!(
            (&echo["method"], &echo["path"]),
            (&method.into(), &path.into())
        );
    }
}

#[tokio::test]
async fn a_route_that_is_off_is_not_there() {
    let world = Setting::first_route()
        .routes("contacts = \"off\"\n")
        .start()
        .await;
    let token = world.login().await;
    let before = world.onprem.as_ref().unwrap().requests().len();
    for method in ["POST", "GET"] {
        let answer = world
            .bridge
            .request(method, "/v1/contacts")
            .bearer_auth(&token);
        let answer = answer.send().await.unwrap();
        assert_eq!(answer.status(), 404);
        assert_eq!(code(&answer.json().await.unwrap()), 1006);
    }
    assert_eq!(world.onprem.as_ref().unwrap().requests().len(), before);
}

#[tokio::test]
async fn tls_towards_the_old_client_is_checked_as_the_operator_says() {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let pem = certified.cert.pem();
    let onprem = Onprem::start(OnpremOptions {
        tls: Some(Tls {
            certificate_pem: pem.clone().into_bytes(),
            key_pem: certified.signing_key.serialize_pem().into_bytes(),
        }),
        ..OnpremOptions::default()
    })
    .await
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, pem).unwrap();
    let ca_line = format!("ca_file = \"{}\"", ca.display());
    for (line, status) in [
        ("", 502),
        ("accept_invalid_certs = true", 200),
        (ca_line.as_str(), 200),
    ] {
        let port = onprem.address().port();
        let section = format!("[numbers.onprem]\nurl = \"https://localhost:{port}\"\n{line}\n");
        let world = Setting::alone().number(&section).start().await;
        let answer = world.bridge.login("admin", "Standin-1").await;
        assert_eq!(answer.status(), status, "{line}");
        if status == 502 {
            assert_eq!(code(&answer.json().await.unwrap()), 1014);
        }
    }
}

#[tokio::test]
async fn an_old_client_that_speaks_no_tls_is_not_reached_by_it() {
    let onprem = Onprem::start(OnpremOptions::default()).await.unwrap();
    let url = onprem.url().replace("http://", "https://");
    let section = format!("[numbers.onprem]\nurl = \"{url}\"\naccept_invalid_certs = true\n");
    let world = Setting::alone().number(&section).start().await;
    let answer = world
        .bridge
        .request("GET", "/v1/contacts")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 502);
    assert_eq!(code(&answer.json().await.unwrap()), 1014);
}
