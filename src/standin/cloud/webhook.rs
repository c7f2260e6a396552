//! Where notifications go: to the number's webhook if it has one, else to the account's, else to the app's.
//! Whoever names a webhook has it asked whether it is wanted, while the call is under way.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hyper::{Method, Response, StatusCode};
use serde_json::{Map, Value, json};
use url::Url;

use super::super::body::Body;
use super::super::refusal;
use super::Scene;
use super::messages::invalid;

pub(super) const EDGE: &str = "subscribed_apps";
pub(super) const FIELD: &str = "webhook_configuration";

/// The longest address that is taken, in characters.
const LONGEST: usize = 200;
/// How long a webhook may take to say that it is wanted.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(super) struct Webhooks(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    number: Option<Url>,
    account: Option<Url>,
    application: Option<Url>,
    /// Whether the app was subscribed to the account by a call.
    subscribed: bool,
}

/// Whose webhook a call is about.
#[derive(Debug, Clone, Copy)]
enum Level {
    Number,
    Account,
}

impl Webhooks {
    /// The one that is notified.
    pub(super) fn current(&self) -> Option<Url> {
        let known = self.lock();
        let chosen = known.number.as_ref().or(known.account.as_ref());
        chosen.or(known.application.as_ref()).cloned()
    }

    pub(super) fn set_application(&self, url: Option<Url>) {
        self.lock().application = url;
    }

    /// As the number tells it.
    pub(super) fn told(&self) -> Value {
        let known = self.lock();
        let levels = [
            ("phone_number", &known.number),
            ("whatsapp_business_account", &known.account),
            ("application", &known.application),
        ];
        let told: Map<String, Value> = levels
            .into_iter()
            .filter_map(|(name, url)| Some((name.to_owned(), url.as_ref()?.as_str().into())))
            .collect();
        told.into()
    }

    fn set(&self, level: Level, url: Option<Url>) {
        let mut known = self.lock();
        match level {
            Level::Number => known.number = url,
            Level::Account => known.account = url,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `POST /{number}`: another webhook for it, or none any more.
pub(super) async fn of_number(scene: &Scene, body: &Bytes) -> Response<Body> {
    let fields: Value = serde_json::from_slice(body).unwrap_or_default();
    let wanted = &fields[FIELD];
    if !wanted["override_callback_uri"].is_string() {
        return invalid("The parameter webhook_configuration is required.");
    }
    named(scene, wanted, Level::Number).await
}

/// `/{account}/subscribed_apps`: the subscription, with a webhook for all numbers of the account or without.
pub(super) async fn of_account(scene: &Scene, method: &Method, body: &Bytes) -> Response<Body> {
    if method == Method::GET {
        return subscriptions(scene);
    }
    scene.webhooks.lock().subscribed = method == Method::POST;
    let fields: Value = match method == Method::POST {
        true => serde_json::from_slice(body).unwrap_or_default(),
        false => Value::Null,
    };
    named(scene, &fields, Level::Account).await
}

fn subscriptions(scene: &Scene) -> Response<Body> {
    let known = scene.webhooks.lock();
    let mut app = json!({"whatsapp_business_api_data": {
        "link": "https://www.facebook.com/games/?app_id=634974688087057",
        "name": "Stand-in",
        "id": "634974688087057",
    }});
    if let Some(url) = &known.account {
        app["override_callback_uri"] = url.as_str().into();
    }
    let data: Vec<Value> = known.subscribed.then_some(app).into_iter().collect();
    refusal::graph_json(StatusCode::OK, &json!({"data": data}))
}

/// Takes the webhook that these fields name, if it is wanted.
async fn named(scene: &Scene, fields: &Value, level: Level) -> Response<Body> {
    let uri = fields["override_callback_uri"].as_str().unwrap_or_default();
    let url = match uri {
        "" => None,
        _ if uri.chars().count() > LONGEST => {
            return invalid("Param override_callback_uri must be at most 200 characters long.");
        }
        _ => match uri.parse::<Url>() {
            Ok(url) => Some(url),
            Err(_) => return invalid("Param override_callback_uri is not a URL."),
        },
    };
    if let Some(url) = &url {
        let verify_token = fields["verify_token"].as_str().unwrap_or_default();
        if let Err(reason) = scene.shake_hands(url, verify_token).await {
            return unverified(&reason);
        }
    }
    scene.webhooks.set(level, url);
    refusal::graph_json(StatusCode::OK, &json!({"success": true}))
}

fn unverified(reason: &str) -> Response<Body> {
    let message =
        format!("(#2200) Callback verification failed with the following errors: {reason}");
    refusal::graph_error(
        StatusCode::BAD_REQUEST,
        &json!({"message": message, "type": "OAuthException", "code": 2200}),
    )
}

impl Scene {
    /// Asks a webhook whether it is wanted; says why it is not.
    pub(super) async fn shake_hands(&self, url: &Url, verify_token: &str) -> Result<(), String> {
        let challenge = (uuid::Uuid::new_v4().as_u128() % 10_000_000_000).to_string();
        let mut url = url.clone();
        url.query_pairs_mut()
            .append_pair("hub.mode", "subscribe")
            .append_pair("hub.challenge", &challenge)
            .append_pair("hub.verify_token", verify_token);
        let request = self.notifier.http.get(url).timeout(PATIENCE);
        let request = request.header(
            "user-agent",
            "facebookplatform/1.0 (+http://developers.facebook.com)",
        );
        let answer = request.send().await;
        let answer = answer.map_err(|_| "the callback URL could not be reached".to_owned())?;
        let status = answer.status();
        if status != StatusCode::OK {
            let reason = status.canonical_reason().unwrap_or_default();
            return Err(format!(
                "HTTP Status Code = {}; HTTP Message = {reason}",
                status.as_u16()
            ));
        }
        match answer.text().await {
            Ok(text) if text == challenge => Ok(()),
            _ => Err("the challenge was not echoed".to_owned()),
        }
    }
}
