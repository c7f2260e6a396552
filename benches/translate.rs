//! What translating notifications costs, beside parsing the same bytes into `serde_json::Value` and writing them again.
//! At least half as fast is the goal.
//!
//! What is measured is what a notification goes through: cut up, each event read, and its callback written.

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::Value;
use waba_bridge::cloud::notification::split;
use waba_bridge::config::{self, Number};
use waba_bridge::translate::notification::{Fates, Fetched, Rules, read};

/// As many updates as Meta puts into one notification.
const BATCH: usize = 1000;

const TEXT: &str = r#""contacts":[{"profile":{"name":"Sheena Nelson"},"wa_id":"16503879439","user_id":"US.13491208655302741918"}],
    "messages":[{"from":"16503879439","from_user_id":"US.13491208655302741918",
    "id":"wamid.HBgLMTY1MDM4Nzk0MzkVAgASGBQzQTRBNjU5OUFFRTAzODEwMTQ0RgA=","timestamp":"1744344496",
    "text":{"body":"Does it come in another color?"},"type":"text"}]"#;

const IMAGE: &str = r#""contacts":[{"profile":{"name":"Sheena Nelson"},"wa_id":"16503879439","user_id":"US.13491208655302741918"}],
    "messages":[{"from":"16503879439","from_user_id":"US.13491208655302741918",
    "id":"wamid.HBgLMTY1MDM4Nzk0MzkVAgASGBQzQTRBNjU5OUFFRTAzODEwMTQ0RgA=","timestamp":"1744344496",
    "type":"image","image":{"caption":"Taj Mahal","mime_type":"image\/jpeg",
    "sha256":"SfInY0gGKTsJlUWbwxC1k+FAD0FZHvzwfpvO0zX0GUI=","id":"1003383421387256",
    "url":"https:\/\/lookaside.fbsbx.com\/whatsapp_business\/attachments\/?mid=1003383421387256&source=webhook&ext=1744344796&hash=ARtyhqDzpkl7W4TJ2wZNpc"}}]"#;

const STATUS: &str = r#"{"id":"wamid.HBgLMTY1MDM4Nzk0MzkVAgARGBI0RTJEOTc2ODVERUY5RDlGNkYA","status":"delivered",
    "timestamp":"1744344497","recipient_id":"16503879439","recipient_user_id":"US.13491208655302741918",
    "pricing":{"billable":true,"pricing_model":"PMP","category":"utility","type":"regular"}}"#;

#[allow(clippy::expect_used)] // what criterion calls returns nothing
fn translate(criterion: &mut Criterion) {
    let number = number().expect("a number");
    let statuses = |count| format!("\"statuses\":[{}]", vec![STATUS; count].join(","));
    let cases = [
        ("text", TEXT.to_owned()),
        ("image", IMAGE.to_owned()),
        ("status", statuses(1)),
        ("statuses", statuses(BATCH)),
    ];
    for (name, value) in cases {
        let body = notification(&value);
        let throughput = Throughput::Bytes(body.len() as u64);
        let mut group = criterion.benchmark_group("translate");
        group.throughput(throughput.clone());
        group.bench_function(name, |bencher| {
            bencher.iter(|| callbacks(black_box(&body), &number));
        });
        group.finish();
        let mut group = criterion.benchmark_group("serde_json");
        group.throughput(throughput);
        group.bench_function(name, |bencher| {
            bencher.iter(|| parsed_and_written(black_box(&body)));
        });
        group.finish();
    }
}

fn callbacks(body: &[u8], number: &Number) {
    let rules = Rules {
        number: &number.name,
        compat: &number.compat,
        settings: &number.settings,
    };
    let fates = Fates {
        medium: Some(Fetched {
            sha256: Some([7; 32]),
        }),
        picture: true,
    };
    let Ok(batch) = split(body) else { return };
    for event in batch.groups.iter().flat_map(|group| &group.events) {
        black_box(read(event, rules).callback(&fates, rules));
    }
}

fn parsed_and_written(body: &[u8]) {
    let parsed: Option<Value> = serde_json::from_slice(body).ok();
    black_box(parsed.map(|parsed| serde_json::to_vec(&parsed)));
}

/// Compact, as Meta writes.
fn notification(value: &str) -> Vec<u8> {
    let value = value.replace("\n    ", "");
    let metadata = r#""messaging_product":"whatsapp","metadata":{"display_phone_number":"15550783881","phone_number_id":"106540352242922"}"#;
    format!(
        r#"{{"object":"whatsapp_business_account","entry":[{{"id":"102290129340398","changes":[{{"value":{{{metadata},{value}}},"field":"messages"}}]}}]}}"#
    )
    .into_bytes()
}

fn number() -> anyhow::Result<Number> {
    let toml = "[routes]\ndefault = \"off\"\n[[numbers]]\nname = \"support\"\n";
    let config = config::parse(toml, Path::new(""))?;
    config
        .numbers
        .into_iter()
        .next()
        .ok_or_else(|| anyhow::anyhow!("no number"))
}

criterion_group!(benches, translate);
criterion_main!(benches);
