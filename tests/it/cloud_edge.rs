//! Where Meta knocks: who is let in, and that nothing of anybody else is taken.

use std::path::Path;

use aws_lc_rs::hmac;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use reqwest::{Client, Identity, RequestBuilder, Version};
use serde_json::Value;

use crate::harness::{APP_SECRET, PATIENCE, Setting, VERIFY_TOKEN, World, within};
use crate::raw::{Wire, code};

const LIMIT: usize = 3 << 20;
const META: &str = "client.webhooks.fbclientcerts.com";
/// What somebody wrote, which no log may hold.
const TEXT: &str = "strictly confidential";

/// A notification of one message for this number, with these bytes as its text.
fn notification(phone_number_id: &str, text: &str) -> String {
    format!(
        r#"{{"object":"whatsapp_business_account","entry":[{{"id":"1","changes":[{{"field":"messages","value":{{"messaging_product":"whatsapp","metadata":{{"display_phone_number":"15550783881","phone_number_id":"{phone_number_id}"}},"contacts":[{{"profile":{{"name":"{TEXT}"}},"wa_id":"16315551234"}}],"messages":[{{"from":"16315551234","id":"wamid.HBgLMTYzMTU1NTEyMzQVAgASGBQzQTdCNzNERTY4MkQ3RTQ1NDdBMgA=","timestamp":"1518694235","type":"text","text":{{"body":"{TEXT} {text}"}}}}]}}}}]}}]}}"#
    )
}

fn signature(body: &[u8], secret: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, body);
    let digits = tag.as_ref().iter().map(|byte| format!("{byte:02x}"));
    format!("sha256={}", digits.collect::<String>())
}

async fn start(setting: Setting) -> World {
    let world = setting.start().await;
    for secret in [TEXT, "16315551234", "15550783881", "HBgLMTYz"] {
        world.bridge.keep_secret(secret);
    }
    world
}

fn client() -> Client {
    Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .build()
        .unwrap()
}

fn post(world: &World, body: impl Into<reqwest::Body>) -> RequestBuilder {
    client().post(world.notified_at()).body(body)
}

/// The status; what is refused has the old envelope, what is taken has nothing.
async fn status(request: RequestBuilder) -> u16 {
    let answer = within(request.send()).await.unwrap();
    let (status, body) = (answer.status().as_u16(), answer.text().await.unwrap());
    if status == 200 {
        assert_eq!(body, "");
    } else {
        code(&serde_json::from_str(&body).unwrap());
    }
    status
}

/// Brings a notification with this signature.
async fn bring(world: &World, body: &[u8], signature: &str) -> u16 {
    let request = post(world, body.to_vec());
    status(request.header("x-hub-signature-256", signature)).await
}

async fn bring_signed(world: &World, body: &[u8], secret: &str) -> u16 {
    bring(world, body, &signature(body, secret)).await
}

async fn counted(world: &World, result: &str) -> f64 {
    let metric = format!("waba_bridge_notifications_total{{result=\"{result}\"}} ");
    world.bridge.metric(&metric).await
}

/// How many events of a number came to this.
async fn nothing_came_of_it(world: &World) {
    world.until_idle().await;
    assert!(world.receiver.callbacks().is_empty());
    assert_eq!(counted(world, "accepted").await, 0.0);
    let taken = "waba_bridge_notification_duration_seconds_count ";
    assert_eq!(world.bridge.metric(taken).await, 0.0);
}

fn id_of(world: &World) -> String {
    world.cloud.phone_number_id().to_string()
}

#[tokio::test]
async fn who_knows_the_token_gets_the_challenge_back() {
    let world = start(Setting::alone()).await;
    let good = [
        ("hub.mode", "subscribe"),
        ("hub.verify_token", VERIFY_TOKEN),
        ("hub.challenge", "1158201444"),
    ];
    let ask = |query: &[(&str, &str)], path: &str| {
        let mut url = world.notified_at().join(path).unwrap();
        url.query_pairs_mut().extend_pairs(query);
        client().get(url)
    };
    for path in ["/cloud", "/cloud/"] {
        let answer = within(ask(&good, path).send()).await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/plain");
        assert_eq!(answer.text().await.unwrap(), "1158201444");
    }
    let with = |index: usize, value| {
        let mut query = good;
        query[index].1 = value;
        query
    };
    let long = "1".repeat(1025);
    for query in [
        &with(0, "unsubscribe")[..],
        &with(1, "another-token"),
        &with(1, ""),
        &with(2, ""),
        &with(2, "<b>\n"),
        &with(2, &long),
        &good[..1],
        &good[1..],
        &[good[0], good[2]],
        &[],
    ] {
        assert_eq!(status(ask(query, "/cloud")).await, 403, "{query:?}");
    }
    assert_eq!(counted(&world, "handshake").await, 2.0);
    assert_eq!(counted(&world, "bad_handshake").await, 10.0);
}

#[tokio::test]
async fn what_is_signed_over_its_raw_bytes_is_taken() {
    let world = start(Setting::alone()).await;
    let id = id_of(&world);
    for (index, text) in ["a", r"http:\/\/a\/b \u00e9 \ud83d\ude00", "é 😀 日本"]
        .into_iter()
        .enumerate()
    {
        let body = notification(&id, text);
        let good = signature(body.as_bytes(), APP_SECRET);
        let digits = good.strip_prefix("sha256=").unwrap().to_uppercase();
        let upper = format!("sha256={digits}");
        for signature in [&good, &upper] {
            assert_eq!(bring(&world, body.as_bytes(), signature).await, 200);
        }
        let path = world.notified_at().join("/cloud/?a=b").unwrap();
        let request = client().post(path).body(body);
        assert_eq!(
            status(request.header("x-hub-signature-256", good)).await,
            200
        );
        let accepted = 3.0 * (index + 1) as f64;
        assert_eq!(counted(&world, "accepted").await, accepted);
        let taken = "waba_bridge_notification_duration_seconds_count ";
        assert_eq!(world.bridge.metric(taken).await, accepted);
    }
}

#[tokio::test]
async fn nothing_is_taken_without_a_good_signature() {
    let world = start(Setting::alone()).await;
    let body = notification(&id_of(&world), r"\/ é");
    let body = body.as_bytes();
    let good = signature(body, APP_SECRET);
    let mut changed = body.to_vec();
    *changed.last_mut().unwrap() = b' ';
    let reserialized: Value = serde_json::from_slice(body).unwrap();
    let mut refused = 0.0;
    for (body, signature) in [
        (body, signature(body, "another-secret").as_str()),
        (body, signature(body, "").as_str()),
        (body, ""),
        (body, &good["sha256=".len()..]),
        (body, &good.replace("sha256", "sha1")),
        (body, &good[..good.len() - 2]),
        (body, &format!("{good}00")),
        (&changed, &good),
        (&body[..body.len() - 1], &good),
        (reserialized.to_string().as_bytes(), &good),
        (b"", &good),
    ] {
        assert_eq!(bring(&world, body, signature).await, 401, "{signature}");
        refused += 1.0;
    }
    let name = "x-hub-signature-256";
    let without = post(&world, body.to_vec());
    let old = post(&world, body.to_vec()).header("x-hub-signature", good.as_str());
    let twice = post(&world, body.to_vec()).header(name, good.as_str());
    let twice = twice.header(name, good.as_str());
    for request in [without, old, twice] {
        assert_eq!(status(request).await, 401);
        refused += 1.0;
    }
    assert_eq!(counted(&world, "bad_signature").await, refused);
    nothing_came_of_it(&world).await;
}

#[tokio::test]
async fn a_number_without_a_secret_is_notified_by_nobody() {
    let mut world = start(Setting::alone()).await;
    world.bridge.reconfigure(|file| {
        let line = format!("app_secret = \"{APP_SECRET}\"\n");
        assert!(file.contains(&line));
        file.replace(&line, "")
    });
    world.bridge.terminate();
    world.bridge.restart();
    let body = notification(&id_of(&world), "");
    for secret in [APP_SECRET, ""] {
        assert_eq!(bring_signed(&world, body.as_bytes(), secret).await, 401);
    }
}

#[tokio::test]
async fn while_a_secret_is_replaced_both_are_good() {
    let mut world = start(Setting::alone()).await;
    let new = "the-new-app-secret";
    world.bridge.keep_secret(new);
    world.bridge.reconfigure(|file| {
        let old = format!("app_secret = \"{APP_SECRET}\"");
        file.replace(&old, &format!("app_secret = \"{new} {APP_SECRET}\""))
    });
    world.bridge.terminate();
    world.bridge.restart();
    let body = notification(&id_of(&world), "");
    for secret in [APP_SECRET, new] {
        assert_eq!(bring_signed(&world, body.as_bytes(), secret).await, 200);
    }
    let both = format!("{new} {APP_SECRET}");
    assert_eq!(bring_signed(&world, body.as_bytes(), &both).await, 401);
    assert_eq!(counted(&world, "accepted").await, 2.0);
}

#[tokio::test]
async fn a_secret_is_good_for_its_own_numbers_only() {
    let sales = "sales-app-secret";
    let setting = Setting::alone().number(&format!(
        "[[numbers]]\nname = \"sales\"\nlisten = \"127.0.0.1:0\"\n[numbers.cloud]\nphone_number_id = \"77\"\naccess_token = \"x-token\"\n\
         app_secret = \"{sales}\"\nverify_token = \"sales-verify-token\"\n"
    ));
    let world = start(setting).await;
    world.bridge.keep_secret(sales);
    let id = id_of(&world);
    // Meta will bring it again: more likely than a stranger is a secret in the wrong place.
    for (id, secret) in [(id.as_str(), sales), ("77", APP_SECRET)] {
        let body = notification(id, "");
        assert_eq!(bring_signed(&world, body.as_bytes(), secret).await, 401);
    }
    let stranger = notification("123456123", "");
    assert_eq!(bring_signed(&world, stranger.as_bytes(), sales).await, 200);
    let unknown = "waba_bridge_unknown_numbers_total ";
    assert_eq!(world.bridge.metric(unknown).await, 1.0);
    world.until_idle().await;
    assert!(world.receiver.callbacks().is_empty());
    for token in [VERIFY_TOKEN, "sales-verify-token"] {
        let query = format!("hub.mode=subscribe&hub.challenge=1&hub.verify_token={token}");
        let mut url = world.notified_at();
        url.set_query(Some(&query));
        assert_eq!(client().get(url).send().await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn three_megabytes_are_taken_and_not_a_byte_more() {
    let world = start(Setting::alone()).await;
    // Of a number that nobody has, so that nothing follows.
    let mut body = notification("1", "").into_bytes();
    body.resize(LIMIT, b' ');
    assert_eq!(bring_signed(&world, &body, APP_SECRET).await, 200);
    body.push(b' ');
    let good = signature(&body, APP_SECRET);
    let address = world.bridge.address_of("intake");
    let head = format!("POST /cloud HTTP/1.1\r\nHost: a\r\nX-Hub-Signature-256: {good}\r\n");
    let mut wire = Wire::connect(address).await;
    wire.send(format!("{head}Content-Length: {}\r\n\r\n", body.len()))
        .await;
    let answer = wire.message().await.unwrap();
    assert_eq!((answer.status(), answer.code()), (413, 1009));
    // One that does not say beforehand how long it is.
    let mut wire = Wire::connect(address).await;
    wire.send(format!("{head}Transfer-Encoding: chunked\r\n\r\n"))
        .await;
    for chunk in body.chunks(1 << 16) {
        let chunk = [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat();
        if wire.try_send(&chunk).await.is_err() {
            break;
        }
    }
    // An answer may be lost with a connection that is closed on bytes nobody reads.
    if let Some(answer) = wire.message().await {
        assert_eq!((answer.status(), answer.code()), (413, 1009));
    }
    assert_eq!(counted(&world, "too_large").await, 2.0);
    assert_eq!(counted(&world, "accepted").await, 1.0);
}

#[tokio::test]
async fn a_body_may_come_in_chunks_and_must_come_whole() {
    let limits = "[limits]\nbody_idle_timeout_s = 1\n";
    let world = start(Setting::alone().top(limits)).await;
    let body = notification("1", "");
    let good = signature(body.as_bytes(), APP_SECRET);
    let address = world.bridge.address_of("intake");
    let head = format!("POST /cloud HTTP/1.1\r\nHost: a\r\nX-Hub-Signature-256: {good}\r\n");
    let mut wire = Wire::connect(address).await;
    wire.send(format!("{head}Transfer-Encoding: chunked\r\n\r\n"))
        .await;
    for chunk in body.as_bytes().chunks(100) {
        let size = format!("{:x}\r\n", chunk.len());
        wire.send([size.as_bytes(), chunk, b"\r\n"].concat()).await;
    }
    wire.send("0\r\n\r\n").await;
    assert_eq!(wire.message().await.unwrap().status(), 200);
    assert_eq!(counted(&world, "accepted").await, 1.0);

    let length = format!("{head}Content-Length: {}\r\n\r\n", body.len());
    let mut gone = Wire::connect(address).await;
    gone.send(format!("{length}{}", &body[..100])).await;
    gone.finish().await;
    let answer = gone.message().await.unwrap();
    assert_eq!((answer.status(), answer.code()), (400, 1025));
    let mut still = Wire::connect(address).await;
    still.send(format!("{length}{}", &body[..100])).await;
    let answer = still.message().await.unwrap();
    assert_eq!((answer.status(), answer.code()), (408, 1025));
    assert_eq!(counted(&world, "incomplete").await, 2.0);
    assert_eq!(counted(&world, "accepted").await, 1.0);
}

#[tokio::test]
async fn what_is_signed_and_no_notification_is_acknowledged() {
    let world = start(Setting::alone()).await;
    let garbage: [&[u8]; 8] = [
        b"",
        b"{",
        b"7",
        b"\"text\"",
        b"null",
        b"{\"object\":\"whatsapp_business_account\"}}",
        b"\x00\xff\xfe",
        b"a=b",
    ];
    let mut unreadable = 0.0;
    for body in garbage {
        assert_eq!(bring_signed(&world, body, APP_SECRET).await, 200);
        unreadable += 1.0;
    }
    assert_eq!(counted(&world, "unreadable").await, unreadable);
    for body in ["{}", "{\"object\":\"page\",\"entry\":[{}]}"] {
        assert_eq!(bring_signed(&world, body.as_bytes(), APP_SECRET).await, 200);
    }
    assert_eq!(counted(&world, "accepted").await, 2.0);
}

#[tokio::test]
async fn other_methods_and_paths_lead_nowhere() {
    let world = start(Setting::alone()).await;
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS"] {
        let asked = client().request(method.parse().unwrap(), world.notified_at());
        let answer = within(asked.body("{}").send()).await.unwrap();
        let allow = answer.headers()["allow"].clone();
        assert_eq!(
            (answer.status().as_u16(), allow.to_str().unwrap()),
            (405, "GET, POST")
        );
        code(&answer.json().await.unwrap());
    }
    assert_eq!(counted(&world, "wrong_method").await, 4.0);
    let body = notification("1", "");
    let good = signature(body.as_bytes(), APP_SECRET);
    for path in [
        "/",
        "/cloudy",
        "/cloud/support",
        "//cloud",
        "/CLOUD",
        "/v1/cloud",
    ] {
        let url = world.notified_at().join("/").unwrap().to_string();
        let url = format!("{}{path}", url.trim_end_matches('/'));
        let request = client().post(url).body(body.clone());
        let request = request.header("x-hub-signature-256", good.as_str());
        assert_eq!(status(request).await, 404, "{path}");
    }
    // The public listener takes no notification.
    let request = world.bridge.request("POST", "/cloud").body(body.clone());
    let request = request.header("x-hub-signature-256", good.as_str());
    assert_ne!(request.send().await.unwrap().status(), 200);
    nothing_came_of_it(&world).await;
}

#[tokio::test]
async fn those_who_try_again_and_again_do_not_fill_the_log() {
    let world = start(Setting::alone()).await;
    for _ in 0..200 {
        assert_eq!(status(post(&world, TEXT)).await, 401);
    }
    assert_eq!(counted(&world, "bad_signature").await, 200.0);
    let refused = "a notification is refused";
    let line = world.bridge.logged(refused, |_| true).await;
    assert_eq!(
        (&line["reason"], &line["peer"]),
        (&Value::from("bad_signature"), &Value::from("127.0.0.1"))
    );
    assert!(world.bridge.lines(refused).len() < 200);
}

/// A certificate authority, and what it signs for clients.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params
            .distinguished_name
            .push(DnType::CommonName, "Outbound CA");
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn write(&self, folder: &Path) {
        std::fs::write(folder.join("client-ca.pem"), self.0.pem()).unwrap();
    }

    /// What a client shows who is called like this.
    fn certify(&self, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let pem = key.serialize_pem() + &certificate.pem();
        Identity::from_pem(pem.as_bytes()).unwrap()
    }

    fn meta(&self) -> Identity {
        self.certify(|params| params.distinguished_name.push(DnType::CommonName, META))
    }
}

/// A bridge whose intake asks for certificates of this authority, and what callers trust.
async fn with_client_ca(authority: &Authority, setting: Setting) -> (World, reqwest::Certificate) {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(folder.path().join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(
        folder.path().join("key.pem"),
        made.signing_key.serialize_pem(),
    )
    .unwrap();
    authority.write(folder.path());
    let path = folder.path().display().to_string();
    let mut setting = setting;
    setting.intake = format!(
        "tls = {{ certificate = \"{path}/cert.pem\", key = \"{path}/key.pem\" }}\nclient_ca_file = \"{path}/client-ca.pem\"\n"
    );
    let world = setting.start_in(folder).await;
    let root = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
    (world, root)
}

/// One POST on a connection of its own.
async fn over_tls(
    world: &World,
    root: &reqwest::Certificate,
    identity: Option<&Identity>,
    path: &str,
    http2: bool,
) -> reqwest::Result<u16> {
    let builder = Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .tls_certs_only([root.clone()]);
    let builder = match identity {
        Some(identity) => builder.identity(identity.clone()),
        None => builder,
    };
    let builder = if http2 { builder } else { builder.http1_only() };
    let body = notification("1", "");
    let port = world.bridge.address_of("intake").port();
    let request = builder
        .build()
        .unwrap()
        .post(format!("https://localhost:{port}{path}"))
        .header(
            "x-hub-signature-256",
            signature(body.as_bytes(), APP_SECRET),
        )
        .body(body);
    let answer = request.send().await?;
    assert_eq!(answer.version() == Version::HTTP_2, http2);
    Ok(answer.status().as_u16())
}

#[tokio::test]
async fn with_an_authority_only_who_shows_its_certificate_notifies() {
    let (authority, other) = (Authority::new(), Authority::new());
    let onprem = "[numbers.onprem]\nurl = \"http://127.0.0.1:9\"\n";
    let (world, root) = with_client_ca(&authority, Setting::alone().number(onprem)).await;
    let by_host = authority.certify(|params| {
        params.subject_alt_names = vec![rcgen::SanType::DnsName(META.try_into().unwrap())];
    });
    let wrong_name = authority.certify(|params| {
        let name = format!("x.{META}");
        params.distinguished_name.push(DnType::CommonName, name);
        params.subject_alt_names =
            vec![rcgen::SanType::DnsName("meta.example".try_into().unwrap())];
    });
    let expired = authority.certify(|params| {
        params.distinguished_name.push(DnType::CommonName, META);
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    });
    let meta = authority.meta();
    for http2 in [false, true] {
        for (identity, expected) in [
            (Some(&meta), 200),
            (Some(&by_host), 200),
            (Some(&wrong_name), 403),
            (None, 403),
        ] {
            let status = over_tls(&world, &root, identity, "/cloud", http2).await;
            assert_eq!(status.unwrap(), expected);
        }
        for identity in [&other.meta(), &expired] {
            let failed = over_tls(&world, &root, Some(identity), "/cloud", http2).await;
            assert!(failed.is_err());
        }
        // The old client has no certificate, and needs none.
        let status = over_tls(&world, &root, None, "/onprem/support", http2).await;
        assert_eq!(status.unwrap(), 200);
    }
    assert_eq!(counted(&world, "no_certificate").await, 4.0);
    assert_eq!(counted(&world, "accepted").await, 4.0);
}

#[tokio::test]
async fn a_good_certificate_does_not_stand_for_a_signature() {
    let authority = Authority::new();
    let (world, root) = with_client_ca(&authority, Setting::alone()).await;
    let client = Client::builder()
        .no_proxy()
        .identity(authority.meta())
        .tls_certs_only([root.clone()])
        .build()
        .unwrap();
    let port = world.bridge.address_of("intake").port();
    let url = format!("https://localhost:{port}/cloud");
    assert_eq!(status(client.post(&url).body("{}")).await, 401);
    // The handshake is proven by its token, with a certificate or without.
    let query = format!("hub.mode=subscribe&hub.challenge=1&hub.verify_token={VERIFY_TOKEN}");
    let bare = Client::builder().no_proxy().tls_certs_only([root]);
    for client in [client, bare.build().unwrap()] {
        let answer = within(client.get(format!("{url}?{query}")).send()).await;
        assert_eq!(answer.unwrap().text().await.unwrap(), "1");
    }
}

#[tokio::test]
async fn authorities_are_reread_and_broken_ones_never_taken_over() {
    let (old, new) = (Authority::new(), Authority::new());
    let (world, root) = with_client_ca(&old, Setting::alone()).await;
    let file = world.bridge.folder.path().join("client-ca.pem");
    for broken in [
        "",
        "not a certificate",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        let refused = "certificate not taken over, the last good one stays";
        let before = world.bridge.lines(refused).len();
        std::fs::write(&file, broken).unwrap();
        world.bridge.signal("HUP");
        world.bridge.logged_as(refused, before).await;
        let status = over_tls(&world, &root, Some(&old.meta()), "/cloud", true).await;
        assert_eq!(status.unwrap(), 200);
        assert!(
            over_tls(&world, &root, Some(&new.meta()), "/cloud", true)
                .await
                .is_err()
        );
    }
    // Noticed without a signal.
    new.write(world.bridge.folder.path());
    world.bridge.logged("certificate reread", |_| true).await;
    let status = over_tls(&world, &root, Some(&new.meta()), "/cloud", true).await;
    assert_eq!(status.unwrap(), 200);
    assert!(
        over_tls(&world, &root, Some(&old.meta()), "/cloud", true)
            .await
            .is_err()
    );
}
