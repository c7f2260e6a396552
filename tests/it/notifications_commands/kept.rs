//! What could not be told: listed, shown, told after all, forgotten.

use serde_json::{Value, json};
use waba_bridge::config::{Keep, Notifications};
use waba_bridge::ids::NumberName;
use waba_bridge::relay::notification::seal::Seal;
use waba_bridge::standin::cloud::Attachment;
use waba_bridge::standin::media::Kind;
use waba_bridge::state::{NewEvent, NewKept, State};

use super::{KERRY, told};
use crate::command::Said;
use crate::harness::{APP_SECRET, Setting, World};

/// The id of another number.
const SALES: &str = "4711";

async fn world() -> World {
    let world = Setting::notified(60).start().await;
    world.subscribe().await;
    world
}

/// The same, and a second number, whose notifications are signed with this.
async fn world_of_two(app_secret: &str) -> World {
    let sales = format!(
        "[[numbers]]\nname = \"sales\"\nlisten = \"127.0.0.1:0\"\n[numbers.cloud]\ngraph_url = \"http://127.0.0.1:9\"\n\
         phone_number_id = \"{SALES}\"\naccess_token = \"EAAG-of-sales\"\napp_secret = \"{app_secret}\"\n\
         [numbers.callback]\nurl = \"http://127.0.0.1:9/\"\n"
    );
    let world = Setting::notified(60).number(&sales).start().await;
    world.subscribe().await;
    world
}

async fn ask(world: &World, arguments: &[&str]) -> Said {
    let admin = format!("http://{}", world.bridge.admin);
    let mut all = vec!["notifications"];
    all.extend(arguments);
    all.extend(["--admin", &admin]);
    told(world, &all, &[]).await
}

/// A message of a type that nobody knows, told as unknown and kept.
async fn with_a_kept_message(world: &World) -> String {
    let poll = json!({"type": "poll", "poll": {"question": "What is new?"}});
    world.notify(world.cloud.inbound(KERRY, poll)).await;
    world.message().await;
    ask(world, &["kept", "--json"]).await.json()[0]["id"].to_string()
}

/// Restarts the bridge with a line of `[notifications]` more.
async fn restarted_with(world: &mut World, line: &str) {
    world.bridge.reconfigure(|old| {
        let section = "[notifications]\n";
        assert!(old.contains(section));
        old.replace(section, &format!("{section}{line}\n"))
    });
    world.bridge.crash_and_restart();
    world.subscribe().await;
}

/// Leaves these in the state, as a version did that knew less, and starts the bridge again.
async fn left_behind(world: &mut World, kept: Vec<(&str, Vec<u8>)>) {
    left_behind_as(world, "told as unknown", kept).await;
}

/// The same, for this reason.
async fn left_behind_as(world: &mut World, reason: &str, kept: Vec<(&str, Vec<u8>)>) {
    world.bridge.signal("KILL");
    world.bridge.exit().await;
    let state = State::open(&world.bridge.folder.path().join("state/bridge.db")).unwrap();
    let config = Notifications {
        keep: Keep::Encrypted,
        keep_rows: 10,
        key: None,
        media_wait: std::time::Duration::ZERO,
        status_wait: std::time::Duration::ZERO,
    };
    let seal = Seal::new(&config, &state).await.unwrap();
    let events = kept.into_iter().map(|(kind, raw)| {
        let (sealed, body) = seal.close(&raw);
        let kept = NewKept {
            number: NumberName::parse("support"),
            kind: kind.to_owned(),
            reason: reason.to_owned(),
            sealed,
            body,
        };
        NewEvent {
            kept: Some(kept),
            ..NewEvent::default()
        }
    });
    state.take_in(events.collect(), 10).await.unwrap();
    state.close().await;
    world.bridge.restart();
    world.subscribe().await;
}

/// The change of a notification of these values.
fn change(world: &World, value: &Value) -> Value {
    let whole = world.cloud.written(std::slice::from_ref(value));
    let whole: Value = serde_json::from_slice(&whole).unwrap();
    whole["entry"][0]["changes"][0].clone()
}

#[tokio::test]
async fn a_kept_message_is_listed_shown_and_forgotten() {
    let world = world().await;
    let said = ask(&world, &["kept"]).await;
    assert_eq!(
        (said.code, said.out.as_str()),
        (0, "no notification is kept\n")
    );
    let id = with_a_kept_message(&world).await;
    let said = ask(&world, &["kept"]).await;
    said.line(&[&id, "support", "encrypted", "told as unknown"]);
    assert!(!said.out.contains("What is new?"));
    let said = ask(&world, &["kept", "--limit", "1"]).await;
    said.line(&["the newest 1; --limit shows more"]);
    let gauge = world.bridge.metric("waba_bridge_kept_notifications ").await;
    assert!((gauge - 1.0).abs() < 0.5);
    let ready = format!("http://{}/readyz", world.bridge.admin);
    let ready = reqwest::get(ready).await.unwrap().text().await.unwrap();
    assert!(ready.contains("1 could not be told as it was"), "{ready}");

    let said = ask(&world, &["show", &id]).await;
    assert_eq!(said.code, 0, "{}", said.err);
    let shown = said.json();
    assert_eq!(shown["part"], "message");
    assert_eq!(shown["body"]["poll"]["question"], "What is new?");
    assert_eq!(shown["body"]["from"], KERRY);
    let said = ask(&world, &["redrive", &id]).await;
    assert_eq!(said.code, 1);
    assert!(said.err.contains("this version cannot tell it either"));

    let said = ask(&world, &["drop", &id]).await;
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(said.out, format!("{id} is forgotten\n"));
    for command in ["show", "redrive", "drop"] {
        let said = ask(&world, &[command, &id]).await;
        assert_eq!(said.code, 1);
        assert!(said.err.contains("no kept notification has this id"));
    }
    assert_eq!(ask(&world, &["kept", "--json"]).await.json(), json!([]));
}

#[tokio::test]
async fn with_another_key_it_stays_shut() {
    let mut world = world().await;
    let id = with_a_kept_message(&world).await;
    restarted_with(&mut world, "key = \"another\"").await;
    for command in ["show", "redrive"] {
        let said = ask(&world, &[command, &id]).await;
        assert_eq!(said.code, 1);
        assert!(
            said.err.contains("it cannot be opened with this key"),
            "{}",
            said.err
        );
    }
    assert_eq!(ask(&world, &["drop", &id]).await.code, 0);
}

#[tokio::test]
async fn what_was_redacted_shows_its_form_and_is_not_told() {
    let mut world = world().await;
    restarted_with(&mut world, "keep = \"redacted\"").await;
    let id = with_a_kept_message(&world).await;
    let said = ask(&world, &["show", &id]).await;
    let shown = said.json();
    assert_eq!(shown["body"]["type"], "poll");
    assert_eq!(shown["body"]["poll"]["question"], "…(12)");
    assert_eq!(shown["body"]["from"], "…(11)");
    assert!(!said.out.contains(KERRY), "{}", said.out);
    let said = ask(&world, &["redrive", &id]).await;
    assert_eq!(said.code, 1);
    assert!(said.err.contains("only its form was kept"), "{}", said.err);
}

#[tokio::test]
async fn what_is_understood_by_now_is_told_with_its_medium() {
    let mut world = world().await;
    world.add_medium("4711", "image/jpeg", 1000);
    let attachment = Attachment {
        caption: Some("understood at last"),
        ..Attachment::of("4711")
    };
    let value = world.cloud.inbound_media(KERRY, Kind::Image, &attachment);
    world.keep_private(&value);
    let event =
        json!({"part": "message", "body": value["messages"][0], "contacts": value["contacts"]});
    left_behind(
        &mut world,
        vec![("unknown", event.to_string().into_bytes())],
    )
    .await;
    let id = ask(&world, &["kept", "--json"]).await.json()[0]["id"].to_string();
    let said = ask(&world, &["redrive", &id]).await;
    assert_eq!(
        (said.code, said.out.as_str()),
        (0, "1 event is taken in again\n"),
        "{}",
        said.err
    );
    let message = world.message().await["messages"][0].clone();
    assert_eq!(message["image"]["caption"], "understood at last");
    assert_eq!(message["image"]["status"], "downloaded");
    let token = world.login().await;
    let path = format!("/v1/media/{}", message["image"]["id"].as_str().unwrap());
    assert_eq!(world.bridge.get(&path, &token).await.status(), 200);
    assert_eq!(ask(&world, &["kept", "--json"]).await.json(), json!([]));
    assert_eq!(ask(&world, &["redrive", &id]).await.code, 1);
}

#[tokio::test]
async fn what_nobody_was_told_of_is_told_as_unknown_and_stays_kept() {
    let mut world = world().await;
    let poll = json!({"type": "poll", "poll": {"question": "What is new?"}});
    let value = world.cloud.inbound(KERRY, poll);
    world.keep_private(&value);
    let event =
        json!({"part": "message", "body": value["messages"][0], "contacts": value["contacts"]});
    let left = ("message", event.to_string().into_bytes());
    left_behind_as(&mut world, "unreadable", vec![left]).await;
    let id = ask(&world, &["kept", "--json"]).await.json()[0]["id"].to_string();
    let said = ask(&world, &["redrive", &id]).await;
    assert_eq!(
        (said.code, said.out.as_str()),
        (0, "1 event is taken in again\n"),
        "{}",
        said.err
    );
    let message = world.message().await["messages"][0].clone();
    assert_eq!(message["type"], "unknown");
    let rows = ask(&world, &["kept", "--json"]).await.json();
    assert_eq!(rows.as_array().unwrap().len(), 1, "{rows}");
    assert_eq!(rows[0]["reason"], "told as unknown");
    // It was told by now, so it is not told the same once more.
    let again = ask(&world, &["redrive", &rows[0]["id"].to_string()]).await;
    assert_eq!(again.code, 1);
    assert!(again.err.contains("this version cannot tell it either"));
}

#[tokio::test]
async fn what_can_be_taken_apart_by_now_is_told() {
    let mut world = world().await;
    let text = |text: &str| {
        let value = world.cloud.inbound_text(KERRY, text);
        world.keep_private(&value);
        value
    };
    let mut two = text("first");
    let second = text("second")["messages"][0].clone();
    two["messages"].as_array_mut().unwrap().push(second);
    let whole = world.cloud.written(&[text("third")]).to_vec();
    let entry = json!({"id": "1", "changes": [change(&world, &text("fourth"))]});
    let mut stranger = change(&world, &text("of somebody else"));
    stranger["value"]["metadata"]["phone_number_id"] = json!("1");
    let mut other = stranger.clone();
    other["field"] = json!("account_update");
    let bytes = |value: Value| value.to_string().into_bytes();
    let left = vec![
        ("unreadable_change", bytes(change(&world, &two))),
        ("unreadable_body", whole),
        ("unreadable_change", bytes(entry)),
        ("unreadable_change", bytes(stranger)),
        ("unreadable_change", bytes(other)),
        ("unreadable_change", b"7".to_vec()),
    ];
    left_behind(&mut world, left).await;
    let rows = ask(&world, &["kept", "--json"]).await.json();
    let ids = rows.as_array().unwrap().iter().rev();
    let ids: Vec<String> = ids.map(|row| row["id"].to_string()).collect();
    for (id, said, texts) in [
        (
            &ids[0],
            "2 events are taken in again\n",
            &["first", "second"][..],
        ),
        (&ids[1], "1 event is taken in again\n", &["third"]),
        (&ids[2], "1 event is taken in again\n", &["fourth"]),
    ] {
        let redriven = ask(&world, &["redrive", id]).await;
        assert_eq!(redriven.out, said, "{}", redriven.err);
        for text in texts {
            let told = world.message().await;
            assert_eq!(told["messages"][0]["text"]["body"], *text);
        }
    }
    for (id, words) in [
        (&ids[3], "no number that is configured"),
        (&ids[4], "nothing that anybody is told of"),
        (&ids[5], "this version cannot tell it either"),
    ] {
        let refused = ask(&world, &["redrive", id]).await;
        assert_eq!(refused.code, 1);
        assert!(refused.err.contains(words), "{}", refused.err);
    }
    let rest = ask(&world, &["kept", "--json"]).await.json();
    assert_eq!(rest.as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn an_app_is_not_heard_about_a_number_that_is_not_its_own() {
    for (app_secret, is_told) in [("another-app", false), (APP_SECRET, true)] {
        let mut world = world_of_two(app_secret).await;
        let value = world.cloud.inbound_text(KERRY, "for the other number");
        world.keep_private(&value);
        let mut change = change(&world, &value);
        change["value"]["metadata"]["phone_number_id"] = json!(SALES);
        // Signed for support.
        let left = ("unreadable_change", change.to_string().into_bytes());
        left_behind(&mut world, vec![left]).await;
        let id = ask(&world, &["kept", "--json"]).await.json()[0]["id"].to_string();
        let said = ask(&world, &["redrive", &id]).await;
        assert_eq!(said.code, i32::from(!is_told), "{}", said.err);
        assert_eq!(said.err.contains("the app that signed it"), !is_told);
        assert_eq!(
            world.bridge.jobs("number=sales").await.len(),
            usize::from(is_told)
        );
    }
}
