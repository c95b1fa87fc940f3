//! Real requests to servers of ours, which answer as a test wants it.

mod downloads;
mod faults;
mod full;
mod hub;
mod killed;
mod limits;
mod network;
mod reading;
mod scripted;
mod secret;
mod several;
mod support;
mod turns;
mod verifying;
