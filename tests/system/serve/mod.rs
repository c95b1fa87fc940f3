//! `loadmaster serve` from outside.

mod admission;
mod client;
mod openai_client;
mod requests;

// These send signals, which Windows does not have.
#[cfg(unix)]
mod cancel;
#[cfg(unix)]
mod crashes;
#[cfg(unix)]
mod ladder;
#[cfg(target_os = "linux")]
mod orphans;
#[cfg(unix)]
mod process;
#[cfg(unix)]
mod stopping;
#[cfg(unix)]
mod swaps;
#[cfg(target_os = "linux")]
mod tcp;
