//! The stand-in for Cloud in a process of its own, so that its processor time and memory are not the bridge's.
//!
//! Serves `COUNT` generated media of `BYTES` bytes each; their ids start at `FIRST`.
//! `cloud serve GRAPH_ADDRESS MEDIA_ADDRESS FIRST COUNT BYTES`

use waba_bridge::standin::{Cloud, CloudOptions, Content, Medium};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [command, graph, media, first, count, bytes] = arguments.as_slice() else {
        // `cargo bench` and `cargo test --all-targets` come here.
        return Ok(());
    };
    anyhow::ensure!(command == "serve", "the only command is `serve`");
    let cloud = Cloud::start(CloudOptions {
        graph_listen: graph.parse()?,
        media_listen: media.parse()?,
        ..CloudOptions::default()
    })
    .await?;
    let (first, count, length): (u64, u64, u64) = (first.parse()?, count.parse()?, bytes.parse()?);
    for seed in first..first + count {
        let content = Content::Pattern { length, seed };
        cloud.add_medium(seed.to_string(), Medium::new("video/mp4", content));
    }
    std::future::pending().await
}
