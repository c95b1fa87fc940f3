//! What differs between Unix and Windows; `os_windows.rs` has the same functions.

use std::{io, os::unix::process::ExitStatusExt, path::PathBuf, process::ExitStatus, time::Duration};

use rustix::process::Signal;

/// Where NVML may be when it is not on the loader's path: under WSL.
pub(crate) fn nvml_fallbacks() -> Vec<PathBuf> {
    vec![PathBuf::from("/usr/lib/wsl/lib/libnvidia-ml.so.1")]
}

/// The path by which this program can be started again.
///
/// On Linux that is a link to the very file that runs, which works even after an update has
/// replaced the program on disk.
pub(crate) fn own_program() -> io::Result<PathBuf> {
    let link = PathBuf::from("/proc/self/exe");
    if cfg!(target_os = "linux") && link.exists() {
        return Ok(link);
    }
    std::env::current_exe()
}

/// Asks that this process be killed when its parent ends. Best effort: only Linux can.
pub(crate) fn end_with_parent() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
}

/// The length of so many of the kernel's clock ticks, in which `/proc` counts time.
pub(crate) fn ticks(count: u64) -> Duration {
    let second = rustix::param::clock_ticks_per_second().max(1);
    Duration::from_millis(count.saturating_mul(1000) / second)
}

/// The name of what killed a process, `None` if it ended by itself.
pub(crate) fn crash_name(status: ExitStatus) -> Option<String> {
    let number = status.signal()?;
    let names = [
        (Signal::SEGV, "SIGSEGV"),
        (Signal::ABORT, "SIGABRT"),
        (Signal::BUS, "SIGBUS"),
        (Signal::ILL, "SIGILL"),
        (Signal::FPE, "SIGFPE"),
        (Signal::TRAP, "SIGTRAP"),
        (Signal::SYS, "SIGSYS"),
        (Signal::KILL, "SIGKILL"),
        (Signal::TERM, "SIGTERM"),
    ];
    let known = names.iter().find(|(signal, _)| signal.as_raw() == number);
    Some(known.map_or_else(|| format!("signal {number}"), |(_, name)| (*name).to_owned()))
}
