//! State and media: could the bridge open and write them, and is there room?
//!
//! What is missing is not made. The bridge makes it at its start, as the user it runs as; a folder made by a check
//! as another user would stop it.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::Access;

use super::report::Finding;
use crate::config::Config;
use crate::media::Store;
use crate::state::{Examined, OpenError, State};

const MB: u64 = 1 << 20;

pub(super) fn check(config: &Config) -> Vec<Finding> {
    let mut findings = vec![state(&config.state.path), media(config), room(config)];
    findings.extend(owner(&[&config.state.path, &config.media.folder]));
    findings
}

fn state(path: &Path) -> Finding {
    let shown = path.display();
    match State::examine(path) {
        Ok(Examined::Sound) => match access(nearest(path)) {
            Ok(()) => Finding::ok("state", format!("{shown} can be opened")),
            Err(error) => not_writable("state", nearest(path), &error),
        },
        Ok(Examined::Missing) => to_be_made("state", path),
        Err(OpenError::InUse(_)) => {
            Finding::ok("state", format!("{shown} is in use by a running bridge"))
        }
        Err(OpenError::Io { path, source }) => not_writable("state", &path, &source),
        Err(error @ OpenError::TooNew { .. }) => Finding::fail(
            "state",
            error.to_string(),
            "run the newer version, or restore the state that was kept before it",
        ),
        Err(error @ (OpenError::NotAState { .. } | OpenError::Engine { .. })) => Finding::fail(
            "state",
            error.to_string(),
            "name another file in state.url, or restore this one from a backup",
        ),
    }
}

fn media(config: &Config) -> Finding {
    let folder = &config.media.folder;
    let Some(store) = Store::existing(config.media.clone()) else {
        return to_be_made("media folder", folder);
    };
    match store.check_writable() {
        Ok(()) => Finding::ok(
            "media folder",
            format!("{} can be written", folder.display()),
        ),
        Err(error) => not_writable("media folder", folder, &error),
    }
}

fn room(config: &Config) -> Finding {
    let reserve = config.media.min_free_bytes;
    let folder = existing(&config.media.folder);
    let stat = match rustix::fs::statvfs(folder) {
        Ok(stat) => stat,
        Err(error) => return not_writable("free space", folder, &error.into()),
    };
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let found = format!(
        "{} MB free for media, {} MB are kept in reserve",
        free / MB,
        reserve / MB
    );
    let remedy = "make room on the file system of media.url, or lower media.min_free_mb";
    if free < reserve {
        Finding::fail(
            "free space",
            format!("{found}: no medium is fetched"),
            remedy,
        )
    } else if free < reserve.saturating_mul(2) {
        Finding::warn("free space", found, remedy)
    } else {
        Finding::ok("free space", found)
    }
}

/// A check by root sees nothing of what the bridge's user may not do.
fn owner(paths: &[&PathBuf]) -> Option<Finding> {
    let me = rustix::process::geteuid().as_raw();
    let (path, owner) = paths.iter().find_map(|path| {
        let owner = fs::metadata(path).ok()?.uid();
        (owner != me).then_some((path, owner))
    })?;
    let found = format!(
        "{} belongs to user {owner}, this check runs as user {me}",
        path.display()
    );
    let remedy = "run the check as the user that the bridge runs as; otherwise the lines above may not hold for it";
    Some(Finding::warn("user", found, remedy))
}

fn to_be_made(check: &'static str, path: &Path) -> Finding {
    let above = existing(path);
    if !above.is_dir() {
        return not_writable(check, above, &io::ErrorKind::NotADirectory.into());
    }
    match access(above) {
        Ok(()) if above == path => Finding::ok(check, format!("{} can be written", path.display())),
        Ok(()) => Finding::ok(
            check,
            format!(
                "{} is not there yet; the bridge makes it at its start",
                path.display()
            ),
        ),
        Err(error) => not_writable(check, above, &error),
    }
}

fn not_writable(check: &'static str, path: &Path, error: &io::Error) -> Finding {
    let remedy = "give the bridge's user read and write access, or name another place; relative paths start at \
                  the folder the bridge is started in";
    Finding::fail(
        check,
        format!("{} cannot be used: {error}", path.display()),
        remedy,
    )
}

fn access(path: &Path) -> io::Result<()> {
    let wanted = Access::READ_OK | Access::WRITE_OK;
    Ok(rustix::fs::access(path, wanted)?)
}

/// The folder of a path.
fn nearest(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// The path, or the nearest folder above it that is there.
fn existing(path: &Path) -> &Path {
    let mut above = path.ancestors().filter(|path| !path.as_os_str().is_empty());
    above.find(|path| path.exists()).unwrap_or(Path::new("."))
}
