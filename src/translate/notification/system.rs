//! What is told about a customer rather than by him.

use super::people::{self, Names};
use super::raw::{self, Raw, shapes};
use super::{Rules, Silence};
use crate::onprem::callback::{Content, System};

shapes! {
    /// `system`
    CloudSystem {
        body: b"body",
        identity: b"identity",
        kind: b"type",
        new_wa_id: b"new_wa_id",
        wa_id: b"wa_id",
    }
}

/// Why nobody is told, if so.
pub(super) fn silence(raw: Raw<'_>, rules: Rules<'_>) -> Option<Silence> {
    let system: CloudSystem<'_> = raw::object(raw)?;
    let settings = rules.settings;
    let gate = |wanted: bool| (!wanted).then_some(Silence::Setting);
    match &*raw::text(system.kind)? {
        "user_changed_number" | "customer_changed_number" => {
            gate(settings.notify_user_change_number)
        }
        "user_identity_changed" | "customer_identity_changed" => {
            gate(settings.show_security_notifications)
        }
        "user_changed_user_id" => Some(Silence::NoCounterpart),
        _ => None,
    }
}

pub(super) fn system<'a>(raw: Raw<'a>, names: &mut Names<'_, 'a>) -> Option<Content<'a>> {
    let system: CloudSystem<'_> = raw::object(raw)?;
    let body = raw::text(system.body);
    let told = match &*raw::text(system.kind)? {
        "user_changed_number" | "customer_changed_number" => {
            // Up to v11 it was called as the old client called it.
            let number = people::said(system.wa_id).or_else(|| people::said(system.new_wa_id))?;
            System {
                body,
                identity: None,
                new_wa_id: Some(names.person(number)),
                kind: "user_changed_number",
            }
        }
        "user_identity_changed" | "customer_identity_changed" => System {
            body,
            identity: raw::text(system.identity),
            new_wa_id: None,
            kind: "user_identity_changed",
        },
        _ => return None,
    };
    Some(Content::System(told))
}
