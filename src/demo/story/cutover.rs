//! A share of the retry downloads goes to Cloud, everything goes back at once, and the share holds again.

use super::super::check::Check;
use super::super::operator;
use super::super::trouble::Trouble;
use super::super::world::World;
use super::Story;
use crate::standin::media::Kind;

/// With half of them on each side, nobody has luck this bad.
const MOST_IDS: usize = 64;

impl Story {
    pub(super) async fn cut_over_a_share(&mut self, world: &World) -> Result<(), Trouble> {
        self.screen.line("");
        self.screen.say("Half of the retry downloads are cut over to Cloud; `why` tells beforehand where a medium goes.");
        self.screen
            .say("Its bytes then come from the side that fetched it.");
        let set = [
            "cutover",
            "set",
            "media_download",
            "cloud",
            "--percent",
            "50",
        ];
        self.order(world, &set, "half to begin with").await?;
        for (label, side, asked) in [
            ("left", "onprem", "the old client alone"),
            ("cut over", "cloud", "Cloud alone"),
        ] {
            let id = self.next_id_of(world, side).await?;
            self.command(world, &["why", "GET", &path_of(&id)]).await?;
            self.check_why(world, label, &id, &format!("{side}, percent"))
                .await?;
            self.fetch_from(world, label, id, asked).await?;
        }
        Ok(())
    }

    pub(super) async fn go_back(&mut self, world: &World) -> Result<(), Trouble> {
        self.screen.line("");
        self.screen.say(
            "The kill switch: the next call goes to the old client, though its medium is in Cloud's half.",
        );
        let id = self.next_id_of(world, "cloud").await?;
        self.order(world, &["cutover", "kill"], "callbacks look wrong")
            .await?;
        self.check_why(world, "killed", &id, "onprem, killed")
            .await?;
        self.fetch_from(world, "killed", id, "the old client alone")
            .await?;

        self.screen.line("");
        self.screen.say("And back again.");
        self.order(world, &["cutover", "revive"], "mended").await?;
        let id = self.next_id_of(world, "cloud").await?;
        self.check_why(world, "revived", &id, "cloud, percent")
            .await?;
        self.fetch_from(world, "revived", id, "Cloud alone").await
    }

    /// An id of which nobody has heard yet, and which goes to this side.
    async fn next_id_of(&mut self, world: &World, side: &str) -> Result<String, Trouble> {
        let mut id = String::new();
        for _ in 0..MOST_IDS {
            id = self.next_id();
            if explained(world, &id).await?.starts_with(side) {
                break;
            }
        }
        // If there was none, the checks will say so.
        Ok(id)
    }

    async fn check_why(
        &mut self,
        world: &World,
        label: &str,
        id: &str,
        expected: &str,
    ) -> Result<(), Trouble> {
        let explained = explained(world, id).await?;
        self.check(Check::equal(format!("{label}: why"), expected, &explained));
        Ok(())
    }

    /// From the question to the bytes, of a medium that both sides have.
    async fn fetch_from(
        &mut self,
        world: &World,
        label: &str,
        id: String,
        asked: &str,
    ) -> Result<(), Trouble> {
        let (original, medium) = self.sent_as(world, id, Kind::Image, label);
        world.onprem.add_medium(&original.id, medium);
        self.ask(world, &original).await?;
        self.await_callback(world, &original).await?;
        self.check(Check::equal(
            format!("{label}: asked"),
            asked,
            world.asked_of(&original.id),
        ));
        self.compare_bytes(world, &original).await
    }
}

/// `cloud, percent`: the side that would answer a retry download, and the rule that says so.
async fn explained(world: &World, id: &str) -> Result<String, Trouble> {
    let path = path_of(id);
    let said = operator::run(&world.bridge, &["why", "GET", &path, "--json"]).await?;
    let why = said.json();
    let word = |name: &str| why[name].as_str().unwrap_or("nothing").to_owned();
    Ok(format!("{}, {}", word("answer"), word("reason")))
}

fn path_of(id: &str) -> String {
    format!("/v1/media/{id}/download")
}
