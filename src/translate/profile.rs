//! The business profile and the about text, which are two settings of the old client and one place at Cloud.

use serde_json::{Map, Value};

use super::Refusal;
use crate::cloud::profile::{Change, Profile};
use crate::onprem;
use crate::onprem::profile::About;

/// Cloud's names and the old client's words for what a business does. Both lists may grow; see [`vertical_to_onprem`].
const VERTICALS: [(&str, &str); 17] = [
    ("APPAREL", "Clothing and Apparel"),
    ("AUTO", "Automotive"),
    ("BEAUTY", "Beauty, Spa and Salon"),
    ("EDU", "Education"),
    ("ENTERTAIN", "Entertainment"),
    ("EVENT_PLAN", "Event Planning and Service"),
    ("FINANCE", "Finance and Banking"),
    ("GOVT", "Public Service"),
    ("GROCERY", "Food and Grocery"),
    ("HEALTH", "Medical and Health"),
    ("HOTEL", "Hotel and Lodging"),
    ("NONPROFIT", "Non-profit"),
    ("OTHER", "Other"),
    ("PROF_SERVICES", "Professional Services"),
    ("RESTAURANT", "Restaurant"),
    ("RETAIL", "Shopping and Retail"),
    ("TRAVEL", "Travel and Transportation"),
];

const ADDRESS: usize = 256;
const DESCRIPTION: usize = 256;
const EMAIL: usize = 128;
const VERTICAL: usize = 256;
const WEBSITE: usize = 256;
const WEBSITES: usize = 2;
const ABOUT: usize = 139;

/// The profile as the old client would have told it.
pub fn to_onprem(profile: Profile) -> onprem::profile::Profile {
    onprem::profile::Profile {
        address: profile.address.unwrap_or_default(),
        description: profile.description.unwrap_or_default(),
        email: profile.email.unwrap_or_default(),
        vertical: profile
            .vertical
            .map(|name| vertical_to_onprem(&name).to_owned())
            .unwrap_or_default(),
        websites: profile.websites.unwrap_or_default(),
    }
}

/// The about text out of the same answer.
pub fn about_to_onprem(profile: Profile) -> About {
    About {
        text: profile.about.unwrap_or_default(),
    }
}

/// The change that the body of `POST /v1/settings/business/profile` asks for. Keys that are no field are ignored,
/// as the old client did.
pub fn to_cloud(body: &Value) -> Result<Change, Refusal> {
    let fields = body.as_object().ok_or_else(Refusal::not_an_object)?;
    Ok(Change {
        address: text(fields, "address", ADDRESS)?,
        description: text(fields, "description", DESCRIPTION)?,
        email: text(fields, "email", EMAIL)?,
        vertical: vertical(fields)?,
        websites: websites(fields)?,
        ..Change::default()
    })
}

/// The change that the body of `PATCH /v1/settings/profile/about` asks for.
pub fn about_to_cloud(body: &Value) -> Result<Change, Refusal> {
    let fields = body.as_object().ok_or_else(Refusal::not_an_object)?;
    let about = text(fields, "text", ABOUT)?.ok_or_else(|| Refusal::missing("text"))?;
    Ok(Change {
        about: Some(about),
        ..Change::default()
    })
}

/// The old word for one of Cloud's names. A name that came later is told as it is, and taken back as it is.
pub fn vertical_to_onprem(name: &str) -> &str {
    if name == "UNDEFINED" {
        return "";
    }
    let known = VERTICALS.iter().find(|(cloud, _)| *cloud == name);
    known.map_or(name, |(_, onprem)| onprem)
}

/// Cloud's name for one of the old words.
pub fn vertical_to_cloud(word: &str) -> &str {
    let known = VERTICALS.iter().find(|(_, onprem)| *onprem == word);
    known.map_or(word, |(cloud, _)| cloud)
}

/// One .NET client sends the vertical as an array. The empty word, which a caller sends back when none was set,
/// changes nothing: the old client never let a vertical be emptied.
fn vertical(fields: &Map<String, Value>) -> Result<Option<String>, Refusal> {
    let word = match fields.get("vertical") {
        Some(Value::Array(list)) => match list.as_slice() {
            [] => return Ok(None),
            [Value::String(word)] => Some(limited("vertical", word, VERTICAL)?),
            _ => return Err(Refusal::invalid("vertical", "is not one text")),
        },
        _ => text(fields, "vertical", VERTICAL)?,
    };
    Ok(word
        .filter(|word| !word.is_empty())
        .map(|word| vertical_to_cloud(&word).to_owned()))
}

fn websites(fields: &Map<String, Value>) -> Result<Option<Vec<String>>, Refusal> {
    let list = match fields.get("websites") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(list)) => list.as_slice(),
        Some(one @ Value::String(_)) => std::slice::from_ref(one),
        Some(_) => return Err(Refusal::invalid("websites", "is not a list")),
    };
    if list.len() > WEBSITES {
        return Err(Refusal::invalid("websites", "has more than 2 entries"));
    }
    let website = |value: &Value| match value {
        Value::String(website) => limited("websites", website, WEBSITE),
        _ => Err(Refusal::invalid("websites", "is not a list of texts")),
    };
    list.iter().map(website).collect::<Result<_, _>>().map(Some)
}

fn text(
    fields: &Map<String, Value>,
    name: &'static str,
    most: usize,
) -> Result<Option<String>, Refusal> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => limited(name, text, most).map(Some),
        Some(_) => Err(Refusal::invalid(name, "is not a text")),
    }
}

fn limited(name: &'static str, text: &str, most: usize) -> Result<String, Refusal> {
    if text.chars().count() > most {
        return Err(Refusal::too_long(name, most));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_vertical_comes_back_from_the_other_side() {
        for (cloud, onprem) in VERTICALS {
            assert_eq!(vertical_to_onprem(cloud), onprem);
            assert_eq!(vertical_to_cloud(onprem), cloud);
        }
        for later in ["ALCOHOL", "ONLINE_GAMBLING", "SPACE_TRAVEL"] {
            assert_eq!(vertical_to_cloud(vertical_to_onprem(later)), later);
        }
    }
}
