//! What deciding costs: 50 numbers, every route overridden at run time, 1,000 pinned keys. Under 1 microsecond is the goal.
//!
//! What is measured is what a request does: take the flags in force, and put its key to them.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use criterion::{Criterion, criterion_group, criterion_main};
use waba_bridge::config;
use waba_bridge::cutover::{Cutover, Expected, Published, Request, Target};
use waba_bridge::ids::NumberName;
use waba_bridge::route::{Facts, Flag, KeyKind, Mode, Route, Side};
use waba_bridge::state::{State, Timestamp};

const NUMBERS: usize = 50;
const PINS: usize = 1000;
/// Called in turn, so that no key is always in the cache of the processor.
const KEYS: usize = 4096;

#[allow(clippy::expect_used)] // what criterion calls returns nothing
fn decide(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let numbers = runtime.block_on(set_up(folder.path())).expect("flags");
    let keys: Vec<String> = (0..KEYS)
        .map(|key| (1_761_000_000_000_000 + key).to_string())
        .collect();
    let nobody = String::new;
    for (name, route) in [
        ("by_share", Route::MediaDownload),
        ("by_mode", Route::Messages),
    ] {
        let mut turn = 0;
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| {
                turn += 1;
                let flags = numbers[turn % NUMBERS].load();
                let facts = Facts {
                    lives_on: None,
                    object: Some(&keys[turn % KEYS]),
                    caller: &nobody,
                };
                black_box(flags.decide(route, facts))
            });
        });
    }
}

async fn set_up(folder: &Path) -> anyhow::Result<Vec<Arc<Published>>> {
    let config = config::parse(&toml(), folder)?;
    let state = State::open(&folder.join("bridge.db"))?;
    let cutover = Cutover::load(state, &config, None).await?;
    for name in cutover.names() {
        let shared = vec![Route::MediaGet, Route::MediaDownload];
        let others = Route::ALL
            .into_iter()
            .filter(|route| !shared.contains(route))
            .collect();
        set(&cutover, &name, others, Flag::all(Mode::OnPrem)).await?;
        set(&cutover, &name, shared, Flag::all(Mode::Cloud).share(25)).await?;
        for pin in 0..PINS / NUMBERS {
            let key = format!("{name}-{pin}");
            let (kind, side) = (KeyKind::Medium, Side::OnPrem);
            change(&cutover, &name, Target::Pin { kind, key, side }).await?;
        }
    }
    let of = |name: &NumberName| cutover.of(name).context("no such number");
    cutover.names().iter().map(of).collect()
}

async fn set(
    cutover: &Cutover,
    name: &NumberName,
    routes: Vec<Route>,
    flag: Flag,
) -> anyhow::Result<()> {
    let expected = Expected::new();
    change(
        cutover,
        name,
        Target::Set {
            routes,
            flag,
            expected,
        },
    )
    .await
}

async fn change(cutover: &Cutover, name: &NumberName, target: Target) -> anyhow::Result<()> {
    let request = Request {
        number: name.clone(),
        who: "bench".to_owned(),
        reason: "to be measured".to_owned(),
        target,
    };
    cutover.change(request, Timestamp::now()).await?;
    Ok(())
}

fn toml() -> String {
    let number = |n: usize| {
        format!(
            "[[numbers]]\nname = \"number-{n}\"\nhosts = [\"number-{n}.example\"]\n\
             [numbers.onprem]\nurl = \"https://10.0.0.{n}\"\nusername = \"admin\"\npassword = \"secret\"\n\
             [numbers.cloud]\nphone_number_id = \"{n}\"\naccess_token = \"token\"\n"
        )
    };
    (1..=NUMBERS).map(number).collect()
}

criterion_group!(benches, decide);
criterion_main!(benches);
