//! The event story: what was accepted is fetched from Cloud, and told to the integration.

pub mod deliver;
pub mod fetch;
