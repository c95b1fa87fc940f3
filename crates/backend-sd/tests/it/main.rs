//! The real programs, with small models of random weights.

#![expect(clippy::unwrap_used, reason = "these are tests")]

mod edits;
mod estimates;
mod faults;
mod loras;
mod paints;
mod place;
mod plans;
mod starts;
