//! What differs between Unix and Windows; `os_unix.rs` has the same functions.

use std::{io, path::PathBuf, process::ExitStatus, time::Duration};

/// Where NVML may be when it is not on the loader's path: older drivers put it beside their tools.
pub(crate) fn nvml_fallbacks() -> Vec<PathBuf> {
    let roots = [r"C:\Program Files", r"C:\Windows\System32"];
    let [programs, system] = roots.map(PathBuf::from);
    vec![programs.join(r"NVIDIA Corporation\NVSMI\nvml.dll"), system.join("nvml.dll")]
}

/// The path by which this program can be started again.
pub(crate) fn own_program() -> io::Result<PathBuf> {
    std::env::current_exe()
}

/// Nothing to ask here: the child ends itself when its time is over.
pub(crate) fn end_with_parent() {}

/// The length of so many of a kernel's clock ticks. There is no `/proc` here that counts in them.
pub(crate) fn ticks(count: u64) -> Duration {
    Duration::from_millis(count.saturating_mul(10))
}

/// The name of what killed a process, `None` if it ended by itself.
///
/// A crash is an exit code in the range of `NTSTATUS` errors, 0xC0000000 and above.
pub(crate) fn crash_name(status: ExitStatus) -> Option<String> {
    let code = status.code()?.cast_unsigned();
    let name = match code {
        0xC000_0005 => "access violation",
        0xC000_001D => "illegal instruction",
        0xC000_0135 => "missing DLL",
        0xC000_0409 => "stack buffer overrun",
        0xC000_0000.. => return Some(format!("exception {code:#010X}")),
        _ => return None,
    };
    Some(name.to_owned())
}
