//! The business profile and messages.

use reqwest::Method;
use reqwest::header::USER_AGENT;
use serde_json::{Value, json};

use super::{Cloud, cloud};

async fn call(cloud: &Cloud, method: Method, edge: &str, body: &Value) -> reqwest::Response {
    tried(cloud, method, edge, body).await.unwrap()
}

async fn tried(
    cloud: &Cloud,
    method: Method,
    edge: &str,
    body: &Value,
) -> reqwest::Result<reqwest::Response> {
    let url = format!(
        "{}/v24.0/{}/{edge}",
        cloud.graph_url(),
        cloud.phone_number_id()
    );
    reqwest::Client::new()
        .request(method, url)
        .bearer_auth(cloud.access_token())
        .header(USER_AGENT, "test")
        .json(body)
        .send()
        .await
}

fn text(body: &str) -> Value {
    json!({"messaging_product": "whatsapp", "to": "+16315551000", "type": "text", "text": {"body": body}})
}

#[tokio::test]
async fn a_profile_is_told_as_recorded() {
    let cloud = cloud().await;
    cloud.set_profile(&json!({"email": "testing@gmail.com", "websites": ["https://www.google.com/"], "about": ""}));
    let all = call(
        &cloud,
        Method::GET,
        "whatsapp_business_profile",
        &Value::Null,
    )
    .await;
    assert_eq!(
        all.text().await.unwrap(),
        r#"{"data":[{"email":"testing\u0040gmail.com","messaging_product":"whatsapp","websites":["https:\/\/www.google.com\/"]}]}"#
    );
    let some = "whatsapp_business_profile?fields=about,email";
    let some: Value = call(&cloud, Method::GET, some, &Value::Null)
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(
        some,
        json!({"data": [{"email": "testing@gmail.com", "messaging_product": "whatsapp"}]})
    );
}

#[tokio::test]
async fn a_profile_is_changed_in_part_and_only_in_known_fields() {
    let cloud = cloud().await;
    cloud.set_profile(&json!({"email": "a@b.example", "vertical": "EDU"}));
    let change = json!({"messaging_product": "whatsapp", "email": "", "about": "Open"});
    let changed = call(&cloud, Method::POST, "whatsapp_business_profile", &change).await;
    assert_eq!(
        changed.json::<Value>().await.unwrap(),
        json!({"success": true})
    );
    assert_eq!(cloud.profile(), json!({"about": "Open", "vertical": "EDU"}));
    for wrong in [
        json!({"about": "Open"}),
        json!({"messaging_product": "whatsapp", "odd": 1}),
        json!({"messaging_product": "whatsapp", "email": "x".repeat(129)}),
        json!({"messaging_product": "whatsapp", "websites": ["a", "b", "c"]}),
        json!([]),
    ] {
        let refused = call(&cloud, Method::POST, "whatsapp_business_profile", &wrong).await;
        assert_eq!(refused.status(), 400, "{wrong}");
        assert_eq!(refused.json::<Value>().await.unwrap()["error"]["code"], 100);
    }
    assert_eq!(cloud.profile(), json!({"about": "Open", "vertical": "EDU"}));
}

#[tokio::test]
async fn a_message_is_answered_as_recorded() {
    let cloud = cloud().await;
    let answer = call(&cloud, Method::POST, "messages", &text("hi")).await;
    assert_eq!(answer.status(), 200);
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(
        answer["contacts"],
        json!([{"input": "+16315551000", "wa_id": "16315551000"}])
    );
    let id = answer["messages"][0]["id"].as_str().unwrap();
    assert!(id.starts_with("wamid.HBg"), "{id}");
    let mark = json!({"messaging_product": "whatsapp", "status": "read", "message_id": id});
    let marked = call(&cloud, Method::POST, "messages", &mark).await;
    assert_eq!(
        marked.json::<Value>().await.unwrap(),
        json!({"success": true})
    );
    assert_eq!(cloud.messages().len(), 1);
}

#[tokio::test]
async fn what_an_old_client_would_send_is_refused() {
    let cloud = cloud().await;
    let mut template = json!({"messaging_product": "whatsapp", "to": "1", "type": "template"});
    template["template"] = json!({"namespace": "n", "name": "t", "language": {"code": "en"}});
    let mut preview = text("hi");
    preview["preview_url"] = true.into();
    let provider = json!({"messaging_product": "whatsapp", "to": "1", "type": "image",
        "image": {"link": "https://a.example", "provider": {"name": "p"}}});
    let bare = json!({"to": "1", "type": "text", "text": {"body": "hi"}});
    let hsm = json!({"messaging_product": "whatsapp", "to": "1", "type": "hsm", "hsm": {}});
    for wrong in [template, preview, provider, bare, hsm] {
        let refused = call(&cloud, Method::POST, "messages", &wrong).await;
        assert_eq!(refused.status(), 400, "{wrong}");
        assert_eq!(refused.json::<Value>().await.unwrap()["error"]["code"], 100);
    }
    assert!(cloud.messages().is_empty());
}

#[tokio::test]
async fn a_message_counts_when_it_was_accepted_or_nobody_can_know() {
    let cloud = cloud().await;
    cloud
        .faults()
        .push_lines("message:reset:next=1\nmessage:status=500:next=1\nmessage:truncate=3:next=1\nprofile:throttle=3")
        .unwrap();
    let send = |body: &'static str| async {
        let message = text(body);
        tried(&cloud, Method::POST, "messages", &message).await
    };
    assert!(send("1").await.is_err());
    assert_eq!(send("2").await.unwrap().status(), 500);
    assert!(send("3").await.unwrap().bytes().await.is_err());
    assert_eq!(send("4").await.unwrap().status(), 200);
    let bodies: Vec<Value> = cloud
        .messages()
        .iter()
        .map(|body| serde_json::from_slice::<Value>(body).unwrap()["text"]["body"].take())
        .collect();
    assert_eq!(bodies, ["1", "3", "4"]);
    let throttled = call(
        &cloud,
        Method::GET,
        "whatsapp_business_profile",
        &Value::Null,
    )
    .await;
    assert_eq!(
        throttled.json::<Value>().await.unwrap()["error"]["code"],
        80007
    );
}
