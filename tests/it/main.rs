//! The real program, from outside: its binary between stand-ins, over sockets, killed and restarted at will.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod command;
mod harness;
mod raw;

mod bad_input;
mod callbacks;
mod check;
mod cloud_edge;
mod cloud_profile;
mod compare;
mod compare_media;
mod crash;
mod cutover;
mod decisions;
mod download;
mod forward;
mod held;
mod intake;
mod life;
mod listeners;
mod media_get;
mod noise;
mod notifications;
mod notifications_commands;
mod operate;
mod pairs;
mod pairs_trouble;
mod recorded;
mod sends;
mod storage;
mod users;
