//! Tests of the library against models that are made here, byte by byte.

mod maker;
mod store;
