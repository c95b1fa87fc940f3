//! The control API over a real orchestrator, a real machine and real files.
#![expect(clippy::unwrap_used, reason = "a test fails where it panics")]

mod api;
mod openapi;
mod states;
