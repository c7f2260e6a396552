//! The old client's REST surface: which routes there are, what a path means, and what each flag may say.

mod table;

use std::fmt;

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
            Self::Login | Self::Logout | Self::MediaGet | Self::MediaDownload
        )
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a route's flag says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Streamed through to the old client.
    OnPrem,
    /// Translated, and answered in the old shape.
    Cloud,
    /// 404 with the 1006 body.
    Off,
}

impl Mode {
    /// The flag's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OnPrem => "onprem",
            Self::Cloud => "cloud",
            Self::Off => "off",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
