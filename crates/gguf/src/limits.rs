//! What this reader accepts at most, so that a hostile file cannot take the machine's memory.

/// Longest string value, in bytes. llama.cpp allows 1 GiB; the longest strings in published files
/// are chat templates and embedded tokenizers of a few MiB.
pub const MAX_STRING_BYTES: u64 = 16 * 1024 * 1024;

/// Longest metadata key, in bytes: the limit of the GGUF specification (2^16 - 1).
pub const MAX_KEY_BYTES: u64 = 65_535;

/// Longest tensor name, in bytes. llama.cpp allows 63, stable-diffusion.cpp builds with 159.
pub const MAX_TENSOR_NAME_BYTES: u64 = 1024;

/// Most dimensions of a tensor. ggml has 4 today.
pub const MAX_DIMENSIONS: u32 = 8;

/// Deepest nesting of arrays in arrays. llama.cpp allows none.
pub const MAX_ARRAY_NESTING: u32 = 4;

/// Largest header, in bytes. A vocabulary of 262 144 tokens with its merges takes about 10 MiB.
pub const MAX_HEADER_BYTES: u64 = 256 * 1024 * 1024;

/// Highest number of layers told apart by [`crate::WeightSizes`]; published models have up to 130.
pub const MAX_LAYERS: usize = 4096;

/// Arrays of numbers or booleans with up to this many elements are always read.
pub const SMALL_ARRAY: u64 = 4096;

/// Arrays of strings with up to this many elements are always read (tags, languages).
pub const SMALL_STRING_ARRAY: u64 = 64;

/// Fewest bytes of one metadata entry: key length (8), an empty key, value type (4), one byte.
pub(crate) const MIN_ENTRY_BYTES: u64 = 13;

/// Fewest bytes of one tensor: name length (8), number of dimensions (4), type (4), offset (8).
pub(crate) const MIN_TENSOR_BYTES: u64 = 24;
