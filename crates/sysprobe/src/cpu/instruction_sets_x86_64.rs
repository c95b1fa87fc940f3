//! Instruction sets of x86-64 that inference engines have code for.
#![expect(
    unsafe_code,
    reason = "whether the system lets programs use AMX is in a register that only an intrinsic reads"
)]

use std::arch::{
    is_x86_feature_detected,
    x86_64::{__cpuid_count, _xgetbv},
};

/// Each with whether processor and operating system support it.
pub(super) fn detect() -> [(&'static str, bool); 14] {
    [
        ("sse4.2", is_x86_feature_detected!("sse4.2")),
        ("avx", is_x86_feature_detected!("avx")),
        ("f16c", is_x86_feature_detected!("f16c")),
        ("fma", is_x86_feature_detected!("fma")),
        ("bmi2", is_x86_feature_detected!("bmi2")),
        ("avx2", is_x86_feature_detected!("avx2")),
        ("avx_vnni", is_x86_feature_detected!("avxvnni")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
        ("avx512bw", is_x86_feature_detected!("avx512bw")),
        ("avx512vl", is_x86_feature_detected!("avx512vl")),
        ("avx512_vbmi", is_x86_feature_detected!("avx512vbmi")),
        ("avx512_vnni", is_x86_feature_detected!("avx512vnni")),
        ("avx512_bf16", is_x86_feature_detected!("avx512bf16")),
        ("amx", amx()),
    ]
}

/// Intel's manual, volume 1, chapter 18: the processor says AMX-TILE in CPUID leaf 7, and the
/// operating system saves the tiles if bits 17 and 18 of XCR0 are set.
fn amx() -> bool {
    const AMX_TILE: u32 = 1 << 24;
    const TILE_STATE: u64 = 0b11 << 17;
    if !is_x86_feature_detected!("xsave") || __cpuid_count(0, 0).eax < 7 {
        return false;
    }
    // SAFETY: `xsave` is reported only if the operating system has switched it on (OSXSAVE),
    // and then the instruction exists.
    let state = unsafe { _xgetbv(0) };
    __cpuid_count(7, 0).edx & AMX_TILE != 0 && state & TILE_STATE == TILE_STATE
}
