//! `POST /_standin/notify`: whoever has curl plays a customer.

use std::sync::Arc;

use bytes::Bytes;
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::super::super::body::{self, Body};
use super::super::super::media::{KINDS, Kind};
use super::super::Scene;
use super::{Attachment, Signed, envelope};

/// What is sent when the one who calls does not say by whom.
const SOMEBODY: &str = "16315551234";

/// Makes a notification of what the body says, and tells how the first attempt was answered.
pub(in super::super) async fn play(scene: &Arc<Scene>, body: &Bytes) -> Response<Body> {
    let value = match value(scene, body) {
        Ok(value) => value,
        Err(wrong) => {
            return body::answer(StatusCode::BAD_REQUEST, "text/plain", format!("{wrong}\n"));
        }
    };
    let Some(webhook) = scene.webhooks.current() else {
        let text = "there is no webhook to notify\n";
        return body::answer(StatusCode::CONFLICT, "text/plain", text);
    };
    let id = [&value["messages"], &value["statuses"]]
        .into_iter()
        .find_map(|list| list[0]["id"].as_str())
        .map(str::to_owned);
    let account = &scene.options.business_account_id;
    let whole = envelope::escaped(&envelope::envelope(account, &[value]));
    let delivery = scene.notify(whole, &Signed::Rightly);
    let attempts = delivery.attempted(1).await;
    let status = attempts.first().copied().flatten();
    body::json(
        StatusCode::OK,
        &json!({"id": id, "webhook": webhook.as_str(), "status": status}),
    )
}

fn value(scene: &Scene, body: &Bytes) -> Result<Value, String> {
    let told: Value =
        serde_json::from_slice(body).map_err(|error| format!("the body is no JSON: {error}"))?;
    if told["value"].is_object() {
        return Ok(told["value"].clone());
    }
    let text = |name: &str| told[name].as_str();
    let from = text("from").unwrap_or(SOMEBODY);
    let word = text("type").unwrap_or("text");
    if let Some(kind) = KINDS.into_iter().find(|kind| kind.name() == word) {
        return medium(scene, from, kind, &told);
    }
    match word {
        "text" => {
            let said = text("text").ok_or("\"text\" is missing")?;
            Ok(scene.inbound(from, json!({"type": "text", "text": {"body": said}})))
        }
        "status" => {
            let id = text("id").ok_or("\"id\" is missing: the wamid of the message")?;
            let status = text("status").ok_or("\"status\" is missing: as in \"delivered\"")?;
            Ok(scene.status(id, text("recipient").unwrap_or(from), status))
        }
        _ if told[word].is_null() => Err(format!("\"{word}\" is missing: what the message says")),
        _ => Ok(scene.inbound(from, json!({"type": word, word: told[word]}))),
    }
}

fn medium(scene: &Scene, from: &str, kind: Kind, told: &Value) -> Result<Value, String> {
    let id = match told["media"].as_str() {
        Some(id) => id.to_owned(),
        None => scene.shelf.any_of(kind.mime_type()).ok_or_else(|| {
            format!(
                "\"media\" is missing, and Cloud has nothing of type {}",
                kind.mime_type()
            )
        })?,
    };
    let attachment = Attachment {
        caption: told["caption"].as_str(),
        file_name: told["filename"].as_str(),
        ..Attachment::of(&id)
    };
    Ok(scene.inbound_media(from, kind, &attachment))
}
