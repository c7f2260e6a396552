//! The old client's REST surface: which routes there are, what a path means, and what each flag may say.

mod decide;
mod effect;
mod flag;
mod rules;
mod table;

use std::fmt;

pub use decide::{Decision, Facts, KeyKind, Pins, Plan, Reason, Standing, bucket, decide};
pub use effect::Effect;
pub use flag::{Flag, Flags, Mode, Side};
pub use rules::{Means, faults, needs_cloud, needs_own_session, unfit, usual_answer};
pub use table::{Matched, find};

/// A route, by the name its flag has. The order is that of the documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)] // the names are the documentation
pub enum Route {
    Login,
    Logout,
    Users,
    Account,
    TwoStep,
    Backup,
    Settings,
    MediaProviders,
    BusinessProfile,
    ComplianceInfo,
    ProfileAbout,
    ProfilePhoto,
    Contacts,
    ContactIdentity,
    Messages,
    MessageRead,
    MediaUpload,
    MediaGet,
    MediaDelete,
    MediaDownload,
    ServicesGc,
    Health,
    Stats,
    Metrics,
    Support,
    Certificates,
    Stickerpacks,
    Groups,
}

impl Route {
    /// Every route.
    pub const ALL: [Self; 28] = [
        Self::Login,
        Self::Logout,
        Self::Users,
        Self::Account,
        Self::TwoStep,
        Self::Backup,
        Self::Settings,
        Self::MediaProviders,
        Self::BusinessProfile,
        Self::ComplianceInfo,
        Self::ProfileAbout,
        Self::ProfilePhoto,
        Self::Contacts,
        Self::ContactIdentity,
        Self::Messages,
        Self::MessageRead,
        Self::MediaUpload,
        Self::MediaGet,
        Self::MediaDelete,
        Self::MediaDownload,
        Self::ServicesGc,
        Self::Health,
        Self::Stats,
        Self::Metrics,
        Self::Support,
        Self::Certificates,
        Self::Stickerpacks,
        Self::Groups,
    ];

    /// The flag's name in the configuration, in logs and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Logout => "logout",
            Self::Users => "users",
            Self::Account => "account",
            Self::TwoStep => "two_step",
            Self::Backup => "backup",
            Self::Settings => "settings",
            Self::MediaProviders => "media_providers",
            Self::BusinessProfile => "business_profile",
            Self::ComplianceInfo => "compliance_info",
            Self::ProfileAbout => "profile_about",
            Self::ProfilePhoto => "profile_photo",
            Self::Contacts => "contacts",
            Self::ContactIdentity => "contact_identity",
            Self::Messages => "messages",
            Self::MessageRead => "message_read",
            Self::MediaUpload => "media_upload",
            Self::MediaGet => "media_get",
            Self::MediaDelete => "media_delete",
            Self::MediaDownload => "media_download",
            Self::ServicesGc => "services_gc",
            Self::Health => "health",
            Self::Stats => "stats",
            Self::Metrics => "metrics",
            Self::Support => "support",
            Self::Certificates => "certificates",
            Self::Stickerpacks => "stickerpacks",
            Self::Groups => "groups",
        }
    }

    /// Reads a flag's name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|route| route.as_str() == name)
    }

    /// Whether this version can answer the route from Cloud (or from what it stored of Cloud).
    pub const fn is_served_from_cloud(self) -> bool {
        matches!(
            self,
            Self::Login
                | Self::Logout
                | Self::BusinessProfile
                | Self::ProfileAbout
                | Self::Contacts
                | Self::MediaGet
                | Self::MediaDownload
                | Self::Health
        )
    }

    /// Whether this version can put both sides of the route beside each other. A login cannot be: what it gives is a
    /// secret, and the caller's password belongs to one side.
    pub const fn is_comparable(self) -> bool {
        match self {
            Self::Login | Self::Logout => false,
            Self::Messages => true,
            route => route.is_served_from_cloud(),
        }
    }

    /// Whether on-prem's answers can be recorded, to be compared with Cloud's later.
    pub const fn is_recordable(self) -> bool {
        self.is_comparable() && !matches!(self.effect(), Effect::Send)
    }

    /// Whether Cloud's answer needs Meta, and so the number's identity there. The others are answered out of what is
    /// stored here, or out of the request itself.
    pub const fn asks_meta(self) -> bool {
        matches!(
            self,
            Self::BusinessProfile | Self::ProfileAbout | Self::MediaDownload
        )
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
