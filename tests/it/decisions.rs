//! What each kind of trouble at Cloud means for the medium and for the integration: the decision table, row by row.

use serde_json::{Value, json};
use waba_bridge::standin::cloud::Ranges;
use waba_bridge::standin::fault::Hop;

use crate::harness::{Setting, World, content_of, within};

const ID: &str = "1761991787669262";
const OTHER: &str = "1761991787669263";
const LENGTH: u64 = 300_000;
const FAULT_METRIC: &str = "waba_bridge_cloud_configuration_fault{number=\"support\"} ";
const TOKEN_REFUSED: &str =
    "Cloud refuses our token or its permissions; fetches wait until it is mended";
const NOT_YET: &str = "medium not fetched yet";
const RESTS: &str = "Cloud asks to slow down; this number's fetches rest";

async fn world(fetch: &str) -> (World, String) {
    let world = Setting::alone().impatient(fetch).start().await;
    world.add_medium(ID, "image/png", LENGTH);
    let token = world.login().await;
    (world, token)
}

fn faults(world: &World, lines: &str) {
    world.cloud.faults().push_lines(lines).unwrap();
}

fn assert_stored(world: &World) {
    let stored = std::fs::read(world.bridge.stored_file(ID)).unwrap();
    assert!(stored == content_of(ID, LENGTH), "other bytes are stored");
}

fn calls(world: &World) -> (u64, u64) {
    (world.cloud.lookups(ID), world.cloud.downloads(ID))
}

/// The `Range` of each download, in order.
fn ranges(world: &World) -> Vec<Option<String>> {
    world.cloud.log(|log| {
        log.iter()
            .filter(|seen| seen.hop == Hop::Download)
            .map(|seen| seen.header("range").map(str::to_owned))
            .collect()
    })
}

#[tokio::test]
async fn an_unknown_medium_is_told_as_documented() {
    for (word, compat) in [
        ("downloaded", ""),
        ("undownloaded", "failed_media_status = \"undownloaded\""),
    ] {
        let setting = Setting::alone().top(&format!("[every_number.compat]\n{compat}\n"));
        let world = setting.start().await;
        let token = world.login().await;
        world.download(ID, &token).await;
        let error = json!({"code": 400, "details": "Media not found in the datastore.", "title": "Parameter not valid"});
        let expected = json!({"media_items": [{"errors": [error], "image": {"id": ID, "status": word}, "type": "image"}]});
        assert_eq!(world.callback().await.json(), expected);
        assert_eq!(calls(&world), (1, 0));
        let answer = world.bridge.get(&format!("/v1/media/{ID}"), &token).await;
        assert_eq!(answer.status(), 404);
        world.until_idle().await;
    }
}

#[tokio::test]
async fn both_hops_carry_the_token_a_name_and_the_look_up_the_number() {
    let (world, token) = world("").await;
    world.download(ID, &token).await;
    world.told().await.is_success_of(ID);
    let seen = world.cloud.requests();
    let bearer = format!("Bearer {}", world.cloud.access_token());
    assert_eq!(
        seen.iter().map(|seen| seen.hop).collect::<Vec<_>>(),
        [Hop::Lookup, Hop::Download]
    );
    for seen in &seen {
        assert_eq!(seen.header("authorization"), Some(bearer.as_str()));
        assert!(
            seen.header("user-agent")
                .is_some_and(|name| name.starts_with("waba-bridge/")),
            "{seen:?}"
        );
    }
    let number = world.cloud.phone_number_id();
    assert_eq!(
        seen[0].path,
        format!("/v24.0/{ID}?phone_number_id={number}")
    );
}

#[tokio::test]
async fn a_refused_token_is_told_to_the_operator_and_to_nobody_else() {
    let cases = [
        "expired-token",
        "status=401",
        "status=403",
        "body=400,{\"error\":{\"code\":200,\"message\":\"(#200) Permissions error\"}}",
        "body=400,{\"error\":{\"code\":0,\"message\":\"AuthException\"}}",
    ];
    let all = cases.map(|fault| async move {
        let (world, token) = world("").await;
        faults(&world, &format!("lookup:{fault}:always"));
        world.download(ID, &token).await;
        world
            .bridge
            .logged(TOKEN_REFUSED, |line| line["level"] == "ERROR")
            .await;
        assert_eq!(world.bridge.metric(FAULT_METRIC).await, 1.0, "{fault}");
        let ready: Value = world.bridge.admin("/readyz").await.json().await.unwrap();
        assert_eq!(ready["status"], "degraded", "{fault}");
        let lookups = world.cloud.lookups(ID);
        within(
            world
                .cloud
                .wait_until(|log| log.count(Hop::Lookup) > lookups),
        )
        .await;
        assert!(world.receiver.callbacks().is_empty(), "{fault}");
        assert_eq!(world.bridge.jobs("queue=fetch").await.len(), 1, "{fault}");

        world.cloud.faults().clear();
        world.told().await.is_success_of(ID);
        assert_eq!(world.bridge.metric(FAULT_METRIC).await, 0.0, "{fault}");
    });
    futures_util::future::join_all(all).await;
}

#[tokio::test]
async fn the_alarm_about_the_token_ends_with_the_first_look_up_that_works() {
    let (world, token) = world("").await;
    faults(
        &world,
        "lookup:expired-token:next=1\ndownload:status=404:always",
    );
    world.download(ID, &token).await;
    world.bridge.logged(TOKEN_REFUSED, |_| true).await;
    world.bridge.logged(NOT_YET, |_| true).await;
    assert_eq!(world.bridge.metric(FAULT_METRIC).await, 0.0);
}

#[tokio::test]
async fn a_throttled_number_rests_as_long_as_cloud_says() {
    let cases = [
        ("throttle=7", 420),
        ("status=429", 60),
        ("body=400,{\"error\":{\"code\":130429}}", 60),
        ("body=400,{\"error\":{\"code\":80007}}", 60),
        ("body=403,{\"error\":{\"code\":17}}", 60),
    ];
    let all = cases.map(|(fault, pause)| async move {
        let (world, token) = world("").await;
        world.add_medium(OTHER, "image/png", 1000);
        faults(&world, &format!("lookup:{fault}:always"));
        world.download(ID, &token).await;
        world
            .bridge
            .logged(RESTS, |line| line["pause_s"] == pause)
            .await;
        world.download(OTHER, &token).await;
        let jobs = world.bridge.jobs("queue=fetch").await;
        assert_eq!(jobs.len(), 2, "{fault}");
        let due = jobs[0]["due_in_s"].as_u64().unwrap();
        assert!(due <= pause && due + 30 > pause, "{fault}: {jobs:?}");
        world
            .bridge
            .logged("retry download accepted", |line| line["medium"] == OTHER)
            .await;
        assert_eq!(world.cloud.log(|log| log.count(Hop::Lookup)), 1, "{fault}");
        assert!(world.receiver.callbacks().is_empty(), "{fault}");
    });
    futures_util::future::join_all(all).await;
}

#[tokio::test]
async fn a_throttled_number_goes_on_by_itself() {
    let (world, token) = world("").await;
    faults(&world, "lookup:status=503:next=1");
    let graph = Graph::start(&world, &["1"]).await;
    let world = graph.instead_of_cloud(world);
    world.download(ID, &token).await;
    world.told().await.is_success_of(ID);
    assert_eq!(graph.asked(), 2);
    world
        .bridge
        .logged(RESTS, |line| line["pause_s"] == 1)
        .await;
}

#[tokio::test]
async fn a_wait_of_no_seconds_does_not_make_the_bridge_hammer() {
    let (world, token) = world("").await;
    let graph = Graph::start(&world, &["0", "0"]).await;
    let world = graph.instead_of_cloud(world);
    world.download(ID, &token).await;
    world.told().await.is_success_of(ID);
    for line in world.bridge.lines(RESTS) {
        assert!(line["pause_s"].as_u64() >= Some(1), "{line}");
    }
}

#[tokio::test]
async fn passing_trouble_of_a_look_up_is_waited_out() {
    each_medium_has_trouble(
        Hop::Lookup,
        &[
            "status=500:next=1",
            "status=503:next=1",
            "hang:next=1",
            "reset:next=1",
            "truncate=20:next=1",
            "html:next=1",
            "body=200,{}:next=1",
            "body=200,:next=1",
            "body=400,{\"error\":{\"code\":131000}}:next=1",
            "body=400,{\"error\":{\"code\":1}}:next=1",
            "body=400,{\"error\":{\"code\":2}}:next=1",
            "body=404,<html>not Graph</html>:next=1",
            "redirect=http://127.0.0.1:9/:next=1",
        ],
        (2, 1),
        &[1000],
    )
    .await;
}

/// A medium for each fault, all at once: the calls each takes before it is stored, and the waits between them.
async fn each_medium_has_trouble(hop: Hop, troubles: &[&str], calls: (u64, u64), waits: &[u64]) {
    let (world, token) = world("").await;
    let ids: Vec<String> = (0..troubles.len())
        .map(|index| format!("20000{index}"))
        .collect();
    for (id, trouble) in ids.iter().zip(troubles) {
        world.add_medium(id, "image/png", LENGTH);
        faults(&world, &format!("{hop}@{id}:{trouble}"));
        world.download(id, &token).await;
    }
    for _ in &ids {
        let told = world.told().await;
        assert_eq!(told.error, None, "{told:?}");
    }
    let lines = world.bridge.lines(NOT_YET);
    for (id, trouble) in ids.iter().zip(troubles) {
        let made = (world.cloud.lookups(id), world.cloud.downloads(id));
        assert_eq!(made, calls, "{trouble}");
        let waited: Vec<u64> = lines
            .iter()
            .filter(|line| line["medium"] == id.as_str())
            .filter_map(|line| line["retry_in_ms"].as_u64())
            .collect();
        assert_eq!(waited, waits, "{trouble}");
        let stored = std::fs::read(world.bridge.stored_file(id)).unwrap();
        assert!(
            stored == content_of(id, LENGTH),
            "{trouble}: other bytes are stored"
        );
    }
}

#[tokio::test]
async fn a_refused_download_gets_one_fresh_look_up_at_once() {
    let refusals = [400, 401, 403, 404, 410].map(|status| format!("status={status}:next=1"));
    let refusals: Vec<&str> = refusals.iter().map(String::as_str).collect();
    each_medium_has_trouble(Hop::Download, &refusals, (2, 2), &[]).await;
}

#[tokio::test]
async fn a_download_that_stays_refused_is_told_after_a_few_attempts() {
    let (world, token) = world("download_attempts = 2").await;
    faults(&world, "download:status=404:always");
    world.download(ID, &token).await;
    world
        .told()
        .await
        .is_failure_of(ID, 400, "Media download error");
    assert_eq!(calls(&world), (4, 4));
    assert_eq!(world.bridge.lines(NOT_YET).len(), 1);
    assert!(!world.bridge.stored_file(ID).exists());
}

#[tokio::test]
async fn passing_trouble_of_a_download_is_waited_out() {
    each_medium_has_trouble(
        Hop::Download,
        &[
            "status=500:next=2",
            "status=503:next=2",
            "hang:next=2",
            "reset:next=2",
            "reset=5000:next=2",
        ],
        (3, 3),
        &[1000],
    )
    .await;
}

#[tokio::test]
async fn a_download_that_broke_off_goes_on_where_it_stopped() {
    let (world, token) = world("").await;
    faults(&world, "download:truncate=100000:next=1");
    world.download(ID, &token).await;
    world.told().await.is_success_of(ID);
    assert_eq!(ranges(&world), [None, Some("bytes=100000-".to_owned())]);
    assert_stored(&world);
}

#[tokio::test]
async fn a_host_that_ignores_or_belies_ranges_costs_nothing_but_time() {
    for (behaviour, downloads) in [
        (Ranges::Ignored, 2),
        (Ranges::Displaced, 3),
        (Ranges::Forged, 3),
    ] {
        let (world, token) = world("").await;
        world.cloud.change(|cloud| cloud.ranges = behaviour);
        faults(&world, "download:truncate=100000:next=1");
        world.download(ID, &token).await;
        world.told().await.is_success_of(ID);
        assert_eq!(world.cloud.downloads(ID), downloads, "{behaviour:?}");
        assert_stored(&world);
    }
}

#[tokio::test]
async fn wrong_bytes_are_thrown_away_and_fetched_again() {
    for fault in ["wrong-bytes", "html"] {
        let (world, token) = world("").await;
        faults(&world, &format!("download:{fault}:next=1"));
        world.download(ID, &token).await;
        world.told().await.is_success_of(ID);
        assert_eq!(calls(&world), (2, 2), "{fault}");
        assert_eq!(ranges(&world), [None, None], "{fault}");
        assert_stored(&world);
    }
}

#[tokio::test]
async fn a_page_in_place_of_the_rest_does_not_cost_what_is_there_already() {
    let (world, token) = world("").await;
    faults(
        &world,
        "download:truncate=100000:next=1\ndownload:html:next=1",
    );
    world.download(ID, &token).await;
    world.told().await.is_success_of(ID);
    let rest = Some("bytes=100000-".to_owned());
    assert_eq!(ranges(&world), [None, rest.clone(), rest]);
    assert_stored(&world);
}

#[tokio::test]
async fn a_medium_that_always_arrives_damaged_is_an_internal_error() {
    for fault in ["wrong-bytes", "html"] {
        let (world, token) = world("download_attempts = 2").await;
        faults(&world, &format!("download:{fault}:always"));
        world.download(ID, &token).await;
        world.told().await.is_failure_of(ID, 1014, "Internal error");
        assert_eq!(world.cloud.downloads(ID), 4, "{fault}");
        assert!(!world.bridge.stored_file(ID).exists(), "{fault}");
    }
}

#[tokio::test]
async fn a_medium_over_the_limit_is_not_even_begun() {
    let (world, token) = world("max_mb = 1").await;
    world.add_medium(OTHER, "video/mp4", (1 << 20) + 1);
    world.download(OTHER, &token).await;
    world
        .told()
        .await
        .is_failure_of(OTHER, 400, "Media download error");
    assert_eq!(world.cloud.downloads(OTHER), 0);
}

#[tokio::test]
async fn a_redirect_among_the_media_hosts_is_followed() {
    let (world, token) = world("").await;
    let target = world.cloud.notified_url(ID).unwrap();
    faults(&world, &format!("download:redirect={target}:next=1"));
    world.download(ID, &token).await;
    world.told().await.is_success_of(ID);
    assert_eq!(calls(&world), (1, 2));
}

#[tokio::test]
async fn an_answer_that_runs_over_leaves_nothing_behind() {
    let (world, token) = world("").await;
    let endless = || async {
        let chunks =
            (0..100).map(|_| Ok::<_, std::io::Error>(bytes::Bytes::from_static(&[7; 7_000])));
        axum::body::Body::from_stream(futures_util::stream::iter(chunks))
    };
    let router = axum::Router::new().fallback(endless);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    faults(
        &world,
        &format!("download:redirect=http://127.0.0.1:{port}/:next=1"),
    );
    world.download(ID, &token).await;
    world.told().await.is_success_of(ID);
    assert_eq!(ranges(&world), [None, None]);
    assert_stored(&world);
    server.abort();
}

#[tokio::test]
async fn a_medium_that_cloud_forbids_does_not_stop_the_others() {
    let (world, token) = world("").await;
    faults(&world, &format!("lookup@{ID}:status=403:always"));
    world.download(ID, &token).await;
    world.bridge.logged(TOKEN_REFUSED, |_| true).await;
    for index in 0..3 {
        let id = format!("60000{index}");
        world.add_medium(&id, "image/png", 100);
        world.download(&id, &token).await;
        world.told().await.is_success_of(&id);
    }
}

#[tokio::test]
async fn redirects_do_not_go_on_for_ever() {
    let (world, token) = world("").await;
    let target = world.cloud.notified_url(ID).unwrap();
    faults(&world, &format!("download:redirect={target}:next=3"));
    world.download(ID, &token).await;
    world.told().await.is_success_of(ID);
    assert_eq!(calls(&world), (2, 4));
}

#[tokio::test]
async fn the_token_does_not_follow_a_redirect_to_a_strange_host() {
    let (world, token) = world("").await;
    let stranger = Stranger::listen().await;
    faults(
        &world,
        &format!(
            "download:redirect=http://localhost:{}/whatsapp:next=1",
            stranger.port
        ),
    );
    world.download(ID, &token).await;
    let line = world
        .bridge
        .logged("a media URL was not followed; see media_hosts", |_| true)
        .await;
    assert!(
        line["reason"].as_str().unwrap().contains("localhost"),
        "{line}"
    );
    world.told().await.is_success_of(ID);
    assert!(stranger.heard().is_empty(), "{:?}", stranger.heard());
}

#[tokio::test]
async fn a_media_host_that_is_not_configured_is_not_asked() {
    let (mut world, token) = world("").await;
    world.bridge.reconfigure(|toml| {
        toml.replace(
            "media_hosts = [\"127.0.0.1\"]",
            "media_hosts = [\".fbsbx.com\"]",
        )
    });
    world.bridge.crash_and_restart();
    world.download(ID, &token).await;
    world
        .bridge
        .logged("a media URL was not followed; see media_hosts", |_| true)
        .await;
    assert_eq!(world.cloud.downloads(ID), 0);
    assert!(world.receiver.callbacks().is_empty());

    world
        .bridge
        .reconfigure(|toml| toml.replace(".fbsbx.com", "127.0.0.1"));
    world.bridge.crash_and_restart();
    world.told().await.is_success_of(ID);
}

#[tokio::test]
async fn a_url_that_lives_for_seconds_only_is_used_at_once() {
    let (world, token) = world("").await;
    world
        .cloud
        .change(|cloud| cloud.url_lifetime = std::time::Duration::from_secs(10));
    world.download(ID, &token).await;
    world.told().await.is_success_of(ID);
    assert_eq!(calls(&world), (1, 1));
}

#[tokio::test]
async fn a_url_that_is_dead_is_looked_up_again() {
    let (world, token) = world("").await;
    world
        .cloud
        .change(|cloud| cloud.url_lifetime = std::time::Duration::ZERO);
    world.download(ID, &token).await;
    world.bridge.logged(NOT_YET, |_| true).await;
    world
        .cloud
        .change(|cloud| cloud.url_lifetime = std::time::Duration::from_secs(300));
    world.told().await.is_success_of(ID);
    assert_stored(&world);
}

#[tokio::test]
async fn a_medium_that_only_meets_passing_trouble_is_given_up_in_the_end() {
    let (world, token) = world("give_up_after_s = 1").await;
    faults(&world, "lookup:status=503:always");
    world.download(ID, &token).await;
    world
        .told()
        .await
        .is_failure_of(ID, 400, "Media download error");
}

#[tokio::test]
async fn a_look_up_without_digest_or_size_is_still_checked_for_pages_and_size() {
    let (world, token) = world("max_mb = 1\ndownload_attempts = 1").await;
    world.add_medium(OTHER, "video/mp4", (1 << 20) + 1);
    faults(&world, &format!("download@{ID}:html:next=1"));
    let graph = Graph::start(&world, &[]).await;
    let world = graph.instead_of_cloud(world);
    world.download(ID, &token).await;
    world.told().await.is_success_of(ID);
    assert_stored(&world);
    world.download(OTHER, &token).await;
    world
        .told()
        .await
        .is_failure_of(OTHER, 400, "Media download error");
}

/// A Graph that throttles with `Retry-After`, then names URLs of the stand-in and nothing else.
struct Graph {
    url: String,
    asked: std::sync::Arc<std::sync::atomic::AtomicUsize>,
    server: tokio::task::JoinHandle<()>,
}

impl Graph {
    async fn start(world: &World, throttles: &'static [&'static str]) -> Self {
        use axum::extract::Path;
        use axum::response::IntoResponse;
        let urls: std::collections::HashMap<String, Option<String>> = [ID, OTHER]
            .map(|id| (id.to_owned(), world.cloud.notified_url(id)))
            .into();
        let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counter = std::sync::Arc::clone(&asked);
        let answer = move |Path((_, id)): Path<(String, String)>| async move {
            let number = counter.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            match throttles.get(number) {
                Some(seconds) => (
                    axum::http::StatusCode::TOO_MANY_REQUESTS,
                    [("retry-after", *seconds)],
                )
                    .into_response(),
                None => {
                    axum::Json(json!({"url": urls[&id], "mime_type": "image/png"})).into_response()
                }
            }
        };
        let router = axum::Router::new().route("/{version}/{id}", axum::routing::get(answer));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, asked, server }
    }

    fn instead_of_cloud(&self, mut world: World) -> World {
        let (old, new) = (world.cloud.graph_url(), self.url.clone());
        world.bridge.reconfigure(|toml| toml.replace(&old, &new));
        world.bridge.crash_and_restart();
        world
    }

    fn asked(&self) -> usize {
        self.asked.load(std::sync::atomic::Ordering::SeqCst)
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A listener that only remembers what it is told.
struct Stranger {
    port: u16,
    heard: std::sync::Arc<std::sync::Mutex<Vec<u8>>>,
    server: tokio::task::JoinHandle<()>,
}

impl Stranger {
    async fn listen() -> Self {
        use tokio::io::AsyncReadExt;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let ear = std::sync::Arc::clone(&heard);
        let server = tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                let mut bytes = [0; 4096];
                let read = connection.read(&mut bytes).await.unwrap_or_default();
                ear.lock().unwrap().extend_from_slice(&bytes[..read]);
            }
        });
        Self {
            port,
            heard,
            server,
        }
    }

    fn heard(&self) -> String {
        String::from_utf8_lossy(&self.heard.lock().unwrap()).into_owned()
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.server.abort();
    }
}
