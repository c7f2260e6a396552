//! What a configuration comes to, on half a screen. Routes are told by what differs from passing through.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::config::{Config, MediaLayout, Number};
use crate::route::{Mode, Route};

pub(super) fn text(config: &Config) -> String {
    let mut lines = Vec::new();
    let scheme = match config.server.tls {
        Some(_) => "https",
        None => "http",
    };
    lines.push(format!("listens    {scheme}://{}", config.server.listen));
    for number in &config.numbers {
        if let Some(listen) = number.listen {
            lines.push(format!(
                "           {scheme}://{listen} for {}",
                number.name
            ));
        }
    }
    let token = match config.admin.token {
        Some(_) => "with a token",
        None => "without a token",
    };
    lines.push(format!(
        "operators  http://{}, {token}",
        config.admin.listen
    ));
    lines.push(format!("state      {}", config.state.path.display()));
    let layout = layout(config.media.layout);
    let folder = config.media.folder.display();
    lines.push(format!("media      {folder} ({layout})"));
    let numbers = config.numbers.iter().map(number);
    lines
        .into_iter()
        .chain(numbers)
        .fold(String::new(), |text, line| text + &line + "\n")
}

fn number(number: &Number) -> String {
    let mut text = format!("number     {}", number.name);
    let mut line = |name: &str, what: String| {
        // Writing to a text cannot fail.
        let _ = write!(text, "\n  {name:<9}{what}");
    };
    if !number.hosts.is_empty() {
        line("hosts", number.hosts.join(", "));
    }
    for mode in [Mode::Cloud, Mode::Compare, Mode::Off] {
        let routes = routes(number, mode);
        if !routes.is_empty() {
            line(mode.as_str(), told(&routes));
        }
    }
    let passed = routes(number, Mode::OnPrem).len();
    if let Some(onprem) = &number.onprem {
        let origin = onprem.url.origin().ascii_serialization();
        line("onprem", format!("{passed} routes, at {origin}"));
    }
    match &number.callback {
        // Path and query may hold a secret of the integration's.
        Some(callback) => line("callback", callback.url.origin().ascii_serialization()),
        None => line("callback", "none; callbacks are discarded".to_owned()),
    }
    let users = number.users.iter().map(|user| user.name.as_str());
    let users = users.collect::<Vec<_>>();
    if !users.is_empty() {
        line("users", users.join(", "));
    }
    text
}

/// A long list says less than its length.
fn told(routes: &[&str]) -> String {
    match routes.len() {
        0..=12 => routes.join(", "),
        count => format!("{count} of {} routes", Route::ALL.len()),
    }
}

fn routes(number: &Number, mode: Mode) -> Vec<&'static str> {
    let of = |route: &Route| number.mode(*route) == mode;
    Route::ALL
        .into_iter()
        .filter(of)
        .map(Route::as_str)
        .collect()
}

fn layout(layout: MediaLayout) -> &'static str {
    match layout {
        MediaLayout::Flat => "flat",
        MediaLayout::Wamedia => "wamedia",
    }
}

pub(super) fn json(config: &Config) -> Value {
    let number = |number: &Number| {
        json!({
            "name": number.name.as_str(),
            "hosts": number.hosts,
            "listen": number.listen,
            "cloud": routes(number, Mode::Cloud),
            "compare": routes(number, Mode::Compare),
            "off": routes(number, Mode::Off),
            "onprem": routes(number, Mode::OnPrem),
            "users": number.users.iter().map(|user| &user.name).collect::<Vec<_>>(),
        })
    };
    json!({
        "listen": config.server.listen,
        "tls": config.server.tls.is_some(),
        "admin_listen": config.admin.listen,
        "state": config.state.path,
        "media": config.media.folder,
        "media_layout": layout(config.media.layout),
        "numbers": config.numbers.iter().map(number).collect::<Vec<_>>(),
    })
}
