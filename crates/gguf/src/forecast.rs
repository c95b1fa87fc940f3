//! How long a header may be that is not all there: what is read in advance of it costs little if too
//! much, and a request to a server if too little.

use crate::{
    cursor::StringsSoFar,
    limits::{MAX_HEADER_BYTES, MIN_ENTRY_BYTES, MIN_TENSOR_BYTES},
    parser::Missing,
    value::{Value, ValueType},
};

/// What the parts of this header took so far, over what they take in others. Measured over SmolLM2 and
/// the 19 vocabularies in llama.cpp's `models/`: a string takes 13 to 21 bytes with its length, those
/// at the start of a list less; a tensor's entry takes 59, an entry that is no array 46.
#[derive(Debug)]
pub(crate) struct Forecast {
    strings: Mean,
    tensors: Mean,
}

const ENTRY_BYTES: u64 = 46;

impl Default for Forecast {
    fn default() -> Self {
        Self { strings: Mean::new(8192, 15), tensors: Mean::new(64, 56) }
    }
}

impl Forecast {
    pub(crate) fn learn_entry(&mut self, value: &Value) {
        if let Value::Array(array) = value
            && array.element_type() == ValueType::String
        {
            let bytes = array.bytes();
            self.strings.add(array.count(), bytes.end - bytes.start);
        }
    }

    pub(crate) fn learn_tensor(&mut self, bytes: u64) {
        self.tensors.add(1, bytes);
    }

    /// Bytes that the rest may take beyond the least it can: the strings left in the current array,
    /// and so many entries and tensors after it.
    pub(crate) fn surplus(&self, strings: Option<StringsSoFar>, entries: u64, tensors: u64) -> u64 {
        const MIN_STRING_BYTES: u64 = 8;
        let strings = strings.map_or(0, |current| {
            let mut mean = self.strings;
            mean.add(current.done, current.bytes);
            mean.surplus(current.left, MIN_STRING_BYTES)
        });
        let tensors = self.tensors.surplus(tensors, MIN_TENSOR_BYTES);
        let entries = entries.saturating_mul(ENTRY_BYTES - MIN_ENTRY_BYTES);
        strings.saturating_add(tensors).saturating_add(entries)
    }
}

/// How long the prefix should be next, in bytes: an eighth beyond what is certain, or a sixteenth
/// beyond what is expected, and never more than double of what is certain.
pub(crate) fn next_window(missing: Missing) -> u64 {
    let Missing { at_least, expected } = missing;
    let certain = at_least.saturating_add(at_least / 8);
    let likely = expected.saturating_add(expected / 16);
    certain.max(likely.min(at_least.saturating_mul(2))).min(MAX_HEADER_BYTES)
}

/// The mean of what was seen, and of some that were not as a start.
#[derive(Debug, Clone, Copy)]
struct Mean {
    count: u64,
    bytes: u64,
}

impl Mean {
    fn new(count: u64, each: u64) -> Self {
        Self { count, bytes: count * each }
    }

    fn add(&mut self, count: u64, bytes: u64) {
        self.count = self.count.saturating_add(count);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// What `count` more take beyond `least` bytes each.
    fn surplus(self, count: u64, least: u64) -> u64 {
        let total = u128::from(count) * u128::from(self.bytes) / u128::from(self.count);
        let total = u64::try_from(total).unwrap_or(u64::MAX);
        total.saturating_sub(count.saturating_mul(least))
    }
}
