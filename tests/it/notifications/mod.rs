//! What Meta posts becomes what the old client told.

mod contacts;
mod crash;
mod door;
mod media;
mod quiet;
mod referral;
mod statuses;
mod strict;
mod told;

use serde_json::{Value, json};
use waba_bridge::standin::Cloud;

use crate::harness::World;

/// Customers.
const KERRY: &str = "16315551234";
const SHEENA: &str = "4915112345678";

/// The text of a callback's only message; empty if it is another kind of callback.
fn text_of(callback: &Value) -> String {
    let text = &callback["messages"][0]["text"]["body"];
    text.as_str().unwrap_or_default().to_owned()
}

/// Sender and text of all callbacks that the receiver has taken, in the order of arrival.
fn taken_texts(world: &World) -> Vec<(String, String)> {
    let callbacks = world.receiver.callbacks().into_iter();
    let taken = callbacks.filter(|callback| callback.status == Some(200));
    taken
        .map(|callback| {
            let callback = callback.json();
            let from = &callback["messages"][0]["from"];
            (
                from.as_str().unwrap_or_default().to_owned(),
                text_of(&callback),
            )
        })
        .collect()
}

/// The texts of one sender, as they must have been told.
fn of(texts: &[(String, String)], sender: &str) -> Vec<String> {
    let own = texts.iter().filter(|(from, _)| from == sender);
    own.map(|(_, text)| text.clone()).collect()
}

/// A message with a given id.
fn with_id(mut value: Value, id: &str) -> Value {
    value["messages"][0]["id"] = json!(id);
    value
}

/// A notification of these values with one more element in the list of messages, which is written as it is given.
fn with_raw_message(cloud: &Cloud, mut value: Value, raw: &str) -> String {
    let place = "here-is-another";
    let messages = value["messages"].as_array_mut().unwrap();
    messages.insert(messages.len() / 2, place.into());
    let written = cloud.written(&[value]);
    let written = std::str::from_utf8(&written).unwrap();
    written.replace(&format!("\"{place}\""), raw)
}

/// How many events are kept for an operator.
async fn kept(world: &World) -> Vec<Value> {
    let config = world.bridge.folder.path().join("waba-bridge.toml");
    let arguments = [
        "notifications",
        "kept",
        "--json",
        "--config",
        config.to_str().unwrap(),
        "--admin",
    ];
    let admin = format!("http://{}", world.bridge.admin);
    let arguments: Vec<&str> = arguments.into_iter().chain([admin.as_str()]).collect();
    let said = crate::command::run(&arguments, &[]).await;
    assert_eq!(said.code, 0, "{}", said.err);
    said.json().as_array().unwrap().clone()
}
