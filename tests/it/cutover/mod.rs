//! Flags that change while the bridge runs, by the real commands: every way to change them, every way back.

mod decision;
mod file;
mod flags;
mod kill;
mod ramp;
mod verdict;

use std::time::Duration;

use serde_json::Value;

use crate::command::{Said, run};
use crate::harness::{Bridge, Setting, World, within};

const PROFILE: &str = "/v1/settings/business/profile";

/// A world with an old client, where every route goes there unless these flags say otherwise.
fn with_onprem(routes: &str) -> Setting {
    Setting {
        onprem: true,
        ..Setting::default()
    }
    .unlimited()
    .routes(routes)
}

/// Runs a command with the bridge's address.
async fn ask(bridge: &Bridge, arguments: &[&str]) -> Said {
    let url = format!("http://{}", bridge.admin);
    let mut all = arguments.to_vec();
    all.extend(["--admin", &url]);
    run(&all, &[]).await
}

/// Runs a command that says who changes something and why.
async fn order(bridge: &Bridge, arguments: &[&str]) -> Said {
    let mut all = arguments.to_vec();
    all.extend(["--who", "anna", "--reason", "a trial"]);
    ask(bridge, &all).await
}

/// The same, and it must be done.
#[track_caller]
fn done(said: Said) -> Said {
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    said
}

/// What `cutover show` says of a route of the only number.
async fn shown(bridge: &Bridge, route: &str) -> Value {
    let said = done(ask(bridge, &["cutover", "show", "--json"]).await).json();
    let routes = said["numbers"][0]["routes"].as_array().unwrap();
    let found = routes.iter().find(|shown| shown["route"] == route);
    found.unwrap().clone()
}

async fn history(bridge: &Bridge, arguments: &[&str]) -> Vec<Value> {
    let mut all = vec!["cutover", "history", "--json"];
    all.extend(arguments);
    let said = done(ask(bridge, &all).await).json();
    said.as_array().unwrap().clone()
}

/// Status and decision of a call that asks for the decision.
async fn decided(bridge: &Bridge, path: &str, token: &str) -> (u16, String) {
    let asked = bridge
        .request("GET", path)
        .bearer_auth(token)
        .header("X-Bridge-Decision", "1");
    let answer = asked.send().await.unwrap();
    let decision = answer.headers().get("x-bridge-decision");
    let decision = decision.map(|decision| decision.to_str().unwrap().to_owned());
    let status = answer.status().as_u16();
    answer.bytes().await.unwrap();
    (status, decision.unwrap_or_default())
}

/// Waits until something holds.
async fn until(mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within(waiting).await;
}

/// Waits until calls of the business profile are decided like this.
async fn until_decided(world: &World, token: &str, start: &str) {
    until(async || {
        let (status, decision) = decided(&world.bridge, PROFILE, token).await;
        assert_eq!(status, 200, "{decision}");
        decision.starts_with(start)
    })
    .await;
}

/// The line of the readiness report with this name.
async fn readiness(bridge: &Bridge, name: &str) -> (String, Option<Value>) {
    let answer = bridge.admin("/readyz").await;
    assert_eq!(answer.status(), 200);
    let body: Value = answer.json().await.unwrap();
    let checks = body["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["name"] == name).cloned();
    (body["status"].as_str().unwrap().to_owned(), found)
}

/// POSTs to the admin API.
async fn tell(bridge: &Bridge, path: &str, body: &Value) -> (u16, Value) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{}{path}", bridge.admin);
    let answer = within(http.post(url).body(body.to_string()).send()).await;
    let answer = answer.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}
