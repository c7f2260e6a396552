//! What customers send comes as Cloud's notifications and goes to the integration as it always did.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::check::{self, Check, Original};
use super::super::trouble::{Trouble, within};
use super::super::world::World;
use super::{Story, spoken};
use crate::standin::Callback;
use crate::standin::cloud::Attachment;
use crate::standin::media::Kind;

/// The customer, as Cloud's notifications and the old client's callbacks call them alike.
const CUSTOMER: &str = "16315551234";
const CAPTION: &str = "The clock I wrote about";
/// How long Meta may take over one notification.
const NOTIFIED: Duration = Duration::from_secs(20);

impl Story {
    /// A photo, a voice note, and what became of a message.
    pub(super) async fn hear_from_a_customer(&mut self, world: &World) -> Result<(), Trouble> {
        self.begin("A customer writes: notifications become callbacks");
        self.screen.say("Cloud posts signed notifications to the bridge. The integration gets what the old client would have told it,");
        self.screen
            .say("a message with a medium only once the medium is there.");
        self.shake_hands(world).await?;
        let photo = Attachment {
            caption: Some(CAPTION),
            ..Attachment::default()
        };
        self.hear_of(world, Kind::Image, photo).await?;
        self.hear_of(world, Kind::Voice, Attachment::default())
            .await?;
        self.hear_twice(world).await
    }

    async fn shake_hands(&mut self, world: &World) -> Result<(), Trouble> {
        let webhook = format!("http://{}/cloud", world.bridge.intake);
        let url = url::Url::parse(&webhook).map_err(std::io::Error::other)?;
        let subscribed = world.cloud.subscribe(url, world.cloud.verify_token()).await;
        self.screen.exchange(
            "GET /cloud?hub.mode=subscribe&...",
            "Meta asks, the bridge answers",
        );
        let seen = match subscribed {
            Ok(()) => "the challenge".to_owned(),
            Err(error) => error.to_string(),
        };
        self.check(Check::equal("handshake: answer", "the challenge", &seen));
        Ok(())
    }

    async fn hear_of(
        &mut self,
        world: &World,
        kind: Kind,
        attachment: Attachment<'_>,
    ) -> Result<(), Trouble> {
        self.screen.line("");
        let label = format!("inbound {}", kind.name());
        let (mut original, _) = self.sent_to_the_number(world, kind, &label);
        let attachment = Attachment {
            id: &original.id,
            ..attachment
        };
        let value = world.cloud.inbound_media(CUSTOMER, kind, &attachment);
        // A notification says more of the type than a look-up does.
        let sent = &value["messages"][0];
        let object = sent[text(&sent["type"])]["mime_type"].clone();
        original.mime_type = text(&object);
        self.post(world, value.clone()).await?;
        let callback = world
            .message_like(&format!("the message with the {}", kind.name()), |json| {
                json["messages"][0]["type"] == kind.name()
            })
            .await?;
        self.screen
            .exchange(&format!("POST {}", callback.path), "callback received");
        self.screen.body(&String::from_utf8_lossy(&callback.body));
        let id = self.check_message(&original, &value, &callback);
        let path = format!("/v1/media/{id}");
        let answer = world.integration.get(&path).await?;
        self.screen.exchange(
            &format!("GET {path}"),
            &format!("{} after {}", answer.status, spoken(answer.took)),
        );
        self.check(check::bytes(&original, &answer));
        let asked = world.asked_at_cloud(&original.id);
        self.tell_what_cloud_saw(&asked);
        self.check(Check::equal(
            format!("{label}: fetches from Cloud"),
            1,
            asked.len(),
        ));
        Ok(())
    }

    /// Compares the whole callback with what the old client would have sent; says the medium's id in it.
    fn check_message(&mut self, original: &Original, value: &Value, callback: &Callback) -> String {
        let kind = original.kind.name();
        let sent = &value["messages"][0];
        let json = callback.json();
        let told = &json["messages"][0];
        let id = text(&told[kind]["id"]);
        let mut object = json!({
            "id": id,
            "mime_type": original.mime_type,
            "sha256": original.digest.sha256,
            "status": "downloaded",
        });
        if original.kind == Kind::Image {
            object["caption"] = CAPTION.into();
        }
        let message = json!({
            "from": CUSTOMER,
            // Its own form is checked below.
            "id": told["id"],
            "timestamp": sent["timestamp"],
            "type": kind,
            kind: object,
        });
        let contact = json!({"profile": value["contacts"][0]["profile"], "wa_id": CUSTOMER});
        let expected = json!({"contacts": [contact], "messages": [message]});
        let short = format!("{kind}, sha256 {}, downloaded", original.digest.sha256);
        let what = format!("{}: callback", original.label);
        self.check(Check::same_json(what, short, &expected, &json));
        let is_old = uuid::Uuid::parse_str(&id).is_ok()
            && text(&told["id"]).starts_with("ABGG")
            && text(&sent["id"]).starts_with("wamid.");
        self.check(Check::equal(
            format!("{}: ids in the old form", original.label),
            true,
            is_old,
        ));
        id
    }

    /// Meta repeats what it is not sure of.
    async fn hear_twice(&mut self, world: &World) -> Result<(), Trouble> {
        self.screen.line("");
        let asked = "Are you there?";
        let twice = world.cloud.inbound_text(CUSTOMER, asked);
        self.post(world, twice.clone()).await?;
        self.post(world, twice).await?;
        self.post(world, world.cloud.inbound_text(CUSTOMER, "Never mind."))
            .await?;
        let is_text = |json: &Value, text: &str| json["messages"][0]["text"]["body"] == text;
        world
            .message_like("the last text", |json| is_text(json, "Never mind."))
            .await?;
        let told = world.receiver.callbacks();
        let told = told.iter().filter(|it| is_text(&it.json(), asked)).count();
        self.screen
            .say("A text came, and came again; then another one. Each was told once, in order.");
        self.check(Check::equal("repeated text: callbacks", 1, told));
        Ok(())
    }

    async fn post(&mut self, world: &World, value: Value) -> Result<(), Trouble> {
        let delivery = world.cloud.notify(value);
        let attempts = within("Cloud's notification", NOTIFIED, delivery.ended()).await?;
        let last = attempts.last().copied().flatten();
        let answer = last.map_or("no answer".to_owned(), |status| status.to_string());
        self.screen.exchange("POST /cloud", &answer);
        self.check(Check::equal("notification: answer", "200", &answer));
        Ok(())
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
