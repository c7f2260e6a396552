//! What to say about a key that nobody took: not in this version, or a slip of the pen.

/// Keys of the whole design that this version does not have. `*` stands for a number's name.
const NOT_HERE: [&str; 6] = [
    "numbers.*.cloud.app_secret",
    "numbers.*.cloud.app_secret_file",
    "numbers.*.cloud.verify_token",
    "numbers.*.cloud.verify_token_file",
    "numbers.*.compat.media_ids",
    "numbers.*.compat.message_ids",
];

/// Words the problem with an untaken key.
pub(super) fn what_is_wrong_with<'a>(
    path: &str,
    name: &str,
    known: impl Iterator<Item = &'a str>,
) -> String {
    if is_not_here(path, name) {
        return "not in this version; remove it".to_owned();
    }
    let nearest = known
        .map(|known| (strsim::damerau_levenshtein(known, name), known))
        .min();
    match nearest {
        Some((distance, known)) if distance <= 2 && distance < name.len() => {
            format!("unknown key; did you mean \"{known}\"?")
        }
        _ => "unknown key; default.toml lists all there are".to_owned(),
    }
}

fn is_not_here(path: &str, name: &str) -> bool {
    let section = match path.split('.').collect::<Vec<_>>()[..] {
        ["numbers", _, section] | ["every_number", section] => {
            format!("numbers.*.{section}.{name}")
        }
        _ => return false,
    };
    NOT_HERE.contains(&section.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_later_versions_are_told_from_slips() {
        let said =
            |path, name| what_is_wrong_with(path, name, ["listen", "token", "version"].into_iter());
        assert_eq!(
            said("admin", "lisetn"),
            "unknown key; did you mean \"listen\"?"
        );
        assert!(said("numbers.a.cloud", "app_secret").starts_with("not in this version"));
        assert!(said("every_number.compat", "media_ids").starts_with("not in this version"));
        assert!(said("server", "intake").starts_with("unknown key; default.toml"));
    }
}
