//! The control API over a real orchestrator, a real machine and real files.
#![expect(clippy::unwrap_used, reason = "a test fails where it panics")]

mod api;
#[cfg(unix)]
mod binaries;
#[cfg(unix)]
#[path = "../../../binaries/tests/it/builds.rs"]
#[expect(dead_code, reason = "the builds of their library's own tests, which ask more of them")]
mod builds;
mod downloads;
mod estimate;
mod headers;
#[path = "../../../models/tests/it/hub.rs"]
#[expect(dead_code, reason = "the hub of the library's own tests, which ask more of it")]
mod hub;
#[path = "../../../models/tests/it/maker.rs"]
mod maker;
mod models;
mod openapi;
#[cfg(unix)]
#[path = "../../../binaries/tests/it/packed.rs"]
#[expect(dead_code, reason = "archives with entries that only attackers have")]
mod packed;
mod states;
#[cfg(unix)]
#[path = "../../../binaries/tests/it/web.rs"]
#[expect(dead_code, reason = "a server that also counts")]
mod web;
