//! Names for the exit codes with which Windows reports the death of a program.
//!
//! Source: Microsoft, [MS-ERREF] 2.3 "NTSTATUS". A code whose two highest bits are set has the
//! severity "error"; no program ends itself with one on purpose.

/// What the NTSTATUS `code` means, if it is one that a server dies of.
pub(crate) fn name(code: i32) -> Option<&'static str> {
    Some(match code.cast_unsigned() {
        0x8000_0003 => "breakpoint",
        0xC000_0005 => "access violation",
        0xC000_0006 => "error while paging in, as from a vanished disk",
        0xC000_0017 => "out of memory",
        0xC000_001D => "illegal instruction",
        0xC000_0094 => "integer division by zero",
        0xC000_0096 => "privileged instruction",
        0xC000_00FD => "stack overflow",
        0xC000_012D => "commit limit reached",
        0xC000_0135 => "missing DLL",
        0xC000_0138 => "missing ordinal in a DLL",
        0xC000_0139 => "missing entry point in a DLL",
        0xC000_013A => "ended by Ctrl-C",
        0xC000_0142 => "a DLL failed to initialise",
        0xC000_0374 => "heap corruption",
        0xC000_0409 => "stack buffer overrun or fast fail",
        0xC000_041D => "unhandled exception in a callback",
        0xE06D_7363 => "unhandled C++ exception",
        _ => return None,
    })
}

/// Whether `code` is an NTSTATUS of the severity "error".
///
/// An exit code on Unix is 0 to 255, so it never is.
pub(crate) fn is_fatal(code: i32) -> bool {
    code.cast_unsigned() >> 30 == 0b11
}
