//! The key/value pairs of a header.

use std::borrow::Cow;

use crate::{
    array::Array,
    error::{GgufError, shortened},
    value::Value,
};

/// The metadata of a file, in file order, with lookup by key.
#[derive(Debug, Clone, Default)]
pub struct Metadata {
    entries: Vec<(String, Value)>,
    /// Indices into `entries`, sorted by key.
    by_key: Vec<usize>,
}

impl Metadata {
    pub(crate) fn new(entries: Vec<(String, Value)>) -> Result<Self, GgufError> {
        let mut by_key: Vec<usize> = (0..entries.len()).collect();
        by_key.sort_unstable_by(|&a, &b| entries[a].0.cmp(&entries[b].0));
        if let Some(pair) = by_key.windows(2).find(|pair| entries[pair[0]].0 == entries[pair[1]].0) {
            return Err(GgufError::DuplicateKey { key: shortened(&entries[pair[0]].0) });
        }
        Ok(Self { entries, by_key })
    }

    /// The same without the keys that begin so.
    pub(crate) fn without(mut self, prefix: &str) -> Result<Self, GgufError> {
        self.entries.retain(|(key, _)| !key.starts_with(prefix));
        Self::new(self.entries)
    }

    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All entries in file order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        let found = self.by_key.binary_search_by(|&index| self.entries[index].0.as_str().cmp(key));
        found.ok().map(|at| &self.entries[self.by_key[at]].1)
    }

    /// An integer of any width that is not negative.
    #[must_use]
    pub fn get_u64(&self, key: &str) -> Option<u64> {
        self.get(key)?.as_u64()
    }

    /// A float of either width, as 32 bits.
    #[must_use]
    pub fn get_f32(&self, key: &str) -> Option<f32> {
        self.get(key)?.as_f32()
    }

    /// A truth value.
    #[must_use]
    pub fn get_bool(&self, key: &str) -> Option<bool> {
        self.get(key)?.as_bool()
    }

    /// A string that is UTF-8.
    #[must_use]
    pub fn get_str(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }

    /// A string, with U+FFFD for what is not UTF-8.
    #[must_use]
    pub fn get_lossy(&self, key: &str) -> Option<Cow<'_, str>> {
        Some(self.get(key)?.as_text()?.to_string_lossy())
    }

    /// An array.
    #[must_use]
    pub fn get_array(&self, key: &str) -> Option<&Array> {
        self.get(key)?.as_array()
    }

    /// The elements of an array of integers, if they were read and none is negative.
    #[must_use]
    pub fn get_u64s(&self, key: &str) -> Option<Vec<u64>> {
        self.get_array(key)?.to_u64s()
    }
}
