//! The configuration of a bridge between stand-ins: the demo's own, and the start that `sandbox` prints.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use crate::standin::{Cloud, Onprem, Receiver};

/// The number: who is called, and what Cloud answers already.
pub fn number(cloud: &Cloud, onprem: &Onprem, receiver: &Receiver) -> String {
    format!(
        r#"[[numbers]]
name = "support"

[numbers.onprem]                    # the old client
url = "{onprem}"

[numbers.cloud]                     # Meta
graph_url = "{graph}"
phone_number_id = "{phone_number_id}"
access_token = "{access_token}"
app_secret = "{app_secret}"
verify_token = "{verify_token}"
media_hosts = ["{media_host}"]

[numbers.callback]                  # the integration's webhook
url = "{receiver}/callback"

[numbers.routes]                    # answered by Cloud; all else goes to the old client
media_download = "cloud"
media_get = "cloud"
"#,
        onprem = onprem.url(),
        graph = cloud.graph_url(),
        phone_number_id = cloud.phone_number_id(),
        access_token = cloud.access_token(),
        app_secret = cloud.app_secret(),
        verify_token = cloud.verify_token(),
        media_host = host(&cloud.media_url()),
        receiver = receiver.url(),
    )
}

/// Where a bridge of the demo listens and keeps things.
pub(super) struct Place<'a> {
    pub(super) folder: &'a Path,
    pub(super) public: SocketAddr,
    pub(super) admin: SocketAddr,
    pub(super) intake: SocketAddr,
}

/// The rest of the demo's file: everything in one folder, and no long waits.
pub(super) fn whole(place: &Place<'_>, number: &str) -> String {
    // A JSON string is a TOML string, whatever characters the folder's name has.
    let of_folder = |scheme: &str, name: &str| {
        serde_json::Value::from(format!("{scheme}{}", place.folder.join(name).display()))
    };
    let mut toml = String::new();
    // Writing into a String cannot fail.
    let _ = write!(
        toml,
        r#"[server]
listen = "{public}"
allow_insecure_upstreams = true     # the stand-ins speak plain http on loopback
threads = 2
shutdown_grace_s = 5

[intake]
listen = "{intake}"

[admin]
listen = "{admin}"

[state]
url = {state}

[media]
url = {media}
min_free_mb = 1

[cutover]
kill_file = {kill}

[log]
format = "json"

[fetch]
retry_delays_s = [1, 1, 2]          # so that nobody has to wait for the demo; the default is minutes

{number}"#,
        public = place.public,
        admin = place.admin,
        intake = place.intake,
        state = of_folder("sqlite:", "state/bridge.db"),
        media = of_folder("file:", "media"),
        kill = of_folder("", "kill"),
    );
    toml
}

fn host(url: &str) -> String {
    url::Url::parse(url)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned))
        .unwrap_or_else(|| "127.0.0.1".to_owned())
}
