//! Any bytes as a notification: cut up, read, written, under two configurations. Whatever comes out must be understood by
//! the strictest receiver there is, and be the same the second time.
#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use libfuzzer_sys::{Corpus, fuzz_target};
use waba_bridge::cloud::notification::{Event, split};
use waba_bridge::config::{self, Number};
use waba_bridge::standin::receiver::objections;
use waba_bridge::ids::message::{to_cloud, to_onprem};
use waba_bridge::translate::notification::{Fates, Fetched, Rules, read};

const NUMBER: &str = "
[[numbers]]
name = \"support\"
[numbers.onprem]
url = \"https://10.0.0.5:9090\"
[numbers.callback]
url = \"https://crm.example.internal/whatsapp\"
";

const OTHER: &str = "
[media]
layout = \"wamedia\"
[every_number.compat]
sha256 = \"base64\"
media_file_root = \"/usr/local/wamedia\"
conversations = \"daily\"
played = \"read\"
reactions = \"pass\"
edits = \"text\"
username_users = \"digits\"
identity = true
user_ids = true
referral_extras = true
pricing_type = true
[every_number.settings]
auto_download = []
sent = true
show_security_notifications = true
";

static NUMBERS: LazyLock<[Number; 2]> = LazyLock::new(|| {
    ["", OTHER].map(|more| {
        let config = config::parse(&format!("{NUMBER}{more}"), Path::new("/nonexistent"));
        config.expect("a good configuration").numbers.remove(0)
    })
});

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Ok(batch) = split(bytes) else {
        return Corpus::Reject;
    };
    for event in batch.groups.iter().flat_map(|group| &group.events) {
        for (number, strict) in NUMBERS.iter().zip([true, false]) {
            for there in [false, true] {
                translate(event, number, strict, there);
            }
        }
    }
    Corpus::Keep
});

fn translate(event: &Event<'_>, number: &Number, strict: bool, there: bool) {
    let rules = Rules {
        number: &number.name,
        compat: &number.compat,
        settings: &number.settings,
    };
    let fates = Fates {
        medium: there.then_some(Fetched {
            sha256: Some([7; 32]),
        }),
        picture: there,
    };
    let reading = read(event, rules);
    let callback = reading.callback(&fates, rules);
    if let Some(identity) = &reading.identity
        && let Some(id) = to_onprem(&identity.id)
    {
        assert_eq!(to_cloud(&id).as_deref(), Some(&*identity.id));
    }
    let kept = event.write();
    let kept = Event::read(&kept).expect("what was written");
    assert_eq!(read(&kept, rules).callback(&fates, rules), callback);
    if let Some(callback) = callback.filter(|_| strict) {
        assert_eq!(objections(&callback), [""; 0]);
    }
}
