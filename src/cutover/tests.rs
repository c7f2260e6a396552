//! Changes, reloads and ramps on a real state, with the time as an argument.

use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::route::{KeyKind, Mode, Side};
use crate::state::Change;

const NUMBER: &str = "[[numbers]]\nname = \"support\"\n\
    [numbers.onprem]\nurl = \"https://10.0.0.1\"\nusername = \"admin\"\npassword = \"secret\"\n\
    [numbers.cloud]\nphone_number_id = \"1\"\naccess_token = \"token\"\n";
const DOWNLOAD: Route = Route::MediaDownload;
const MINUTE: Duration = Duration::from_secs(60);

struct World {
    folder: tempfile::TempDir,
    state: State,
    cutover: Cutover,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&folder.path().join("bridge.db")).unwrap();
        Self::on(folder, state).await
    }

    async fn on(folder: tempfile::TempDir, state: State) -> Self {
        let file = folder.path().join("waba-bridge.toml");
        if !file.exists() {
            std::fs::write(&file, Self::text(&folder, "")).unwrap();
        }
        let config = config::load_from(Some(&file), []).unwrap();
        let cutover = Cutover::load(state.clone(), &config, Some(file))
            .await
            .unwrap();
        Self {
            folder,
            state,
            cutover,
        }
    }

    fn text(folder: &tempfile::TempDir, routes: &str) -> String {
        let kill = folder.path().join("kill");
        format!(
            "[cutover]\nkill_file = \"{}\"\n[routes]\n{routes}\n{NUMBER}",
            kill.display()
        )
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("waba-bridge.toml")
    }

    /// The same state under a new bridge.
    async fn restarted(self) -> Self {
        let Self {
            folder,
            state,
            cutover,
        } = self;
        drop(cutover);
        state.close().await;
        drop(state);
        let state = State::open(&folder.path().join("bridge.db")).unwrap();
        Self::on(folder, state).await
    }

    async fn rewrite(&self, routes: &str) {
        std::fs::write(self.file(), Self::text(&self.folder, routes)).unwrap();
        self.cutover.reload().await;
    }

    async fn change(&self, target: Target) -> Result<Made, Refused> {
        let request = Request {
            number: name(),
            who: "anna".to_owned(),
            reason: "a test".to_owned(),
            target,
        };
        self.cutover.change(request, Timestamp(0)).await
    }

    async fn set(&self, flag: Flag, expected: Option<ChangeId>) -> Result<Made, Refused> {
        let routes = vec![DOWNLOAD];
        self.change(Target::Set {
            routes,
            flag,
            expected: expected
                .map(|change| (DOWNLOAD, change))
                .into_iter()
                .collect(),
        })
        .await
    }

    fn flag(&self) -> Flag {
        self.in_force().flag(DOWNLOAD)
    }

    fn in_force(&self) -> Arc<InForce> {
        self.cutover.of(&name()).unwrap().load()
    }

    async fn history(&self) -> Vec<Change> {
        let entries = self.state.history(None, None, 100).await.unwrap();
        entries.into_iter().map(|(_, change)| change).collect()
    }

    async fn ramps(&self) -> Vec<RampStatus> {
        let shown = self.cutover.show().await;
        let ramps = shown.into_iter().flat_map(|shown| shown.ramps);
        ramps.map(|ramping| ramping.ramp.status().clone()).collect()
    }

    fn answered(&self, calls: u64, failed: u64) {
        let published = self.cutover.of(&name()).unwrap();
        for call in 0..calls {
            published.tally.answered(DOWNLOAD, call < failed);
        }
    }
}

fn name() -> NumberName {
    NumberName::parse("support").unwrap()
}

fn cloud(percent: u8) -> Flag {
    Flag::all(Mode::Cloud).share(percent)
}

fn ramp(percents: &[u8]) -> Target {
    Target::Ramp {
        route: DOWNLOAD,
        steps: Steps {
            percents: percents.to_vec(),
            every: 10 * MINUTE,
            bounds: Bounds {
                error_rate: 0.05,
                mismatch_rate: None,
                min_samples: 10,
            },
        },
    }
}

#[tokio::test]
async fn a_change_of_run_time_outranks_the_file_and_survives_a_restart() {
    let world = World::new().await;
    assert_eq!(world.in_force().layer(DOWNLOAD).as_str(), "default");
    world.set(cloud(25), None).await.unwrap();
    let pin = Target::Pin {
        kind: KeyKind::Medium,
        key: "123".to_owned(),
        side: Side::OnPrem,
    };
    world.change(pin).await.unwrap();
    let world = world.restarted().await;
    assert_eq!(world.flag(), cloud(25));
    assert_eq!(
        world.in_force().pins.get(KeyKind::Medium, "123"),
        Some(Side::OnPrem)
    );
    let Layer::RunTime(origin) = world.in_force().layer(DOWNLOAD).clone() else {
        panic!("not of run time");
    };
    assert_eq!(
        (origin.who.as_str(), origin.reason.as_str()),
        ("anna", "a test")
    );
    world.rewrite("media_download = \"cloud\"").await;
    assert_eq!(world.flag(), cloud(25));
    world
        .change(Target::Reset {
            routes: vec![DOWNLOAD],
            expected: Expected::new(),
        })
        .await
        .unwrap();
    assert_eq!(world.flag(), cloud(100));
    assert_eq!(world.in_force().layer(DOWNLOAD).as_str(), "file [routes]");
    let whats: Vec<String> = world
        .history()
        .await
        .into_iter()
        .rev()
        .map(|change| change.what)
        .collect();
    assert_eq!(
        whats,
        [
            "media_download",
            "pin medium: 123",
            "media_download",
            "media_download"
        ]
    );
}

#[tokio::test]
async fn of_two_who_change_a_flag_at_once_one_hears_of_the_other() {
    let world = World::new().await;
    let first = world.set(cloud(5), Some(ChangeId(0))).await.unwrap();
    let refused = world.set(cloud(50), Some(ChangeId(0))).await.unwrap_err();
    assert!(matches!(refused, Refused::Overtaken { .. }), "{refused}");
    assert!(refused.to_string().contains("anna"), "{refused}");
    assert_eq!(world.flag(), cloud(5));
    world.set(cloud(50), Some(first.change)).await.unwrap();
    assert_eq!(world.flag(), cloud(50));
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_not_written_down() {
    let world = World::new().await;
    let login = Target::Set {
        routes: vec![Route::Login],
        flag: Flag::all(Mode::Cloud),
        expected: Expected::new(),
    };
    assert!(matches!(world.change(login).await, Err(Refused::Unfit(_))));
    let send = Target::Set {
        routes: vec![Route::Messages],
        flag: Flag::all(Mode::Cloud).share(25),
        expected: Expected::new(),
    };
    let refused = world.change(send).await.unwrap_err().to_string();
    assert!(
        refused.contains("registered with one API at a time"),
        "{refused}"
    );
    let both = Target::Set {
        routes: vec![Route::Login, Route::Logout],
        flag: Flag::all(Mode::Cloud),
        expected: Expected::new(),
    };
    world.change(both).await.unwrap();
    assert_eq!(world.history().await.len(), 1);
}

#[tokio::test]
async fn a_file_that_is_wrong_or_contradicts_run_time_is_refused_whole() {
    let world = World::new().await;
    world
        .rewrite("media_download = \"cloud\"\nmedia_get = \"clowd\"")
        .await;
    assert_eq!(world.flag(), Flag::all(Mode::OnPrem));
    let refused = world.cutover.file_status().refused.unwrap();
    assert!(refused.contains("media_get"), "{refused}");
    world
        .rewrite("media_download = \"cloud\"\nmedia_get = \"cloud\"")
        .await;
    assert_eq!(world.cutover.file_status().refused, None);
    assert_eq!(world.flag(), cloud(100));
    // Answered by an on-prem that the changed file says is not to be asked any more.
    world.set(Flag::compare(Side::OnPrem), None).await.unwrap();
    world
        .rewrite("media_get = \"off\"\n[compare]\nagainst = \"recorded\"")
        .await;
    let refused = world.cutover.file_status().refused.unwrap();
    assert!(
        refused.contains("numbers.support.routes.media_download"),
        "{refused}"
    );
    assert_eq!(world.in_force().flag(Route::MediaGet), cloud(100));
    world
        .change(Target::Reset {
            routes: vec![DOWNLOAD],
            expected: Expected::new(),
        })
        .await
        .unwrap();
    world.cutover.reload().await;
    assert_eq!(world.cutover.file_status().refused, None);
    assert_eq!(world.in_force().flag(Route::MediaGet), Flag::all(Mode::Off));
}

#[tokio::test]
async fn a_ramp_advances_step_by_step_and_each_is_in_the_history() {
    let world = World::new().await;
    world.change(ramp(&[1, 25, 100])).await.unwrap();
    let at = |minutes: u32| Timestamp(0).after(minutes * MINUTE);
    assert_eq!(world.flag(), cloud(1));
    world.answered(9, 0);
    world.cutover.move_ramps(at(11)).await;
    assert_eq!(world.flag(), cloud(1), "nine samples are too few");
    world.answered(1, 0);
    world.cutover.move_ramps(at(12)).await;
    assert_eq!(world.flag(), cloud(25));
    world.answered(10, 0);
    world.cutover.move_ramps(at(13)).await;
    assert_eq!(world.flag(), cloud(25), "ten minutes are not over");
    world.cutover.move_ramps(at(22)).await;
    assert_eq!(world.flag(), cloud(100));
    world.answered(10, 0);
    world.cutover.move_ramps(at(32)).await;
    let ramps = world.ramps().await;
    assert_eq!(ramps, [RampStatus::Done]);
    assert_eq!(world.history().await.len(), 4);
}

#[tokio::test]
async fn a_ramp_goes_back_by_itself_and_stays_there_after_a_restart() {
    let world = World::new().await;
    world.change(ramp(&[1, 25, 100])).await.unwrap();
    world.answered(10, 0);
    world
        .cutover
        .move_ramps(Timestamp(0).after(10 * MINUTE))
        .await;
    assert_eq!(world.flag(), cloud(25));
    world.answered(20, 2);
    world
        .cutover
        .move_ramps(Timestamp(0).after(11 * MINUTE))
        .await;
    assert_eq!(world.flag(), Flag::all(Mode::OnPrem));
    let last = &world.history().await[0];
    assert!(last.reason.contains("2 of 20 calls failed"), "{last:?}");
    let world = world.restarted().await;
    assert_eq!(world.flag(), Flag::all(Mode::OnPrem));
    world.cutover.move_ramps(Timestamp(i64::MAX / 2)).await;
    assert_eq!(world.flag(), Flag::all(Mode::OnPrem));
}

#[tokio::test]
async fn a_ramp_yields_to_whoever_sets_the_flag_and_to_the_kill_switch() {
    let world = World::new().await;
    world.change(ramp(&[1, 25])).await.unwrap();
    assert!(matches!(
        world.change(ramp(&[5, 25])).await,
        Err(Refused::Ramp(_))
    ));
    world.set(cloud(50), None).await.unwrap();
    assert_eq!(world.ramps().await, []);
    world
        .change(Target::Reset {
            routes: vec![DOWNLOAD],
            expected: Expected::new(),
        })
        .await
        .unwrap();
    world.change(ramp(&[1, 25])).await.unwrap();
    world.cutover.kill(Scope::All, "anna", "a test").await;
    assert!(world.in_force().killed);
    world.cutover.move_ramps(Timestamp(1)).await;
    world
        .cutover
        .revive(Scope::All, "anna", "over")
        .await
        .unwrap();
    assert!(!world.in_force().killed);
    assert_eq!(world.flag(), Flag::all(Mode::OnPrem));
}

#[tokio::test]
async fn the_kill_switch_works_while_the_state_does_not() {
    let world = World::new().await;
    world.set(cloud(100), None).await.unwrap();
    world.state.close().await;
    let thrown = world
        .cutover
        .kill(Scope::Number(name()), "anna", "3 a.m.")
        .await;
    let expected = Thrown {
        kept: Kept::InFile,
        recorded: false,
    };
    assert_eq!(thrown, expected);
    assert!(world.in_force().killed);
    assert!(matches!(
        world.set(cloud(5), None).await,
        Err(Refused::State(_))
    ));
}
