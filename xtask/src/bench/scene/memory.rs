//! What all servers of a daemon have resident, sampled while they work.

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::bench::machine::kibibytes;
use crate::bench::server::children;

/// How often it is looked.
const EVERY: Duration = Duration::from_millis(50);

/// The most that all descendants of `daemon` had resident at once, in bytes, until it is `over`; and how often it was
/// looked.
pub(super) fn most(daemon: u32, over: &AtomicBool) -> (u64, u32) {
    let (mut most, mut samples) = (0, 0);
    while !over.load(Ordering::Relaxed) {
        most = most.max(descendants(daemon).iter().filter_map(|pid| resident(*pid)).sum());
        samples += 1;
        thread::sleep(EVERY);
    }
    (most, samples)
}

/// The children of a process, theirs, and so on. What ended meanwhile is left out.
fn descendants(pid: u32) -> BTreeSet<u32> {
    let (mut found, mut ask) = (BTreeSet::new(), vec![pid]);
    while let Some(parent) = ask.pop() {
        let below = children(parent).unwrap_or_default();
        let below = below.iter().filter_map(|pid| pid.parse().ok());
        ask.extend(below.filter(|pid| found.insert(*pid)));
    }
    found
}

/// `VmRSS`, in bytes.
fn resident(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    Some(kibibytes(&status, "VmRSS")? << 10)
}

#[cfg(test)]
mod tests {
    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_has_something_resident() {
        assert!(super::resident(std::process::id()).unwrap() > 1 << 20);
    }
}
