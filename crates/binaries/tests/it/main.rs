//! Tests with real archives, real pip and real servers.

mod archives;
mod attacks;
mod catalogs;
mod choosing;
mod names;
