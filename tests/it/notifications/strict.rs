//! A receiver that goes by closed lists takes all that Meta can tell of.

use serde_json::{Value, json};
use waba_bridge::standin::cloud::Attachment;
use waba_bridge::standin::media::KINDS;

use super::KERRY;
use crate::harness::{Setting, World};

/// Messages from a customer, but for media.
fn messages() -> Vec<Value> {
    let mine = "wamid.HBgLMTY1MDM4Nzk0MzkVAgARGBI0RTJEOTc2ODVERUY5RDlGNkYA";
    let theirs = "wamid.HBgLMTY1MDM4Nzk0MzkVAgASGBQzQTRBNjU5OUFFRTAzODEwMTQ0RgA=";
    let context = json!({"from": "15550934873", "id": mine});
    let nfm = json!({"type": "nfm_reply", "nfm_reply": {"name": "flow", "body": "Sent", "response_json": "{\"a\":1}"}});
    let unheard = json!([{"code": 131_051, "title": "Message type unknown", "message": "Message type unknown",
        "error_data": {"details": "Message type is currently not supported."}}]);
    vec![
        json!({"type": "text", "text": {"body": "an ordinary text"}}),
        json!({"type": "text", "text": {"body": "forwarded"}, "context": {"forwarded": true}}),
        json!({"type": "location", "location": {"latitude": 38.98, "longitude": -131.94, "name": "Main Street Beach"}}),
        json!({"type": "contacts", "contacts": [{"name": {"formatted_name": "Pablo Morales", "first_name": "Pablo"},
            "phones": [{"phone": "+1 650 555 1234", "type": "MOBILE", "wa_id": "16505551234"}], "vcard": "BEGIN:VCARD"}]}),
        json!({"type": "interactive", "context": context, "interactive": {"type": "button_reply", "button_reply": {"id": "1", "title": "Yes"}}}),
        json!({"type": "interactive", "context": context, "interactive": {"type": "list_reply", "list_reply": {"id": "1", "title": "Yes", "description": "d"}}}),
        json!({"type": "interactive", "context": context, "interactive": nfm}),
        json!({"type": "interactive", "interactive": {"type": "call_permission_reply", "call_permission_reply": {"response": "accept"}}}),
        json!({"type": "interactive"}),
        json!({"type": "button", "context": context, "button": {"payload": "No", "text": "No"}}),
        json!({"type": "order", "order": {"catalog_id": "194836987003835", "text": "Please",
            "product_items": [{"product_retailer_id": "di9ozbzfi4", "quantity": 2, "item_price": 30.5, "currency": "USD"}]}}),
        json!({"type": "reaction", "reaction": {"message_id": mine, "emoji": "\u{1f44d}"}}),
        json!({"type": "system", "system": {"body": "Kerry Fisher changed from 16315551234 to 16315555678",
            "wa_id": "16315555678", "type": "user_changed_number"}}),
        json!({"type": "unsupported", "errors": unheard, "unsupported": {"type": "poll"}}),
        json!({"type": "unknown", "errors": unheard}),
        json!({"type": "edit", "edit": {"original_message_id": theirs, "message": {"type": "text", "text": {"body": "better words"}}}}),
        json!({"type": "revoke", "revoke": {"original_message_id": theirs}}),
        json!({"type": "request_welcome"}),
        json!({"type": "hologram", "hologram": {"id": "1"}}),
    ]
}

async fn world() -> World {
    let world = Setting::notified(60)
        .top("[every_number.settings]\nsent = true\nshow_security_notifications = true\n")
        .start()
        .await;
    world.subscribe().await;
    world
}

#[tokio::test]
async fn everything_that_meta_tells_is_understood() {
    let world = world().await;
    for message in messages() {
        let kind = message["type"].clone();
        world.notify(world.cloud.inbound(KERRY, message)).await;
        world.until_idle().await;
        assert!(world.receiver.objections().is_empty(), "{kind}");
    }
    for (index, kind) in KINDS.into_iter().enumerate() {
        let id = format!("{}", 600 + index);
        world.cloud.add_medium(&id, kind.medium());
        let attachment = Attachment {
            file_name: (kind.name() == "document").then_some("brochure.pdf"),
            ..Attachment::of(&id)
        };
        let value = world.cloud.inbound_media(KERRY, kind, &attachment);
        world.notify(value).await;
        let forgotten = format!("{}", 700 + index);
        world.add_medium(&forgotten, kind.mime_type(), 100);
        let attachment = Attachment::of(&forgotten);
        let value = world.cloud.inbound_media(KERRY, kind, &attachment);
        world.cloud.remove_medium(&forgotten);
        world.notify(value).await;
    }
    for word in ["sent", "delivered", "read", "failed", "played"] {
        let status = world.cloud.status(&world.cloud.sent_id(KERRY), KERRY, word);
        world.notify(status).await;
    }
    for code in [0, 4, 130_429, 131_000, 131_047, 999_999] {
        world
            .notify(world.cloud.trouble(code, "Some trouble"))
            .await;
    }
    world.until_idle().await;
    assert_eq!(world.receiver.objections(), Vec::<String>::new());
    let told = world.receiver.callbacks().len();
    // All but the greeting, the silent status, and nothing twice.
    assert_eq!(told, messages().len() - 1 + 2 * KINDS.len() + 4 + 6);
}

#[tokio::test]
async fn somebody_without_a_number_is_told_by_another_name() {
    let world = world().await;
    let mut value = world.cloud.inbound_text(KERRY, "from a user with a name");
    let user = "US.13491208655302741918";
    value["contacts"] =
        json!([{"profile": {"name": "Kerry", "username": "kerry"}, "user_id": user}]);
    let message = value["messages"][0].as_object_mut().unwrap();
    message.remove("from");
    message.insert("from_user_id".to_owned(), user.into());
    world.notify(value).await;
    let told = world.message().await;
    assert_eq!(told["messages"][0]["from"], user);
    assert_eq!(told["contacts"][0]["wa_id"], user);
}
