//! `waba-bridge compare`: what comparing found, and recording for the time when on-prem answers no more.

mod record;
mod report;

pub use record::{Baselines, Record, record};
pub use report::{Period, Readiness, Wanted, report};
