//! The sections about the bridge as a whole, in the order of `default.toml`.

use std::path::PathBuf;
use std::thread::available_parallelism;
use std::time::Duration;

use tracing_subscriber::EnvFilter;

use super::reader::{LONGEST_S, Reader};
use super::values::UrlRule;
use super::{
    Admin, Cutover, Fetch, Intake, Keep, Limits, Log, Media, MediaLayout, Notifications, Server,
    State, Tokens,
};

const KB: u64 = 1 << 10;
const MB: u64 = 1 << 20;

pub(super) fn server(reader: &mut Reader<'_>) -> Option<Server> {
    let listen = required_address(reader);
    let tls = reader.section("tls", |tls| tls.tls()).flatten();
    let threads = match reader.size("threads", 0..=1024) {
        0 => available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    let allow_insecure_upstreams = reader.flag("allow_insecure_upstreams");
    if allow_insecure_upstreams {
        reader.context.findings.warning(
            "server.allow_insecure_upstreams is on: tokens and media may travel unencrypted, and to any address",
        );
    }
    let shutdown_grace = reader.seconds("shutdown_grace_s", 0);
    Some(Server {
        listen: listen?,
        tls,
        threads,
        allow_insecure_upstreams,
        shutdown_grace,
    })
}

/// `None` if its address cannot be read, which is another thing than none.
pub(super) fn intake(reader: &mut Reader<'_>) -> Option<Intake> {
    let is_set = reader.is_set("listen");
    let listen = reader.address("listen");
    let tls = reader.section("tls", |tls| tls.tls()).flatten();
    let body_bytes = reader.number("body_kb", " of kB", 1..=1 << 20) * KB;
    let client_ca = reader.ca_file("client_ca_file");
    if client_ca.is_some() && tls.is_none() {
        reader.problem(
            "client_ca_file",
            "needs tls; without it nobody shows a certificate",
        );
    }
    let client_name = reader.text("client_name");
    let rule = UrlRule {
        http: reader.context.insecure,
        origin: true,
        public: false,
    };
    let public_url = reader.url("public_url", rule);
    (listen.is_some() || !is_set).then_some(Intake {
        listen,
        tls,
        body_bytes,
        client_ca,
        client_name,
        public_url,
    })
}

pub(super) fn notifications(reader: &mut Reader<'_>) -> Option<Notifications> {
    let keep = reader.word(
        "keep",
        &[("encrypted", Keep::Encrypted), ("redacted", Keep::Redacted)],
    );
    Some(Notifications {
        keep_rows: reader.number("keep_rows", "", 0..=10_000_000),
        key: reader.secret("key"),
        media_wait: reader.seconds("media_wait_s", 1),
        status_wait: reader.seconds("status_wait_s", 0),
        keep: keep?,
    })
}

pub(super) fn admin(reader: &mut Reader<'_>) -> Option<Admin> {
    let has_token = reader.has_secret("token");
    let (listen, token) = (required_address(reader), reader.secret("token"));
    if listen.is_some_and(|listen| !listen.ip().is_loopback()) && !has_token {
        reader.problem(
            "token",
            "is missing; it is needed because admin.listen is not a loopback address",
        );
    }
    Some(Admin {
        listen: listen?,
        token,
    })
}

pub(super) fn state(reader: &mut Reader<'_>) -> Option<State> {
    let path = local_path(reader, "sqlite:", &["postgres:", "postgresql:"])?;
    Some(State { path })
}

pub(super) fn media(reader: &mut Reader<'_>) -> Option<Media> {
    let folder = local_path(reader, "file:", &["s3:"]);
    let layout = reader.word(
        "layout",
        &[
            ("flat", MediaLayout::Flat),
            ("wamedia", MediaLayout::Wamedia),
        ],
    );
    let min_free_bytes = reader.number("min_free_mb", " of MB", 0..=1 << 30) * MB;
    Some(Media {
        folder: folder?,
        layout: layout?,
        min_free_bytes,
    })
}

pub(super) fn log(reader: &mut Reader<'_>) -> Option<Log> {
    let json = reader.word("format", &[("human", false), ("json", true)]);
    let filter = reader.text("level");
    if !is_filter(&filter) {
        reader.problem(
            "level",
            "is no filter; write error, warn, info, debug, trace or off, or parts of the program as in \
             \"info,waba_bridge=debug\"",
        );
    }
    Some(Log {
        json: json?,
        filter,
    })
}

pub(super) fn limits(reader: &mut Reader<'_>) -> Limits {
    // hyper takes no head buffer below 8 kB.
    let header_kb = reader.size("header_kb", 8..=1024);
    Limits {
        connections: reader.size("connections", 1..=1_000_000),
        header_bytes: header_kb << 10,
        headers: reader.size("headers", 1..=10_000),
        header_timeout: reader.seconds("header_timeout_s", 1),
        body_idle_timeout: reader.seconds("body_idle_timeout_s", 1),
        json_bytes: reader.number("json_kb", " of kB", 1..=1 << 20) * KB,
        upload_bytes: reader.number("upload_mb", " of MB", 1..=1 << 20) * MB,
        requests_per_second: reader.count("requests_per_second", 0..=1_000_000),
        burst: reader.count("burst", 0..=1_000_000),
        logins_per_minute: reader.count("logins_per_minute", 0..=1_000_000),
    }
}

pub(super) fn fetch(reader: &mut Reader<'_>) -> Fetch {
    let delays = reader.numbers("retry_delays_s", 1..=LONGEST_S);
    Fetch {
        max_concurrent: reader.size("max_concurrent", 1..=10_000),
        connect_timeout: reader.seconds("connect_timeout_s", 1),
        lookup_timeout: reader.seconds("lookup_timeout_s", 1),
        idle_timeout: reader.seconds("idle_timeout_s", 1),
        max_bytes: reader.number("max_mb", " of MB", 1..=1 << 20) * MB,
        retry_delays: delays.into_iter().map(Duration::from_secs).collect(),
        download_attempts: reader.count("download_attempts", 1..=1000),
        give_up_after: reader.seconds("give_up_after_s", 1),
        remember_failure: reader.seconds("remember_failure_s", 0),
        token_fault_pause: reader.seconds("token_fault_pause_s", 1),
    }
}

pub(super) fn tokens(reader: &mut Reader<'_>) -> Tokens {
    Tokens {
        lifetime: reader.seconds("lifetime_s", 60),
        remember_password: reader.seconds("remember_password_s", 0),
        remember_bearer: reader.seconds("remember_bearer_s", 0),
    }
}

pub(super) fn cutover(reader: &mut Reader<'_>) -> Option<Cutover> {
    let is_text = reader
        .values
        .get("kill_file")
        .is_none_or(|value| value.as_str().is_some());
    let kill_file = reader.optional_text("kill_file");
    if kill_file.is_none() && is_text {
        reader.problem("kill_file", "is missing; write the path of a file");
    }
    Some(Cutover {
        kill_file: PathBuf::from(kill_file?),
    })
}

fn required_address(reader: &mut Reader<'_>) -> Option<std::net::SocketAddr> {
    if !reader.is_set("listen") {
        reader.problem("listen", "is missing; write IP:PORT");
    }
    reader.address("listen")
}

/// `url` as a path on this machine; other engines come with later versions.
fn local_path(reader: &mut Reader<'_>, scheme: &str, later: &[&str]) -> Option<PathBuf> {
    let text = reader.text("url");
    if later.iter().any(|later| text.starts_with(later)) {
        reader.problem(
            "url",
            format!("not in this version; write \"{scheme}PATH\""),
        );
        return None;
    }
    let path = text
        .strip_prefix(scheme)
        .map(|path| match path.strip_prefix("//") {
            // `file:///a/b` is `/a/b`; `file://a/b` would name a machine.
            Some(rest) if rest.starts_with('/') => rest,
            Some(_) => "",
            None => path,
        });
    match path {
        Some(path)
            if !path.is_empty() && !path.starts_with(":memory:") && !path.contains(['?', '#']) =>
        {
            Some(PathBuf::from(path))
        }
        _ => {
            reader.problem(
                "url",
                format!("is not understood; write \"{scheme}PATH\", a path on this machine"),
            );
            None
        }
    }
}

/// `EnvFilter` takes a misspelt level for a part of the program and would log nothing; so a lone word must be a level.
fn is_filter(text: &str) -> bool {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let is_plain = |part: &str| part.contains(['=', '[']) || LEVELS.contains(&part.trim());
    let has_fields = text.contains('[');
    (has_fields || text.split(',').all(is_plain)) && EnvFilter::builder().parse(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_level_is_no_filter() {
        for good in [
            "info",
            "off",
            "info,waba_bridge=debug",
            "warn,hyper=off",
            "waba_bridge[request{id=3}]=trace",
        ] {
            assert!(is_filter(good), "{good}");
        }
        for bad in ["", "inof", "info,waba_bridge", "waba_bridge=loud", "info,,"] {
            assert!(!is_filter(bad), "{bad}");
        }
    }
}
