//! The integration's webhook: only whether it can be connected to. An invented event, however empty, could confuse
//! an integration, so none is sent.

use super::report::Finding;
use crate::backend::callback;
use crate::backend::trouble::Trouble;
use crate::config::Number;

const CHECK: &str = "callback";

pub(super) async fn check(number: &Number) -> Option<Finding> {
    let callback = number.callback.as_ref()?;
    let origin = callback.url.origin().ascii_serialization();
    let Err(error) = callback::reach(callback).await else {
        let tls = match callback.url.scheme() {
            "https" => " over TLS",
            _ => "",
        };
        return Some(Finding::ok(
            CHECK,
            format!("{origin} takes connections{tls}; no event was sent"),
        ));
    };
    let trouble = Trouble::behind(&error);
    let remedy = match trouble {
        Trouble::UnknownIssuer => {
            "put the certificate of its issuer (PEM) into the callback's ca_file"
        }
        Trouble::WrongName => {
            "write the name that stands in the certificate into the callback's url"
        }
        Trouble::Expired => "renew the certificate of the integration's web server",
        _ => {
            "start the integration's web server, or correct the callback's url; until then callbacks wait, none is lost"
        }
    };
    Some(Finding::fail(CHECK, format!("{origin}: {trouble}"), remedy))
}
