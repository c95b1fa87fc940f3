//! How much of a header to keep.

/// What to do with arrays that are not small (see [`crate::SMALL_ARRAY`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ArrayMode {
    /// Remember type, count and place; [`crate::Array::load`] reads the elements later.
    #[default]
    Skip,
    /// Read every array: vocabularies, merges, scores.
    Read,
}

/// How to read a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadOptions {
    /// What to do with large arrays.
    pub arrays: ArrayMode,
}
