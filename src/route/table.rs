//! Method and path of every documented route: the public surface on one screen.
//!
//! Paths are matched as they were sent: nothing is decoded, so an encoded slash can never become a separator.
//! One trailing slash is allowed everywhere, because Meta's own collection calls some routes with one.

use hyper::Method;

use super::Route;

/// What a method and a path mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matched<'a> {
    /// A documented call; `id` is what stands in the path's variable place.
    Route {
        /// Its route.
        route: Route,
        /// The variable segment, undecoded; empty when there is none.
        id: &'a str,
    },
    /// A documented path with a method it does not have.
    WrongMethod {
        /// Its route.
        route: Route,
        /// The methods it has, as `Allow` names them.
        allow: &'static str,
        /// The variable segment, undecoded; empty when there is none.
        id: &'a str,
    },
    /// No documented path.
    Unknown,
}

/// Looks a call up.
pub fn find<'a>(method: &Method, path: &'a str) -> Matched<'a> {
    let trimmed = path.strip_suffix('/').unwrap_or(path);
    if trimmed == "/metrics" {
        return answer(method, Route::Metrics, "GET", "");
    }
    let Some(segments) = trimmed.strip_prefix("/v1/").and_then(split) else {
        return Matched::Unknown;
    };
    match lookup(segments) {
        Some((Route::MediaGet, allow, id)) if method == Method::DELETE => {
            answer(method, Route::MediaDelete, allow, id)
        }
        Some((route, allow, id)) => answer(method, route, allow, id),
        None => Matched::Unknown,
    }
}

/// The segments, filled up with empty ones. An empty segment of the path's own makes it no documented path.
fn split(rest: &str) -> Option<[&str; 5]> {
    let mut segments = [""; 5];
    for (index, segment) in rest.split('/').enumerate() {
        if segment.is_empty() {
            return None;
        }
        *segments.get_mut(index)? = segment;
    }
    Some(segments)
}

fn answer<'a>(method: &Method, route: Route, allow: &'static str, id: &'a str) -> Matched<'a> {
    if allow.split(", ").any(|allowed| allowed == method.as_str()) {
        Matched::Route { route, id }
    } else {
        Matched::WrongMethod { route, allow, id }
    }
}

/// The table of the documentation, with the methods of each path. Order matters: fixed segments before variable ones.
#[rustfmt::skip]
fn lookup(segments: [&str; 5]) -> Option<(Route, &'static str, &str)> {
    use Route as R;
    Some(match segments {
        ["users", "login", "", ..] => (R::Login, "POST", ""),
        ["users", "logout", "", ..] => (R::Logout, "POST", ""),
        ["users", "", ..] => (R::Users, "POST", ""),
        ["users", name, "", ..] => (R::Users, "GET, PUT, DELETE", name),
        ["account", "" | "verify", "", ..] => (R::Account, "POST", ""),
        ["account", "shards", "", ..] => (R::Account, "GET, POST", ""),
        ["settings", "account", "two-step", "", ..] => (R::TwoStep, "POST, DELETE", ""),
        ["settings", "backup" | "restore", "", ..] => (R::Backup, "POST", ""),
        ["settings", "application", "", ..] => (R::Settings, "GET, PATCH, DELETE", ""),
        ["settings", "application", "media", "providers", ""] => (R::MediaProviders, "GET, POST", ""),
        ["settings", "application", "media", "providers", name] => (R::MediaProviders, "DELETE", name),
        ["settings", "business", "profile", "", ..] => (R::BusinessProfile, "GET, POST", ""),
        ["settings", "business", "compliance_info", "", ..] => (R::ComplianceInfo, "GET, POST", ""),
        ["settings", "profile", "about", "", ..] => (R::ProfileAbout, "GET, PATCH", ""),
        ["settings", "profile", "photo", "", ..] => (R::ProfilePhoto, "GET, POST, DELETE", ""),
        ["contacts", "", ..] => (R::Contacts, "POST", ""),
        ["contacts", wa_id, "identity", "", ..] => (R::ContactIdentity, "GET, PUT", wa_id),
        ["messages", "", ..] => (R::Messages, "POST", ""),
        ["messages", id, "", ..] => (R::MessageRead, "PUT", id),
        ["media", "", ..] => (R::MediaUpload, "POST", ""),
        ["media", id, "download", "", ..] => (R::MediaDownload, "GET", id),
        ["media", id, "", ..] => (R::MediaGet, "GET, HEAD, DELETE", id),
        ["services", "message" | "media", "gc", "", ..] => (R::ServicesGc, "PUT", ""),
        ["health", "", ..] => (R::Health, "GET", ""),
        ["stats", "app" | "db", "" | "internal", "", ..] => (R::Stats, "GET", ""),
        ["support", "", ..] => (R::Support, "GET", ""),
        ["certificates", "external", "", ..] => (R::Certificates, "POST", ""),
        ["certificates", "external", "ca", "", ..] => (R::Certificates, "GET", ""),
        ["certificates", "webhooks", "ca", "", ..] => (R::Certificates, "GET, POST, DELETE", ""),
        ["stickerpacks", "", ..] => (R::Stickerpacks, "GET, POST", ""),
        ["stickerpacks", pack, "", ..] => (R::Stickerpacks, "GET, PATCH, DELETE", pack),
        ["stickerpacks", pack, "stickers", "", ..] => (R::Stickerpacks, "GET, POST", pack),
        ["stickerpacks", pack, "stickers", _index, ""] => (R::Stickerpacks, "GET, PATCH, DELETE", pack),
        ["groups", "", ..] => (R::Groups, "GET, POST", ""),
        ["groups", id, "", ..] => (R::Groups, "GET, PUT", id),
        ["groups", id, "invite", "", ..] => (R::Groups, "GET, DELETE", id),
        ["groups", id, "participants", "", ..] => (R::Groups, "DELETE", id),
        ["groups", id, "leave", "", ..] => (R::Groups, "POST", id),
        ["groups", id, "icon", "", ..] => (R::Groups, "GET, POST, DELETE", id),
        ["groups", id, "admins", "", ..] => (R::Groups, "PATCH, DELETE", id),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(method: Method, path: &str) -> Option<(Route, &str)> {
        match find(&method, path) {
            Matched::Route { route, id } => Some((route, id)),
            Matched::WrongMethod { .. } | Matched::Unknown => None,
        }
    }

    #[test]
    fn both_spellings_of_a_path_are_the_same_route() {
        assert_eq!(
            found(Method::POST, "/v1/messages/"),
            Some((Route::Messages, ""))
        );
        assert_eq!(
            found(Method::POST, "/v1/messages"),
            Some((Route::Messages, ""))
        );
        assert_eq!(found(Method::GET, "/metrics"), Some((Route::Metrics, "")));
        assert_eq!(find(&Method::POST, "/v1/messages//"), Matched::Unknown);
    }

    #[test]
    fn the_media_paths_are_told_apart_by_method_and_depth() {
        assert_eq!(
            found(Method::POST, "/v1/media"),
            Some((Route::MediaUpload, ""))
        );
        assert_eq!(
            found(Method::GET, "/v1/media/1"),
            Some((Route::MediaGet, "1"))
        );
        assert_eq!(
            found(Method::DELETE, "/v1/media/1"),
            Some((Route::MediaDelete, "1"))
        );
        assert_eq!(
            found(Method::GET, "/v1/media/1/download"),
            Some((Route::MediaDownload, "1"))
        );
        assert_eq!(
            found(Method::GET, "/v1/media/download"),
            Some((Route::MediaGet, "download"))
        );
        let wrong = find(&Method::POST, "/v1/media/1/download");
        assert_eq!(
            wrong,
            Matched::WrongMethod {
                route: Route::MediaDownload,
                allow: "GET",
                id: "1"
            }
        );
    }

    #[test]
    fn an_encoded_slash_is_no_separator_and_a_traversal_no_route() {
        assert_eq!(
            found(Method::GET, "/v1/media/a%2fdownload"),
            Some((Route::MediaGet, "a%2fdownload"))
        );
        for path in [
            "/v1/media/../users",
            "/v1//media/1",
            "/v1/media/1/download/x",
            "/v2/media/1",
            "/v1",
            "/",
            "",
        ] {
            let matched = find(&Method::GET, path);
            assert!(
                !matches!(
                    matched,
                    Matched::Route {
                        route: Route::MediaDownload,
                        ..
                    }
                ),
                "{path}: {matched:?}"
            );
        }
    }

    #[test]
    fn fixed_segments_win_over_variable_ones() {
        assert_eq!(
            found(Method::POST, "/v1/users/login"),
            Some((Route::Login, ""))
        );
        assert_eq!(
            found(Method::GET, "/v1/users/anna"),
            Some((Route::Users, "anna"))
        );
        let provider = found(
            Method::DELETE,
            "/v1/settings/application/media/providers/p1",
        );
        assert_eq!(provider, Some((Route::MediaProviders, "p1")));
        assert_eq!(
            found(Method::GET, "/v1/stickerpacks/p/stickers/0"),
            Some((Route::Stickerpacks, "p"))
        );
    }
}
