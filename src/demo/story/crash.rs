//! The bridge is killed in the middle of a download, and nothing that was accepted is lost.

use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use indicatif::HumanCount;

use super::super::check::Check;
use super::super::trouble::{Trouble, within};
use super::super::world::World;
use super::Story;
use crate::standin::media::Kind;
use crate::standin::{Fault, Hop, Rule, When};

/// Slow enough that the kill comes in the middle, on any machine.
const RATE: u64 = 600_000;
/// How often the growing file is looked at.
const GLANCE: Duration = Duration::from_millis(20);
/// How long the download may take to get under way.
const UNDER_WAY: Duration = Duration::from_secs(20);
const SIGKILL: i32 = 9;

impl Story {
    pub(super) async fn survive_a_crash(&mut self, world: &mut World) -> Result<(), Trouble> {
        self.begin("The bridge is killed in the middle of a download");
        let (original, _) = self.sent_to_the_number(world, Kind::Video, "crash");
        let slow = Fault::Slow {
            bytes_per_second: RATE,
        };
        world
            .cloud
            .faults()
            .push(Rule::at(Hop::Download, slow, When::Next(1)).of_medium(&original.id));
        self.ask(world, &original).await?;
        let third = original.digest.length / 3;
        within(
            "the download to get under way",
            UNDER_WAY,
            grown_to(world, third),
        )
        .await?;
        let pid = world.bridge.pid();
        let status = world.bridge.kill()?;
        let kept = world.bridge.bytes_on_the_way().unwrap_or_default();
        self.screen.say(&format!(
            "kill -9 {pid} with {} of {} bytes on disk",
            HumanCount(kept),
            HumanCount(original.digest.length)
        ));
        self.check(Check::equal(
            "crash: ended by signal",
            SIGKILL,
            status.signal().unwrap_or_default(),
        ));
        self.check(Check::equal(
            "crash: callbacks before it",
            0,
            world.callbacks_about(&original.id),
        ));

        world.bridge.restart().await?;
        self.screen.say(&format!(
            "started again as process {}; the integration does not know, and asks for nothing",
            world.bridge.pid()
        ));
        self.await_callback(world, &original).await?;
        self.screen.say("The same as Cloud saw it:");
        let requests = world.asked_at_cloud(&original.id);
        self.tell_what_cloud_saw(&requests);
        let downloads = world.cloud.downloads(&original.id);
        self.check(Check::equal("crash: downloads begun", 2, downloads));
        let resumed = requests
            .last()
            .and_then(|seen| seen.header("range"))
            .unwrap_or("nothing");
        self.check(Check::equal(
            "crash: the second goes on at",
            format!("bytes={kept}-").as_str(),
            resumed,
        ));
        self.check(Check::equal(
            "crash: questions asked",
            1,
            world.integration.asked(&original.id),
        ));
        self.compare_bytes(world, &original).await
    }

    /// One callback for each question, crash or not.
    pub(super) fn count(&mut self, world: &World) {
        self.begin("All in all");
        let callbacks = world.receiver.callbacks();
        let callbacks = callbacks.iter();
        let callbacks = callbacks.filter(|it| it.json()["media_items"].is_array());
        let callbacks = callbacks.count() as u64;
        self.check(Check::equal(
            "callbacks, one per question",
            world.integration.asked_in_all(),
            callbacks,
        ));
    }
}

async fn grown_to(world: &World, bytes: u64) {
    let mut glances = tokio::time::interval(GLANCE);
    while world.bridge.bytes_on_the_way().unwrap_or_default() < bytes {
        glances.tick().await;
    }
}
