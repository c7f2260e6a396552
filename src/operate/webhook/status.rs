//! Whether notifications come to this bridge, and what keeps them from it.

use std::io::Write;

use anyhow::Context;
use serde_json::json;
use url::Url;

use super::super::table::{bare_table, shown};
use super::{Asked, Failure, Target, UNWRITTEN, block_on, levels, told};
use crate::cloud::webhook::{Configuration, Level, is_at};

/// Where notifications go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whither {
    /// To this bridge, which takes them.
    Here,
    /// Elsewhere, or nowhere, or they are refused here.
    NotHere,
}

/// What decides whether notifications come here.
struct Facts<'a> {
    webhooks: &'a Configuration,
    /// This bridge.
    own: Option<&'a Url>,
    /// Whether anybody takes notifications at all.
    listens: bool,
    has_app_secret: bool,
    has_verify_token: bool,
    /// Whether the app is subscribed to the account; `None`: the account is not known.
    is_subscribed: Option<bool>,
}

/// What keeps notifications away, and what would help.
struct Obstacle {
    what: String,
    remedy: &'static str,
}

impl Facts<'_> {
    fn is_own(&self, uri: &str) -> bool {
        self.own.is_some_and(|own| is_at(uri, own))
    }

    fn obstacles(&self) -> Vec<Obstacle> {
        let mut obstacles = Vec::new();
        let mut add = |what: String, remedy| obstacles.push(Obstacle { what, remedy });
        match (self.own, self.webhooks.in_force()) {
            (None, _) => add(
                "[intake] public_url is not set, so nobody knows which webhook is this bridge"
                    .to_owned(),
                "write \"https://HOST\"",
            ),
            (Some(_), None) => add(
                "no webhook is in force".to_owned(),
                "waba-bridge notifications subscribe",
            ),
            (Some(own), Some((_, uri))) if !is_at(uri, own) => add(
                format!("the webhook in force is not this bridge, {own}"),
                "waba-bridge notifications subscribe",
            ),
            (Some(_), Some(_)) => {}
        }
        if !self.listens {
            add(
                "[intake] listen is \"\", so nobody takes notifications".to_owned(),
                "set it",
            );
        }
        if !self.has_app_secret {
            add(
                "app_secret is not set, so every notification is refused".to_owned(),
                "set it in [numbers.cloud] to the secret of Meta's app (App settings, Basic)",
            );
        }
        if self.is_subscribed == Some(false) {
            add(
                "the app is not subscribed to the account".to_owned(),
                "waba-bridge notifications subscribe",
            );
        }
        obstacles
    }
}

/// Shows which webhook is in force, and whether that is this bridge.
pub fn status(target: &Target, json: bool, out: &mut dyn Write) -> Result<Whither, Failure> {
    let asked = target.find()?;
    let (webhooks, is_subscribed) =
        block_on(async { tokio::try_join!(asked.webhooks(), is_subscribed(&asked)) })?;
    let facts = Facts {
        webhooks: &webhooks,
        own: asked.own.as_ref(),
        listens: asked.listens,
        has_app_secret: !asked.identity.app_secrets.is_empty(),
        has_verify_token: asked.identity.verify_token.is_some(),
        is_subscribed,
    };
    let obstacles = facts.obstacles();
    let name = asked.number.name.as_str();
    let text = match json {
        true => format!("{:#}", document(name, &facts, &obstacles)),
        false => text(name, &facts, &obstacles),
    };
    writeln!(out, "{text}").context(UNWRITTEN)?;
    Ok(match obstacles.is_empty() {
        true => Whither::Here,
        false => Whither::NotHere,
    })
}

async fn is_subscribed(asked: &Asked) -> anyhow::Result<Option<bool>> {
    let Some(account) = &asked.identity.business_account_id else {
        return Ok(None);
    };
    let is_subscribed = asked.cloud.is_app_subscribed(account).await;
    Ok(Some(is_subscribed.map_err(|error| told(&error))?))
}

fn text(name: &str, facts: &Facts<'_>, obstacles: &[Obstacle]) -> String {
    let mut table = bare_table();
    let in_force = facts.webhooks.in_force().map(|(level, _)| level);
    for level in Level::ALL {
        let uri = facts.webhooks.at(level);
        let mut marks = Vec::new();
        if in_force == Some(level) {
            marks.push("in force");
        }
        if uri.is_some_and(|uri| facts.is_own(uri)) {
            marks.push("this bridge");
        }
        table.add_row([
            format!("webhook of the {}", level.shown()),
            uri.unwrap_or("-").to_owned(),
            marks.join(", "),
        ]);
    }
    let configured = |is: bool| if is { "configured" } else { "not configured" };
    let subscribed = match facts.is_subscribed {
        Some(true) => "subscribed to the account",
        Some(false) => "not subscribed to the account",
        None => "not asked, business_account_id is not set",
    };
    for (what, found) in [
        ("app_secret", configured(facts.has_app_secret)),
        ("verify_token", configured(facts.has_verify_token)),
        ("app", subscribed),
    ] {
        table.add_row([what, found]);
    }
    let verdict = match obstacles {
        [] => format!("notifications of {name} come to this bridge"),
        _ => format!("notifications of {name} do not come to this bridge"),
    };
    let obstacles = obstacles.iter();
    let obstacles = obstacles.map(|Obstacle { what, remedy }| format!("\n{what}\n-> {remedy}"));
    format!(
        "{}\n\n{verdict}{}",
        shown(table),
        obstacles.collect::<String>()
    )
}

fn document(name: &str, facts: &Facts<'_>, obstacles: &[Obstacle]) -> serde_json::Value {
    let obstacles = obstacles.iter();
    let obstacles = obstacles.map(|of| json!({"what": of.what, "remedy": of.remedy}));
    let obstacles: Vec<_> = obstacles.collect();
    json!({
        "number": name,
        "url": facts.own.map(Url::as_str),
        "webhooks": levels(facts.webhooks),
        "in_force": facts.webhooks.in_force().map(|(level, _)| level.as_str()),
        "app_secret": facts.has_app_secret,
        "verify_token": facts.has_verify_token,
        "app_subscribed": facts.is_subscribed,
        "comes_here": obstacles.is_empty(),
        "obstacles": obstacles,
    })
}
