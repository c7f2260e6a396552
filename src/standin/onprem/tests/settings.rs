//! What the old client keeps and tells back, and the messages it took.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Onprem, get, onprem, token};

const PROFILE: &str = "/v1/settings/business/profile";
const ABOUT: &str = "/v1/settings/profile/about";

async fn send(
    onprem: &Onprem,
    token: &str,
    method: Method,
    path: &str,
    body: Value,
) -> reqwest::Result<reqwest::Response> {
    reqwest::Client::new()
        .request(method, format!("{}{path}", onprem.url()))
        .bearer_auth(token)
        .body(body.to_string())
        .send()
        .await
}

async fn body(answer: reqwest::Response) -> Value {
    answer.json().await.unwrap()
}

#[tokio::test]
async fn a_profile_is_changed_in_part_and_told_back_whole() {
    let onprem = onprem().await;
    let token = token(&onprem).await;
    let unset = body(get(&onprem, &token, PROFILE).await).await;
    assert_eq!(
        unset["settings"]["business"]["profile"],
        json!({"address": "", "description": "", "email": "", "vertical": "", "websites": []})
    );
    let change = json!({"email": "a@b.example", "websites": ["https://b.example"], "odd": 1});
    let changed = send(&onprem, &token, Method::POST, PROFILE, change).await;
    assert_eq!(
        body(changed.unwrap()).await,
        json!({"meta": {"api_status": "stable", "version": "v2.57.2"}})
    );
    onprem.set_profile(&json!({"vertical": "Automotive"}));
    let found = body(get(&onprem, &token, PROFILE).await).await;
    assert_eq!(
        found["settings"]["business"]["profile"],
        json!({
            "address": "", "description": "", "email": "a@b.example",
            "vertical": "Automotive", "websites": ["https://b.example"],
        })
    );
    for wrong in [
        json!({"email": "x".repeat(129)}),
        json!({"vertical": 1}),
        json!({"websites": "https://b.example"}),
        json!({"websites": ["a", "b", "c"]}),
    ] {
        let refused = send(&onprem, &token, Method::POST, PROFILE, wrong)
            .await
            .unwrap();
        assert_eq!(refused.status(), 400);
        assert_eq!(body(refused).await["errors"][0]["code"], 1009);
    }
}

#[tokio::test]
async fn the_about_text_is_kept() {
    let onprem = onprem().await;
    let token = token(&onprem).await;
    let change = json!({"text": "Open at nine"});
    let changed = send(&onprem, &token, Method::PATCH, ABOUT, change).await;
    assert_eq!(changed.unwrap().status(), 200);
    let found = body(get(&onprem, &token, ABOUT).await).await;
    assert_eq!(
        found["settings"]["profile"]["about"]["text"],
        "Open at nine"
    );
    let long = json!({"text": "x".repeat(140)});
    let refused = send(&onprem, &token, Method::PATCH, ABOUT, long).await;
    assert_eq!(refused.unwrap().status(), 400);
}

#[tokio::test]
async fn every_number_is_a_valid_contact() {
    let onprem = onprem().await;
    let token = token(&onprem).await;
    let asked =
        json!({"blocking": "wait", "contacts": ["+1 631 555-1001", "nobody", "16315551000"]});
    let found = send(&onprem, &token, Method::POST, "/v1/contacts", asked).await;
    assert_eq!(
        body(found.unwrap()).await["contacts"],
        json!([
            {"input": "+1 631 555-1001", "status": "valid", "wa_id": "16315551001"},
            {"input": "nobody", "status": "invalid"},
            {"input": "16315551000", "status": "valid", "wa_id": "16315551000"},
        ])
    );
    for (wrong, code) in [(json!({}), 1008), (json!({"contacts": [1]}), 1009)] {
        let refused = send(&onprem, &token, Method::POST, "/v1/contacts", wrong).await;
        assert_eq!(body(refused.unwrap()).await["errors"][0]["code"], code);
    }
}

#[tokio::test]
async fn a_message_counts_when_it_was_accepted_or_nobody_can_know() {
    let onprem = onprem().await;
    let token = token(&onprem).await;
    onprem
        .faults()
        .push_lines("/v1/messages:reset:next=1\n/v1/messages:status=503:next=1\n/v1/messages:truncate=3:next=1")
        .unwrap();
    let one = |number: u32| send(&onprem, &token, Method::POST, "/v1/messages", json!(number));
    assert!(one(1).await.is_err());
    assert_eq!(one(2).await.unwrap().status(), 503);
    assert!(one(3).await.unwrap().bytes().await.is_err());
    assert_eq!(one(4).await.unwrap().status(), 201);
    assert_eq!(
        send(&onprem, "wrong", Method::POST, "/v1/messages", json!(5))
            .await
            .unwrap()
            .status(),
        401
    );
    assert_eq!(onprem.messages(), ["1", "3", "4"]);
}
