//! The first steps: the bridge stands in front of a living old client, and nobody notices.

use super::super::check::{self, Check};
use super::super::trouble::Trouble;
use super::super::world::{PASSWORD, USER, World};
use super::{Story, spoken};
use crate::standin::{Hop, Seen};

const MESSAGE: &str =
    r#"{"to": "+16315551000", "type": "text",  "text": {"body": "Gr\u00fc\u00dfe"}}"#;

impl Story {
    pub(super) fn introduce(&mut self, world: &World) {
        self.screen.line("waba-bridge demo: an integration written for the On-Premises API goes on working on the Cloud API.");
        self.screen.line("A real bridge runs between stand-ins for everybody around it. All of it is on this computer.");
        self.begin("The bridge starts in front of an old client that is still alive");
        let bridge = &world.bridge;
        let lines = [
            format!(
                "integration     calls {} instead of the old client; nothing else about it changes",
                bridge.url()
            ),
            format!("its webhook     {}/callback", world.receiver.url()),
            format!(
                "the bridge      process {}, for operators at http://{}",
                bridge.pid(),
                bridge.admin
            ),
            format!("the old client  {}", world.onprem.url()),
            format!(
                "Cloud           {} (Graph), {} (media host)",
                world.cloud.graph_url(),
                world.cloud.media_url()
            ),
        ];
        for line in lines {
            self.screen.say(&line);
        }
        if let Some(folder) = world.kept_folder() {
            self.screen
                .say(&format!("kept in         {}", folder.display()));
        }
        self.screen.say("Flags: media_download and media_get are \"cloud\"; every other route is \"onprem\" and passes through.");
    }

    pub(super) async fn log_in(&mut self, world: &mut World) -> Result<(), Trouble> {
        self.begin("The integration logs in as ever");
        let answer = world.integration.login(USER, PASSWORD).await?;
        let outcome = format!("{} after {}", answer.status, spoken(answer.took));
        self.screen.exchange("POST /v1/users/login", &outcome);
        self.screen.say("This route is the old client's: the token is one of its own, and the bridge honours it.");
        self.check(Check::equal("login: status", 200, answer.status));
        self.check(Check::equal(
            "login: seen by the old client",
            1,
            world.onprem.logins(),
        ));
        // Never the token itself: what is printed ends up in bug reports.
        let given = world.integration.token().map_or("no", |_| "yes");
        self.check(Check::equal("login: a token given", "yes", given));
        Ok(())
    }

    pub(super) async fn pass_through(&mut self, world: &World) -> Result<(), Trouble> {
        self.begin("Routes of the old client pass through unchanged");
        let answer = world.integration.post("/v1/messages", MESSAGE).await?;
        self.screen.exchange(
            "POST /v1/messages",
            &format!("{} after {}", answer.status, spoken(answer.took)),
        );
        self.screen.detail(&String::from_utf8_lossy(&answer.body));
        self.check(Check::equal("message: status", 201, answer.status));
        let received = world.onprem.log(|log| {
            let posted = |seen: &&Seen| seen.method == "POST" && seen.path == "/v1/messages";
            log.iter().find(posted).map(|seen| seen.body.clone())
        });
        self.check(check::same_bytes(
            "message: at the old client",
            &MESSAGE.into(),
            &received.unwrap_or_default(),
        ));

        let asked = || world.onprem.log(|log| log.count(Hop::Route));
        let before = asked();
        let through = world.integration.get("/v1/health").await?;
        let asked_now = asked() - before;
        let old_client = world.onprem.url();
        let direct = world.integration.get_at(&old_client, "/v1/health").await?;
        self.screen.exchange(
            "GET /v1/health",
            &format!("{} after {}", through.status, spoken(through.took)),
        );
        self.screen.detail(&String::from_utf8_lossy(&through.body));
        self.check(Check::equal(
            "health: asked at the old client",
            1,
            asked_now,
        ));
        self.check(Check::equal(
            "health: status",
            direct.status,
            through.status,
        ));
        self.check(check::same_bytes(
            "health: as without the bridge",
            &direct.body,
            &through.body,
        ));
        Ok(())
    }
}
