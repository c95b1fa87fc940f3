//! Whole-system tests: the built command with real servers, a real model and real clients.
//!
//! `cargo xtask test` builds the command, brings the fixtures and tells where they are by environment
//! variables; see `support::fixture`.
#![cfg_attr(not(unix), expect(dead_code, reason = "tests that need a Unix use it alone"))]

mod command;
// Its tests send signals.
#[cfg(unix)]
mod images;
mod serve;
mod support;
