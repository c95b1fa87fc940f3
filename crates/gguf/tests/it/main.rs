//! Tests of the reader against files made byte by byte, against a reader of other people, and
//! against arbitrary bytes.

mod allocation;
mod arrays;
mod chat_templates;
mod facts;
mod files;
mod hostile;
mod memory;
mod oracle;
mod prefixes;
mod properties;
mod reading;
mod remote;
mod shards;
mod weights;
mod writer;
