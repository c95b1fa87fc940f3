//! The real programs, with small models of random weights.

#![expect(clippy::unwrap_used, reason = "these are tests")]

mod changes;
#[cfg(target_os = "linux")]
mod damaged;
#[cfg(target_os = "linux")]
mod disk;
mod edits;
mod ends;
#[cfg(target_os = "linux")]
mod estimates;
#[cfg(unix)]
mod fake;
#[cfg(target_os = "linux")]
mod faults;
#[cfg(target_os = "linux")]
mod left;
mod loras;
mod paints;
mod place;
mod plans;
mod privacy;
mod starts;
