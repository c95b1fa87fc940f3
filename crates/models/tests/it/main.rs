//! Tests of the library against models that are made here, byte by byte.

mod hub;
mod maker;
mod pull;
mod store;
