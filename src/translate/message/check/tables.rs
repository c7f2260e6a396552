//! Cloud's contract for a message, as tables: which fields there are, which must be there, and how long they may be.

use super::shape::Shape::{Any, Degrees, Flag, Label, List, Medium, Object, Phone, Text, Word};
use super::shape::{Field, May, Must, Shape};

/// Where no limit is documented.
pub(super) const UNLIMITED: usize = usize::MAX;

/// What stands beside the content of any message.
pub(super) const ENVELOPE: &[Field<'static>] = &[
    ("messaging_product", Must, Word(&["whatsapp"])),
    ("recipient_type", May, Word(&["individual"])),
    ("to", Must, Phone),
    ("type", May, Text(1, UNLIMITED)),
    ("context", May, Object(&[("message_id", Must, ID)])),
    ("biz_opaque_callback_data", May, Text(1, 512)),
];

const ID: Shape = Text(1, UNLIMITED);
const FREE: Shape = Text(0, UNLIMITED);
const CAPTION: Field<'static> = ("caption", May, Text(0, 1024));
const FILENAME: Field<'static> = ("filename", May, FREE);

/// A medium without any text.
pub(super) const BARE: Shape = Medium(&[]);
/// A document without a caption.
pub(super) const NAMED: Shape = Medium(&[FILENAME]);
pub(super) const LOCATION: Shape = Object(&[
    ("latitude", Must, Degrees(90.0)),
    ("longitude", Must, Degrees(180.0)),
    ("name", May, FREE),
    ("address", May, FREE),
]);

/// The types of message with the form of their content.
pub(super) const TYPES: &[(&str, Shape)] = &[
    (
        "text",
        Object(&[("body", Must, Text(1, 4096)), ("preview_url", May, Flag)]),
    ),
    ("image", Medium(&[CAPTION])),
    ("video", Medium(&[CAPTION])),
    ("audio", Medium(&[("voice", May, Flag)])),
    ("document", Medium(&[CAPTION, FILENAME])),
    ("sticker", BARE),
    ("location", LOCATION),
    ("contacts", List(1, 5, &CARD)),
    ("interactive", INTERACTIVE),
    ("template", TEMPLATE),
    (
        "reaction",
        Object(&[("message_id", Must, ID), ("emoji", Must, FREE)]),
    ),
];

const PLACE: Field<'static> = ("type", May, FREE);

const CARD: Shape = Object(&[
    (
        "name",
        Must,
        Object(&[
            ("formatted_name", Must, Text(1, UNLIMITED)),
            ("first_name", May, FREE),
            ("last_name", May, FREE),
            ("middle_name", May, FREE),
            ("suffix", May, FREE),
            ("prefix", May, FREE),
        ]),
    ),
    ("birthday", May, FREE),
    (
        "org",
        May,
        Object(&[
            ("company", May, FREE),
            ("department", May, FREE),
            ("title", May, FREE),
        ]),
    ),
    (
        "addresses",
        May,
        List(
            0,
            UNLIMITED,
            &Object(&[
                ("street", May, FREE),
                ("city", May, FREE),
                ("state", May, FREE),
                ("zip", May, FREE),
                ("country", May, FREE),
                ("country_code", May, FREE),
                PLACE,
            ]),
        ),
    ),
    (
        "emails",
        May,
        List(0, UNLIMITED, &Object(&[("email", Must, FREE), PLACE])),
    ),
    (
        "phones",
        May,
        List(
            0,
            UNLIMITED,
            &Object(&[("phone", Must, FREE), PLACE, ("wa_id", May, FREE)]),
        ),
    ),
    (
        "urls",
        May,
        List(0, UNLIMITED, &Object(&[("url", Must, FREE), PLACE])),
    ),
]);

/// The parts whose form hangs on the type are looked at in `interactive`.
const INTERACTIVE: Shape = Object(&[
    ("type", Must, ID),
    ("header", May, Any),
    ("body", May, Any),
    ("footer", May, Object(&[("text", Must, Text(1, 60))])),
    ("action", Must, Any),
]);

/// The forms of `interactive.action`, by `interactive.type`.
pub(super) const ACTIONS: &[(&str, Shape)] = &[
    ("button", Object(&[("buttons", Must, List(1, 3, &BUTTON))])),
    (
        "list",
        Object(&[
            ("button", Must, Label(20)),
            ("sections", Must, List(1, 10, &ROWS)),
        ]),
    ),
    (
        "product",
        Object(&[("catalog_id", Must, ID), ("product_retailer_id", Must, ID)]),
    ),
    (
        "product_list",
        Object(&[
            ("catalog_id", Must, ID),
            ("sections", Must, List(1, 10, &PRODUCTS)),
        ]),
    ),
    ("address_message", NAMED_ACTION),
    ("catalog_message", NAMED_ACTION),
    ("cta_url", NAMED_ACTION),
    ("flow", NAMED_ACTION),
    (
        "location_request_message",
        Object(&[("name", Must, Word(&["send_location"]))]),
    ),
];

const NAMED_ACTION: Shape = Object(&[("name", Must, Label(UNLIMITED)), ("parameters", May, Any)]);

const BUTTON: Shape = Object(&[
    ("type", Must, Word(&["reply"])),
    (
        "reply",
        Must,
        Object(&[("id", Must, Label(256)), ("title", Must, Label(20))]),
    ),
]);

const ROWS: Shape = Object(&[
    ("title", May, Label(24)),
    (
        "rows",
        Must,
        List(
            1,
            UNLIMITED,
            &Object(&[
                ("id", Must, Label(200)),
                ("title", Must, Label(24)),
                ("description", May, Text(0, 72)),
            ]),
        ),
    ),
]);

const PRODUCTS: Shape = Object(&[
    ("title", May, Label(24)),
    (
        "product_items",
        Must,
        List(
            1,
            UNLIMITED,
            &Object(&[("product_retailer_id", Must, Label(UNLIMITED))]),
        ),
    ),
]);

/// Components and their parameters are looked at in `template`.
const TEMPLATE: Shape = Object(&[
    ("name", Must, ID),
    (
        "language",
        Must,
        Object(&[
            ("code", Must, ID),
            ("policy", May, Word(&["deterministic"])),
        ]),
    ),
    ("components", May, List(0, UNLIMITED, &Any)),
]);
