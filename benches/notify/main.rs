//! Meta as far as it notifies: signed notifications over keep-alive connections, made beforehand, then posted.
//!
//! One thread, and no HTTP library between it and the socket: it shares the machine with what it measures.
//! `notify PLAN` with the plan as JSON. It says `STARTED` when it begins to post, and `RESULT` with what it saw. If there are media it
//! then serves them until it is ended.

mod posting;
mod script;
mod writing;

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use serde::Deserialize;
use waba_bridge::standin::cloud::Behaviour;
use waba_bridge::standin::{Cloud, CloudOptions};

use posting::Seen;

/// What is to be posted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Plan {
    address: SocketAddr,
    phone_number_id: String,
    app_secret: String,
    /// Contacts keep to a connection, so that what is posted of each is in order.
    connections: usize,
    contacts: usize,
    /// All in all, media not counted.
    events: usize,
    per_post: usize,
    /// A text and the three statuses of an answer, in turn; otherwise only `delivered`.
    mixed: bool,
    /// Events per second; 0: each connection posts as soon as it got its answer.
    rate: u32,
    /// Nothing is posted after this time; 0: all is.
    seconds: u32,
    /// Begins anew when all was posted.
    repeat: bool,
    media: Option<Media>,
}

/// Inbound images, one to a POST, and where they are to be had.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Media {
    graph: SocketAddr,
    media_host: SocketAddr,
    count: usize,
    rate: u32,
    bytes: u64,
}

/// What making one event may take until the posting begins.
const MAKING: Duration = Duration::from_micros(20);

#[allow(clippy::print_stdout)] // for the suite
fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [plan] = arguments.as_slice() else {
        // `cargo bench` and `cargo test --all-targets` come here.
        return Ok(());
    };
    if !plan.starts_with('{') {
        return Ok(());
    }
    let plan: Plan = serde_json::from_str(plan).context("the plan")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let cloud = match &plan.media {
            Some(media) => Some(start_cloud(&plan, media).await?),
            None => None,
        };
        let making = u32::try_from(plan.events)?;
        let wait = Duration::from_millis(500) + MAKING * making;
        let (begins, begins_at) = (Instant::now() + wait, SystemTime::now() + wait);
        let begins_ms = begins_at.duration_since(UNIX_EPOCH)?.as_millis();
        let scripts = script::write(&plan, cloud.as_ref(), u64::try_from(begins_ms)?)?;
        anyhow::ensure!(
            Instant::now() < begins,
            "making the notifications took too long"
        );
        tokio::time::sleep_until(begins.into()).await;
        println!("STARTED");
        let seen = posting::post_all(&plan, scripts, begins).await;
        println!("RESULT {}", told(seen, begins.elapsed()));
        if cloud.is_some() {
            std::future::pending::<()>().await;
        }
        Ok(())
    })
}

async fn start_cloud(plan: &Plan, media: &Media) -> anyhow::Result<Cloud> {
    let options = CloudOptions {
        graph_listen: media.graph,
        media_listen: media.media_host,
        phone_number_id: plan.phone_number_id.clone(),
        behaviour: Behaviour {
            url_lifetime: Duration::from_secs(3600),
            ..Behaviour::default()
        },
        ..CloudOptions::default()
    };
    Ok(Cloud::start(options).await?)
}

fn told(mut seen: Seen, took: Duration) -> String {
    seen.took_us.sort_unstable();
    let part = |percent: usize| {
        let last = seen.took_us.len().saturating_sub(1);
        let took = seen.took_us.get(last * percent / 100);
        f64::from(took.copied().unwrap_or_default()) / 1e3
    };
    serde_json::json!({
        "requests": seen.took_us.len(),
        "events": seen.events,
        "errors": seen.errors,
        "seconds": took.as_secs_f64(),
        "p50_ms": part(50),
        "p99_ms": part(99),
        "late_ms": seen.late.as_secs_f64() * 1e3,
        "ran_out": seen.ran_out,
    })
    .to_string()
}
