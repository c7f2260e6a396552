//! What a message refers to: another message, a product, or the advertisement it came by.

use super::people::{self, Names};
use super::raw::{self, Raw, shapes};
use super::{Picture, Rules};
use crate::ids;
use crate::onprem::callback::{Context, Object, Product, Referral, Welcome};
use crate::onprem::media::Kind;

shapes! {
    /// `context`
    CloudContext {
        forwarded: b"forwarded",
        frequently_forwarded: b"frequently_forwarded",
        from: b"from",
        id: b"id",
        referred_product: b"referred_product",
    }
    /// `context.referred_product`
    CloudProduct {
        catalog_id: b"catalog_id",
        product_retailer_id: b"product_retailer_id",
    }
    /// `referral`
    CloudReferral {
        body: b"body",
        ctwa_clid: b"ctwa_clid",
        headline: b"headline",
        image_url: b"image_url",
        media_type: b"media_type",
        source_id: b"source_id",
        source_type: b"source_type",
        source_url: b"source_url",
        thumbnail_url: b"thumbnail_url",
        video_url: b"video_url",
        welcome_message: b"welcome_message",
    }
    /// `referral.welcome_message`
    CloudWelcome {
        text: b"text",
    }
}

/// What a message answers, or that it was passed on.
pub(super) fn context<'a>(raw: Raw<'a>, names: &mut Names<'_, 'a>) -> Option<Context<'a>> {
    let context: CloudContext<'_> = raw::object(raw)?;
    let product = raw::object(context.referred_product).map(product);
    let told = Context {
        forwarded: raw::flag(context.forwarded),
        frequently_forwarded: raw::flag(context.frequently_forwarded),
        from: people::said(context.from).map(|from| names.person(from)),
        id: raw::filled(context.id).map(|id| names.message(id)),
        referred_product: product.filter(|product| *product != Product::default()),
    };
    (told != Context::default()).then_some(told)
}

fn product(product: CloudProduct<'_>) -> Product<'_> {
    Product {
        catalog_id: raw::word(product.catalog_id),
        product_retailer_id: raw::word(product.product_retailer_id),
    }
}

/// The advertisement a message came by, and its picture, which the old client had as a medium of its own.
pub(super) fn referral<'a>(
    raw: Raw<'a>,
    message: &str,
    rules: Rules<'_>,
) -> (Option<Referral<'a>>, Option<Picture<'a>>) {
    let Some(referral) = raw::object::<CloudReferral<'_>>(raw) else {
        return (None, None);
    };
    let extra = |raw: Raw<'a>| raw.filter(|_| rules.compat.referral_extras);
    let welcome: Option<CloudWelcome<'_>> = raw::object(extra(referral.welcome_message));
    let told = Referral {
        body: raw::text(referral.body),
        ctwa_clid: raw::text(referral.ctwa_clid),
        headline: raw::text(referral.headline),
        image: None,
        media_type: raw::text(extra(referral.media_type)),
        source_id: raw::word(referral.source_id),
        source_type: raw::text(referral.source_type),
        source_url: raw::text(referral.source_url),
        thumbnail_url: raw::text(extra(referral.thumbnail_url)),
        video: None,
        welcome_message: welcome
            .and_then(|welcome| raw::text(welcome.text))
            .map(|text| Welcome { text }),
    };
    let picture = match rules.settings.skip_referral_media_download {
        true => None,
        false => picture(&referral, message, rules),
    };
    let empty = told == Referral::default() && picture.is_none();
    ((!empty).then_some(told), picture)
}

fn picture<'a>(
    referral: &CloudReferral<'a>,
    message: &str,
    rules: Rules<'_>,
) -> Option<Picture<'a>> {
    let image = raw::filled(referral.image_url).map(|url| (Kind::Image, url));
    let video = || raw::filled(referral.video_url).map(|url| (Kind::Video, url));
    let (kind, url) = image.or_else(video)?;
    Some(Picture {
        id: ids::referral_uuid(rules.number, message),
        kind,
        url,
    })
}

/// Says that the picture is there.
pub(super) fn show(referral: &mut Referral<'_>, picture: &Picture<'_>) {
    let object = Some(Object { id: picture.id });
    match picture.kind {
        Kind::Video => referral.video = object,
        _ => referral.image = object,
    }
}
