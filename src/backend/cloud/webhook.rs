//! Where Meta posts notifications: read, set and taken away. For the commands; nothing in the flows depends on it.

use hyper::Method;
use reqwest::RequestBuilder;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;

use super::super::identity::Refusal;
use super::super::trouble::Trouble;
use super::Cloud;
use crate::cloud::error::Class;
use crate::cloud::webhook::{Answer, Change, Configuration, Done, Subscriptions, Wanted};

/// Why nothing is known, or nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// Graph's no.
    #[error("{0}")]
    Refused(Refusal),
    /// No answer. A change may have been made all the same.
    #[error("Meta cannot be asked: {0}")]
    Unreached(Trouble),
    /// A no without a reason.
    #[error("Meta says that it did not succeed, and not why")]
    Undone,
}

impl Cloud {
    /// The webhooks that may be notified of the number.
    pub async fn webhooks(&self) -> Result<Configuration, WebhookError> {
        let mut url = self.url(&self.config.phone_number_id);
        url.query_pairs_mut()
            .append_pair("fields", Configuration::FIELD);
        let answer: Answer = self.ask_about_webhooks(self.client.http.get(url)).await?;
        Ok(answer.webhook_configuration.unwrap_or_default())
    }

    /// Gives the number a webhook of its own. Meta asks it whether it is wanted before it answers.
    pub async fn set_webhook(&self, uri: &str, token: &SecretString) -> Result<(), WebhookError> {
        self.change(uri, Some(token.expose_secret())).await
    }

    /// Takes the number's own webhook away.
    pub async fn remove_webhook(&self) -> Result<(), WebhookError> {
        self.change("", None).await
    }

    /// Whether the token's app is notified of the account; where Meta does not say which app it is, whether any is.
    pub async fn is_app_subscribed(&self, account: &str) -> Result<bool, WebhookError> {
        let url = self.url(&format!("{account}/subscribed_apps"));
        let apps = self.ask_about_webhooks::<Subscriptions>(self.client.http.get(url));
        let (apps, token) = tokio::join!(apps, self.token());
        let token = token.ok().and_then(|answer| answer.said.ok());
        let app = token.and_then(|token| token.data.app_id);
        Ok(apps?.has(app.as_deref()))
    }

    /// Has the token's app notified of the account. Takes away a webhook that the app had for this account, so only for
    /// an app that is not subscribed.
    pub async fn subscribe_app(&self, account: &str) -> Result<(), WebhookError> {
        let url = self.url(&format!("{account}/subscribed_apps"));
        done(
            self.ask_about_webhooks(self.client.http.request(Method::POST, url))
                .await?,
        )
    }

    async fn change(&self, uri: &str, token: Option<&str>) -> Result<(), WebhookError> {
        let change = Change {
            webhook_configuration: Wanted {
                override_callback_uri: uri,
                verify_token: token,
            },
        };
        let url = self.url(&self.config.phone_number_id);
        done(
            self.ask_about_webhooks(self.client.http.post(url).json(&change))
                .await?,
        )
    }

    async fn ask_about_webhooks<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
    ) -> Result<T, WebhookError> {
        let answer = self.send(request).await;
        let answer = answer.map_err(|error| WebhookError::Unreached(Trouble::behind(&error)))?;
        answer.said.map_err(WebhookError::Refused)
    }
}

fn done(Done { success }: Done) -> Result<(), WebhookError> {
    match success {
        true => Ok(()),
        false => Err(WebhookError::Undone),
    }
}

impl WebhookError {
    /// What may help.
    pub fn remedy(&self) -> &'static str {
        let Self::Refused(refusal) = self else {
            return "let this machine reach Meta (outbound https, DNS), and try again; `notifications status` shows what is in force";
        };
        match (refusal.code(), &refusal.class) {
            (Some(0 | 104 | 190), _) => {
                "the token is refused: make a token of a system user with whatsapp_business_messaging and \
                 whatsapp_business_management in Meta's business settings, and put it where access_token says"
            }
            (Some(3 | 10 | 200..=299), _) => {
                "give the token whatsapp_business_management, and its system user the WhatsApp account, in Meta's \
                 business settings"
            }
            (Some(2200), _) => {
                "the handshake failed: Meta could not reach the bridge at this URL, or did not get its challenge back; \
                 start the bridge, let Meta through to its intake listener, and see `waba-bridge check --online`"
            }
            (Some(33 | 100 | 803), _) => {
                "correct phone_number_id, business_account_id or public_url, or assign the WhatsApp account to the \
                 system user of the token"
            }
            (_, Class::Throttled(_)) => "too many calls; try again later",
            (Some(_), _) => {
                "Meta's own trouble; try again in a few minutes, and see metastatus.com"
            }
            (None, _) => {
                "make sure that graph_url leads to Graph, and that no proxy answers in its place"
            }
        }
    }
}
