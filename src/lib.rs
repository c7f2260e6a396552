//! waba-bridge keeps integrations written for the WhatsApp Business On-Premises API working on the Cloud API.
//!
//! # The map, bottom up
//!
//! | layer | modules | what they are |
//! |---|---|---|
//! | vocabulary | [`ids`] [`config`] [`metrics`] [`telemetry`] [`http`] [`onprem`] [`cloud`] | plain data and glue |
//! | rules | [`translate`] [`route`] [`compare`] | pure functions: no I/O, no clock, no logging |
//! | adapters | [`backend`] [`media`] [`state`] [`jobs`] [`users`] | each owns one outside thing |
//! | shared by the flows | [`cutover`] [`comparisons`] [`sends`] | the flags in force; where comparisons go; the messages being sent |
//! | flows | [`proxy`] [`relay`] | the two stories; neither knows the other |
//! | surface | [`admin`] [`entry`] [`app`] | listeners and wiring |
//! | beside | [`check`] [`operate`] | the commands that look before a start, and at a running bridge |
//! | beside | [`standin`] [`demo`] [`sandbox`] | the outside world, played; and the two commands that play it |
//!
//! A request is read in [`proxy::Proxy::handle`], an accepted retry download in [`relay::fetch`], its callback in
//! [`relay::deliver`], a callback of the old client in [`relay::intake`], a notification of Meta's in [`relay::notification`]. Who answers is decided in [`route::decide`]. `tests/layering.rs` holds the list of what each module may import.
//!
//! # What must stay true
//!
//! 1. Only [`backend`] opens outbound connections; only [`http::listener`] opens inbound ones.
//! 2. A retry download is acknowledged only after its job is committed with fsync. A job leaves the state as done,
//!    with what follows from it in the same commit, or is kept as buried.
//! 3. Every job may run twice. A file under its final name is complete.
//! 4. The access token goes to Graph and to the number's media hosts, nowhere else.
//! 5. A fault of ours towards Meta is never told to an integration as its own: not as a 401, not as a lost medium.
//! 6. One function gives an error its status and body: [`proxy::respond::failure`].
//! 7. No log line holds a body, a token, a phone number or a file name.
//! 8. A `Send` reaches one side: a question for the other one cannot be made of it. The caller's credentials go to the
//!    side they are of.
//! 9. Of a compared retry download's two callbacks one is told, and that is decided in the commit that keeps it.
//! 10. A notification is answered after all it makes is committed. What is told of one contact is told in the order in
//!     which it came, over both queues it may go through.
//! 11. Comparing takes nothing from the answer: it works after it, elsewhere, within a budget, and may be dropped.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod admin;
pub mod app;
pub mod backend;
pub mod check;
pub mod cloud;
pub mod compare;
pub mod comparisons;
pub mod config;
pub mod cutover;
pub mod demo;
pub mod entry;
pub mod http;
pub mod ids;
pub mod jobs;
pub mod media;
pub mod metrics;
pub mod onprem;
pub mod operate;
pub mod proxy;
pub mod relay;
pub mod route;
pub mod sandbox;
pub mod sends;
pub mod standin;
pub mod state;
pub mod telemetry;
pub mod translate;
pub mod users;
