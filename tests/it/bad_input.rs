//! What no well-meaning caller sends: each kind has its documented answer, and none of them hurts the next caller.

use futures_util::future::join_all;

use crate::harness::{Setting, World, within};
use crate::raw::{Message, Upstream, Wire, code};

const LIMITS: &str = "[limits]\nheader_timeout_s = 1\nbody_idle_timeout_s = 1\nheader_kb = 8\nheaders = 20\njson_kb = 1\nrequests_per_second = 0\n";

/// A bridge without an old client and with short limits.
async fn world() -> World {
    Setting::alone().top(LIMITS).start().await
}

/// Sends bytes on a connection of its own; the first answer, or `None` when the bridge hangs up.
async fn raw(world: &World, bytes: impl AsRef<[u8]>) -> Option<Message> {
    let mut wire = Wire::connect(world.bridge.public).await;
    // A bridge that has heard enough may hang up before all is sent.
    let _ = wire.try_send(bytes).await;
    wire.message().await
}

/// The bridge still answers, which a crash or a lost thread would not.
async fn is_alive(world: &World) {
    for _ in 0..4 {
        let answer = raw(world, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
    }
}

#[tokio::test]
async fn ids_that_cannot_be_are_not_found() {
    let world = world().await;
    let token = world.login().await;
    let long = "1".repeat(300);
    for id in [
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e",
        "..%5c..",
        "1%2fdownload",
        "%00",
        "-1",
        "+1",
        "1e9",
        "0x10",
        "1.0",
        "%C3%BC",
        "\u{663}\u{664}",
        "1%20",
        "null",
        "12345678-1234-1234-1234-12345678901",
        "{12345678-1234-1234-1234-123456789012}",
        &long,
    ] {
        for path in [
            format!("/v1/media/{id}"),
            format!("/v1/media/{id}/download"),
        ] {
            let request =
                format!("GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n");
            let answer = raw(&world, request).await.unwrap();
            assert_eq!((answer.status(), answer.code()), (404, 1006), "{path}");
            let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
            let answer = raw(&world, request).await.unwrap();
            assert_eq!((answer.status(), answer.code()), (401, 1005), "{path}");
        }
    }
    for path in [
        "/v1/media/../media/1/download",
        "/v1/./media/1",
        "//v1/media/1",
        "/v1/media//download",
        "/v1/media/1/download/x",
        "/V1/media/1",
        "/v1/media/1/download//",
        "/v1/%6dedia/1",
    ] {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n");
        let answer = raw(&world, request).await.unwrap();
        assert_eq!((answer.status(), answer.code()), (404, 1006), "{path}");
    }
    assert_eq!(world.cloud.requests().len(), 0);
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let world = world().await;
    for (method, path, allow) in [
        ("POST", "/v1/media/1/download", "GET"),
        ("PUT", "/v1/media/1", "GET, HEAD, DELETE"),
        ("GET", "/v1/users/login", "POST"),
        ("DELETE", "/v1/users/logout/", "POST"),
        ("TRACE", "/v1/media/1/download", "GET"),
    ] {
        let answer = world.bridge.request(method, path).send().await.unwrap();
        assert_eq!(answer.status(), 405, "{method} {path}");
        assert_eq!(answer.headers()["allow"], allow);
        assert_eq!(code(&answer.json().await.unwrap()), 1006);
    }
    let answer = raw(&world, "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n")
        .await
        .unwrap();
    assert_eq!((answer.status(), answer.code()), (404, 1006));
    let answer = raw(&world, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    assert_eq!((answer.status(), answer.code()), (404, 1006));
}

#[tokio::test]
async fn a_tunnel_is_never_dug_to_the_old_client() {
    let upstream = Upstream::start().await;
    let world = upstream.world("").await;
    let answer = raw(&world, "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n")
        .await
        .unwrap();
    assert_eq!((answer.status(), answer.code()), (404, 1006));
}

#[tokio::test]
async fn two_lengths_are_cut_at_one_place_and_what_is_left_is_no_request() {
    let upstream = Upstream::start().await;
    let world = upstream.world("").await;
    let smuggled = "GET /v1/smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    for framing in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
    ] {
        let mut caller = Wire::connect(world.bridge.public).await;
        let request =
            format!("POST /v1/contacts HTTP/1.1\r\nHost: a\r\n{framing}\r\n0\r\n\r\n{smuggled}");
        caller.send(request).await;
        let mut wire = upstream.accept().await;
        let seen = wire.message().await.unwrap();
        assert_eq!(seen.header("content-length"), None);
        assert_eq!(
            (seen.header("transfer-encoding"), seen.body.len()),
            (Some("chunked"), 0)
        );
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            .await;
        assert_eq!(caller.message().await.unwrap().status(), 200);
        assert_eq!(
            caller.rest().await,
            b"",
            "the rest is not read as a request"
        );
        assert!(wire.message().await.is_none());
    }
}

#[tokio::test]
async fn requests_that_can_be_read_in_two_ways_are_refused_and_never_passed_on() {
    let upstream = Upstream::start().await;
    let world = upstream.world("").await;
    for lines in [
        "Host: a\r\nHost: b\r\n",
        "Host: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n",
        "Host: a\r\nContent-Length: -1\r\n",
        "Host: a\r\nContent-Length: 1, 2\r\n",
        "Host: a\r\nContent-Length: 0x2\r\n",
        "Host: a\r\nContent-Length: 99999999999999999999999\r\n",
        "Host: a\r\nTransfer-Encoding: gzip\r\n",
        "Host: a\r\nTransfer-Encoding: gzip, chunked\r\n",
        "Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Host: a\r\nTransfer-Encoding: chunked, identity\r\n",
        "Host: a\r\nTransfer-Encoding : chunked\r\n",
        "Host: a\r\nX-Folded: a\r\n b\r\n",
        "Host: a\r\nno colon\r\n",
        "Host: a\r\nX-Null: a\0b\r\n",
    ] {
        let request = format!("POST /v1/contacts HTTP/1.1\r\n{lines}\r\n0\r\n\r\n");
        let answer = raw(&world, request).await.unwrap();
        assert_eq!(answer.status(), 400, "{lines}");
    }
    // What the old client is sent first is the first good request.
    let mut caller = Wire::connect(world.bridge.public).await;
    caller
        .send("GET /v1/good HTTP/1.1\r\nHost: a\r\n\r\n")
        .await;
    let seen = upstream.accept().await.message().await.unwrap();
    assert_eq!(seen.start, "GET /v1/good HTTP/1.1");
}

#[tokio::test]
async fn a_body_that_is_too_large_or_never_comes_is_answered() {
    let world = world().await;
    let login = "POST /v1/users/login HTTP/1.1\r\nHost: a\r\nAuthorization: Basic YTpi\r\n";
    let large = format!("{login}Content-Length: 2000\r\n\r\n{}", "x".repeat(2000));
    let announced = format!("{login}Content-Length: 1000000000\r\n\r\n");
    let stalled = format!("{login}Content-Length: 10\r\n\r\n{{");
    let garbage = format!("{login}Transfer-Encoding: chunked\r\n\r\nxyz\r\n");
    for (request, status, error) in [
        (large, 413, 1009),
        (announced, 413, 1009),
        (stalled, 408, 1025),
        (garbage, 400, 1025),
    ] {
        let answer = raw(&world, &request).await.unwrap();
        assert_eq!(
            (answer.status(), answer.code()),
            (status, error),
            "{request:.200}"
        );
    }
    let mut wire = Wire::connect(world.bridge.public).await;
    wire.send(format!("{login}Content-Length: 10\r\n\r\n{{"))
        .await;
    wire.finish().await;
    let answer = wire.message().await;
    assert!(answer.is_none_or(|answer| answer.status() == 400));
    is_alive(&world).await;
}

#[tokio::test]
async fn a_head_that_never_ends_is_hung_up_on() {
    let world = world().await;
    let mut silent = Wire::connect(world.bridge.public).await;
    assert_eq!(silent.rest().await, b"");
    let mut slow = Wire::connect(world.bridge.public).await;
    let drip = async {
        for byte in "GET / HTTP/1.1\r\nHost: "
            .bytes()
            .chain(std::iter::repeat(b'a'))
        {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            if slow.try_send([byte]).await.is_err() {
                return;
            }
        }
    };
    within(drip).await;
    is_alive(&world).await;
}

#[tokio::test]
async fn a_head_that_is_too_large_is_431() {
    let world = world().await;
    let many: String = (0..50).map(|index| format!("X-{index}: 1\r\n")).collect();
    let large = format!("X-Large: {}\r\n", "x".repeat(20_000));
    for lines in [many, large] {
        let answer = raw(&world, format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n")).await;
        assert_eq!(answer.unwrap().status(), 431);
    }
    let target = "a".repeat(7_000);
    let answer = raw(&world, format!("GET /{target} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
    assert_eq!(answer.unwrap().status(), 404);
    is_alive(&world).await;
}

#[tokio::test]
async fn what_is_no_request_is_refused() {
    let world = world().await;
    let tls_hello = [0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3];
    for bytes in [
        &b"\xff\xfe\xfd garbage\r\n\r\n"[..],
        &tls_hello,
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\r\n\r\n\r\nhello\r\n\r\n",
        b"GET\r\n\r\n",
    ] {
        let answer = raw(&world, bytes).await;
        assert!(
            answer.is_none_or(|answer| matches!(answer.status(), 400 | 505)),
            "{bytes:?}"
        );
    }
    is_alive(&world).await;
}

#[tokio::test]
async fn old_and_hasty_callers_are_served() {
    let world = world().await;
    let answer = raw(&world, "GET / HTTP/1.0\r\n\r\n").await.unwrap();
    assert_eq!(answer.status(), 200);
    let mut wire = Wire::connect(world.bridge.public).await;
    let one = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    wire.send(format!("{}{}{}", one("/"), one("/nowhere"), one("/")))
        .await;
    for status in [200, 404, 200] {
        assert_eq!(wire.message().await.unwrap().status(), status);
    }
}

#[tokio::test]
async fn thousands_of_callers_that_only_knock_leave_no_trace() {
    let world = world().await;
    for _ in 0..20 {
        let knock = || async {
            let wire = Wire::connect(world.bridge.public).await;
            drop(wire);
        };
        join_all((0..500).map(|_| knock())).await;
    }
    is_alive(&world).await;
    let gone = async {
        while world.bridge.metric("waba_bridge_connections").await > 0.0 {
            tokio::task::yield_now().await;
        }
    };
    within(gone).await;
    let text = world.bridge.admin("/metrics").await.text().await.unwrap();
    assert!(text.contains("\nwaba_bridge_connections 0\n"), "{text}");
}

#[tokio::test]
async fn a_number_has_so_many_requests_a_second() {
    let limits = "[limits]\nrequests_per_second = 1\nburst = 3\n";
    let world = Setting::alone().top(limits).start().await;
    let token = world.login().await;
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(world.bridge.get("/v1/media/1/download", &token).await);
    }
    assert_eq!(answers[0].status(), 200);
    let last = answers.pop().unwrap();
    assert_eq!(last.status(), 429);
    assert_eq!(code(&last.json().await.unwrap()), 1015);
}
