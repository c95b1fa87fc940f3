//! Real requests to servers of ours, which answer as a test wants it.

mod downloads;
mod faults;
mod hub;
mod reading;
mod scripted;
mod support;
