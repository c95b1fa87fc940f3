//! Tests with real archives, real pip and real servers.

mod archives;
mod attacks;
#[cfg(unix)]
mod builds;
mod catalogs;
mod choosing;
#[cfg(unix)]
mod failing;
#[cfg(unix)]
mod installing;
mod names;
#[cfg(unix)]
mod processes;
#[cfg(unix)]
mod proofs;
#[cfg(unix)]
mod upkeep;
mod web;
