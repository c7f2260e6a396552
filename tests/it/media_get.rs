//! `GET /v1/media/{id}`: the stored bytes, whole or in part, and what is said of media that are not there.

use reqwest::Response;
use waba_bridge::ids::{CloudMediaId, NumberName, media_uuid};
use waba_bridge::standin::fault::Hop;
use waba_bridge::standin::{Content, Medium};

use crate::harness::{Setting, World, content_of};
use crate::raw::code;

const ID: &str = "1761991787669262";
const LENGTH: u64 = 100_000;

/// A world in which [`ID`] is stored.
async fn stored(setting: Setting) -> (World, String) {
    let world = setting.start().await;
    world.add_medium(ID, "audio/ogg; codecs=opus", LENGTH);
    let token = world.login().await;
    let answer = world
        .bridge
        .get(&format!("/v1/media/{ID}/download"), &token)
        .await;
    assert_eq!(answer.status(), 200);
    world.callback().await;
    (world, token)
}

fn uuid_of(id: &str) -> String {
    let number = NumberName::parse("support").unwrap();
    media_uuid(&number, &CloudMediaId::parse(id).unwrap()).to_string()
}

async fn ask(world: &World, method: &str, id: &str, token: &str, range: &str) -> Response {
    let request = world
        .bridge
        .request(method, &format!("/v1/media/{id}"))
        .bearer_auth(token);
    let request = match range {
        "" => request,
        range => request.header("range", range),
    };
    request.send().await.unwrap()
}

#[tokio::test]
async fn a_part_is_served_when_one_part_is_asked_for() {
    let (world, token) = stored(Setting::alone()).await;
    let content = content_of(ID, LENGTH);
    let end = usize::try_from(LENGTH).unwrap();
    for (range, part) in [
        ("bytes=0-0", 0..1),
        ("bytes=0-999", 0..1000),
        ("bytes=5000-5999", 5000..6000),
        ("bytes=99000-", 99_000..end),
        ("bytes=-10", end - 10..end),
        ("bytes=99990-200000", 99_990..end),
    ] {
        let answer = ask(&world, "GET", ID, &token, range).await;
        assert_eq!(answer.status(), 206, "{range}");
        let headers = answer.headers();
        let expected = format!("bytes {}-{}/{LENGTH}", part.start, part.end - 1);
        assert_eq!(headers["content-range"], expected.as_str());
        assert_eq!(headers["content-length"], part.len().to_string().as_str());
        assert_eq!(headers["content-type"], "audio/ogg; codecs=opus");
        assert_eq!(
            answer.bytes().await.unwrap(),
            content.slice(part),
            "{range}"
        );
    }
    for range in [
        "bytes=100000-",
        "bytes=200000-300000",
        "bytes=-0",
        "bytes=99999999999999999999-",
    ] {
        let answer = ask(&world, "GET", ID, &token, range).await;
        assert_eq!(answer.status(), 416, "{range}");
        assert_eq!(
            answer.headers()["content-range"],
            format!("bytes */{LENGTH}").as_str()
        );
    }
}

#[tokio::test]
async fn the_whole_is_served_when_the_parts_are_not_understood() {
    let (world, token) = stored(Setting::alone()).await;
    for range in [
        "",
        "bytes=0-1,5-6",
        "bytes=0-5,3-9",
        "bytes=0-1,200000-",
        "bytes=9-1",
        "bytes=a-b",
        "bytes=",
        "bytes",
        "items=0-1",
        "\u{1f600}",
    ] {
        let answer = ask(&world, "GET", ID, &token, range).await;
        assert_eq!(answer.status(), 200, "{range}");
        assert_eq!(
            answer.headers()["content-length"],
            LENGTH.to_string().as_str()
        );
        assert_eq!(
            answer.bytes().await.unwrap(),
            content_of(ID, LENGTH),
            "{range}"
        );
    }
    // What a condition is compared with, an entity tag or a date, no answer has; so it never holds.
    let request = world
        .bridge
        .request("GET", &format!("/v1/media/{ID}"))
        .bearer_auth(&token);
    let request = request
        .header("range", "bytes=0-0")
        .header("if-range", "\"x\"");
    assert_eq!(request.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn head_tells_the_length_and_sends_nothing() {
    let (world, token) = stored(Setting::alone()).await;
    for range in ["", "bytes=0-9"] {
        let answer = ask(&world, "HEAD", ID, &token, range).await;
        assert_eq!(answer.status(), 200, "a range is for GET only");
        assert_eq!(
            answer.headers()["content-length"],
            LENGTH.to_string().as_str()
        );
        assert_eq!(answer.headers()["accept-ranges"], "bytes");
        assert_eq!(answer.bytes().await.unwrap().len(), 0);
    }
    assert_eq!(ask(&world, "HEAD", "1", &token, "").await.status(), 404);
    assert_eq!(ask(&world, "HEAD", ID, "bad", "").await.status(), 401);
}

#[tokio::test]
async fn what_is_not_there_is_404_without_a_body_and_what_cannot_be_has_one() {
    let (world, token) = stored(Setting::alone()).await;
    let unknown = uuid::Uuid::new_v4().to_string();
    for id in ["42", &unknown] {
        let answer = ask(&world, "GET", id, &token, "").await;
        assert_eq!(answer.status(), 404);
        assert_eq!(answer.headers()["content-length"], "0");
        assert_eq!(answer.text().await.unwrap(), "");
    }
    let answer = ask(&world, "GET", "neither", &token, "").await;
    assert_eq!(answer.status(), 404);
    assert_eq!(code(&answer.json().await.unwrap()), 1006);
    for id in [ID, "42", &unknown, "neither"] {
        let answer = ask(&world, "GET", id, "bad", "").await;
        assert_eq!(answer.status(), 401);
        assert_eq!(code(&answer.json().await.unwrap()), 1005);
    }
}

#[tokio::test]
async fn the_uuid_a_medium_has_here_is_as_good_as_its_id() {
    let (world, token) = stored(Setting::alone()).await;
    let uuid = uuid_of(ID);
    for id in [uuid.clone(), uuid.to_uppercase()] {
        let answer = ask(&world, "GET", &id, &token, "").await;
        assert_eq!(answer.status(), 200, "{id}");
        assert_eq!(answer.bytes().await.unwrap(), content_of(ID, LENGTH));
    }
    let answer = world
        .bridge
        .get(&format!("/v1/media/{uuid}/download"), &token)
        .await;
    assert_eq!(answer.status(), 200);
    let told = world.callback().await.json();
    assert_eq!(told["media_items"][0]["voice"]["id"], uuid, "{told}");
}

#[tokio::test]
async fn media_of_the_old_client_stay_its_own() {
    let (world, token) = stored(Setting::first_route()).await;
    let onprem = world.onprem.as_ref().unwrap();
    let theirs = uuid::Uuid::new_v4().to_string();
    let content = Content::Pattern {
        length: 10,
        seed: 1,
    };
    onprem.add_medium(theirs.clone(), Medium::new("image/png", content));
    let answer = ask(&world, "GET", &theirs, &token, "").await;
    assert_eq!(
        (answer.status().as_u16(), answer.content_length()),
        (200, Some(10))
    );
    let answer = world
        .bridge
        .get(&format!("/v1/media/{theirs}/download"), &token)
        .await;
    assert_eq!(answer.status(), 200);
    assert_eq!(onprem.log(|log| log.count_of(Hop::Route, &theirs)), 2);
    // The bridge's own never trouble the old client.
    assert_eq!(ask(&world, "GET", ID, &token, "").await.status(), 200);
    assert_eq!(
        ask(&world, "GET", &uuid_of(ID), &token, "").await.status(),
        200
    );
    assert_eq!(ask(&world, "GET", "42", &token, "").await.status(), 404);
    assert_eq!(onprem.log(|log| log.count(Hop::Route)), 2);
}

#[tokio::test]
async fn a_stored_medium_is_served_from_here_whatever_the_flag_says() {
    let mut setting = Setting::first_route();
    setting.routes = "media_download = \"cloud\"\nmedia_get = \"onprem\"\n".into();
    let (world, token) = stored(setting).await;
    let answer = ask(&world, "GET", ID, &token, "").await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.bytes().await.unwrap(), content_of(ID, LENGTH));
    assert_eq!(
        world
            .onprem
            .as_ref()
            .unwrap()
            .log(|log| log.count_of(Hop::Route, ID)),
        0
    );
    assert_eq!(ask(&world, "GET", "42", &token, "").await.status(), 404);
    assert_eq!(
        world
            .onprem
            .as_ref()
            .unwrap()
            .log(|log| log.count_of(Hop::Route, "42")),
        1
    );
}

#[tokio::test]
async fn a_medium_of_one_number_is_not_there_for_another() {
    let (mut world, _) = stored(Setting::alone()).await;
    world
        .bridge
        .reconfigure(|config| config.replace("name = \"support\"", "name = \"sales\""));
    world.bridge.terminate();
    world.bridge.restart();
    let token = world.login().await;
    assert_eq!(ask(&world, "GET", ID, &token, "").await.status(), 404);
    assert_eq!(
        ask(&world, "GET", &uuid_of(ID), &token, "").await.status(),
        404
    );
}

#[tokio::test]
async fn a_medium_whose_file_was_taken_away_is_not_there() {
    let (world, token) = stored(Setting::alone()).await;
    let mut folders = vec![world.bridge.media_folder()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false => std::fs::remove_file(entry.path()).unwrap(),
            }
        }
    }
    let answer = ask(&world, "GET", ID, &token, "").await;
    assert_eq!(answer.status(), 404);
    assert_eq!(answer.text().await.unwrap(), "");
}
