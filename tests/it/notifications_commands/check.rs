//! What `check` says of notifications.

use super::{ACCOUNT, PUBLIC_URL, SECRET, TOKEN, WABA, known, told, world};

const ONLINE: [&str; 2] = ["check", "--online"];

#[tokio::test]
async fn the_way_in_is_tried_from_outside() {
    let world = world().await;
    let said = known(&world, &ONLINE, &[]).await;
    assert_eq!(said.code, 0, "{}", said.out);
    said.line(&["ok", "support: notifications", "are set"]);
    said.line(&[
        "ok",
        "support: webhook handshake",
        "gives the challenge back",
    ]);
    said.line(&["ok", "support: webhook signature", "401"]);
    let line = said.line(&["warn", "support: webhook subscription", "the app's webhook"]);
    assert!(line.contains("-> waba-bridge notifications subscribe"));
    let said = known(&world, &["notifications", "subscribe"], &[]).await;
    assert_eq!(said.code, 0, "{}", said.err);
    let said = known(&world, &ONLINE, &[]).await;
    said.line(&["ok", "support: webhook subscription", "is this bridge"]);
    let said = known(&world, &ONLINE, &[(SECRET, "")]).await;
    assert_eq!(said.code, 1);
    said.line(&["FAIL", "webhook subscription", "app_secret is not set"]);
}

#[tokio::test]
async fn without_an_app_on_the_account_nothing_comes() {
    let world = world().await;
    let said = known(&world, &["notifications", "subscribe"], &[]).await;
    assert_eq!(said.code, 0, "{}", said.err);
    let account = [(ACCOUNT, WABA)];
    let said = known(&world, &ONLINE, &account).await;
    let line = said.line(&["warn", "support: webhook subscription", "not subscribed"]);
    assert!(line.contains("-> waba-bridge notifications subscribe"));
    let said = known(&world, &["notifications", "subscribe"], &account).await;
    assert_eq!(said.code, 0, "{}", said.err);
    let said = known(&world, &ONLINE, &account).await;
    said.line(&["ok", "support: webhook subscription", "is this bridge"]);
    assert!(!said.out.contains("not subscribed"), "{}", said.out);
}

#[tokio::test]
async fn a_door_that_is_shut_or_somebody_else_s_fails() {
    let world = world().await;
    let said = known(&world, &ONLINE, &[(TOKEN, "another")]).await;
    assert_eq!(said.code, 1);
    let line = said.line(&["FAIL", "webhook handshake", "403"]);
    assert!(line.contains("-> restart the bridge"), "{line}");
    let nobody = [(PUBLIC_URL, "http://127.0.0.1:9")];
    let said = told(&world, &ONLINE, &nobody).await;
    assert_eq!(said.code, 1);
    said.line(&["FAIL", "webhook handshake", "nobody listens there"]);
    // The integration's webhook answers 200 to whatever is posted.
    let receiver = world.receiver.url();
    let said = told(&world, &ONLINE, &[(PUBLIC_URL, &receiver), (TOKEN, "")]).await;
    assert_eq!(said.code, 1);
    said.line(&["FAIL", "webhook signature", "and not 401"]);
}

#[tokio::test]
async fn halves_of_a_configuration_are_warned_of() {
    let world = world().await;
    for (environment, words) in [
        (&[(TOKEN, "")][..], "app_secret is set without verify_token"),
        (&[(SECRET, "")], "verify_token is set without app_secret"),
        (&[], "app_secret is set without [intake] public_url"),
        (
            &[("WABA_BRIDGE__INTAKE__LISTEN", "")],
            "nobody takes notifications",
        ),
    ] {
        let said = told(&world, &["check"], environment).await;
        assert_eq!(said.code, 0, "{}", said.out);
        let line = said.line(&["warn", "support: notifications", words]);
        assert!(line.contains("-> set "), "{line}");
    }
    let neither = [(TOKEN, ""), (SECRET, "")];
    let said = told(&world, &["check"], &neither).await;
    assert!(!said.out.contains("notifications"), "{}", said.out);
}
