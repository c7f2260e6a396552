//! `[[numbers.users]]`: who may log in to the bridge.

use std::collections::BTreeMap;

use argon2::Params;
use argon2::password_hash::phc::PasswordHash;
use secrecy::ExposeSecret;

use super::User;
use super::reader::Reader;

pub(super) fn read(reader: &mut Reader<'_>) -> Vec<User> {
    reader.or_default("users", Vec::<String>::new());
    let (context, path) = (reader.context, reader.key("users"));
    let mut users = BTreeMap::new();
    for (index, values) in reader
        .sections("users", "numbers.users")
        .unwrap_or_default()
        .into_iter()
        .enumerate()
    {
        let mut reader = Reader::new(context, format!("{path}[{index}]"), values);
        let Some(user) = one(&mut reader) else {
            continue;
        };
        if users.contains_key(&user.name) {
            reader.problem("name", "is the name of another user of this number too");
        }
        users.insert(user.name.clone(), user);
        reader.finish();
    }
    users.into_values().collect()
}

fn one(reader: &mut Reader<'_>) -> Option<User> {
    let name = reader.optional_text("name");
    match &name {
        None => reader.problem("name", "is missing"),
        Some(name) if name.contains(':') || name.chars().any(char::is_control) => {
            reader.problem("name", "must not contain \":\" or control characters");
        }
        Some(_) => {}
    }
    let has_hash = reader.has_secret("password_hash");
    let password_hash = reader.secret("password_hash");
    if !has_hash
        || password_hash
            .as_ref()
            .is_some_and(|hash| !is_argon2(hash.expose_secret()))
    {
        reader.problem(
            "password_hash",
            "is not an argon2 hash in PHC form, such as \"$argon2id$v=19$m=...,t=...,p=...$...\"",
        );
    }
    reader.or_default("must_change_password", false);
    let must_change_password = reader.flag("must_change_password");
    Some(User {
        name: name?,
        password_hash: password_hash?,
        must_change_password,
    })
}

fn is_argon2(text: &str) -> bool {
    PasswordHash::new(text).is_ok_and(|hash| {
        let is_algorithm = argon2::Algorithm::try_from(hash.algorithm.as_str()).is_ok();
        is_algorithm
            && hash.salt.is_some()
            && hash.hash.is_some()
            && Params::try_from(&hash).is_ok()
    })
}
