//! The mark by which a child is known again.

use std::hash::{BuildHasher, RandomState};

/// The environment variable in which every child carries its mark.
///
/// Grandchildren inherit it, so that they can be told from strangers too.
pub const NONCE_VARIABLE: &str = "SUPERVISE_NONCE";

/// 128 bits in hexadecimal that no other child has.
///
/// It must be unique, not secret: the standard library seeds each [`RandomState`] from the
/// system's random numbers, and the process number and the time are mixed in.
pub(crate) fn fresh() -> String {
    let now = std::time::SystemTime::now();
    let half = || RandomState::new().hash_one((std::process::id(), now));
    format!("{:016x}{:016x}", half(), half())
}

#[cfg(test)]
mod tests {
    #[test]
    fn nonces_differ_and_have_a_fixed_form() {
        let many: std::collections::HashSet<String> = (0..1000).map(|_| super::fresh()).collect();
        assert_eq!(many.len(), 1000);
        assert!(many.iter().all(|nonce| nonce.len() == 32));
    }
}
