//! Where notifications go, as Graph tells it and is told.

use serde::{Deserialize, Serialize};
use url::Url;

/// The longest address that Meta takes, in characters.
pub const LONGEST_URI: usize = 200;

/// The answer to `GET /{version}/{phone-number-id}?fields=webhook_configuration`.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Answer {
    /// Not there when nobody ever said where notifications go.
    #[serde(default)]
    pub webhook_configuration: Option<Configuration>,
}

/// The webhooks that may be notified. The most special one is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Configuration {
    /// The number's own.
    #[serde(default)]
    phone_number: Option<String>,
    /// That of its account.
    #[serde(default)]
    whatsapp_business_account: Option<String>,
    /// That of the app.
    #[serde(default)]
    application: Option<String>,
}

/// Whose webhook it is, the most special first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The number's own.
    Number,
    /// That of its account.
    Account,
    /// That of the app.
    App,
}

impl Level {
    /// All of them, in the order in which they count.
    pub const ALL: [Self; 3] = [Self::Number, Self::Account, Self::App];

    /// What Graph calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Number => "phone_number",
            Self::Account => "whatsapp_business_account",
            Self::App => "application",
        }
    }

    /// What people call it.
    pub fn shown(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Account => "account",
            Self::App => "app",
        }
    }
}

/// Whether a webhook is this one. People write the same address in several ways.
pub fn is_at(uri: &str, own: &Url) -> bool {
    Url::parse(uri).is_ok_and(|uri| uri == *own)
}

impl Configuration {
    /// The field to ask for.
    pub const FIELD: &'static str = "webhook_configuration";

    /// The webhook of a level.
    pub fn at(&self, level: Level) -> Option<&str> {
        let uri = match level {
            Level::Number => &self.phone_number,
            Level::Account => &self.whatsapp_business_account,
            Level::App => &self.application,
        };
        uri.as_deref().filter(|uri| !uri.is_empty())
    }

    /// The webhook that is notified.
    pub fn in_force(&self) -> Option<(Level, &str)> {
        let mut levels = Level::ALL.into_iter();
        levels.find_map(|level| Some((level, self.at(level)?)))
    }

    /// As it is once the number has no webhook of its own.
    pub fn without_own(self) -> Self {
        Self {
            phone_number: None,
            ..self
        }
    }
}

/// The body of `POST /{version}/{phone-number-id}`.
#[derive(Debug, Serialize)]
pub struct Change<'a> {
    /// The number's own webhook.
    pub webhook_configuration: Wanted<'a>,
}

/// Another webhook, or none.
#[derive(Debug, Serialize)]
pub struct Wanted<'a> {
    /// "": none.
    pub override_callback_uri: &'a str,
    /// What Meta says when it asks the webhook whether it is wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify_token: Option<&'a str>,
}

/// The answer to a change.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Done {
    /// Whether it was made.
    pub success: bool,
}

/// The answer to `GET /{version}/{account}/subscribed_apps`.
#[derive(Clone, Debug, Deserialize)]
pub struct Subscriptions {
    /// One entry for each app that is notified at all.
    pub data: Vec<Subscription>,
}

/// An element of [`Subscriptions`].
#[derive(Clone, Debug, Deserialize)]
pub struct Subscription {
    /// The app.
    pub whatsapp_business_api_data: App,
}

/// An app of Meta's kind.
#[derive(Clone, Debug, Deserialize)]
pub struct App {
    /// Decimal.
    pub id: String,
    /// As its owner named it.
    #[serde(default)]
    pub name: Option<String>,
}

impl Subscriptions {
    /// Whether an app is among them; of an unknown one, whether there is any.
    pub fn has(&self, app: Option<&str>) -> bool {
        let mut apps = self.data.iter().map(|of| &of.whatsapp_business_api_data);
        apps.any(|other| app.is_none_or(|app| app == other.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configuration(text: &str) -> Configuration {
        let answer = serde_json::from_str::<Answer>(text).unwrap();
        answer.webhook_configuration.unwrap_or_default()
    }

    #[test]
    fn the_most_special_webhook_is_in_force() {
        let all = configuration(
            r#"{"webhook_configuration":{"phone_number":"https://n","whatsapp_business_account":"https://w","application":"https://a"},"id":"1"}"#,
        );
        assert_eq!(all.in_force(), Some((Level::Number, "https://n")));
        let without = all.without_own();
        assert_eq!(without.in_force(), Some((Level::Account, "https://w")));
        let app = r#"{"webhook_configuration":{"phone_number":"","application":"https://a"}}"#;
        assert_eq!(
            configuration(app).in_force(),
            Some((Level::App, "https://a"))
        );
        assert_eq!(configuration(r#"{"id":"1"}"#).in_force(), None);
    }

    #[test]
    fn an_address_is_the_same_however_it_is_written() {
        let own = Url::parse("https://bridge.example/cloud").unwrap();
        for (uri, is_own) in [
            ("https://bridge.example/cloud", true),
            ("HTTPS://Bridge.Example:443/cloud", true),
            ("http://bridge.example/cloud", false),
            ("https://bridge.example:8443/cloud", false),
            ("https://bridge.example/cloud?of=account", false),
            ("https://bridge.example/cloud/", false),
            ("https://bridge.example/Cloud", false),
            ("bridge.example/cloud", false),
            ("", false),
        ] {
            assert_eq!(is_at(uri, &own), is_own, "{uri}");
        }
    }

    #[test]
    fn an_app_is_known_by_its_id() {
        let one =
            r#"{"data":[{"whatsapp_business_api_data":{"id":"7","link":"x","name":"Mine"}}]}"#;
        let one = serde_json::from_str::<Subscriptions>(one).unwrap();
        assert!(one.has(Some("7")) && one.has(None));
        assert!(!one.has(Some("8")));
        let none = Subscriptions { data: Vec::new() };
        assert!(!none.has(None));
    }

    #[test]
    fn no_webhook_is_an_empty_one() {
        let none = Change {
            webhook_configuration: Wanted {
                override_callback_uri: "",
                verify_token: None,
            },
        };
        assert_eq!(
            serde_json::to_string(&none).unwrap(),
            r#"{"webhook_configuration":{"override_callback_uri":""}}"#
        );
    }
}
