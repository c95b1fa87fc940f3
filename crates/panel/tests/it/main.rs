//! The router from outside, and the files that it serves.

mod files;
mod served;
