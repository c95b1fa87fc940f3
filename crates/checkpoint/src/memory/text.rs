//! The buffer of the text encoders.

use super::MIB;
use crate::{family::Family, parts::Parts, role::Role};

/// Bytes of the buffer. The prompt's tokens are padded to a fixed number, so it hardly depends on the prompt.
pub(super) fn compute(parts: &Parts, family: Family) -> u64 {
    let _ = family;
    let clip = if parts.has(Role::ClipL) || parts.has(Role::ClipG) { 1.4 } else { 0.0 };
    let llm = if parts.has(Role::Llm) { 22.5 } else { 0.0 };
    let t5 = if parts.has(Role::T5xxl) { 70.0 } else { 0.0 };
    super::bytes(f64::max(clip, f64::max(llm, t5)) * MIB)
}
