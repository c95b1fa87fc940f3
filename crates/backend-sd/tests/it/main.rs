//! The real programs, with small models of random weights.

#![expect(clippy::unwrap_used, reason = "these are tests")]

#[cfg(unix)]
mod deaths;
mod edits;
#[cfg(target_os = "linux")]
mod estimates;
mod faults;
#[cfg(target_os = "linux")]
mod full_disk;
mod loras;
mod paints;
mod place;
mod plans;
mod starts;
