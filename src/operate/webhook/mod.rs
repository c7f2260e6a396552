//! `waba-bridge notifications subscribe|status|unsubscribe`: where Meta posts a number's notifications. Read from the
//! configuration, and asked of Graph directly; a bridge need not run here.

mod status;

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, anyhow, bail};
use secrecy::SecretString;
use serde_json::json;
use url::Url;

use super::{Failure, UNWRITTEN, block_on};
use crate::backend::cloud::{Client, Cloud, WebhookError};
use crate::cloud::webhook::{Configuration, LONGEST_URI, Level, is_at};
use crate::config::{self, Config};

pub use status::{Whither, status};

/// Whose webhook.
#[derive(Clone, Debug)]
pub struct Target {
    /// The configuration.
    pub config: PathBuf,
    /// The number's name; `None`: the only one.
    pub number: Option<String>,
}

/// A number, and the way to Graph.
struct Asked {
    number: config::Number,
    identity: config::Cloud,
    cloud: Cloud,
    /// This bridge, as Meta sees it.
    own: Option<Url>,
    listens: bool,
}

impl Target {
    fn find(&self) -> Result<Asked, Failure> {
        let config = config::load(Some(&self.config))?;
        let number = number(&config, self.number.as_deref())?.clone();
        let name = &number.name;
        let identity = number.cloud.clone().with_context(|| {
            format!("{name} is not on Cloud yet -> set phone_number_id and access_token in its [numbers.cloud]")
        })?;
        let client = Client::new(&config.fetch, config.server.allow_insecure_upstreams)
            .context("no connection can be prepared")?;
        Ok(Asked {
            cloud: Cloud::new(client, identity.clone()),
            own: config.intake.notified_at(),
            listens: config.intake.listen.is_some(),
            identity,
            number,
        })
    }
}

fn number<'a>(config: &'a Config, name: Option<&str>) -> anyhow::Result<&'a config::Number> {
    let numbers = &config.numbers;
    let names = numbers.iter().map(|number| number.name.as_str());
    let names = names.collect::<Vec<_>>().join(", ");
    match (name, numbers.as_slice()) {
        (None, [only]) => Ok(only),
        (None, _) => bail!("there are several numbers; say which with --number: {names}"),
        (Some(name), _) => {
            let mut numbers = numbers.iter();
            let found = numbers.find(|number| number.name.as_str() == name);
            found.with_context(|| format!("there is no number {name}; there are: {names}"))
        }
    }
}

/// What went wrong, and what may help.
fn told(error: &WebhookError) -> anyhow::Error {
    anyhow!("{error}\n-> {}", error.remedy())
}

impl Asked {
    /// Everything that a subscription needs, or all that is missing.
    fn ready(&self) -> anyhow::Result<(&Url, &SecretString)> {
        let name = &self.number.name;
        let mut missing = Vec::new();
        match &self.own {
            None => missing.push(
                "[intake] public_url is not set, so nobody knows how Meta reaches this bridge -> write \"https://HOST\""
                    .to_owned(),
            ),
            Some(own) if own.as_str().chars().count() > LONGEST_URI => missing.push(format!(
                "{own} is longer than the {LONGEST_URI} characters that Meta takes -> give public_url a shorter name"
            )),
            Some(_) => {}
        }
        if !self.listens {
            missing.push(
                "[intake] listen is \"\", so nobody would take notifications -> set it".to_owned(),
            );
        }
        if self.identity.verify_token.is_none() {
            missing.push(format!(
                "{name} has no verify_token, so the bridge would say no when Meta asks -> set it in [numbers.cloud] to any text"
            ));
        }
        if self.identity.app_secrets.is_empty() {
            missing.push(format!(
                "{name} has no app_secret, so every notification would be refused -> set it in [numbers.cloud] to the secret of \
                 Meta's app (App settings, Basic)"
            ));
        }
        match (&self.own, &self.identity.verify_token, missing.is_empty()) {
            (Some(own), Some(token), true) => Ok((own, token)),
            _ => bail!("{}\nnothing was changed", missing.join("\n")),
        }
    }

    async fn webhooks(&self) -> anyhow::Result<Configuration> {
        self.cloud.webhooks().await.map_err(|error| told(&error))
    }

    /// Subscribes the app to the account unless it is already; says whether it had to.
    async fn subscribe_app(&self, account: &str) -> Result<bool, WebhookError> {
        if self.cloud.is_app_subscribed(account).await? {
            return Ok(false);
        }
        self.cloud.subscribe_app(account).await?;
        Ok(true)
    }
}

/// Gives the number a webhook of its own: this bridge.
pub fn subscribe(target: &Target, json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let asked = target.find()?;
    let (own, token) = asked.ready()?;
    let (before, app) = block_on(async {
        let before = asked.webhooks().await?;
        let set = asked.cloud.set_webhook(own.as_str(), token).await;
        set.map_err(|error| told(&error).context("the webhook is not set"))?;
        let Some(account) = &asked.identity.business_account_id else {
            return Ok((before, None));
        };
        let app = asked.subscribe_app(account).await.map_err(|error| {
            told(&error).context(
                "the webhook is set, but whether the app is subscribed to the account is not known",
            )
        })?;
        Ok((before, Some(app)))
    })?;
    let name = &asked.number.name;
    if json {
        let document = json!({
            "number": name.as_str(),
            "url": own.as_str(),
            "before": levels(&before),
            "app_subscribed_now": app,
        });
        return Ok(writeln!(out, "{document:#}").context(UNWRITTEN)?);
    }
    let mut lines = vec![format!("notifications of {name} go to {own} now")];
    if app == Some(true) {
        lines.push("the app is subscribed to the account now".to_owned());
    }
    lines.extend(replaced(&before, own, name.as_str()));
    Ok(writeln!(out, "{}", lines.join("\n")).context(UNWRITTEN)?)
}

/// What was before, and how to go back to it.
fn replaced(before: &Configuration, own: &Url, name: &str) -> Vec<String> {
    let back = format!("waba-bridge notifications unsubscribe --number {name}");
    match before.in_force() {
        Some((Level::Number, uri)) if is_at(uri, own) => {
            vec!["they did so before; Meta has asked the bridge again, and it agrees".to_owned()]
        }
        Some((Level::Number, uri)) => vec![
            format!("before: {uri} (the number's own webhook, which this replaces)"),
            "to go back: have the system behind that webhook set it again, with its own verify_token".to_owned(),
        ],
        Some((level, uri)) => vec![
            format!("before: {uri} (the {}'s webhook, which stays as it is)", level.shown()),
            format!("to go back: {back}"),
        ],
        None => vec![
            "before: no webhook".to_owned(),
            format!("to go back: {back}"),
        ],
    }
}

/// Takes the number's own webhook away, if it is this bridge.
pub fn unsubscribe(target: &Target, json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let asked = target.find()?;
    let name = &asked.number.name;
    let own = asked.own.as_ref().context(
        "[intake] public_url is not set, so nobody knows whether the number's webhook is this bridge -> write \"https://HOST\"\n\
         nothing was changed",
    )?;
    let (before, removed) = block_on(async {
        let before = asked.webhooks().await?;
        let removed = match before.at(Level::Number) {
            None => false,
            Some(uri) if is_at(uri, own) => {
                let removed = asked.cloud.remove_webhook().await;
                removed.map_err(|error| told(&error).context("the webhook is still there"))?;
                true
            }
            Some(uri) => bail!(
                "the number's own webhook is not this bridge but {uri}\n\
                 -> take it away where it was set, or correct [intake] public_url\nnothing was changed"
            ),
        };
        Ok((before, removed))
    })?;
    let after = before.without_own();
    if json {
        let document = json!({
            "number": name.as_str(),
            "removed": removed,
            "webhooks": levels(&after),
            "in_force": after.in_force().map(|(level, _)| level.as_str()),
        });
        return Ok(writeln!(out, "{document:#}").context(UNWRITTEN)?);
    }
    let did = match removed {
        true => "the webhook is taken away",
        false => "the number had no webhook of its own; nothing was changed",
    };
    let now = match after.in_force() {
        Some((level, uri)) => format!(
            "notifications of {name} go to {uri} now (the {}'s webhook)",
            level.shown()
        ),
        None => format!("notifications of {name} go nowhere now"),
    };
    Ok(writeln!(out, "{did}\n{now}").context(UNWRITTEN)?)
}

fn levels(of: &Configuration) -> serde_json::Value {
    let levels = Level::ALL.map(|level| (level.as_str().to_owned(), of.at(level).into()));
    serde_json::Value::Object(levels.into_iter().collect())
}
