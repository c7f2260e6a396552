//! The real program, from outside: its binary between stand-ins, over sockets, killed and restarted at will.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod command;
mod harness;
mod raw;

mod bad_input;
mod callbacks;
mod check;
mod crash;
mod decisions;
mod download;
mod forward;
mod life;
mod listeners;
mod media_get;
mod operate;
mod storage;
mod users;
