//! Instruction sets of 64-bit ARM that inference engines have code for.

use std::arch::is_aarch64_feature_detected;

/// Each with whether processor and operating system support it.
pub(super) fn detect() -> [(&'static str, bool); 7] {
    [
        ("neon", is_aarch64_feature_detected!("neon")),
        ("fp16", is_aarch64_feature_detected!("fp16")),
        ("dotprod", is_aarch64_feature_detected!("dotprod")),
        ("i8mm", is_aarch64_feature_detected!("i8mm")),
        ("bf16", is_aarch64_feature_detected!("bf16")),
        ("sve", is_aarch64_feature_detected!("sve")),
        ("sve2", is_aarch64_feature_detected!("sve2")),
    ]
}
