//! The phone number and the access token, as Graph describes them.

use hyper::{Response, StatusCode, Uri};
use serde_json::{Map, Value, json};

use super::super::body::Body;
use super::super::refusal;
use super::{Scene, address, webhook};

/// The phone number, or the fields of it that were asked for.
pub(super) fn number(scene: &Scene, uri: &Uri) -> Response<Body> {
    let id = &scene.options.phone_number_id;
    let mut node = json!({
        "id": id,
        "verified_name": "Stand-in",
        "display_phone_number": scene.options.display_phone_number,
        "code_verification_status": "VERIFIED",
        "quality_rating": "GREEN",
        "platform_type": "CLOUD_API",
        "throughput": {"level": "STANDARD"},
        "name_status": "APPROVED",
        "status": "CONNECTED",
        "account_mode": "LIVE",
        "is_official_business_account": false,
        "is_pin_enabled": true,
    });
    let Some(fields) = address::parameter(uri, "fields") else {
        return refusal::graph_json(StatusCode::OK, &node);
    };
    node[webhook::FIELD] = scene.webhooks.told();
    // The id is always there, asked for or not.
    let wanted = |name: &str| fields.split(',').any(|field| field.trim() == name) || name == "id";
    let chosen: Map<String, Value> = node
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| wanted(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    refusal::graph_json(StatusCode::OK, &Value::Object(chosen))
}

/// `/debug_token`: a system user's token that never expires.
pub(super) fn debug_token(uri: &Uri, token: &str) -> Response<Body> {
    let is_valid = address::parameter(uri, "input_token").as_deref() == Some(token);
    let scopes = [
        "whatsapp_business_management",
        "whatsapp_business_messaging",
    ];
    let granular: Vec<Value> = scopes.iter().map(|scope| json!({"scope": scope})).collect();
    refusal::graph_json(
        StatusCode::OK,
        &json!({"data": {
            "app_id": "634974688087057",
            "type": "SYSTEM_USER",
            "application": "Stand-in",
            "data_access_expires_at": 0,
            "expires_at": 0,
            "is_valid": is_valid,
            "issued_at": 1_700_000_000,
            "scopes": scopes,
            "granular_scopes": granular,
            "user_id": "122093976422012345",
        }}),
    )
}
