//! What cannot be changed while the bridge runs, as fingerprints: two configurations of one process can be told apart
//! by them, and nothing in them can be read back.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::path::Path;
use std::sync::LazyLock;

use figment::value::{Dict, Value};

use super::layers::overlay;

/// Flags and the terms of comparisons are taken up at once; numbers are looked at one by one.
const LEFT_OUT: [&str; 4] = ["routes", "compare", "numbers", "every_number"];

/// Made once, so that a fingerprint means the same at every load, and nothing outside of this process.
static KEYED: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// The fingerprint of every section and number, by its key.
#[derive(Clone, Debug, Default)]
pub(super) struct Fixed(BTreeMap<String, u64>);

impl Fixed {
    /// Of the merged layers; `base` is where relative paths of files that are read begin.
    pub fn of(root: &Dict, base: &Path) -> Self {
        let sections = root
            .iter()
            .filter(|(name, _)| !LEFT_OUT.contains(&name.as_str()))
            .map(|(name, section)| (name.clone(), fingerprint(section, base)));
        let every = root.get("every_number").and_then(Value::as_dict);
        let numbers = root.get("numbers").and_then(Value::as_array);
        let numbers = numbers.unwrap_or_default().iter().filter_map(|number| {
            let own = number.as_dict()?;
            let name = own.get("name")?.as_str()?;
            let mut whole = every.cloned().unwrap_or_default();
            overlay(&mut whole, own.clone());
            whole.remove("routes");
            let fingerprint = fingerprint(&Value::from(whole), base);
            Some((format!("numbers.{name}"), fingerprint))
        });
        Self(sections.chain(numbers).collect())
    }

    /// The keys under which the two differ, or that only one of them has.
    pub fn differing(&self, other: &Self) -> Vec<String> {
        let keys = self.0.keys().chain(other.0.keys());
        let keys = keys.collect::<BTreeSet<_>>().into_iter();
        let differs = |key: &&String| self.0.get(*key) != other.0.get(*key);
        keys.filter(differs).cloned().collect()
    }
}

fn fingerprint(value: &Value, base: &Path) -> u64 {
    let mut hasher = KEYED.build_hasher();
    feed(&mut hasher, value, base);
    hasher.finish()
}

/// Goes through a value without copying it, because secrets are among it. Every piece ends where no other can.
fn feed(hasher: &mut impl Hasher, value: &Value, base: &Path) {
    std::mem::discriminant(value).hash(hasher);
    match value {
        Value::String(_, text) => text.hash(hasher),
        Value::Char(_, char) => char.hash(hasher),
        Value::Bool(_, is) => is.hash(hasher),
        Value::Num(_, number) => (
            number.to_i128(),
            number.to_u128(),
            number.to_f64().map(f64::to_bits),
        )
            .hash(hasher),
        Value::Empty(..) => {}
        Value::Array(_, items) => {
            items.len().hash(hasher);
            items.iter().for_each(|item| feed(hasher, item, base));
        }
        Value::Dict(_, values) => {
            values.len().hash(hasher);
            for (name, value) in values {
                name.hash(hasher);
                feed(hasher, value, base);
                file_of(name, value, base).hash(hasher);
            }
        }
    }
}

/// What stands in a file that is read once at the start. `kill_file` is only looked for.
fn file_of(name: &str, value: &Value, base: &Path) -> Option<Vec<u8>> {
    let path = value.as_str().filter(|path| !path.is_empty())?;
    let is_read = name.ends_with("_file") && name != "kill_file";
    is_read.then(|| std::fs::read(base.join(path)).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(toml: &str, base: &Path) -> Fixed {
        use figment::providers::{Format, Toml};
        Fixed::of(&Toml::from_str::<Dict>(toml).unwrap(), base)
    }

    #[test]
    fn a_section_differs_by_any_of_its_values_and_by_where_they_stand() {
        let base = Path::new("");
        let first = of("a = { x = 1, y = [\"2\", \"3\"] }\nb = 1", base);
        assert!(first.differing(&first.clone()).is_empty());
        for (other, keys) in [
            ("b = 1\na = { y = [\"2\", \"3\"], x = 1 }", &[] as &[&str]),
            ("a = { x = 1, y = [\"23\"] }\nb = 1", &["a"]),
            ("a = { x = 1.5, y = [\"2\", \"3\"] }\nb = 1", &["a"]),
            ("a = { x = 1, y = [2, 3] }\nc = 1", &["a", "b", "c"]),
        ] {
            assert_eq!(first.differing(&of(other, base)), keys, "{other}");
        }
    }

    #[test]
    fn a_secret_differs_by_what_stands_in_its_file_and_a_kill_file_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let toml = "a.token_file = \"t\"\ncutover.kill_file = \"k\"";
        let before = of(toml, folder.path());
        std::fs::write(folder.path().join("t"), "secret").unwrap();
        std::fs::write(folder.path().join("k"), "").unwrap();
        let after = of(toml, folder.path());
        assert_eq!(before.differing(&after), ["a"]);
        assert!(!format!("{after:?}").contains("secret"));
    }
}
