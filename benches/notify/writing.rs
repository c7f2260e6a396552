//! The bytes of notifications: ids as Meta makes them, values, the envelope around them, the signature and the request.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::Plan;

/// Who wrote the message that an id names.
#[derive(Clone, Copy)]
pub enum Author {
    Business = 0x11,
    Customer = 0x12,
}

/// As webhooks-and-media.md 6.3 has it.
pub fn wamid(contact: &str, author: Author, key: u64) -> String {
    let key = match author {
        Author::Business => format!("{key:018X}"),
        Author::Customer => format!("{key:020X}"),
    };
    let mut bytes = vec![0x1c, 0x18, contact.len() as u8];
    bytes.extend(contact.bytes());
    bytes.extend([0x15, 0x02, 0x00, author as u8, 0x18, key.len() as u8]);
    bytes.extend(key.bytes());
    bytes.push(0x00);
    format!("wamid.{}", BASE64_STANDARD.encode(bytes))
}

pub fn text(contact: &str, id: &str, timestamp: u64, body: &str) -> String {
    format!(
        r#""contacts":[{{"profile":{{"name":"Kerry Fisher"}},"wa_id":"{contact}","user_id":"US.{contact}02741918"}}],"messages":[{{"from":"{contact}","from_user_id":"US.{contact}02741918","id":"{id}","timestamp":"{timestamp}","text":{{"body":"{body}"}},"type":"text"}}]"#
    )
}

pub fn status(contact: &str, id: &str, timestamp: u64, word: &str) -> String {
    format!(
        r#""statuses":[{{"id":"{id}","status":"{word}","timestamp":"{timestamp}","recipient_id":"{contact}","recipient_user_id":"US.{contact}02741918","pricing":{{"billable":true,"pricing_model":"PMP","category":"utility","type":"regular"}}}}]"#
    )
}

/// One change for each value, all of the same account.
pub fn notification(phone_number_id: &str, values: &[String]) -> String {
    let changes: Vec<String> = values
        .iter()
        .map(|value| {
            format!(
                r#"{{"value":{{"messaging_product":"whatsapp","metadata":{{"display_phone_number":"15550934873","phone_number_id":"{phone_number_id}"}},{value}}},"field":"messages"}}"#
            )
        })
        .collect();
    format!(
        r#"{{"object":"whatsapp_business_account","entry":[{{"id":"102290129340398","changes":[{}]}}]}}"#,
        changes.join(",")
    )
}

/// The whole request, signed.
pub fn request(plan: &Plan, key: &hmac::Key, body: &[u8]) -> Vec<u8> {
    let signature = hmac::sign(key, body);
    let signature: String = signature
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let head = format!(
        "POST /cloud HTTP/1.1\r\nHost: {}\r\nUser-Agent: facebookexternalua\r\nAccept: */*\r\nContent-Type: application/json\r\n\
         X-Hub-Signature-256: sha256={signature}\r\nContent-Length: {}\r\n\r\n",
        plan.address,
        body.len()
    );
    [head.as_bytes(), body].concat()
}
