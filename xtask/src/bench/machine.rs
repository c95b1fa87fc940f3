//! On which machine a figure was measured.

use std::fs;

use anyhow::{Context, Result};

/// One line: processor, cores, memory, kernel. Linux only, like the figures.
pub(super) fn describe() -> Result<String> {
    let read = |path: &str| fs::read_to_string(path).with_context(|| format!("cannot read {path}"));
    let cpuinfo = read("/proc/cpuinfo")?;
    let meminfo = read("/proc/meminfo")?;
    let kernel = read("/proc/sys/kernel/osrelease")?;
    let processor = field(&cpuinfo, "model name").unwrap_or("unknown processor");
    let cores = std::thread::available_parallelism().context("cannot count the cores")?;
    let memory = kibibytes(&meminfo, "MemTotal").context("/proc/meminfo has no MemTotal")? / (1024 * 1024);
    Ok(format!("{processor}, {cores} cores, {memory} GiB memory, Linux {}", kernel.trim()))
}

/// The value of `name` in a file of `name: value` lines.
fn field<'text>(text: &'text str, name: &str) -> Option<&'text str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim())
    })
}

/// The value of `name` in a file of `name: value kB` lines, in KiB as the kernel means it.
pub(super) fn kibibytes(text: &str, name: &str) -> Option<u64> {
    field(text, name)?.strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_by_their_whole_name() {
        let status = "VmHWM:\t   99 kB\nVmRSS:\t  4512 kB\nThreads:\t3\n";
        assert_eq!(kibibytes(status, "VmRSS"), Some(4512));
        assert_eq!(kibibytes(status, "Rss"), None);
        assert_eq!(kibibytes(status, "Threads"), None);
    }
}
