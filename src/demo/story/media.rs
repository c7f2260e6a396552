//! The main job: each kind of medium from the question to the bytes.

use std::time::Duration;

use indicatif::HumanCount;

use super::super::check::{self, Check, Original};
use super::super::trouble::Trouble;
use super::super::world::{VERSION, World};
use super::{Story, spoken};
use crate::standin::media::{KINDS, Kind};
use crate::standin::{Answer, Callback, Fault, Hop, Rule, When};

/// The document comes at this rate, so that there is something to see.
const DOCUMENT_RATE: u64 = 4_000_000;
/// How often the bar is redrawn.
const FRAME: Duration = Duration::from_millis(80);

impl Story {
    pub(super) async fn fetch_every_kind(&mut self, world: &World) -> Result<(), Trouble> {
        self.begin("Media: asked for as ever, fetched from Cloud");
        self.screen.say("The bridge acknowledges at once, fetches in the background, calls back, and then has the bytes.");
        for kind in KINDS {
            let (original, medium) = self.sent_to_the_number(world, kind, kind.name());
            self.screen.line("");
            let length = HumanCount(original.digest.length);
            let name = medium
                .file_name
                .map_or(String::new(), |name| format!(", {name}"));
            self.screen.say(&format!(
                "{}: {}{name}, {length} bytes",
                kind.name(),
                kind.mime_type()
            ));
            if kind == Kind::Document {
                let slow = Fault::Slow {
                    bytes_per_second: DOCUMENT_RATE,
                };
                world
                    .cloud
                    .faults()
                    .push(Rule::at(Hop::Download, slow, When::Next(1)).of_medium(&original.id));
            }
            self.ask(world, &original).await?;
            if kind == Kind::Document {
                self.check(Check::equal(
                    "document: callbacks too early",
                    0,
                    world.callbacks_about(&original.id),
                ));
            }
            self.await_callback(world, &original).await?;
            self.compare_bytes(world, &original).await?;
        }
        Ok(())
    }

    /// Asks for a medium and looks at the acknowledgement.
    pub(super) async fn ask(
        &mut self,
        world: &World,
        original: &Original,
    ) -> Result<Answer, Trouble> {
        let answer = world.integration.ask_for(&original.id).await?;
        self.show_acknowledgement(&original.id, &answer);
        self.check(check::acknowledgement(
            &original.label,
            &original.id,
            VERSION,
            &answer,
        ));
        Ok(answer)
    }

    pub(super) fn show_acknowledgement(&mut self, id: &str, answer: &Answer) {
        self.screen.exchange(
            &format!("GET /v1/media/{id}/download"),
            &format!("{} after {}", answer.status, spoken(answer.took)),
        );
        self.screen.detail(&String::from_utf8_lossy(&answer.body));
    }

    /// Shows how the file grows until the callback comes, and looks at it.
    pub(super) async fn await_callback(
        &mut self,
        world: &World,
        original: &Original,
    ) -> Result<Callback, Trouble> {
        let started = std::time::Instant::now();
        let callback = self.watch(world, original).await?;
        let waited = callback.arrived.saturating_duration_since(started);
        self.screen.exchange(
            &format!("POST {}", callback.path),
            &format!("callback received after {}", spoken(waited)),
        );
        self.screen.body(&String::from_utf8_lossy(&callback.body));
        self.check(check::callback(original, &callback));
        Ok(callback)
    }

    async fn watch(&mut self, world: &World, original: &Original) -> Result<Callback, Trouble> {
        let mut progress = self.screen.progress(original.digest.length);
        let mut frames = tokio::time::interval(FRAME);
        let callback = world.callback_about(&original.id);
        tokio::pin!(callback);
        let callback = loop {
            tokio::select! {
                biased;
                callback = &mut callback => break callback,
                _ = frames.tick() => {
                    if let Some(bytes) = world.bridge.bytes_on_the_way() {
                        self.screen.grown(&mut progress, bytes);
                    }
                }
            }
        };
        self.screen.done(progress);
        callback
    }

    /// Fetches the bytes back and compares them with what was sent.
    pub(super) async fn compare_bytes(
        &mut self,
        world: &World,
        original: &Original,
    ) -> Result<(), Trouble> {
        let path = format!("/v1/media/{}", original.id);
        let answer = world.integration.get(&path).await?;
        self.screen.exchange(
            &format!("GET {path}"),
            &format!("{} after {}", answer.status, spoken(answer.took)),
        );
        self.check(check::bytes(original, &answer));
        Ok(())
    }
}
