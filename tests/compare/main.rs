//! Comparing the two sides: by examples, by properties, and over many comparisons.
#![allow(clippy::unwrap_used)]

mod fixtures;
mod properties;
mod report;

use std::time::Duration;

use waba_bridge::compare::{Attempt, Content, Outcome, Verdict};

/// An answer that took no time.
fn answered(status: u16, content: Content) -> Attempt {
    Attempt::Answered(Outcome {
        status,
        content,
        took: Duration::ZERO,
    })
}

/// The verdict when the sides change places.
fn swapped(verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::OnlyOnPrem => Verdict::OnlyCloud,
        Verdict::OnlyCloud => Verdict::OnlyOnPrem,
        other => other,
    }
}
