//! Statuses: what became of a message.

use std::borrow::Cow;

use aws_lc_rs::digest::{SHA256, digest};

use super::error;
use super::people::{self, Names};
use super::raw::{self, Raw, shapes};
use super::time::{Time, time};
use super::{Identity, Reading, Rules, Silence, Verdict};
use crate::cloud::notification::Event;
use crate::config::{Compat, Played};
use crate::ids::message;
use crate::onprem::callback::{self, Callback, Conversation, Origin, Pricing, Recipient};

/// The models of pricing that readers have heard of. Some read them into a closed list.
const MODELS: [&str; 3] = ["CBP", "NBP", "PMP"];
const DAY: i64 = 24 * 60 * 60;

shapes! {
    /// An element of `statuses`.
    Status {
        biz_opaque_callback_data: b"biz_opaque_callback_data",
        conversation: b"conversation",
        errors: b"errors",
        id: b"id",
        pricing: b"pricing",
        recipient_id: b"recipient_id",
        recipient_participant_id: b"recipient_participant_id",
        recipient_user_id: b"recipient_user_id",
        status: b"status",
        timestamp: b"timestamp",
    }
    /// What is paid for.
    CloudConversation {
        expiration_timestamp: b"expiration_timestamp",
        id: b"id",
        origin: b"origin",
    }
    /// Who began it.
    CloudOrigin {
        kind: b"type",
    }
    /// What is paid.
    CloudPricing {
        billable: b"billable",
        category: b"category",
        kind: b"type",
        pricing_model: b"pricing_model",
    }
}

pub(super) fn read<'a>(event: &Event<'a>, rules: Rules<'_>) -> Reading<'a> {
    let status: Status<'_> = raw::object(Some(event.body)).unwrap_or_default();
    let (Some(id), Some(word)) = (raw::filled(status.id), raw::filled(status.status)) else {
        return Reading::new("status_unknown", None, Verdict::Unreadable);
    };
    let (kind, meaning) = meaning(&word, rules);
    let told_as = match meaning {
        Ok(told_as) | Err((told_as, Silence::Setting)) => Cow::Borrowed(told_as),
        Err(_) => word,
    };
    let identity = Identity {
        id: id.clone(),
        status: Some(told_as),
    };
    let told_as = match meaning {
        Ok(told_as) => told_as,
        Err((_, silence)) => {
            return Reading::new(kind, Some(identity), Verdict::Silent(silence));
        }
    };
    let mut names = Names {
        rules,
        aliases: Vec::new(),
    };
    let (Some((root, recipient)), Some(time)) =
        (recipients(&status, &id, &mut names), time(status.timestamp))
    else {
        return Reading::new(kind, Some(identity), Verdict::Unreadable);
    };
    let compat = rules.compat;
    let errors = match told_as {
        "failed" => error::errors(status.errors, compat),
        _ => Vec::new(),
    };
    let conversation = conversation(status.conversation, told_as)
        .or_else(|| daily(rules, &recipient, told_as, &time));
    let body = callback::Status {
        biz_opaque_callback_data: raw::text(status.biz_opaque_callback_data),
        conversation,
        errors,
        id: names.message(id),
        message: Recipient {
            recipient_id: recipient.clone(),
        },
        pricing: pricing(status.pricing, compat),
        recipient_id: compat.root_recipient_id.then_some(root),
        status: told_as,
        timestamp: time.told,
        kind: "message",
    };
    Reading {
        contact: Some(recipient),
        aliases: names.aliases,
        body: Some(callback(body, compat)),
        ..Reading::new(kind, Some(identity), Verdict::Tell)
    }
}

/// That a customer deleted a message, which the old client told as a status of it.
pub(super) fn deleted<'a>(
    original: Cow<'a, str>,
    from: &Cow<'a, str>,
    timestamp: Cow<'a, str>,
    compat: &Compat,
) -> Callback<'a> {
    let body = callback::Status {
        biz_opaque_callback_data: None,
        conversation: None,
        errors: Vec::new(),
        id: original,
        message: Recipient {
            recipient_id: from.clone(),
        },
        pricing: None,
        recipient_id: compat.root_recipient_id.then(|| from.clone()),
        status: "deleted",
        timestamp,
        kind: "message",
    };
    callback(body, compat)
}

fn callback<'a>(status: callback::Status<'a>, compat: &Compat) -> Callback<'a> {
    Callback {
        errors: match compat.top_errors {
            true => status.errors.clone(),
            false => Vec::new(),
        },
        statuses: Some([status]),
        ..Callback::default()
    }
}

/// The word for figures, and the word it is told by; or by which it would be told, and why it is not.
type Meaning = (&'static str, Result<&'static str, (&'static str, Silence)>);

fn meaning(word: &str, rules: Rules<'_>) -> Meaning {
    let settings = rules.settings;
    let gate = |wanted, word| match wanted {
        true => Ok(word),
        false => Err((word, Silence::Setting)),
    };
    match word {
        "sent" => ("status_sent", gate(settings.sent, "sent")),
        "delivered" => ("status_delivered", gate(settings.delivered, "delivered")),
        "read" => ("status_read", gate(settings.read, "read")),
        "failed" => ("status_failed", Ok("failed")),
        "deleted" => ("status_deleted", Ok("deleted")),
        "played" => match rules.compat.played {
            Played::Read => ("status_played", gate(settings.read, "read")),
            Played::Drop => ("status_played", Err(("played", Silence::Setting))),
        },
        _ => ("status_unknown", Err(("", Silence::Unheard))),
    }
}

/// Whom a message was for, as it stands at the top and inside of `message`: of a group's message, the group and one of
/// its members. Where Cloud says nothing, the id of the message does.
fn recipients<'a>(
    status: &Status<'a>,
    id: &str,
    names: &mut Names<'_, 'a>,
) -> Option<(Cow<'a, str>, Cow<'a, str>)> {
    let root = people::said_of_any(status.recipient_id)
        .or_else(|| people::said(status.recipient_user_id))
        .or_else(|| message::customer(id).map(Cow::Owned));
    let Some(member) = people::said(status.recipient_participant_id) else {
        let root = names.person(root?);
        return Some((root.clone(), root));
    };
    let member = names.person(member);
    Some((root.unwrap_or_else(|| member.clone()), member))
}

fn conversation<'a>(raw: Raw<'a>, told_as: &str) -> Option<Conversation<'a>> {
    let conversation: CloudConversation<'_> = raw::object(raw)?;
    let origin: Option<CloudOrigin<'_>> = raw::object(conversation.origin);
    let kind = origin.and_then(|origin| raw::text(origin.kind));
    Some(Conversation {
        expiration_timestamp: match told_as {
            "sent" => time(conversation.expiration_timestamp).map(|time| time.seconds),
            _ => None,
        },
        id: raw::filled(conversation.id)?,
        origin: kind.map(|kind| Origin { kind }),
    })
}

/// A conversation that is made up, for billing code that cannot do without.
fn daily<'a>(
    rules: Rules<'_>,
    recipient: &str,
    told_as: &str,
    time: &Time<'_>,
) -> Option<Conversation<'a>> {
    (rules.compat.daily_conversations && told_as != "failed").then_some(())?;
    let day = time.seconds / DAY;
    let named = format!("{}/{recipient}/{day}", rules.number);
    let hash = digest(&SHA256, named.as_bytes());
    let hex = hash.as_ref().iter().take(16);
    Some(Conversation {
        expiration_timestamp: (told_as == "sent").then_some((day + 1) * DAY),
        id: Cow::Owned(hex.map(|byte| format!("{byte:02x}")).collect()),
        origin: None,
    })
}

fn pricing<'a>(raw: Raw<'a>, compat: &Compat) -> Option<Pricing<'a>> {
    let pricing: CloudPricing<'_> = raw::object(raw)?;
    let model = match &compat.pricing_model {
        Some(model) => Some(Cow::Owned(model.clone())),
        None => raw::text(pricing.pricing_model).filter(|model| MODELS.contains(&&**model)),
    };
    let told = Pricing {
        billable: raw::flag(pricing.billable),
        category: raw::text(pricing.category),
        pricing_model: model,
        kind: match compat.pricing_type {
            true => raw::text(pricing.kind),
            false => None,
        },
    };
    (told != Pricing::default()).then_some(told)
}
