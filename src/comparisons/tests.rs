//! Baselines and keeping on a real state. The keeper runs when a test says so, and then to its end.

use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::baseline::ImportError;
use super::*;
use crate::compare::{Content, Outcome};
use crate::config;
use crate::metrics::Metrics;
use crate::state::ComparisonQuery;

const NUMBER: &str = "[[numbers]]\nname = \"support\"\n\
    [numbers.onprem]\nurl = \"https://10.0.0.1\"\nusername = \"admin\"\npassword = \"secret\"\n\
    [numbers.cloud]\nphone_number_id = \"1\"\naccess_token = \"token\"\n";
const ROUTE: Route = Route::BusinessProfile;
const PATH: &str = "/v1/settings/business/profile";

struct World {
    _folder: tempfile::TempDir,
    state: State,
    cutover: Arc<Cutover>,
    comparisons: Arc<Comparisons>,
    keeper: Option<Keeper>,
    figures: Metrics,
    metrics: Arc<NumberMetrics>,
}

impl World {
    async fn new(compare: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&folder.path().join("bridge.db")).unwrap();
        let toml = format!("[compare]\n{compare}\n{NUMBER}");
        let config = config::parse(&toml, Path::new("/")).unwrap();
        let cutover = Cutover::load(state.clone(), &config, None).await.unwrap();
        let cutover = Arc::new(cutover);
        let (comparisons, keeper) = Comparisons::load(state.clone(), Arc::clone(&cutover))
            .await
            .unwrap();
        let figures = Metrics::new();
        Self {
            _folder: folder,
            state,
            cutover,
            comparisons,
            keeper: Some(keeper),
            metrics: Arc::new(figures.number(&name())),
            figures,
        }
    }

    /// Ends the keeper, which writes what there is, and begins anew on the same state.
    async fn restart(&mut self) {
        let stop = CancellationToken::new();
        stop.cancel();
        self.keeper.take().unwrap().run(stop).await;
        let (state, cutover) = (self.state.clone(), Arc::clone(&self.cutover));
        let (comparisons, keeper) = Comparisons::load(state, cutover).await.unwrap();
        (self.comparisons, self.keeper) = (comparisons, Some(keeper));
    }

    fn about(&self) -> About {
        About {
            number: name(),
            route: ROUTE,
            key: "admin".to_owned(),
            answer: Side::Cloud,
            metrics: Arc::clone(&self.metrics),
            published: self.cutover.of(&name()).unwrap(),
            notes: Vec::new(),
        }
    }

    async fn record(&mut self, question: &Question, outcome: &Outcome) {
        let about = self.about();
        self.comparisons.keep_baseline(&about, question, outcome);
        self.restart().await;
    }

    async fn find(&self, question: &Question) -> Option<Recorded> {
        let found = self.comparisons.baseline(&name(), ROUTE, question).await;
        found.unwrap()
    }

    async fn export(&self) -> String {
        exported(&self.comparisons, None, None).await.unwrap()
    }

    async fn import(&self, text: &str) -> Result<usize, ImportError> {
        read_export(&self.comparisons, text).await
    }

    /// How many baselines there are.
    async fn count(&self) -> u64 {
        let counts = self.state.baseline_counts().await.unwrap();
        counts.iter().map(|count| count.count).sum()
    }

    /// The verdicts in the state, oldest first.
    async fn verdicts(&self) -> Vec<String> {
        let query = ComparisonQuery::default();
        let page = self.state.comparisons(&query, None, 10_000).await.unwrap();
        page.rows.into_iter().map(|row| row.verdict).collect()
    }

    fn metric(&self, name: &str, result: &str) -> u64 {
        let text = self.figures.text().unwrap();
        let start = format!(
            "waba_bridge_{name}_total{{number=\"support\",route=\"{ROUTE}\",result=\"{result}\"}} "
        );
        let value = text.lines().find_map(|line| line.strip_prefix(&start));
        value.map_or(0, |value| value.parse().unwrap())
    }
}

fn name() -> NumberName {
    NumberName::parse("support").unwrap()
}

fn asked(method: &str, target: &str, body: &'static str) -> Question {
    Question {
        method: method.to_owned(),
        target: target.to_owned(),
        body: body.into(),
    }
}

fn read() -> Question {
    asked("GET", PATH, "")
}

fn answered(status: u16, body: Value) -> Outcome {
    Outcome {
        status,
        content: Content::Json(body),
        took: Duration::from_millis(7),
    }
}

fn profile(address: &str) -> Outcome {
    answered(
        200,
        json!({"settings": {"business": {"profile": {"address": address}}}}),
    )
}

#[tokio::test]
async fn a_question_is_known_again_however_its_json_is_spaced() {
    let mut world = World::new("").await;
    let question = asked(
        "POST",
        "/v1/contacts",
        r#"{"contacts":["+49151"],"blocking":"wait"}"#,
    );
    world.record(&question, &answered(200, json!({}))).await;
    let found = world.find(&question).await.unwrap();
    assert_eq!((found.status, found.took_ms), (200, 7));
    let spaced = asked(
        "POST",
        "/v1/contacts",
        "{ \"blocking\": \"wait\",\n \"contacts\": [\"+49151\"] }",
    );
    assert_eq!(world.find(&spaced).await, Some(found));
    for other in [
        asked(
            "POST",
            "/v1/contacts",
            r#"{"contacts":["+49152"],"blocking":"wait"}"#,
        ),
        asked("POST", "/v1/contacts?a=1", question_body()),
        asked("POST", "/v1/contact", question_body()),
        asked("PUT", "/v1/contacts", question_body()),
        asked("POST", "/v1/contacts", ""),
    ] {
        assert_eq!(world.find(&other).await, None, "{other:?}");
    }
    let name = name();
    let elsewhere = world.comparisons.baseline(&name, Route::Health, &question);
    assert_eq!(elsewhere.await.unwrap(), None);
}

fn question_body() -> &'static str {
    r#"{"contacts":["+49151"],"blocking":"wait"}"#
}

#[tokio::test]
async fn the_newest_answer_counts_and_a_failure_is_none() {
    let mut world = World::new("").await;
    world.record(&read(), &profile("Old Road 1")).await;
    let old = world.find(&read()).await.unwrap();
    world.record(&read(), &profile("New Road 2")).await;
    let new = world.find(&read()).await.unwrap();
    assert_ne!(old, new);
    for status in [500, 503] {
        world.record(&read(), &answered(status, json!({}))).await;
    }
    assert_eq!(world.find(&read()).await, Some(new));
    assert_eq!(world.count().await, 1);
}

#[tokio::test]
async fn no_more_baselines_are_kept_than_allowed() {
    let mut world = World::new("baseline_rows = 3").await;
    for index in 0..5 {
        let question = asked("GET", &format!("{PATH}?{index}"), "");
        world.record(&question, &profile("Old Road 1")).await;
    }
    assert_eq!(world.count().await, 3);
    assert!(
        world
            .find(&asked("GET", &format!("{PATH}?4"), ""))
            .await
            .is_some()
    );
    assert!(
        world
            .find(&asked("GET", &format!("{PATH}?0"), ""))
            .await
            .is_none()
    );
    // So it is with those of a file.
    let mut large = World::new("").await;
    for index in 0..5 {
        let question = asked("GET", &format!("{PATH}?{index}"), "");
        large.record(&question, &profile("Old Road 1")).await;
    }
    let small = World::new("baseline_rows = 2").await;
    assert_eq!(small.import(&large.export().await).await.unwrap(), 5);
    assert_eq!(small.count().await, 2);
}

#[tokio::test]
async fn a_file_of_baselines_works_in_another_bridge() {
    let mut here = World::new("").await;
    here.record(&read(), &profile("12 Quiet Lane")).await;
    let text = here.export().await;
    let mut there = World::new("").await;
    assert_ne!(there.comparisons.hash("x"), here.comparisons.hash("x"));
    assert_eq!(there.import(&text).await.unwrap(), 1);
    assert_eq!(there.comparisons.hash("x"), here.comparisons.hash("x"));
    assert_eq!(there.find(&read()).await, here.find(&read()).await);
    // The key stays after a restart.
    there.restart().await;
    let recorded = there.find(&read()).await.unwrap();
    for address in ["12 Quiet Lane", "14 Quiet Lane"] {
        let cloud = Attempt::Answered(profile(address));
        let onprem = OnPrem::Recorded(&recorded);
        there.comparisons.conclude(&there.about(), &onprem, &cloud);
    }
    there.restart().await;
    assert_eq!(there.verdicts().await, ["match", "mismatch"]);
    // The same file again changes nothing, and what comes out is what went in.
    assert_eq!(there.import(&text).await.unwrap(), 1);
    assert_eq!(there.export().await, text);
    assert_eq!(there.count().await, 1);
}

#[tokio::test]
async fn many_baselines_are_exported_page_by_page() {
    let mut world = World::new("").await;
    for index in 0..1201 {
        let question = asked("GET", &format!("{PATH}?{index}"), "");
        let about = world.about();
        world
            .comparisons
            .keep_baseline(&about, &question, &profile("Old Road 1"));
    }
    world.restart().await;
    let text = world.export().await;
    assert_eq!(text.lines().count(), 1 + 1201);
    let there = World::new("").await;
    assert_eq!(there.import(&text).await.unwrap(), 1201);
    assert_eq!(there.export().await, text);
    let other = exported(&there.comparisons, None, Some(Route::Health))
        .await
        .unwrap();
    assert_eq!(other.lines().count(), 1);
}

#[tokio::test]
async fn a_file_that_is_not_good_is_refused_with_the_reason_and_nothing_is_taken() {
    let mut here = World::new("").await;
    here.record(&read(), &profile("12 Quiet Lane")).await;
    let text = here.export().await;
    let (header, line) = text.trim_end().split_once('\n').unwrap();
    let change = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    };
    let there = World::new("").await;
    let key = there.comparisons.hash("x");
    for (file, reason) in [
        (String::new(), "this is not a file of baselines"),
        ("\n".to_owned(), "this is not a file of baselines"),
        ("{}".to_owned(), "this is not a file of baselines"),
        (line.to_owned(), "this is not a file of baselines"),
        (
            change("waba-bridge baseline", "waba-bridge other"),
            "this is not a file of baselines",
        ),
        (
            change("\"key\":\"", "\"key\":\"AAAA"),
            "this is not a file of baselines",
        ),
        (change("\"version\":1", "\"version\":2"), "of version 2"),
        // Another version may say other things, and still says which one it is.
        (
            "{\"format\":\"waba-bridge baseline\",\"version\":7,\"keys\":[]}".to_owned(),
            "of version 7",
        ),
        (
            format!("{header}\n{line}\nnonsense"),
            "line 3 cannot be read; nothing was taken",
        ),
        (
            format!("{header}\n\n{{}}"),
            "line 3 cannot be read; nothing was taken",
        ),
        (
            format!("{header}\n{}", &line[..line.len() / 2]),
            "line 2 cannot be read",
        ),
        (
            change("\"support\"", "\"sales\""),
            "line 2 is of a number, which this bridge does not have",
        ),
        (
            change("\"business_profile\"", "\"teleport\""),
            "line 2 is of a route, which this bridge does not have",
        ),
    ] {
        let refused = there.import(&file).await.unwrap_err().to_string();
        assert!(refused.contains(reason), "{reason}: {refused}");
        assert_eq!(there.count().await, 0, "{reason}");
        assert_eq!(there.comparisons.hash("x"), key, "{reason}");
    }
    // A file without baselines is one all the same.
    assert_eq!(there.import(header).await.unwrap(), 0);
}

#[tokio::test]
async fn baselines_of_two_keys_are_not_mixed() {
    let mut here = World::new("").await;
    here.record(&read(), &profile("12 Quiet Lane")).await;
    let mut there = World::new("").await;
    there.record(&read(), &profile("12 Quiet Lane")).await;
    let key = there.comparisons.hash("x");
    let refused = there.import(&here.export().await).await.unwrap_err();
    assert!(matches!(refused, ImportError::OtherKey), "{refused}");
    assert_eq!(there.comparisons.hash("x"), key);
    assert!(there.find(&read()).await.is_some());
    there.state.clear_baselines(None, None).await.unwrap();
    assert_eq!(there.import(&here.export().await).await.unwrap(), 1);
    assert_eq!(there.comparisons.hash("x"), here.comparisons.hash("x"));
}

#[tokio::test]
async fn nothing_personal_is_in_a_file_of_baselines() {
    let mut world = World::new("").await;
    let outcome = answered(
        200,
        json!({
            "contacts": [{"input": "+49 151 12345678", "wa_id": "4915112345678", "status": "valid",
                "profile": {"name": "Ada Example"}}],
            "settings": {"business": {"profile": {"address": "12 Quiet Lane", "email": "ada@mend.example"}}},
            "users": [{"token": "eyJhbGciOi.secret.token", "4915187654321": true}],
            "status": "hello Ada",
        }),
    );
    let target = "/v1/contacts/4915199999999?token=query-secret";
    let question = asked(
        "POST",
        target,
        r#"{"contacts":["+49 151 12345678"],"name":"Ada Example","text":{"body":"A quiet word"},"4915187654321":1}"#,
    );
    world.record(&question, &outcome).await;
    let bytes = Outcome {
        status: 200,
        content: Content::Bytes {
            media_type: Some("image/x-ada".to_owned()),
            length: 5,
            sha256: [7; 32],
        },
        took: Duration::ZERO,
    };
    world
        .record(
            &asked("GET", "/v1/media/8d1f-ada", "not json: 4915100000000"),
            &bytes,
        )
        .await;
    let text = without_hashes(&world.export().await);
    assert_eq!(text.lines().count(), 3);
    for secret in [
        "151", "4915", "12345678", "Ada", "ada", "Quiet", "quiet", "mend", "eyJ", "secret",
        "hello", "0707", "8d1f",
    ] {
        let lines = text.lines().skip(1);
        for line in lines {
            assert!(!line.contains(secret), "{secret}: {line}");
        }
    }
    assert!(text.contains("valid"));
}

/// Any three digits may stand in a hash by chance.
fn without_hashes(text: &str) -> String {
    let mut pieces = text.split('#');
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| {
        let is_digit = |letter: char| letter.is_ascii_hexdigit() && !letter.is_ascii_uppercase();
        text + "#" + piece.trim_start_matches(is_digit)
    })
}

#[tokio::test]
async fn a_recording_ends_at_its_time_or_when_told() {
    let world = World::new("").await;
    let recording = |route| world.comparisons.is_recording(&name(), route);
    assert!(!recording(ROUTE));
    let now = Timestamp::now();
    world.comparisons.record(&name(), ROUTE, now);
    assert!(!recording(ROUTE));
    assert_eq!(world.comparisons.recordings(), []);
    let later = now.after(Duration::from_secs(3600));
    for route in [ROUTE, Route::Health, Route::Contacts] {
        world.comparisons.record(&name(), route, later);
    }
    let other = NumberName::parse("sales").unwrap();
    assert!(recording(ROUTE) && recording(Route::Health));
    assert!(!recording(Route::MediaGet));
    assert!(!world.comparisons.is_recording(&other, ROUTE));
    let shown = world.comparisons.recordings();
    let routes: Vec<_> = shown.iter().map(|recording| recording.route).collect();
    assert_eq!(routes, ["business_profile", "contacts", "health"]);
    assert!(
        shown
            .iter()
            .all(|shown| shown.until == later.0 && shown.number == "support")
    );
    assert_eq!(world.comparisons.stop_recording(Some(&other), None), 0);
    assert_eq!(
        world.comparisons.stop_recording(Some(&name()), Some(ROUTE)),
        1
    );
    assert!(!recording(ROUTE) && recording(Route::Health));
    assert_eq!(world.comparisons.stop_recording(None, None), 2);
    assert!(!recording(Route::Health));
}

#[tokio::test]
async fn a_burst_is_kept_as_far_as_it_fits_and_the_rest_is_counted() {
    let mut world = World::new("").await;
    let attempt = Attempt::Answered(profile("12 Quiet Lane"));
    let many = keep::WAITING + 7;
    for _ in 0..many {
        world
            .comparisons
            .conclude(&world.about(), &OnPrem::Live(&attempt), &attempt);
    }
    world.restart().await;
    assert_eq!(world.metric("comparisons", "match"), many as u64);
    assert_eq!(world.metric("comparisons_skipped", "not_kept"), 7);
    assert_eq!(
        world.state.comparison_count().await.unwrap(),
        keep::WAITING as u64
    );
    // After the burst there is room again.
    world
        .comparisons
        .conclude(&world.about(), &OnPrem::Live(&attempt), &attempt);
    world.restart().await;
    assert_eq!(
        world.state.comparison_count().await.unwrap(),
        keep::WAITING as u64 + 1
    );
}

#[tokio::test]
async fn the_oldest_comparisons_make_room() {
    let mut world = World::new("keep_rows = 100").await;
    let (one, other) = (profile("12 Quiet Lane"), profile("14 Quiet Lane"));
    let (one, other) = (Attempt::Answered(one), Attempt::Answered(other));
    for index in 0..1500 {
        let cloud = if index < 1499 { &one } else { &other };
        world
            .comparisons
            .conclude(&world.about(), &OnPrem::Live(&one), cloud);
    }
    world.restart().await;
    let verdicts = world.verdicts().await;
    assert_eq!(verdicts.len(), 100);
    assert_eq!(verdicts.last().map(String::as_str), Some("mismatch"));
}
