//! The old client, on the wire; what it tells of its own accord is in `callbacks`.

mod callbacks;
mod settings;

use super::super::digest::Digest;
use super::super::medium::Content;
use super::*;
use bytes::Bytes;
use serde_json::{Value, json};

async fn onprem() -> Onprem {
    Onprem::start(OnpremOptions::default()).await.unwrap()
}

async fn login(onprem: &Onprem) -> reqwest::Response {
    reqwest::Client::new()
        .post(format!("{}/v1/users/login", onprem.url()))
        .basic_auth("admin", Some("Standin-1"))
        .send()
        .await
        .unwrap()
}

async fn token(onprem: &Onprem) -> String {
    let answer: Value = login(onprem).await.json().await.unwrap();
    answer["users"][0]["token"].as_str().unwrap().to_owned()
}

async fn get(onprem: &Onprem, token: &str, path: &str) -> reqwest::Response {
    reqwest::Client::new()
        .get(format!("{}{path}", onprem.url()))
        .bearer_auth(token)
        .send()
        .await
        .unwrap()
}

#[tokio::test]
async fn a_login_looks_like_the_observed_one() {
    let onprem = onprem().await;
    let answer = login(&onprem).await;
    assert_eq!(answer.status(), 200);
    let headers = answer.headers().clone();
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["cache-control"], "no-cache, private");
    assert_eq!(headers["server"], "Server");
    assert_eq!(headers["x-request-id"].len(), 32);
    assert!(!headers.contains_key("x-internal-request-ids"));
    let text = answer.text().await.unwrap();
    assert_eq!(headers["content-length"], text.len().to_string().as_str());
    assert!(text.ends_with('}') && !text.contains(": "), "{text}");
    let body: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        body["meta"],
        json!({"api_status": "stable", "version": "v2.57.2"})
    );
    assert_eq!(
        body["users"][0]["token"]
            .as_str()
            .unwrap()
            .split('.')
            .count(),
        3
    );
    let expiry = body["users"][0]["expires_after"].as_str().unwrap();
    assert_eq!(expiry.len(), "2021-07-25 08:50:48+00:00".len());
    assert!(
        expiry.ends_with("+00:00") && expiry.as_bytes()[10] == b' ',
        "{expiry}"
    );
}

#[tokio::test]
async fn a_wrong_password_and_a_dead_token_are_401_with_1005() {
    let onprem = onprem().await;
    let client = reqwest::Client::new();
    let login = format!("{}/v1/users/login", onprem.url());
    let wrong = client
        .post(&login)
        .basic_auth("admin", Some("x"))
        .send()
        .await
        .unwrap();
    let token = token(&onprem).await;
    let second = self::token(&onprem).await;
    assert_eq!(get(&onprem, &token, "/v1/health").await.status(), 200);
    let logout = client
        .post(format!("{}/v1/users/logout", onprem.url()))
        .bearer_auth(&token);
    assert_eq!(logout.send().await.unwrap().status(), 200);
    let logged_out = get(&onprem, &token, "/v1/health").await;
    assert_eq!(get(&onprem, &second, "/v1/health").await.status(), 200);
    onprem.revoke_all_tokens();
    let revoked = get(&onprem, &second, "/v1/settings").await;
    for answer in [wrong, logged_out, revoked] {
        assert_eq!(answer.status(), 401);
        let body: Value = answer.json().await.unwrap();
        let expected =
            json!([{"code": 1005, "title": "Access denied", "details": "Invalid credentials."}]);
        assert_eq!(body["errors"], expected);
    }
    assert_eq!(onprem.logins(), 3);
}

#[tokio::test]
async fn an_uploaded_medium_comes_back_and_a_deleted_one_is_a_bare_404() {
    let onprem = onprem().await;
    let token = token(&onprem).await;
    let client = reqwest::Client::new();
    let upload = client
        .post(format!("{}/v1/media", onprem.url()))
        .bearer_auth(&token)
        .header("content-type", "image/jpeg")
        .body("jpeg bytes");
    let answer = upload.send().await.unwrap();
    assert_eq!(answer.status(), 201);
    let body: Value = answer.json().await.unwrap();
    let id = body["media"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(id.len(), 36);
    assert_eq!(onprem.medium(&id).unwrap().1.length, 10);
    let path = format!("/v1/media/{id}");
    let file = get(&onprem, &token, &path).await;
    assert_eq!(file.headers()["content-type"], "image/jpeg");
    assert_eq!(file.text().await.unwrap(), "jpeg bytes");
    let asked: Value = get(&onprem, &token, &format!("{path}/download"))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(asked["media_items"], json!([{"id": id}]));
    let delete = client
        .delete(format!("{}{path}", onprem.url()))
        .bearer_auth(&token);
    assert_eq!(delete.send().await.unwrap().status(), 200);
    let gone = get(&onprem, &token, &path).await;
    assert_eq!(gone.status(), 404);
    assert!(gone.bytes().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_message_gets_an_id_of_the_old_look() {
    let onprem = onprem().await;
    let token = token(&onprem).await;
    let send = |body: &'static str| {
        let url = format!("{}/v1/messages", onprem.url());
        reqwest::Client::new()
            .post(url)
            .bearer_auth(&token)
            .body(body)
            .send()
    };
    let answer = send(r#"{"to":"16315551000","type":"text"}"#).await.unwrap();
    assert_eq!(answer.status(), 201);
    let body: Value = answer.json().await.unwrap();
    let id = body["messages"][0]["id"].as_str().unwrap();
    assert!(id.len() == 27 && id.starts_with("gBGG"), "{id}");
    assert_eq!(body["contacts"][0]["wa_id"], "16315551000");
    let broken = send("not json").await.unwrap();
    assert_eq!(broken.status(), 400);
    assert_eq!(
        broken.json::<Value>().await.unwrap()["errors"][0]["code"],
        1025
    );
    assert!(onprem.requests()[1].body.starts_with(b"{\"to\""));
}

#[tokio::test]
async fn everything_else_is_told_back_exactly() {
    let onprem = onprem().await;
    let token = token(&onprem).await;
    let sent = Bytes::from(vec![7; 300_000]);
    let answer = reqwest::Client::new()
        .put(format!("{}/v1/settings/%2Fodd?a=b&a=c%20d", onprem.url()))
        .bearer_auth(&token)
        .header("x-twice", "one")
        .header("x-twice", "two")
        .body(sent.clone())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let told: Value = answer.json().await.unwrap();
    assert_eq!(told["method"], "PUT");
    assert_eq!(told["path"], "/v1/settings/%2Fodd?a=b&a=c%20d");
    assert_eq!(
        told["body"],
        json!({"length": 300_000, "sha256": Digest::of([sent]).sha256})
    );
    let headers = told["headers"].as_array().unwrap();
    let twice: Vec<&Value> = headers
        .iter()
        .filter(|pair| pair[0] == "x-twice")
        .map(|pair| &pair[1])
        .collect();
    assert_eq!(twice, ["one", "two"]);
}

#[tokio::test]
async fn large_answers_and_faults_by_path() {
    let onprem = onprem().await;
    let token = token(&onprem).await;
    let bytes = get(&onprem, &token, "/v1/_bytes/1000001")
        .await
        .bytes()
        .await
        .unwrap();
    let expected = Content::Pattern {
        length: 1_000_001,
        seed: 0,
    };
    assert_eq!(Digest::of([bytes]), expected.digest());
    onprem
        .faults()
        .push_lines("/v1/settings:status=503\nlogin:throttle=1")
        .unwrap();
    let overloaded = get(&onprem, &token, "/v1/settings/application").await;
    assert_eq!(overloaded.status(), 503);
    assert_eq!(
        overloaded.json::<Value>().await.unwrap()["errors"][0]["code"],
        1016
    );
    assert_eq!(login(&onprem).await.status(), 429);
    onprem.faults().clear();
    for line in ["login:wrong-bytes", "login:slow=100000"] {
        onprem.faults().push_lines(line).unwrap();
        let spoiled = login(&onprem).await;
        assert!(spoiled.content_length() > Some(100), "{line}");
        assert_eq!(
            spoiled.text().await.unwrap().starts_with('{'),
            line.contains("slow")
        );
        onprem.faults().clear();
    }
    assert_eq!(get(&onprem, &token, "/v1/health").await.status(), 200);
}

#[tokio::test]
async fn it_speaks_https_and_can_break_off_there_too() {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let onprem = Onprem::start(OnpremOptions {
        tls: Some(Tls {
            certificate_pem: certified.cert.pem().into_bytes(),
            key_pem: certified.signing_key.serialize_pem().into_bytes(),
        }),
        ..OnpremOptions::default()
    })
    .await
    .unwrap();
    let root = reqwest::Certificate::from_pem(certified.cert.pem().as_bytes()).unwrap();
    let client = reqwest::Client::builder()
        .tls_certs_only([root])
        .build()
        .unwrap();
    let origin = format!("https://localhost:{}", onprem.address().port());
    let login = || {
        client
            .post(format!("{origin}/v1/users/login"))
            .basic_auth("admin", Some("Standin-1"))
    };
    let answer: Value = login().send().await.unwrap().json().await.unwrap();
    assert!(answer["users"][0]["token"].is_string());
    onprem
        .faults()
        .push_lines("login:truncate=5:next=1\nlogin:reset:next=1")
        .unwrap();
    assert!(login().send().await.unwrap().bytes().await.is_err());
    assert!(login().send().await.is_err());
    assert!(login().send().await.unwrap().bytes().await.is_ok());
}
