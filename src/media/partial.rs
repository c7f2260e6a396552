//! A medium on its way in: a file that grows, and the digest of what is in it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};

/// Read at a time when an earlier attempt's bytes are hashed again.
const CHUNK: usize = 256 * 1024;

/// A file that grows.
pub struct Partial {
    path: PathBuf,
    file: File,
    digest: Context,
    length: u64,
}

/// A file that is complete and synced, not yet under its name.
pub struct Finished {
    path: PathBuf,
    /// Of all its bytes.
    pub sha256: [u8; 32],
    /// In bytes.
    pub length: u64,
}

impl Partial {
    /// Opens the file, making it where it is missing, and hashes what an earlier attempt left in it.
    pub(super) fn open(path: PathBuf) -> io::Result<Self> {
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(&path)?;
        let mut digest = Context::new(&SHA256);
        let mut length = 0;
        if file.metadata()?.len() > 0 {
            let mut chunk = vec![0; CHUNK];
            loop {
                let read = file.read(&mut chunk)?;
                if read == 0 {
                    break;
                }
                digest.update(&chunk[..read]);
                length += read as u64;
            }
        }
        Ok(Self {
            path,
            file,
            digest,
            length,
        })
    }

    /// How many bytes are there.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Adds bytes at the end.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.digest.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Begins anew: the host would not go on where we stopped.
    pub fn restart(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.digest = Context::new(&SHA256);
        self.length = 0;
        Ok(())
    }

    /// Throws the file away.
    pub fn discard(self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }

    /// Syncs the file. Its name is still a partial one.
    pub fn finish(self) -> io::Result<Finished> {
        self.file.sync_all()?;
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(self.digest.finish().as_ref());
        Ok(Finished {
            path: self.path,
            sha256,
            length: self.length,
        })
    }
}

impl Finished {
    pub(super) fn move_to(self, target: &Path) -> io::Result<()> {
        fs::rename(&self.path, target)
    }

    /// Throws the file away: it is not what it should be.
    pub fn discard(self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}
