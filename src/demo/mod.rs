//! `waba-bridge demo`: the main job on real media files through the real bridge, told step by step and checked.
//!
//! The bridge runs in a process of its own, with a temporary folder, between stand-ins on loopback. What is checked
//! is what the stand-ins saw and sent; nothing is assumed, and every wait is bounded. However it ends, the process
//! is ended and the folder removed.
//!
//! | Part | Is |
//! |---|---|
//! | `world` | everybody who takes part |
//! | `bridge`, [`configuration`] | the bridge and its file |
//! | `operator` | the program's commands, run against the bridge |
//! | `story` | the steps |
//! | [`check`], [`report`] | what must hold, and what held |
//! | `screen` | where it is told |

pub mod check;
pub mod configuration;
pub mod report;

mod bridge;
mod operator;
mod screen;
mod story;
mod trouble;
mod world;

use std::process::ExitCode;
use std::time::Instant;

use tokio::signal::unix::{SignalKind, signal};

use report::Report;
use screen::Screen;
use story::Story;
use world::World;

/// Interrupted, as shells say it.
const EXIT_INTERRUPTED: u8 = 130;

/// What `demo` can be told.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Print nothing but the checks, as one JSON object
    #[arg(long)]
    json: bool,

    /// Keep the temporary folder (configuration, log, state and media of the bridge) and say where it is
    #[arg(long)]
    keep: bool,
}

/// Tells the story. The exit code says whether all of it was true.
pub async fn run(options: &Options) -> ExitCode {
    let started = Instant::now();
    let screen = match options.json {
        true => Screen::silent(),
        false => Screen::stdout(),
    };
    let mut story = Story::new(screen);
    let interrupted = tokio::select! {
        () = tell(&mut story, options.keep) => false,
        Ok(()) = interruption() => true,
    };
    if interrupted {
        eprintln!("interrupted; the bridge was ended");
        return ExitCode::from(EXIT_INTERRUPTED);
    }
    let passed = story.end(started.elapsed());
    if options.json {
        print_json(story.report());
    }
    match passed {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

async fn tell(story: &mut Story, keep: bool) {
    let mut world = match World::start(keep).await {
        Ok(world) => world,
        Err(trouble) => return story.break_off(&trouble, trouble.log()),
    };
    if let Err(trouble) = story.tell(&mut world).await {
        story.break_off(&trouble, &world.bridge.log_tail());
    }
}

/// Waits for SIGINT, SIGTERM, or the end of the terminal.
async fn interruption() -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    Ok(())
}

fn print_json(report: &Report) {
    use std::io::Write as _;
    if let Ok(json) = serde_json::to_string_pretty(report) {
        // A closed output has no reader to tell.
        let _ = writeln!(std::io::stdout(), "{json}");
    }
}
