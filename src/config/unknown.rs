//! What to say about a key that nobody took: most often a slip of the pen.

/// Words the problem with an untaken key.
pub(super) fn what_is_wrong_with<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_told_what_it_may_have_meant() {
        let said = |name| what_is_wrong_with(name, ["listen", "token", "version"].into_iter());
        assert_eq!(said("lisetn"), "unknown key; did you mean \"listen\"?");
        assert!(said("intake").starts_with("unknown key; default.toml"));
    }
}
