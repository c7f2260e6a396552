//! Where Meta posts: shown, set and taken away.

use serde_json::{Value, json};

use super::{ACCOUNT, KERRY, OLD, PUBLIC_URL, SECRET, TOKEN, WABA, known, origin, told, world};
use crate::harness::{VERIFY_TOKEN, World};

const STATUS: [&str; 4] = ["notifications", "status", "--number", "support"];
const SUBSCRIBE: [&str; 4] = ["notifications", "subscribe", "--number", "support"];
const UNSUBSCRIBE: [&str; 4] = ["notifications", "unsubscribe", "--number", "support"];

/// Has somebody else change something at Graph.
async fn post(world: &World, object: &str, body: &Value) {
    let url = format!("{}/v24.0/{object}", world.cloud.graph_url());
    let request = reqwest::Client::new().post(url).json(body);
    let request = request.bearer_auth(world.cloud.access_token());
    let request = request.header("user-agent", "somebody else");
    assert_eq!(request.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_number_is_subscribed_and_goes_back() {
    let world = world().await;
    let own = format!("{}/cloud", origin(&world));
    let said = known(&world, &STATUS, &[]).await;
    assert_eq!(said.code, 3, "{}", said.err);
    said.line(&["webhook of the app", OLD, "in force"]);
    said.line(&["app_secret", "configured"]);
    said.line(&["verify_token", "configured"]);
    said.line(&["do not come to this bridge"]);
    let line = said.line(&["the webhook in force is not this bridge", &own]);
    assert!(line.contains("-> waba-bridge notifications subscribe"));

    let said = known(&world, &SUBSCRIBE, &[]).await;
    assert_eq!(said.code, 0, "{}", said.err);
    said.line(&["notifications of support go to", &own]);
    let line = said.line(&["before: ", OLD, "the app's webhook, which stays as it is"]);
    assert!(line.contains("to go back: waba-bridge notifications unsubscribe --number support"));
    world
        .notify(world.cloud.inbound_text(KERRY, "to the bridge"))
        .await;
    assert_eq!(
        world.message().await["messages"][0]["text"]["body"],
        "to the bridge"
    );

    let said = known(&world, &STATUS, &[]).await;
    assert_eq!(said.code, 0, "{}", said.out);
    said.line(&["webhook of the number", &own, "in force, this bridge"]);
    said.line(&["notifications of support come to this bridge"]);
    let said = known(&world, &SUBSCRIBE, &[]).await;
    assert_eq!(said.code, 0, "{}", said.err);
    said.line(&["they did so before"]);

    let said = known(&world, &UNSUBSCRIBE, &[]).await;
    assert_eq!(said.code, 0, "{}", said.err);
    said.line(&["the webhook is taken away"]);
    said.line(&["notifications of support go to", OLD, "the app's webhook"]);
    assert_eq!(known(&world, &STATUS, &[]).await.code, 3);
    let said = known(&world, &UNSUBSCRIBE, &[]).await;
    assert_eq!(said.code, 0);
    said.line(&["nothing was changed"]);
}

#[tokio::test]
async fn the_app_is_subscribed_to_the_account_and_keeps_what_it_had_there() {
    let world = world().await;
    let account = [(ACCOUNT, WABA)];
    let said = known(&world, &STATUS, &account).await;
    assert_eq!(said.code, 3);
    said.line(&["the app is not subscribed to the account"]);
    let said = known(&world, &SUBSCRIBE, &account).await;
    assert_eq!(said.code, 0, "{}", said.err);
    said.line(&["the app is subscribed to the account now"]);
    let said = known(&world, &STATUS, &account).await;
    assert_eq!(said.code, 0, "{}", said.out);
    said.line(&["app", "subscribed to the account"]);

    let other = format!("{}?of=account", world.notified_at());
    let edge = format!("{WABA}/subscribed_apps");
    let body = json!({"override_callback_uri": other, "verify_token": VERIFY_TOKEN});
    post(&world, &edge, &body).await;
    let said = known(&world, &[&SUBSCRIBE[..], &["--json"]].concat(), &account).await;
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(said.json()["app_subscribed_now"], false);
    let said = known(&world, &[&STATUS[..], &["--json"]].concat(), &account).await;
    let document = said.json();
    assert_eq!(document["webhooks"]["whatsapp_business_account"], other);
    assert_eq!(document["in_force"], "phone_number");
    assert_eq!(document["comes_here"], true);
    assert_eq!(document["obstacles"], json!([]));
}

#[tokio::test]
async fn somebody_else_s_webhook_is_shown_and_not_taken_away() {
    let world = world().await;
    let other = format!("{}?of=somebody", world.notified_at());
    let body = json!({"webhook_configuration": {"override_callback_uri": other, "verify_token": VERIFY_TOKEN}});
    let number = world.cloud.phone_number_id().to_owned();
    post(&world, &number, &body).await;
    let said = known(&world, &UNSUBSCRIBE, &[]).await;
    assert_eq!(said.code, 1);
    assert!(said.err.contains(&other) && said.err.contains("nothing was changed"));
    let said = known(&world, &SUBSCRIBE, &[]).await;
    assert_eq!(said.code, 0, "{}", said.err);
    said.line(&["before:", &other, "which this replaces"]);
    said.line(&["to go back: have the system behind that webhook set it again"]);
}

/// As people write them in Meta's dashboard.
#[tokio::test]
async fn a_webhook_is_known_however_it_is_written() {
    let world = world().await;
    let written = format!("{}/cloud", origin(&world)).replacen("http://", "HTTP://", 1);
    let answer = json!({"webhook_configuration": {"application": written}});
    let fault = format!("number:body=200,{answer}:next=1");
    world.cloud.faults().push_lines(&fault).unwrap();
    let said = known(&world, &STATUS, &[]).await;
    said.line(&["webhook of the app", &written, "in force, this bridge"]);
    assert_eq!(said.code, 0, "{}", said.out);
}

#[tokio::test]
async fn everything_that_is_missing_is_said_with_its_remedy() {
    let world = world().await;
    let nothing = [(TOKEN, ""), (SECRET, "")];
    let said = told(&world, &SUBSCRIBE, &nothing).await;
    assert_eq!(said.code, 1);
    for missing in [
        "public_url",
        "verify_token",
        "app_secret",
        "nothing was changed",
    ] {
        assert!(said.err.contains(missing), "{missing} in {}", said.err);
    }
    let said = told(&world, &STATUS, &nothing).await;
    assert_eq!(said.code, 3, "{}", said.err);
    said.line(&["app_secret", "not configured"]);
    said.line(&["public_url is not set"]);

    let deaf = [("WABA_BRIDGE__INTAKE__LISTEN", "")];
    assert_eq!(known(&world, &SUBSCRIBE, &[]).await.code, 0);
    assert_eq!(known(&world, &STATUS, &[]).await.code, 0);
    let said = known(&world, &STATUS, &deaf).await;
    assert_eq!(said.code, 3, "{}", said.out);
    let line = said.line(&["[intake] listen is \"\""]);
    assert!(line.contains("-> set "), "{line}");

    let label = "a".repeat(60);
    let long = format!("https://{label}.{label}.{label}.example");
    let said = told(&world, &SUBSCRIBE, &[(PUBLIC_URL, &long)]).await;
    assert_eq!(said.code, 1);
    assert!(said.err.contains("200 characters"), "{}", said.err);

    let other = ["notifications", "subscribe", "--number", "sales"];
    let said = known(&world, &other, &[]).await;
    assert_eq!(said.code, 1);
    assert!(
        said.err
            .contains("there is no number sales; there are: support")
    );
    let said = known(&world, &STATUS, &[(PUBLIC_URL, "ftp://bridge.example")]).await;
    assert_eq!(said.code, 78);
    assert!(said.err.contains("intake.public_url"), "{}", said.err);
}

#[tokio::test]
async fn what_meta_refuses_is_said_with_its_remedy() {
    let world = world().await;
    let refused = async |environment: &[(&str, &str)], words: &[&str]| {
        let said = told(&world, &SUBSCRIBE, environment).await;
        assert_eq!(said.code, 1, "{}", said.out);
        for word in words {
            assert!(said.err.contains(word), "{word} in {}", said.err);
        }
    };
    let public = origin(&world);
    let failed = [
        "the webhook is not set",
        "code 2200",
        "the handshake failed",
    ];
    // The bridge that runs knows another one.
    refused(&[(PUBLIC_URL, &public), (TOKEN, "another")], &failed).await;
    refused(&[(PUBLIC_URL, "http://127.0.0.1:9")], &failed).await;
    for (fault, words) in [
        (
            "number:expired-token:next=1",
            ["code 190", "the token is refused"],
        ),
        (
            "webhook:expired-token:next=1",
            ["code 190", "the token is refused"],
        ),
        (
            r#"webhook:body=401,{"error":{"code":0}}:next=1"#,
            ["code 0", "the token is refused"],
        ),
        (
            r#"webhook:body=403,{"error":{"code":200}}:next=1"#,
            ["code 200", "whatsapp_business_management"],
        ),
        (
            r#"webhook:body=200,{"success":false}:next=1"#,
            ["did not succeed", "notifications status"],
        ),
    ] {
        world.cloud.faults().push_lines(fault).unwrap();
        refused(&[(PUBLIC_URL, &public)], &words).await;
    }
    let said = known(&world, &STATUS, &[]).await;
    assert_eq!(said.code, 3);
    said.line(&["webhook of the number", "-"]);
    let nobody = [(
        "WABA_BRIDGE__NUMBERS__SUPPORT__CLOUD__GRAPH_URL",
        "http://127.0.0.1:9",
    )];
    let said = known(&world, &STATUS, &nobody).await;
    assert_eq!(said.code, 1);
    assert!(said.err.contains("nobody listens there"), "{}", said.err);
}
