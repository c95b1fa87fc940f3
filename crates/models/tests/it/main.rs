//! Tests of the library against models that are made here, byte by byte.

mod adopt;
mod hub;
mod killed;
mod maker;
mod pull;
mod store;
