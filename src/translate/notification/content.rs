//! What is in a message that has no medium: text, place, basket, answers.

use super::raw::{self, Raw, shapes};
use crate::onprem::callback::{
    Button, Choice, Content, FormAnswer, Interactive, Item, Location, Order, Text,
};

shapes! {
    /// `text`
    CloudText {
        body: b"body",
    }
    /// `button`
    CloudButton {
        payload: b"payload",
        text: b"text",
    }
    /// `location`
    CloudLocation {
        address: b"address",
        latitude: b"latitude",
        longitude: b"longitude",
        name: b"name",
        url: b"url",
    }
    /// `interactive`
    CloudInteractive {
        button_reply: b"button_reply",
        kind: b"type",
        list_reply: b"list_reply",
        nfm_reply: b"nfm_reply",
    }
    /// `interactive.button_reply`, `interactive.list_reply`
    CloudChoice {
        description: b"description",
        id: b"id",
        title: b"title",
    }
    /// `interactive.nfm_reply`
    CloudFormAnswer {
        body: b"body",
        name: b"name",
        response_json: b"response_json",
    }
    /// `order`
    CloudOrder {
        catalog_id: b"catalog_id",
        product_items: b"product_items",
        text: b"text",
    }
    /// An element of `order.product_items`.
    CloudItem {
        currency: b"currency",
        item_price: b"item_price",
        product_retailer_id: b"product_retailer_id",
        quantity: b"quantity",
    }
}

pub(super) fn text(raw: Raw<'_>) -> Option<Content<'_>> {
    let text: CloudText<'_> = raw::object(raw)?;
    let body = raw::text(text.body)?;
    Some(Content::Text(Text { body }))
}

pub(super) fn button(raw: Raw<'_>) -> Option<Content<'_>> {
    let button: CloudButton<'_> = raw::object(raw)?;
    Some(Content::Button(Button {
        payload: raw::text(button.payload),
        text: raw::text(button.text)?,
    }))
}

pub(super) fn location(raw: Raw<'_>) -> Option<Content<'_>> {
    let location: CloudLocation<'_> = raw::object(raw)?;
    Some(Content::Location(Location {
        address: raw::text(location.address),
        latitude: raw::number(location.latitude)?,
        longitude: raw::number(location.longitude)?,
        name: raw::text(location.name),
        url: raw::text(location.url),
    }))
}

pub(super) fn interactive(raw: Raw<'_>) -> Option<Content<'_>> {
    let interactive: CloudInteractive<'_> = raw::object(raw)?;
    let of_kind = |kind| Interactive {
        button_reply: None,
        list_reply: None,
        nfm_reply: None,
        kind,
    };
    let told = match &*raw::text(interactive.kind)? {
        "button_reply" => Interactive {
            button_reply: Some(Choice {
                description: None,
                ..choice(interactive.button_reply)?
            }),
            ..of_kind("button_reply")
        },
        "list_reply" => Interactive {
            list_reply: Some(choice(interactive.list_reply)?),
            ..of_kind("list_reply")
        },
        "nfm_reply" => Interactive {
            nfm_reply: Some(form_answer(interactive.nfm_reply)?),
            ..of_kind("nfm_reply")
        },
        _ => return None,
    };
    Some(Content::Interactive(told))
}

fn choice(raw: Raw<'_>) -> Option<Choice<'_>> {
    let choice: CloudChoice<'_> = raw::object(raw)?;
    Some(Choice {
        description: raw::text(choice.description),
        id: raw::text(choice.id)?,
        title: raw::text(choice.title)?,
    })
}

fn form_answer(raw: Raw<'_>) -> Option<FormAnswer<'_>> {
    let answer: CloudFormAnswer<'_> = raw::object(raw)?;
    Some(FormAnswer {
        body: raw::text(answer.body),
        name: raw::text(answer.name),
        response_json: raw::text(answer.response_json)?,
    })
}

pub(super) fn order(raw: Raw<'_>) -> Option<Content<'_>> {
    let order: CloudOrder<'_> = raw::object(raw)?;
    let items: Vec<CloudItem<'_>> = raw::objects(order.product_items)?;
    Some(Content::Order(Order {
        catalog_id: raw::word(order.catalog_id),
        product_items: items.into_iter().map(item).collect(),
        text: raw::text(order.text),
    }))
}

fn item(item: CloudItem<'_>) -> Item<'_> {
    Item {
        currency: raw::text(item.currency),
        item_price: raw::number(item.item_price),
        product_retailer_id: raw::word(item.product_retailer_id),
        quantity: raw::number(item.quantity),
    }
}
