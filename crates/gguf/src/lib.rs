//! Reads the header of a GGUF file: what the model is, what it is made of and how big each part is.
//!
//! GGUF is the file format of llama.cpp and stable-diffusion.cpp. Its header holds typed key/value
//! metadata and a table of tensors; the tensor data follows. This crate reads the header alone,
//! from a file ([`Header::open`]), from any `Read + Seek` ([`Header::read`]) or from the first bytes
//! of a file that is still somewhere else ([`Header::from_prefix`]), or over a network in few requests
//! ([`Header::fetch`], [`HeaderStream`]). One parser serves all. A model in several files is read as
//! one by [`Header::open_model`].
//!
//! ```no_run
//! use loadmaster_gguf::{Facts, Header};
//!
//! # fn main() -> Result<(), loadmaster_gguf::GgufError> {
//! let header = Header::open("model.gguf")?;
//! assert!(header.arch_u64("context_length").is_some());
//! println!("{:?}", Facts::of(&header));
//! # Ok(())
//! # }
//! ```
//!
//! # Guarantees
//! - Any bytes give a header or a [`GgufError`]: no panic, no endless loop, no deep recursion.
//! - Memory stays within a small multiple of the bytes that were read: every count and length in the
//!   file is checked against the room there is before anything is allocated for it.
//! - Unknown tensor types, architectures and keys are kept, not refused ([`TensorType::Unknown`]),
//!   and so are strings that are not UTF-8 ([`Text`]).
//! - A file whose tensor data is missing still has a readable header; completeness is a question of
//!   its own ([`Header::check_complete`]).
//!
//! # Limitations
//! - Little-endian GGUF of version 2 and 3. Version 1 and big-endian files are recognised and refused.
//! - Tensor data is never read.
//! - [`Header::open`] reads one file, which may be a part of a model ([`Facts::shard`]).

mod array;
mod chat_template;
mod cursor;
mod error;
mod facts;
mod fetch;
mod file_type;
mod forecast;
mod header;
mod kind;
mod layers;
mod limits;
pub mod memory;
mod metadata;
mod options;
mod parser;
mod shards;
mod sniff;
mod source;
mod stream;
mod tensor;
mod tensor_type;
mod value;
mod weights;

pub use crate::{
    array::{Array, Element, Elements, Strings},
    error::GgufError,
    facts::Facts,
    fetch::{Answer, FetchError, RangeSource},
    file_type::file_type_name,
    header::{Header, Parsed},
    kind::Kind,
    layers::PerLayer,
    limits::{
        MAX_ARRAY_NESTING, MAX_DIMENSIONS, MAX_HEADER_BYTES, MAX_KEY_BYTES, MAX_LAYERS, MAX_STRING_BYTES,
        MAX_TENSOR_NAME_BYTES, SMALL_ARRAY, SMALL_STRING_ARRAY,
    },
    metadata::Metadata,
    options::{ArrayMode, ReadOptions},
    shards::{Shard, shard_names, shard_paths},
    sniff::LooksLike,
    stream::{HeaderStream, Progress},
    tensor::TensorInfo,
    tensor_type::TensorType,
    value::{Text, Value, ValueType},
    weights::{TypeTotal, WeightSizes},
};
