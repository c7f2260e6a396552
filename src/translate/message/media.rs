//! Media in messages: an id or a link, and what may stand beside it.

use serde_json::{Map, Value};

use super::read::Source;
use super::{Loss, Notes, Refusal};
use crate::onprem::Error;

pub(super) fn image(source: &Source<'_>, notes: &mut Notes) -> Result<Value, Refusal> {
    medium(source, &["caption"], notes)
}

pub(super) fn video(source: &Source<'_>, notes: &mut Notes) -> Result<Value, Refusal> {
    medium(source, &["caption"], notes)
}

pub(super) fn document(source: &Source<'_>, notes: &mut Notes) -> Result<Value, Refusal> {
    medium(source, &["caption", "filename"], notes)
}

pub(super) fn audio(source: &Source<'_>, notes: &mut Notes) -> Result<Value, Refusal> {
    medium(source, &[], notes)
}

/// At Cloud a voice note is sound with a mark.
pub(super) fn voice(source: &Source<'_>, notes: &mut Notes) -> Result<Value, Refusal> {
    let mut built = medium(source, &[], notes)?;
    built["voice"] = true.into();
    Ok(built)
}

pub(super) fn sticker(source: &Source<'_>, notes: &mut Notes) -> Result<Value, Refusal> {
    medium(source, &[], notes)
}

/// In a template or above an interactive message a medium has no caption, and only a document a name.
pub(super) fn bare(source: &Source<'_>, kind: &str, notes: &mut Notes) -> Result<Value, Refusal> {
    match kind {
        "document" => medium(source, &["filename"], notes),
        _ => medium(source, &[], notes),
    }
}

fn medium(source: &Source<'_>, texts: &[&str], notes: &mut Notes) -> Result<Value, Refusal> {
    let mut built = Map::new();
    match (source.text("id")?, source.text("link")?) {
        (Some(id), None) => {
            built.insert("id".to_owned(), id.into());
            notes.add(source.at("id"), Loss::MediaId);
        }
        (None, Some(link)) => {
            built.insert("link".to_owned(), plain_link(source, link, notes).into());
        }
        (None, None) => return Err(Refusal::missing(source.at("id"))),
        (Some(_), Some(_)) => {
            let field = source.at("link").into();
            let what = "cannot stand beside 'id'";
            return Err(Refusal::new(Error::SUPERFLUOUS, field, what));
        }
    }
    if source.get("provider").is_some() {
        notes.add(source.at("provider"), Loss::Provider);
    }
    source.copy_texts(texts, &mut built)?;
    if source.get("caption").is_some() && !texts.contains(&"caption") {
        notes.add(source.at("caption"), Loss::Caption);
    }
    let known: &[&str] = &["id", "link", "provider", "caption", "type"];
    source.note_others(&[known, texts], notes);
    Ok(Value::Object(built))
}

/// A provider may also stand before the link: `provider/https://...`.
fn plain_link<'a>(source: &Source<'_>, link: &'a str, notes: &mut Notes) -> &'a str {
    let inner = ["/https://", "/http://"]
        .iter()
        .filter_map(|mark| link.find(mark))
        .min();
    match inner {
        // In front of a link there is a name, and a name has neither slash nor scheme.
        Some(at) if !link[..at].contains(['/', ':', '?', '#']) => {
            notes.add(source.at("link"), Loss::Provider);
            &link[at + 1..]
        }
        Some(_) | None => link,
    }
}
