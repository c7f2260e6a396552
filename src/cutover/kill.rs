//! The kill switch: back to the old client, whatever else is set.
//!
//! It is thrown by a file, so that it needs neither the state nor the admin API: while the file exists the switch is
//! thrown, for the numbers it names (one a line) or, when it names none, for all. A throw through the bridge holds in
//! memory first; where the file cannot be written it stays there, until a restart.

use std::collections::BTreeSet;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::ids::NumberName;

/// For whom the switch is thrown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All numbers.
    All,
    /// One number.
    Number(NumberName),
}

/// Whether a throw survives a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It does.
    InFile,
    /// The file could not be written, for this reason.
    InMemory(String),
}

/// For whom the switch is thrown; empty: for nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Thrown {
    all: bool,
    numbers: BTreeSet<String>,
}

/// The file that throws the switch.
#[derive(Clone, Debug)]
pub struct KillFile(PathBuf);

/// The switch.
#[derive(Debug)]
pub(super) struct Switch {
    file: KillFile,
    /// Held across work on the file. [`Switch::throw`] does without it, and so without the disk.
    at_file: Mutex<()>,
    thrown: Mutex<Places>,
}

#[derive(Debug, Default)]
struct Places {
    file: Thrown,
    /// What is not in the file yet, or cannot be written.
    memory: Thrown,
}

impl Thrown {
    fn read(text: &str, known: &[NumberName]) -> Self {
        let lines = text.lines().map(str::trim);
        let names: BTreeSet<String> = lines
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(str::to_owned)
            .collect();
        // Somebody in a hurry misspelt a name: better too many numbers go back than too few.
        let is_known = |name: &String| known.iter().any(|number| number.as_str() == name);
        Self {
            all: !names.iter().all(is_known) || names.is_empty(),
            numbers: names,
        }
    }

    fn covers(&self, number: &NumberName) -> bool {
        self.all || self.numbers.contains(number.as_str())
    }

    fn put(&mut self, scope: &Scope) {
        match scope {
            Scope::All => self.all = true,
            Scope::Number(number) => {
                self.numbers.insert(number.to_string());
            }
        }
    }

    /// A number cannot be taken out of "all": that takes naming the others.
    fn take(&mut self, scope: &Scope, known: &[NumberName]) {
        match scope {
            Scope::All => *self = Self::default(),
            Scope::Number(number) => {
                if std::mem::take(&mut self.all) {
                    self.numbers = known.iter().map(ToString::to_string).collect();
                }
                self.numbers.remove(number.as_str());
            }
        }
    }

    fn add(&mut self, other: &Self) {
        self.all |= other.all;
        self.numbers.extend(other.numbers.iter().cloned());
    }

    fn remove(&mut self, other: &Self) {
        self.all &= !other.all;
        self.numbers
            .retain(|number| !other.numbers.contains(number));
    }

    fn is_nobody(&self) -> bool {
        !self.all && self.numbers.is_empty()
    }

    fn text(&self) -> String {
        match self.all {
            true => String::new(),
            false => self
                .numbers
                .iter()
                .map(|number| format!("{number}\n"))
                .collect(),
        }
    }
}

impl KillFile {
    /// The file at this place.
    pub const fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Throws the switch by the file alone; a bridge that runs finds it there.
    pub fn throw(&self, scope: &Scope, known: &[NumberName]) -> io::Result<()> {
        let mut more = Thrown::default();
        more.put(scope);
        self.add(&more, known).map(drop)
    }

    /// Takes the switch back in the file.
    pub fn revive(&self, scope: &Scope, known: &[NumberName]) -> io::Result<()> {
        self.take(scope, known).map(drop)
    }

    fn add(&self, more: &Thrown, known: &[NumberName]) -> io::Result<Thrown> {
        let mut thrown = self.read(known)?;
        thrown.add(more);
        self.write(&thrown)?;
        Ok(thrown)
    }

    fn take(&self, scope: &Scope, known: &[NumberName]) -> io::Result<Thrown> {
        let mut thrown = self.read(known)?;
        thrown.take(scope, known);
        if !thrown.is_nobody() {
            self.write(&thrown)?;
            return Ok(thrown);
        }
        match std::fs::remove_file(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(thrown),
        }
    }

    /// A file that is there counts, even where nobody can read it.
    fn read(&self, known: &[NumberName]) -> io::Result<Thrown> {
        match std::fs::read_to_string(&self.0) {
            Ok(text) => Ok(Thrown::read(&text, known)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Thrown::default()),
            Err(error) => match std::fs::symlink_metadata(&self.0) {
                Ok(_) => Ok(Thrown::read("", known)),
                Err(_) => Err(error),
            },
        }
    }

    /// Never half-written, and readable for a bridge that runs as somebody else.
    fn write(&self, thrown: &Thrown) -> io::Result<()> {
        let folder = match self.0.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::Builder::new()
            .permissions(std::fs::Permissions::from_mode(0o644))
            .tempfile_in(folder)?;
        io::Write::write_all(&mut file, thrown.text().as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(&self.0)?;
        std::fs::File::open(folder)?.sync_all()
    }
}

impl Switch {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            file: KillFile::new(path),
            at_file: Mutex::default(),
            thrown: Mutex::default(),
        }
    }

    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }

    pub(super) fn is_thrown(&self, number: &NumberName) -> bool {
        let places = self.places();
        places.file.covers(number) || places.memory.covers(number)
    }

    /// Reads the file. Says whether that changed anything.
    pub(super) fn look(&self, known: &[NumberName]) -> bool {
        let _held = self.at_file();
        let found = match self.file.read(known) {
            Ok(found) => found,
            Err(error) => {
                tracing::error!(path = %self.path().display(), %error, "the kill file cannot be looked at; what it said last holds");
                return false;
            }
        };
        let mut places = self.places();
        let changed = places.file != found;
        places.file = found;
        changed
    }

    /// Throws the switch in memory.
    pub(super) fn throw(&self, scope: &Scope) {
        self.places().memory.put(scope);
    }

    /// Writes down what is thrown in memory.
    pub(super) fn keep(&self, known: &[NumberName]) -> Kept {
        let _held = self.at_file();
        let memory = self.places().memory.clone();
        // An empty file would be for all numbers.
        if memory.is_nobody() {
            return Kept::InFile;
        }
        match self.file.add(&memory, known) {
            Ok(thrown) => {
                let mut places = self.places();
                places.file = thrown;
                places.memory.remove(&memory);
                Kept::InFile
            }
            Err(error) => Kept::InMemory(error.to_string()),
        }
    }

    /// Takes it back. Where the file cannot be changed, nothing is taken back.
    pub(super) fn revive(&self, scope: &Scope, known: &[NumberName]) -> io::Result<()> {
        let _held = self.at_file();
        let thrown = self.file.take(scope, known)?;
        let mut places = self.places();
        places.file = thrown;
        places.memory.take(scope, known);
        Ok(())
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.thrown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn at_file(&self) -> MutexGuard<'_, ()> {
        self.at_file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<NumberName> {
        ["sales", "support"]
            .map(|name| NumberName::parse(name).unwrap())
            .to_vec()
    }

    fn is_thrown(switch: &Switch) -> [bool; 2] {
        let names = names();
        [switch.is_thrown(&names[0]), switch.is_thrown(&names[1])]
    }

    #[test]
    fn the_file_alone_throws_it_and_a_misspelt_name_throws_it_for_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kill");
        let switch = Switch::new(path.clone());
        for (text, expected) in [
            ("", [true, true]),
            ("support\n", [false, true]),
            ("# a word to the next one\nsales", [true, false]),
            ("suport\n", [true, true]),
        ] {
            std::fs::write(&path, text).unwrap();
            switch.look(&names());
            assert_eq!(is_thrown(&switch), expected, "{text:?}");
        }
        std::fs::remove_file(&path).unwrap();
        assert!(switch.look(&names()));
        assert_eq!(is_thrown(&switch), [false, false]);
    }

    #[test]
    fn one_number_is_revived_while_the_others_stay_killed() {
        let folder = tempfile::tempdir().unwrap();
        let switch = Switch::new(folder.path().join("kill"));
        switch.throw(&Scope::All);
        assert_eq!(is_thrown(&switch), [true, true]);
        assert_eq!(switch.keep(&names()), Kept::InFile);
        let sales = Scope::Number(names()[0].clone());
        switch.revive(&sales, &names()).unwrap();
        assert_eq!(is_thrown(&switch), [false, true]);
        let again = Switch::new(switch.path().to_owned());
        again.look(&names());
        assert_eq!(is_thrown(&again), [false, true]);
        again.revive(&Scope::All, &names()).unwrap();
        assert_eq!(is_thrown(&again), [false, false]);
        assert!(!again.path().exists());
    }

    #[test]
    fn where_nothing_can_be_written_it_holds_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let in_the_way = folder.path().join("data");
        std::fs::write(&in_the_way, "").unwrap();
        let switch = Switch::new(in_the_way.join("kill"));
        switch.throw(&Scope::All);
        assert!(matches!(switch.keep(&names()), Kept::InMemory(_)));
        switch.look(&names());
        assert_eq!(is_thrown(&switch), [true, true]);
    }

    #[test]
    fn a_file_that_nobody_can_read_counts() {
        let folder = tempfile::tempdir().unwrap();
        let switch = Switch::new(folder.path().to_owned());
        assert!(switch.look(&names()));
        assert_eq!(is_thrown(&switch), [true, true]);
    }

    #[test]
    fn throws_add_up_with_what_others_wrote_and_are_readable_for_them() {
        let folder = tempfile::tempdir().unwrap();
        let switch = Switch::new(folder.path().join("kill"));
        let [sales, support] = [0, 1].map(|at| Scope::Number(names()[at].clone()));
        KillFile::new(switch.path().to_owned())
            .throw(&support, &names())
            .unwrap();
        switch.throw(&sales);
        assert_eq!(switch.keep(&names()), Kept::InFile);
        assert_eq!(is_thrown(&switch), [true, true]);
        let text = std::fs::read_to_string(switch.path()).unwrap();
        assert_eq!(text, "sales\nsupport\n");
        let mode = std::fs::metadata(switch.path())
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o444, 0o444);
        std::fs::remove_file(switch.path()).unwrap();
        assert_eq!(switch.keep(&names()), Kept::InFile);
        assert!(!switch.path().exists(), "nothing was thrown any more");
    }
}
