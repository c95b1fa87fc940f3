//! The real programs, with small models of random weights.

mod faults;
mod paints;
mod place;
mod plans;
mod starts;
