//! What people send: one real file per kind of WhatsApp media, which ordinary programs open.
//! Five are compiled in (see `assets/README.md`), the document is drawn when it is asked for.

use pdf_writer::{Content as Drawing, Finish as _, Name, Pdf, Rect, Ref, Str};

use super::medium::{Content, Medium};

const PAGES: i32 = 4;
/// Width and height of the picture on each page, in pixels: four of them in RGB make about 20 MB.
const SIDE: i32 = 1300;
const A4: Rect = Rect {
    x1: 0.0,
    y1: 0.0,
    x2: 595.0,
    y2: 842.0,
};

/// The kinds of media that WhatsApp knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A photo.
    Image,
    /// A static sticker.
    Sticker,
    /// A voice message.
    Voice,
    /// Any other sound.
    Audio,
    /// A clip.
    Video,
    /// A file.
    Document,
}

/// All kinds.
pub const KINDS: [Kind; 6] = [
    Kind::Image,
    Kind::Sticker,
    Kind::Voice,
    Kind::Audio,
    Kind::Video,
    Kind::Document,
];

impl Kind {
    /// The word that messages and callbacks use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Sticker => "sticker",
            Self::Voice => "voice",
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Document => "document",
        }
    }

    /// The type as a look-up gives it, which is without the codec that a notification adds.
    pub fn mime_type(self) -> &'static str {
        match self {
            Self::Image => "image/jpeg",
            Self::Sticker => "image/webp",
            Self::Voice => "audio/ogg",
            Self::Audio => "audio/mpeg",
            Self::Video => "video/mp4",
            Self::Document => "application/pdf",
        }
    }

    /// The file itself. The document is generated anew by each call and is always the same.
    pub fn medium(self) -> Medium {
        let content: Content = match self {
            Self::Image => include_bytes!("assets/photo.jpg").as_slice().into(),
            Self::Sticker => include_bytes!("assets/sticker.webp").as_slice().into(),
            Self::Voice => include_bytes!("assets/voice.ogg").as_slice().into(),
            Self::Audio => include_bytes!("assets/melody.mp3").as_slice().into(),
            Self::Video => include_bytes!("assets/clip.mp4").as_slice().into(),
            Self::Document => document().into(),
        };
        let medium = Medium::new(self.mime_type(), content);
        match self {
            // Only documents carry the sender's file name.
            Self::Document => medium.named("brochure.pdf"),
            Self::Image | Self::Sticker | Self::Voice | Self::Audio | Self::Video => medium,
        }
    }
}

/// A PDF of about 20 MB: on each page a title and a picture that is stored uncompressed.
fn document() -> Vec<u8> {
    let (catalog, tree, font) = (Ref::new(1), Ref::new(2), Ref::new(3));
    let mut pdf = Pdf::new();
    pdf.catalog(catalog).pages(tree);
    pdf.type1_font(font).base_font(Name(b"Helvetica"));
    let pages: Vec<Ref> = (0..PAGES)
        .map(|index| page(&mut pdf, index, tree, font))
        .collect();
    pdf.pages(tree).kids(pages).count(PAGES);
    pdf.finish()
}

fn page(pdf: &mut Pdf, index: i32, tree: Ref, font: Ref) -> Ref {
    let first = 4 + index * 3;
    let (page, image, content) = (Ref::new(first), Ref::new(first + 1), Ref::new(first + 2));
    let (font_name, image_name) = (Name(b"F1"), Name(b"Im1"));

    let mut writer = pdf.page(page);
    writer.media_box(A4).parent(tree).contents(content);
    let mut resources = writer.resources();
    resources.fonts().pair(font_name, font);
    resources.x_objects().pair(image_name, image);
    resources.finish();
    writer.finish();

    let samples = picture(index);
    let mut writer = pdf.image_xobject(image, &samples);
    writer.width(SIDE).height(SIDE).bits_per_component(8);
    writer.color_space().device_rgb();
    writer.finish();

    let title = format!("Page {} of {PAGES}", index + 1);
    let mut drawing = Drawing::new();
    drawing
        .begin_text()
        .set_font(font_name, 24.0)
        .next_line(60.0, 760.0);
    drawing.show(Str(title.as_bytes())).end_text();
    drawing
        .save_state()
        .transform([475.0, 0.0, 0.0, 475.0, 60.0, 200.0]);
    drawing.x_object(image_name).restore_state();
    pdf.stream(content, &drawing.finish());
    page
}

/// Interfering ripples in RGB, another pattern on each page.
fn picture(page: i32) -> Vec<u8> {
    let mut samples = Vec::with_capacity((SIDE * SIDE * 3) as usize);
    for y in 0..SIDE {
        for x in 0..SIDE {
            let ripple = x * x + y * y * (page + 1);
            // The low byte is the point: it makes the rings.
            samples.extend_from_slice(&[
                (ripple >> 7) as u8,
                ((x * y) >> 8) as u8,
                (ripple >> 11) as u8,
            ]);
        }
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_what_whatsapp_allows() {
        for kind in KINDS {
            let length = kind.medium().content.length();
            let range = match kind {
                Kind::Image => 200_000..5_000_000,
                Kind::Sticker => 1_000..100_000,
                Kind::Voice => 100_000..16_000_000,
                Kind::Audio => 300_000..16_000_000,
                Kind::Video => 1_000_000..16_000_000,
                Kind::Document => 19_000_000..100_000_000,
            };
            assert!(
                range.contains(&length),
                "{} has {length} bytes",
                kind.name()
            );
        }
    }

    #[test]
    fn the_document_is_the_same_every_time() {
        assert_eq!(
            Kind::Document.medium().content.digest(),
            Kind::Document.medium().content.digest()
        );
    }
}
