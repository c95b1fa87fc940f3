//! Processors whose instruction sets are not looked at.

/// Nothing is known.
pub(super) fn detect() -> [(&'static str, bool); 0] {
    []
}
