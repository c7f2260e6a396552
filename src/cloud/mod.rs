//! Meta's Cloud API exactly as the bridge calls it: wire types and what its errors mean, no flow.
//!
//! Always written with their module (`cloud::media::LookUp`), because on-prem has twins of the same name.

pub mod error;
pub mod identity;
pub mod media;
pub mod notification;
pub mod profile;
pub mod webhook;
