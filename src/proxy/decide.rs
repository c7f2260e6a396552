//! Which side a call goes to: what is known of its medium and its caller, put to the flags in force.

use hyper::HeaderMap;
use hyper::header;
use serde::Serialize;

use super::number::Number;
use super::respond::ProxyError;
use super::{Call, Proxy, auth, users};
use crate::cutover::InForce;
use crate::http::headers::DECISION;
use crate::ids::MediaId;
use crate::route::{self, Decision, Facts, KeyKind, Matched, Mode, Plan, Reason, Route, Side};
use crate::state::{Fate, Medium};

/// A decided call.
pub(super) struct Decided {
    pub(super) decision: Decision,
    /// What the state knows of the call's medium, where that was looked up. Boxed, since it is moved about on every
    /// request and there on few.
    pub(super) medium: Option<Box<Medium>>,
}

/// A decision, explained.
#[derive(Debug, Serialize)]
pub struct Why {
    /// Whose.
    pub number: String,
    /// The route; none for a path that is in no document.
    pub route: Option<&'static str>,
    /// What a call of it can do.
    pub effect: Option<&'static str>,
    /// What is done with it.
    pub plan: &'static str,
    /// Whose answer the integration gets.
    pub answer: Option<&'static str>,
    /// Which rule decided.
    pub reason: &'static str,
    /// The flag in force.
    pub flag: Option<String>,
    /// Where it comes from.
    pub layer: Option<&'static str>,
    /// Who set it, where it was set at run time.
    pub set_by: Option<String>,
    /// What the share is counted by.
    pub key: Option<&'static str>,
    /// Where the key fell, of 10,000.
    pub bucket: Option<u16>,
    /// Where the medium lives, where it lives on one side alone.
    pub lives_on: Option<&'static str>,
    /// Whether the kill switch is thrown.
    pub killed: bool,
    /// The steps of the decision, in words.
    pub steps: Vec<String>,
}

impl Proxy {
    /// Decides about a call. Looks nothing up that cannot matter.
    pub(super) async fn decide(
        &self,
        call: &Call<'_>,
        route: Route,
        id: &str,
        headers: &HeaderMap,
    ) -> Result<Decided, ProxyError> {
        let flags = &call.flags;
        let (medium, lives_on) = match may_live_elsewhere(flags, route, id) {
            true => self.whereabouts(call.number, flags, route, id).await?,
            false => (None, None),
        };
        let caller = || self.caller(call.number, headers, call.peer);
        let facts = Facts {
            lives_on,
            object: (!id.is_empty()).then_some(id),
            caller: &caller,
        };
        let decision = flags.decide(route, facts);
        if decision.reason != Reason::Mode {
            call.number.metrics.decided(route, decision);
        }
        let medium = medium.map(Box::new);
        Ok(Decided { decision, medium })
    }

    /// What is known of a medium, and the side it lives on where that is one alone: what the bridge fetched, the old client
    /// does not have; a UUID that the bridge did not give out is the old client's.
    async fn whereabouts(
        &self,
        number: &Number,
        flags: &InForce,
        route: Route,
        id: &str,
    ) -> Result<(Option<Medium>, Option<Side>), ProxyError> {
        let Some(parsed) = MediaId::parse(id) else {
            return Ok((None, None));
        };
        let medium = self.medium(&number.config.name, &parsed).await?;
        let lives_on = match (&medium, &parsed) {
            (Some(medium), _) if matches!(medium.fate, Fate::Stored | Fate::Held) => {
                Some(Side::Cloud)
            }
            (Some(_), MediaId::Uuid(_)) => Some(Side::Cloud),
            (None, MediaId::Uuid(_)) => number.onprem.is_some().then_some(Side::OnPrem),
            // Where the old client is asked for some media still, one that is not here may be there.
            (_, MediaId::Cloud(_)) if may_be_with_onprem(flags, route) => {
                number.onprem.is_some().then_some(Side::OnPrem)
            }
            (_, MediaId::Cloud(_)) => None,
        };
        Ok((medium, lives_on))
    }

    /// Who calls: the user where the bridge knows the token, else the address.
    pub(super) fn caller(
        &self,
        number: &Number,
        headers: &HeaderMap,
        peer: std::net::SocketAddr,
    ) -> String {
        let user = match auth::bearer(headers) {
            Some(token) => self.users.user_of(&number.config.name, token),
            None => users::name_of_basic(headers),
        };
        user.unwrap_or_else(|| peer.ip().to_string())
    }

    /// Explains what would be done with a call, without doing any of it.
    pub async fn why(
        &self,
        number: &Number,
        method: &hyper::Method,
        path: &str,
        caller: Option<&str>,
    ) -> Result<Why, ProxyError> {
        let flags = number.published.load();
        let name = number.config.name.to_string();
        let (route, id, allow) = match route::find(method, path) {
            Matched::Route { route, id } => (route, id, None),
            Matched::WrongMethod { route, id, allow } => (route, id, Some(allow)),
            Matched::Unknown => return Ok(no_route(name, number.onprem.is_some(), flags.killed)),
        };
        let (_, lives_on) = self.whereabouts(number, &flags, route, id).await?;
        let lives_on = lives_on.filter(|_| matches!(route, Route::MediaGet | Route::MediaDownload));
        let by_caller = || caller.unwrap_or_default().to_owned();
        let facts = Facts {
            lives_on,
            object: (!id.is_empty()).then_some(id),
            caller: &by_caller,
        };
        let decision = flags.decide(route, facts);
        let knows_caller = caller.is_some();
        let mut why = explain(
            name,
            route,
            method,
            &flags,
            lives_on,
            decision,
            knows_caller,
        );
        if let Some(allow) = allow {
            why.steps.push(format!("method: not one of this path's ({allow}); on-prem is left to say so itself, the bridge answers 405"));
        }
        Ok(why)
    }
}

/// Whether bytes that are not stored here could be with the old client, because it fetches some media itself.
fn may_be_with_onprem(flags: &InForce, route: Route) -> bool {
    let fetches = flags.flag(Route::MediaDownload).uses(Side::OnPrem)
        || [KeyKind::Medium, KeyKind::Caller]
            .into_iter()
            .any(|kind| flags.pins.has(kind));
    route == Route::MediaGet && flags.flag(route).mode == Mode::Cloud && fetches
}

/// Whether where a medium lives could change anything.
fn may_live_elsewhere(flags: &InForce, route: Route, id: &str) -> bool {
    if !matches!(route, Route::MediaGet | Route::MediaDownload) {
        return false;
    }
    match flags.settled(route) {
        Some(decision) if decision.reason == Reason::Killed || decision.plan == Plan::Off => false,
        // Stored or not, a Cloud id is answered here; serving it looks it up once more than needed otherwise.
        Some(decision) if decision.plan == Plan::Cloud && route == Route::MediaDownload => {
            !id.bytes().all(|byte| byte.is_ascii_digit())
        }
        _ => true,
    }
}

fn no_route(number: String, has_onprem: bool, killed: bool) -> Why {
    let (plan, step) = match has_onprem {
        true => (
            "onprem",
            "the path is in no document; the old client may know better",
        ),
        false => (
            "off",
            "the path is in no document, and there is no old client to ask",
        ),
    };
    Why {
        number,
        route: None,
        effect: None,
        plan,
        answer: has_onprem.then_some("onprem"),
        reason: "unknown_path",
        flag: None,
        layer: None,
        set_by: None,
        key: None,
        bucket: None,
        lives_on: None,
        killed,
        steps: vec![step.to_owned()],
    }
}

fn explain(
    number: String,
    route: Route,
    method: &hyper::Method,
    flags: &InForce,
    lives_on: Option<Side>,
    decision: Decision,
    knows_caller: bool,
) -> Why {
    let layer = flags.layer(route);
    let set_by = match layer {
        crate::cutover::Layer::RunTime(origin) => {
            Some(format!("{} ({})", origin.who, origin.reason))
        }
        crate::cutover::Layer::File(_) => None,
    };
    let mut steps = vec![format!("flag: {} ({})", flags.flag(route), layer.as_str())];
    steps.push(match flags.killed {
        true => "kill switch: thrown".to_owned(),
        false => "kill switch: not thrown".to_owned(),
    });
    if route.key() == KeyKind::Medium {
        steps.push(match lives_on {
            Some(side) => format!("affinity: the medium lives on {side} alone"),
            None => "affinity: none".to_owned(),
        });
    }
    steps.push(match decision.reason {
        Reason::Pinned => "pins: the key is pinned".to_owned(),
        Reason::Killed | Reason::Affinity => "pins: not looked at".to_owned(),
        _ => "pins: none for this key".to_owned(),
    });
    if let Some(bucket) = decision.bucket {
        let share = u16::from(flags.flag(route).percent) * 100;
        steps.push(format!(
            "percent: bucket {bucket} of 10000, {} the first {share}",
            if bucket < share {
                "one of"
            } else {
                "not one of"
            }
        ));
        if route.key() == KeyKind::Caller && !knows_caller {
            steps.push("percent: counted by caller, and none was named; --caller NAME says whose call to explain".to_owned());
        }
    }
    Why {
        number,
        route: Some(route.as_str()),
        effect: Some(route.effect_of(method).as_str()),
        plan: decision.plan.as_str(),
        answer: decision.plan.answer().map(Side::as_str),
        reason: decision.reason.as_str(),
        flag: Some(flags.flag(route).to_string()),
        layer: Some(layer.as_str()),
        set_by,
        key: Some(route.key().as_str()),
        bucket: decision.bucket,
        lives_on: lives_on.map(Side::as_str),
        killed: flags.killed,
        steps,
    }
}

/// The decision as the answer's header says it, for callers that ask.
pub(super) fn shown(
    decision: Decision,
    flags: &InForce,
    route: Route,
) -> Option<header::HeaderValue> {
    let mut text = format!(
        "{}; reason={}; flag=\"{}\"; layer=\"{}\"",
        decision.plan.as_str(),
        decision.reason.as_str(),
        flags.flag(route),
        flags.layer(route).as_str()
    );
    if let Some(bucket) = decision.bucket {
        text.push_str(&format!("; bucket={bucket}"));
    }
    header::HeaderValue::try_from(text).ok()
}

/// Whether a caller wants to know; the question is none of the old client's business.
pub(super) fn is_asked(headers: &mut HeaderMap) -> bool {
    headers.remove(&DECISION).is_some()
}
