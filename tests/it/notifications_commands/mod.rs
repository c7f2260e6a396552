//! `waba-bridge notifications` and what `check` says of notifications, as an operator sees it.

mod check;
mod kept;
mod webhook;

use crate::command::{Said, run};
use crate::harness::{APP_SECRET, Setting, VERIFY_TOKEN, World};

/// A customer.
const KERRY: &str = "16315551234";
/// The webhook of the app, where nobody listens.
const OLD: &str = "http://127.0.0.1:9/app";

/// The stand-in's account.
const WABA: &str = "102290129340398";

const PUBLIC_URL: &str = "WABA_BRIDGE__INTAKE__PUBLIC_URL";
const TOKEN: &str = "WABA_BRIDGE__NUMBERS__SUPPORT__CLOUD__VERIFY_TOKEN";
const SECRET: &str = "WABA_BRIDGE__NUMBERS__SUPPORT__CLOUD__APP_SECRET";
const ACCOUNT: &str = "WABA_BRIDGE__NUMBERS__SUPPORT__CLOUD__BUSINESS_ACCOUNT_ID";

/// A bridge that nobody notifies yet; the app has another webhook.
async fn world() -> World {
    let world = Setting::notified(60).start().await;
    world.cloud.set_webhook(url::Url::parse(OLD).unwrap());
    world
}

/// Runs a command with the bridge's configuration and this environment. Nothing it says may hold a secret.
async fn told(world: &World, arguments: &[&str], environment: &[(&str, &str)]) -> Said {
    let config = world.bridge.folder.path().join("waba-bridge.toml");
    let mut all = arguments.to_vec();
    all.extend(["--config", config.to_str().unwrap()]);
    let said = run(&all, environment).await;
    for secret in [APP_SECRET, VERIFY_TOKEN, &world.cloud.access_token()] {
        assert!(!said.out.contains(secret) && !said.err.contains(secret));
    }
    said
}

/// The same, with the address that Meta knows the bridge by.
async fn known(world: &World, arguments: &[&str], more: &[(&str, &str)]) -> Said {
    let public = origin(world);
    let mut environment = vec![(PUBLIC_URL, public.as_str())];
    environment.extend(more);
    told(world, arguments, &environment).await
}

fn origin(world: &World) -> String {
    world.notified_at().origin().ascii_serialization()
}
