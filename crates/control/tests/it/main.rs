//! The control API over a real orchestrator, a real machine and real files.
#![expect(clippy::unwrap_used, reason = "a test fails where it panics")]

mod api;
mod downloads;
#[path = "../../../models/tests/it/hub.rs"]
#[expect(dead_code, reason = "the hub of the library's own tests, which ask more of it")]
mod hub;
#[path = "../../../models/tests/it/maker.rs"]
#[expect(dead_code, reason = "the models of the library's own tests")]
mod maker;
mod openapi;
mod states;
