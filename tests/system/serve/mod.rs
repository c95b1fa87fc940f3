//! `loadmaster serve` from outside.

mod admission;
pub(crate) mod client;
mod control;
pub(crate) mod openai_client;
mod panel_api;
mod requests;
mod token;
mod upstream;
mod what_if;

// These send signals, which Windows does not have.
#[cfg(unix)]
mod cancel;
#[cfg(unix)]
mod crashes;
#[cfg(unix)]
mod hangs;
#[cfg(unix)]
pub(crate) mod holds;
#[cfg(unix)]
mod ladder;
#[cfg(target_os = "linux")]
mod orphans;
#[cfg(unix)]
pub(crate) mod process;
#[cfg(unix)]
mod reload;
#[cfg(unix)]
mod resume;
#[cfg(unix)]
mod stopping;
#[cfg(unix)]
pub(crate) mod swaps;
#[cfg(target_os = "linux")]
mod tcp;
