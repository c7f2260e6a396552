//! Notifications become callbacks: by examples, and by what holds for any notification.
#![allow(clippy::unwrap_used)]

mod case;
mod fixtures;
mod ids;
mod properties;
mod rubbish;

use std::path::{Path, PathBuf};

/// The inputs of all examples, in order.
fn inputs() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/notification");
    let mut files = Vec::new();
    for group in std::fs::read_dir(&folder).unwrap() {
        let cases = std::fs::read_dir(group.unwrap().path()).unwrap();
        let cases = cases.map(|entry| entry.unwrap().path());
        files.extend(cases.filter(|path| path.to_string_lossy().ends_with(".in.json")));
    }
    files.sort();
    files
}
