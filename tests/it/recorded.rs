//! `compare.against = "recorded"`: the old client is switched off, and what it once answered is compared with.

use serde_json::json;
use waba_bridge::standin::fault::Hop;

use crate::harness::Setting;

const PROFILE: &str = "/v1/settings/business/profile";
const FLAG: &str = "business_profile = { mode = \"compare\", answer = \"cloud\" }\n";
const RECORDED: &str = "against = \"recorded\"";

#[tokio::test]
async fn without_a_baseline_cloud_answers_and_the_old_client_hears_nothing() {
    let with = Setting::compared(FLAG, RECORDED);
    let without = Setting::alone()
        .unlimited()
        .routes(FLAG)
        .top(&format!("[compare]\n{RECORDED}\n"));
    for setting in [with, without] {
        let world = setting.start().await;
        let token = world.login().await;
        world
            .cloud
            .set_profile(&json!({"address": "12 Quiet Lane"}));
        world.bridge.keep_secret("12 Quiet Lane");
        for times in [1.0, 2.0] {
            let answer = world.bridge.get(PROFILE, &token).await;
            assert_eq!(answer.status(), 200);
            let body: serde_json::Value = answer.json().await.unwrap();
            let profile = &body["settings"]["business"]["profile"];
            assert_eq!(profile["address"], "12 Quiet Lane", "{body}");
            world
                .until_skipped("business_profile", "no_baseline", times)
                .await;
        }
        assert_eq!(world.cloud.log(|log| log.count(Hop::Profile)), 2);
        assert!(world.bridge.lines("compared").is_empty());
        if let Some(onprem) = &world.onprem {
            let asked = onprem.log(|log| log.iter().any(|seen| seen.path == PROFILE));
            // The caller's login is the only one: nobody asks in the bridge's own name.
            assert_eq!((asked, onprem.logins()), (false, 1));
        }
    }
}

#[tokio::test]
async fn what_is_compared_is_recorded_too() {
    let flag = "business_profile = { mode = \"compare\", answer = \"onprem\" }\n";
    let world = Setting::compared(flag, "").start().await;
    let token = world.login().await;
    let begin = json!({"route": "business_profile", "for_s": 600});
    let url = format!("http://{}/api/compare/record/start", world.bridge.admin);
    let begun = reqwest::Client::new().post(url).json(&begin).send().await;
    let begun = begun.unwrap();
    assert_eq!(begun.status(), 200, "{}", begun.text().await.unwrap());
    assert_eq!(world.bridge.get(PROFILE, &token).await.status(), 200);
    world.comparison(0).await;
    let exported = async {
        loop {
            let text = world.bridge.admin("/api/compare/record/export").await;
            let text = text.text().await.unwrap();
            if let Some(line) = text.lines().nth(1) {
                return line.to_owned();
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let line = crate::harness::within(exported).await;
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    let request = line["request"].as_str().unwrap();
    assert!(request.contains("/v1/settings/business/profile"), "{line}");
    assert_eq!(line["answer"]["status"], 200, "{line}");
}
