//! What carrying out a call twice would do. Fixed here and nowhere else: no flag can make a `Send` go to both sides.

use hyper::Method;

use super::Route;

/// What a call does on the side that carries it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Changes nothing.
    Read,
    /// Changes something of the number's own, and twice is as good as once: may be done on both sides.
    Idempotent,
    /// Reaches a customer, makes something new, or concerns the number's registration: never on both sides.
    Send,
}

impl Effect {
    /// The word in logs and in what operators are shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Idempotent => "idempotent",
            Self::Send => "send",
        }
    }
}

impl Route {
    /// What the route's calls can do at worst. A flag is judged by this.
    pub const fn effect(self) -> Effect {
        match self {
            Self::Account
            | Self::TwoStep
            | Self::Backup
            | Self::Messages
            | Self::MessageRead
            | Self::MediaUpload
            | Self::Stickerpacks
            | Self::Groups => Effect::Send,
            Self::MediaGet
            | Self::MediaDownload
            | Self::Health
            | Self::Stats
            | Self::Metrics
            | Self::Support => Effect::Read,
            Self::Login
            | Self::Logout
            | Self::Users
            | Self::Settings
            | Self::MediaProviders
            | Self::BusinessProfile
            | Self::ComplianceInfo
            | Self::ProfileAbout
            | Self::ProfilePhoto
            | Self::Contacts
            | Self::ContactIdentity
            | Self::MediaDelete
            | Self::ServicesGc
            | Self::Certificates => Effect::Idempotent,
        }
    }

    /// What one call of the route does. Most routes that can write can be read, too.
    pub fn effect_of(self, method: &Method) -> Effect {
        if matches!(*method, Method::GET | Method::HEAD) {
            return Effect::Read;
        }
        match (self, method) {
            // Whether a number is good is asked by POST.
            (Self::Contacts, _) => Effect::Read,
            (route, _) => route.effect(),
        }
    }
}
