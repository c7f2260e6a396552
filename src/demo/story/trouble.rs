//! What can go wrong while both processes live: for good, and for a moment.

use super::super::check::{self, Check};
use super::super::trouble::Trouble;
use super::super::world::{VERSION, World};
use super::Story;
use crate::standin::media::Kind;
use crate::standin::{Fault, Hop, Rule, When};

impl Story {
    pub(super) async fn ask_for_the_unknown(&mut self, world: &World) -> Result<(), Trouble> {
        self.begin("A medium that Cloud does not know");
        self.screen.say("It is acknowledged like any other, as the old client did; the callback says that it failed.");
        let id = self.next_id();
        let answer = world.integration.ask_for(&id).await?;
        self.show_acknowledgement(&id, &answer);
        self.check(check::acknowledgement("unknown", &id, VERSION, &answer));
        let callback = world.callback_about(&id).await?;
        self.screen
            .exchange(&format!("POST {}", callback.path), "callback received");
        self.screen.body(&String::from_utf8_lossy(&callback.body));
        self.check(check::failure_callback(&id, &callback));
        self.check(Check::equal(
            "unknown: downloads tried",
            0,
            world.cloud.downloads(&id),
        ));
        Ok(())
    }

    pub(super) async fn survive_trouble(&mut self, world: &World) -> Result<(), Trouble> {
        self.begin("Trouble that passes: Cloud is overloaded, then the line breaks");
        self.screen.say("The look-up is answered 503 once, and the first download is reset in the middle. The bridge tries again.");
        let (original, _) = self.sent_to_the_number(world, Kind::Video, "trouble");
        let faults = world.cloud.faults();
        let half = original.digest.length / 2;
        for rule in [
            Rule::at(Hop::Lookup, Fault::Status(503), When::Next(1)),
            Rule::at(Hop::Download, Fault::Reset(Some(half)), When::Next(1)),
        ] {
            faults.push(rule.of_medium(&original.id));
        }
        self.ask(world, &original).await?;
        self.await_callback(world, &original).await?;
        self.screen.say("The same as Cloud saw it:");
        let requests = world.asked_at_cloud(&original.id);
        self.tell_what_cloud_saw(&requests);
        let struck = requests.iter().filter(|seen| seen.fault.is_some()).count();
        self.check(Check::equal("trouble: faults that struck", 2, struck));
        self.check(Check::equal(
            "trouble: callbacks",
            1,
            world.callbacks_about(&original.id),
        ));
        self.compare_bytes(world, &original).await
    }
}
