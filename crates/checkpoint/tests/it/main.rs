//! Families and memory by headers with the names and shapes of real models.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod families;
mod files;
mod hostile;
mod measured;
mod memory;
mod missing;
mod models;
mod unet;
