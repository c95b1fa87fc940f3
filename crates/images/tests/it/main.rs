//! The protocol over real connections, and the words on their own.
#![expect(clippy::unwrap_used, reason = "a test fails where it panics")]

mod plain_colour;
mod png;
mod protocol;
mod request;
mod stream;
