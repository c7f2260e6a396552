//! Before a route is switched over: both sides are asked, and what they say is put beside each other.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::check::{self, Check};
use super::super::operator::{self, Said};
use super::super::trouble::{Trouble, within};
use super::super::world::World;
use super::{Story, spoken};
use crate::standin::media::Kind;

const PROFILE: &str = "/v1/settings/business/profile";
const DESCRIPTION: &str = "We mend clocks";
const OTHER_DESCRIPTION: &str = "We mend clocks and watches";
/// How long a comparison may take to be counted.
const COUNTED: Duration = Duration::from_secs(20);
/// How often the report is asked for it.
const GLANCE: Duration = Duration::from_millis(100);

impl Story {
    /// Compare, cut over, go back.
    pub(super) async fn change_sides(&mut self, world: &World) -> Result<(), Trouble> {
        self.begin("Compare, cut over, go back");
        let admin = format!("--admin http://{}", world.bridge.admin);
        self.screen.say(&format!(
            "What an operator does, with the program's own commands; each of them is run here with {admin}."
        ));
        self.compare_profiles(world).await?;
        self.compare_downloads(world).await?;
        self.cut_over_a_share(world).await?;
        self.go_back(world).await
    }

    async fn compare_profiles(&mut self, world: &World) -> Result<(), Trouble> {
        self.screen.line("");
        self.screen.say(
            "The business profile is compared: the old client answers, and Cloud is asked, too.",
        );
        let mut fields = json!({"description": DESCRIPTION, "email": "clocks@mend.example", "vertical": "Professional Services"});
        world.onprem.set_profile(&fields);
        fields["vertical"] = "PROF_SERVICES".into();
        world.cloud.set_profile(&fields);
        let set = ["cutover", "set", "business_profile", "compare"];
        self.order(world, &set, "is it the same?").await?;
        self.ask_for_the_profile(world).await?;
        let report = self.counted_report(world, "business_profile", 1).await?;
        let verdicts = counted(&of_route(&report));
        self.check(Check::equal("profile: verdicts", "1 match", &verdicts));

        self.screen
            .say("Somebody changes the description at the old client, past the bridge.");
        world
            .onprem
            .set_profile(&json!({"description": OTHER_DESCRIPTION}));
        self.ask_for_the_profile(world).await?;
        let report = self.counted_report(world, "business_profile", 2).await?;
        let verdicts = counted(&of_route(&report));
        self.check(Check::equal(
            "profile: verdicts after a change",
            "1 match, 1 mismatch",
            &verdicts,
        ));
        let words = ["compare", "report", "--route", "business_profile"];
        let shown = self.command(world, &words).await?;
        self.check(Check::equal(
            "profile: fields that differ",
            "$.settings.business.profile.description",
            &fields_of(&of_route(&report)),
        ));
        let texts = [&report, &shown]
            .map(|said| said.0.contains(DESCRIPTION))
            .contains(&true)
            || world.bridge.has_logged(DESCRIPTION);
        self.check(Check::equal(
            "profile: its text in report and log",
            "absent",
            if texts { "present" } else { "absent" },
        ));
        Ok(())
    }

    /// Through the bridge, and beside it: the integration must not see a difference.
    async fn ask_for_the_profile(&mut self, world: &World) -> Result<(), Trouble> {
        let through = world.integration.get(PROFILE).await?;
        let direct = world
            .integration
            .get_at(&world.onprem.url(), PROFILE)
            .await?;
        self.screen.exchange(
            &format!("GET {PROFILE}"),
            &format!("{} after {}", through.status, spoken(through.took)),
        );
        self.check(Check::equal("profile: status", 200, through.status));
        self.check(check::same_bytes(
            "profile: as from the old client",
            &direct.body,
            &through.body,
        ));
        Ok(())
    }

    async fn compare_downloads(&mut self, world: &World) -> Result<(), Trouble> {
        self.screen.line("");
        self.screen.say("Retry downloads are compared to their end. For that the old client calls back to the bridge's intake,");
        self.screen.say(
            "and of the two callbacks the integration gets one: that of the side that answers.",
        );
        let intake = format!("http://{}/onprem/support", world.bridge.intake);
        let webhook: url::Url = intake.parse().map_err(std::io::Error::other)?;
        world.onprem.set_webhook(webhook);
        let set = ["cutover", "set", "media_download", "compare"];
        self.order(world, &set, "both fetch, one tells").await?;
        let (original, medium) = self.sent_to_the_number(world, Kind::Image, "compared");
        world.onprem.add_medium(&original.id, medium);
        self.ask(world, &original).await?;
        let callback = self.await_callback(world, &original).await?;
        let report = self.counted_report(world, "media_download", 1).await?;
        let verdicts = counted(&of_route(&report));
        self.check(Check::equal("compared: verdicts", "1 match", &verdicts));
        self.check(Check::equal(
            "compared: asked",
            "both sides",
            world.asked_of(&original.id),
        ));
        self.check(Check::equal(
            "compared: fetched from Cloud",
            1,
            world.cloud.downloads(&original.id),
        ));
        let told = world.onprem.callbacks();
        let told = told.last().map(|seen| seen.body.clone());
        self.check(check::same_bytes(
            "compared: as the old client called back",
            &told.unwrap_or_default(),
            &callback.body,
        ));
        self.check(Check::equal(
            "compared: callbacks",
            1,
            world.callbacks_about(&original.id),
        ));
        self.compare_bytes(world, &original).await
    }

    /// The report on a route, as JSON, once this many comparisons are counted.
    async fn counted_report(
        &mut self,
        world: &World,
        route: &str,
        comparisons: u64,
    ) -> Result<Said, Trouble> {
        let words = ["compare", "report", "--route", route, "--json"];
        let counting = async {
            let mut glances = tokio::time::interval(GLANCE);
            loop {
                glances.tick().await;
                let said = operator::run(&world.bridge, &words).await?;
                let verdicts = &of_route(&said)["verdicts"];
                let counts = verdicts.as_object().into_iter().flatten();
                if counts.filter_map(|(_, count)| count.as_u64()).sum::<u64>() >= comparisons {
                    return Ok::<_, Trouble>(said);
                }
            }
        };
        let what = format!("the comparison of {route} to be counted");
        let said = within(what, COUNTED, counting).await??;
        let verdicts = counted(&of_route(&said));
        self.screen.exchange(&operator::spelled(&words), &verdicts);
        Ok(said)
    }

    /// Runs a command that is kept in the history, and shows it.
    pub(super) async fn order(
        &mut self,
        world: &World,
        words: &[&str],
        reason: &str,
    ) -> Result<Said, Trouble> {
        let words = [words, &["--reason", reason]].concat();
        self.command(world, &words).await
    }

    /// Runs a command, and shows it with what it says.
    pub(super) async fn command(&mut self, world: &World, words: &[&str]) -> Result<Said, Trouble> {
        let said = operator::run(&world.bridge, words).await?;
        self.screen.command(&operator::spelled(words), &said.0);
        Ok(said)
    }
}

/// What a report on one route says of it.
fn of_route(report: &Said) -> Value {
    let json = report.json();
    json["numbers"][0]["routes"][0].clone()
}

/// `1 match, 1 mismatch`
fn counted(route: &Value) -> String {
    let verdicts = route["verdicts"].as_object().into_iter().flatten();
    let words: Vec<String> = verdicts
        .filter(|(_, count)| count.as_u64() != Some(0))
        .map(|(verdict, count)| format!("{count} {verdict}"))
        .collect();
    words.join(", ")
}

fn fields_of(route: &Value) -> String {
    let fields = route["worst"].as_array().into_iter().flatten();
    let names: Vec<&str> = fields.filter_map(|it| it["field"].as_str()).collect();
    names.join(", ")
}
