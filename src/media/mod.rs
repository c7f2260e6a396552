//! The media store: bytes on disk, published whole or not at all.
//!
//! A medium is written to a partial file, checked, synced and renamed to the name of its UUID; then its folder is
//! synced. A file under its final name is therefore always complete. Partial files survive a crash, so that a fetch
//! can go on where it stopped; what a crash may have done to them is found by the digest.

mod partial;

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::Stream;
use tokio_util::io::ReaderStream;
use uuid::Uuid;

use crate::config::{self, MediaLayout};

pub use partial::{Finished, Partial};

/// Read from a file at a time when it is served.
const CHUNK: usize = 128 * 1024;
/// Where partial files are, inside the folder so that a rename never crosses file systems.
const PARTIAL_FOLDER: &str = ".partial";
/// Where media are that nobody asked for yet, inside for the same reason.
const HELD_FOLDER: &str = ".held";

/// A folder of media.
#[derive(Clone, Debug)]
pub struct Store {
    config: config::Media,
}

impl Store {
    /// The store in a folder that is there already; nothing is made. None where there is no folder yet.
    pub fn existing(config: config::Media) -> Option<Self> {
        let store = Self { config };
        store.partial_folder().is_dir().then_some(store)
    }

    /// Opens the folder, making it where it is missing.
    pub fn open(config: config::Media) -> io::Result<Self> {
        fs::create_dir_all(config.folder.join(PARTIAL_FOLDER))?;
        let store = Self { config };
        store.check_writable()?;
        Ok(store)
    }

    /// Begins, or goes on with, the file of a medium. `tag` tells apart what must never be mixed.
    pub fn partial(&self, id: Uuid, tag: &str) -> io::Result<Partial> {
        let path = self.partial_folder().join(format!("{id}.{tag}"));
        match Partial::open(path.clone()) {
            // Somebody emptied the folder. Not made anew where the whole folder is gone: then a disk is not mounted.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir(self.partial_folder())?;
                Partial::open(path)
            }
            opened => opened,
        }
    }

    /// Publishes a finished file under its id, replacing what was there.
    pub fn publish(&self, finished: Finished, id: Uuid) -> io::Result<()> {
        let target = self.path(id);
        let folder = target.parent().unwrap_or(&self.config.folder);
        make_folders(folder)?;
        finished.move_to(&target)?;
        File::open(folder)?.sync_all()
    }

    /// Puts a finished file aside, where nobody finds it who reads the folder as the old client's volume.
    pub fn hold(&self, finished: Finished, id: Uuid) -> io::Result<()> {
        let folder = self.held_folder();
        make_folders(&folder)?;
        finished.move_to(&self.held_path(id))?;
        File::open(folder)?.sync_all()
    }

    /// Publishes a file that was put aside; `false`: it is not there.
    pub fn publish_held(&self, id: Uuid) -> io::Result<bool> {
        let target = self.path(id);
        let folder = target.parent().unwrap_or(&self.config.folder);
        make_folders(folder)?;
        match fs::rename(self.held_path(id), &target) {
            Ok(()) => File::open(folder)?.sync_all().map(|()| true),
            // A crash may have come between this and the state's word of it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(target.is_file()),
            Err(error) => Err(error),
        }
    }

    /// Whether a medium that was put aside is there in full.
    pub fn holds_privately(&self, id: Uuid, length: u64) -> bool {
        is_file_of(&self.held_path(id), length)
    }

    /// Whether the medium is there in full.
    pub fn holds(&self, id: Uuid, length: u64) -> bool {
        is_file_of(&self.path(id), length)
    }

    /// The file of a medium and its length, or none.
    pub fn open_medium(&self, id: Uuid) -> io::Result<Option<(File, u64)>> {
        let file = match File::open(self.path(id)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let length = file.metadata()?.len();
        Ok(Some((file, length)))
    }

    /// Whether new bytes can be written now.
    pub fn check_writable(&self) -> io::Result<()> {
        // Two at once must not take each other's file away.
        let probe = self
            .partial_folder()
            .join(format!(".probe-{}", Uuid::new_v4().simple()));
        fs::write(&probe, b"probe")?;
        fs::remove_file(&probe)
    }

    /// Whether there is room for a medium of this size beside the reserve.
    pub fn has_room_for(&self, bytes: u64) -> io::Result<bool> {
        let needed = self.config.min_free_bytes.saturating_add(bytes);
        Ok(self.free_bytes()? >= needed)
    }

    /// Free bytes of the file system.
    pub fn free_bytes(&self) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(&self.config.folder)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// Removes partial files that nothing has touched for this long.
    pub fn sweep(&self, age: Duration) -> io::Result<usize> {
        sweep(&self.partial_folder(), age)
    }

    /// Removes files that were put aside this long ago.
    pub fn sweep_held(&self, age: Duration) -> io::Result<usize> {
        match sweep(&self.held_folder(), age) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            swept => swept,
        }
    }

    fn held_folder(&self) -> PathBuf {
        self.config.folder.join(HELD_FOLDER)
    }

    fn held_path(&self, id: Uuid) -> PathBuf {
        self.held_folder().join(id.hyphenated().to_string())
    }

    fn partial_folder(&self) -> PathBuf {
        self.config.folder.join(PARTIAL_FOLDER)
    }

    fn path(&self, id: Uuid) -> PathBuf {
        match self.config.layout {
            MediaLayout::Flat => self.config.folder.join(id.hyphenated().to_string()),
            MediaLayout::Wamedia => {
                let digits = id.simple().to_string();
                let (first, rest) = digits.split_at(4);
                let (second, rest) = rest.split_at(4);
                self.config
                    .folder
                    .join("shared")
                    .join(first)
                    .join(second)
                    .join(rest)
            }
        }
    }
}

fn is_file_of(path: &Path, length: u64) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() == length)
}

fn sweep(folder: &Path, age: Duration) -> io::Result<usize> {
    let mut removed = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let touched = match entry.metadata() {
            Ok(metadata) => metadata.modified()?,
            // Published or thrown away in this very moment.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let idle = SystemTime::now().duration_since(touched);
        if idle.is_ok_and(|idle| idle > age) {
            fs::remove_file(entry.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Part of an open file, as a stream.
pub fn stream(
    mut file: File,
    range: Range<u64>,
) -> io::Result<impl Stream<Item = io::Result<Bytes>> + Send> {
    use tokio::io::AsyncReadExt;
    file.seek(SeekFrom::Start(range.start))?;
    let reader = tokio::fs::File::from_std(file).take(range.end - range.start);
    Ok(ReaderStream::with_capacity(reader, CHUNK))
}

/// Makes folders so that they survive a crash: each new one's parent is synced.
fn make_folders(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        make_folders(parent)?;
        match fs::create_dir(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => File::open(parent)?.sync_all()?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(layout: MediaLayout) -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let config = config::Media {
            folder: folder.path().to_owned(),
            layout,
            min_free_bytes: 0,
        };
        let store = Store::open(config).unwrap();
        (folder, store)
    }

    #[test]
    fn the_old_volume_is_laid_out_by_the_digits_of_the_uuid() {
        let (folder, store) = store(MediaLayout::Wamedia);
        let id = Uuid::parse_str("463eb7ec-ff4e-4d9b-b110-1879cbd411b2").unwrap();
        let mut partial = store.partial(id, "t").unwrap();
        partial.write(b"bytes").unwrap();
        store.publish(partial.finish().unwrap(), id).unwrap();
        let expected = folder
            .path()
            .join("shared/463e/b7ec/ff4e4d9bb1101879cbd411b2");
        assert_eq!(fs::read(expected).unwrap(), b"bytes");
        assert!(store.holds(id, 5));
        assert!(!store.holds(id, 6));
    }

    #[test]
    fn a_partial_file_goes_on_where_it_stopped_and_knows_its_digest() {
        let (_folder, store) = store(MediaLayout::Flat);
        let id = Uuid::from_u128(7);
        store.partial(id, "t").unwrap().write(b"hello ").unwrap();
        let mut partial = store.partial(id, "t").unwrap();
        assert_eq!(partial.length(), 6);
        partial.write(b"world").unwrap();
        let finished = partial.finish().unwrap();
        let whole = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"hello world");
        assert_eq!(finished.sha256.as_slice(), whole.as_ref());
        assert_eq!(finished.length, 11);
    }

    #[test]
    fn nothing_is_published_before_it_is_finished() {
        let (_folder, store) = store(MediaLayout::Flat);
        let id = Uuid::from_u128(8);
        let mut partial = store.partial(id, "t").unwrap();
        partial.write(b"half").unwrap();
        drop(partial);
        assert!(store.open_medium(id).unwrap().is_none());
        assert_eq!(store.sweep(Duration::from_secs(60)).unwrap(), 0);
    }
}
