//! The calls about the business profile, between the real client and Cloud as it is played.

use std::time::Duration;

use serde_json::json;
use url::Url;
use waba_bridge::backend::cloud::{Client, Cloud, ProfileError};
use waba_bridge::cloud::error::Class;
use waba_bridge::cloud::profile::{Change, Profile};
use waba_bridge::config;
use waba_bridge::standin::{self, Hop};

async fn world() -> (standin::Cloud, Cloud) {
    let played = standin::Cloud::start(standin::CloudOptions::default())
        .await
        .unwrap();
    let second = Duration::from_secs(1);
    let fetch = config::Fetch {
        max_concurrent: 1,
        connect_timeout: second,
        lookup_timeout: Duration::from_secs(10),
        idle_timeout: second * 10,
        max_bytes: 1,
        retry_delays: vec![second],
        download_attempts: 1,
        give_up_after: second,
        remember_failure: second,
        token_fault_pause: second,
    };
    let identity = config::Cloud {
        graph_url: Url::parse(&played.graph_url()).unwrap(),
        version: "v24.0".to_owned(),
        phone_number_id: played.phone_number_id().to_owned(),
        business_account_id: None,
        access_token: played.access_token().into(),
        send_phone_number_id: true,
        app_secrets: Vec::new(),
        verify_token: None,
        media_hosts: Vec::new(),
    };
    let client = Client::new(&fetch, true).unwrap();
    (played, Cloud::new(client, identity))
}

fn change(email: &str) -> Change {
    Change {
        email: Some(email.to_owned()),
        ..Change::default()
    }
}

#[tokio::test]
async fn what_was_changed_is_read() {
    let (played, cloud) = world().await;
    assert_eq!(cloud.profile().await.unwrap(), Profile::default());
    cloud.set_profile(&change("a@b.example")).await.unwrap();
    assert_eq!(played.profile(), json!({"email": "a@b.example"}));
    let profile = cloud.profile().await.unwrap();
    assert_eq!(profile.email.as_deref(), Some("a@b.example"));
    cloud.set_profile(&Change::default()).await.unwrap();
    assert_eq!(played.log(|log| log.count(Hop::Profile)), 3);
}

#[tokio::test]
async fn a_refusal_is_classed() {
    let (played, cloud) = world().await;
    let faults = [
        ("expired-token", Class::Configuration),
        (
            "throttle=2",
            Class::Throttled(Some(Duration::from_secs(120))),
        ),
        ("status=503", Class::Transient),
        ("status=400", Class::Permanent),
    ];
    for (fault, expected) in faults {
        played
            .faults()
            .push_lines(&format!("profile:{fault}:next=2"))
            .unwrap();
        let read = cloud.profile().await.unwrap_err();
        let written = cloud.set_profile(&change("x")).await.unwrap_err();
        for error in [read, written] {
            match error {
                ProfileError::Refused { class, .. } => assert_eq!(class, expected, "{fault}"),
                other => panic!("{fault}: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_write_that_goes_wrong_is_not_tried_again() {
    let (played, cloud) = world().await;
    let faults = [
        "reset",
        "html",
        "truncate=2",
        "redirect=http://127.0.0.1:9/x",
        "body=200,{\"success\":false}",
    ];
    for (asked, fault) in faults.iter().enumerate() {
        played
            .faults()
            .push_lines(&format!("profile:{fault}:next=1"))
            .unwrap();
        cloud.set_profile(&change("x")).await.unwrap_err();
        let asked = asked as u64 + 1;
        assert_eq!(played.log(|log| log.count(Hop::Profile)), asked, "{fault}");
    }
}

#[tokio::test]
async fn an_answer_without_end_is_given_up() {
    let (played, cloud) = world().await;
    let long = "x".repeat(1024 * 1024);
    played
        .faults()
        .push_lines(&format!(
            "profile:body=200,{{\"data\":[],\"x\":\"{long}\"}}"
        ))
        .unwrap();
    let error = cloud.profile().await.unwrap_err();
    assert!(matches!(error, ProfileError::Unreached(_)), "{error:?}");
}
