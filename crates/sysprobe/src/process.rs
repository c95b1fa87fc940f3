//! What one process takes of main memory and of graphics cards.
//!
//! Linux: `/proc/PID/status` (`proc_pid_status(5)`) and the kernel's counts by open card,
//! `/proc/PID/fdinfo/*` (`Documentation/gpu/drm-usage-stats.rst`). Elsewhere main memory alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use crate::{merge::canonical_pci, os};

/// The memory of one process now, in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessMemory {
    /// All of its pages in main memory, those of files that it maps among them.
    pub resident: u64,
    /// The part of it that no file stands behind, so that only its end gives it back. `None` where
    /// the system does not tell the two apart.
    pub own: Option<u64>,
    /// What it takes of cards, as far as a driver says.
    pub gpus: Vec<GpuShare>,
}

/// What a process takes of one card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GpuShare {
    /// The card's [`Gpu::id`](crate::Gpu::id).
    pub id: String,
    /// Bytes of the card's own memory, what the driver takes for the process among them.
    pub bytes: u64,
}

/// Main memory of a process; `None` when there is no such process.
pub(crate) fn main_memory(root: &Path, pid: u32) -> Option<ProcessMemory> {
    match fs::read_to_string(root.join(format!("proc/{pid}/status"))) {
        Ok(status) => from_status(&status),
        Err(_) if cfg!(target_os = "linux") => None,
        Err(_) => from_system(pid),
    }
}

/// Reads `RssAnon:      1234 kB` and its like. A zombie has none of them.
fn from_status(status: &str) -> Option<ProcessMemory> {
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        kibibytes(line.trim().strip_suffix("kB")?)
    };
    let own = field("RssAnon").zip(field("RssShmem")).map(|(anonymous, shared)| anonymous + shared);
    Some(ProcessMemory { resident: field("VmRSS")?, own, gpus: Vec::new() })
}

fn kibibytes(number: &str) -> Option<u64> {
    number.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Where there is no `/proc`.
fn from_system(pid: u32) -> Option<ProcessMemory> {
    let mut system = System::new().ok()?;
    let pid = Pid::from_u32(pid);
    system.refresh_processes_specifics(
        ProcessesToUpdate::Some(&[pid]),
        true,
        ProcessRefreshKind::nothing().with_memory(),
    );
    Some(ProcessMemory { resident: system.process(pid)?.memory(), own: None, gpus: Vec::new() })
}

/// Bytes of card memory by PCI address, as the kernel counts them for the process. Cards whose
/// driver does not count (NVIDIA's own) are not among them.
pub(crate) fn card_memory(root: &Path, pid: u32) -> BTreeMap<String, u64> {
    let mut cards = BTreeMap::new();
    // One client may have the card open many times, and each time tells all that the client has.
    let mut counted = BTreeSet::new();
    for client in open_files(root, pid).filter_map(|info| DrmClient::read(&info)) {
        if counted.insert((client.card.clone(), client.id)) {
            *cards.entry(client.card).or_default() += client.bytes;
        }
    }
    cards
}

/// For how long CPUs and cards have worked for the process since it was started, as far as the system
/// counts: time of its CPUs, of all threads together (`proc_pid_stat(5)`), and of the engines of those cards
/// whose driver counts it. `None` when there is no such process.
pub(crate) fn work(root: &Path, pid: u32) -> Option<Duration> {
    match fs::read_to_string(root.join(format!("proc/{pid}/stat"))) {
        Ok(stat) => Some(os::ticks(cpu_ticks(&stat)?) + card_work(root, pid)),
        Err(_) if cfg!(target_os = "linux") => None,
        Err(_) => work_by_system(pid),
    }
}

/// Fields 14 and 15 of `/proc/PID/stat`. The second one, the program's name in parentheses, may have blanks
/// and parentheses itself.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    next()?.checked_add(next()?)
}

/// What `drm-engine-NAME: N ns` tells, each client once.
fn card_work(root: &Path, pid: u32) -> Duration {
    let mut counted = BTreeSet::new();
    let infos = open_files(root, pid).filter_map(|info| {
        let client = fields(&info).get("drm-client-id").map(|id| (*id).to_owned())?;
        counted.insert(client).then_some(info)
    });
    let worked = infos.map(|info| {
        let engines = fields(&info)
            .into_iter()
            .filter(|(key, _)| key.starts_with("drm-engine-") && !key.starts_with("drm-engine-capacity-"));
        engines.filter_map(|(_, value)| value.strip_suffix("ns")?.trim().parse::<u64>().ok()).sum::<u64>()
    });
    Duration::from_nanos(worked.sum())
}

/// Where there is no `/proc`.
fn work_by_system(pid: u32) -> Option<Duration> {
    let mut system = System::new().ok()?;
    let pid = Pid::from_u32(pid);
    let what = ProcessRefreshKind::nothing().with_cpu();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, what);
    Some(Duration::from_millis(system.process(pid)?.accumulated_cpu_time()))
}

/// What the kernel tells of each file that the process has open.
fn open_files(root: &Path, pid: u32) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(root.join(format!("proc/{pid}/fdinfo"))).into_iter().flatten().flatten();
    entries.filter_map(|entry| fs::read_to_string(entry.path()).ok())
}

/// Keys and values, by line.
fn fields(info: &str) -> BTreeMap<&str, &str> {
    info.lines().filter_map(|line| line.split_once(':')).map(|(key, value)| (key, value.trim())).collect()
}

#[derive(Debug, PartialEq, Eq)]
struct DrmClient {
    card: String,
    id: u64,
    bytes: u64,
}

impl DrmClient {
    /// `None` for files that are no card.
    fn read(info: &str) -> Option<Self> {
        let fields = fields(info);
        let card = canonical_pci(fields.get("drm-pdev")?)?;
        let id = fields.get("drm-client-id")?.parse().ok()?;
        // `resident` is the newer key; amdgpu long had `memory` alone.
        let sum = |prefix: &str| {
            let regions = fields.iter().filter_map(|(key, value)| {
                let region = key.strip_prefix(prefix)?;
                (region.starts_with("vram") || region.starts_with("local")).then(|| amount(value))?
            });
            regions.reduce(u64::saturating_add)
        };
        let bytes = sum("drm-resident-").or_else(|| sum("drm-memory-"))?;
        Some(Self { card, id, bytes })
    }
}

/// `12 KiB`, `3 MiB` or plain bytes.
fn amount(value: &str) -> Option<u64> {
    let (number, unit) = value.split_once(' ').unwrap_or((value, ""));
    let shift = match unit.trim() {
        "" => 0,
        "KiB" => 10,
        "MiB" => 20,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_stands_behind_is_not_its_own() {
        let status = "Name:\tllama-server\nVmRSS:\t  238000 kB\nRssAnon:\t   80000 kB\n\
                      RssFile:\t  157000 kB\nRssShmem:\t    1000 kB\n";
        let memory = from_status(status).unwrap();
        assert_eq!((memory.resident, memory.own), (238_000 << 10, Some(81_000 << 10)));
        assert_eq!(from_status("Name:\tzombie\nState:\tZ (zombie)\n"), None);
        assert_eq!(from_status("VmRSS:\t99999999999999999999 kB\n"), None);
    }

    #[test]
    fn time_is_counted_behind_any_name() {
        let stat = "77 (a) b) c) S 1 77 77 0 -1 4194304 1 2 3 4 150 25 0 0 20 0 9 0 1234 5 6";
        assert_eq!(cpu_ticks(stat), Some(175));
        assert_eq!(cpu_ticks("77 (a) S 1"), None);
    }

    #[test]
    fn cards_are_counted_in_the_words_of_every_driver() {
        let read = |text: &str| DrmClient::read(text).map(|client| (client.id, client.bytes));
        let amdgpu = "pos:\t0\ndrm-driver:\tamdgpu\ndrm-client-id:\t7\ndrm-pdev:\t0000:03:00.0\n\
                      drm-memory-vram:\t4096 KiB\ndrm-memory-gtt:\t512 KiB\n";
        assert_eq!(read(amdgpu), Some((7, 4096 << 10)));
        let both = format!("{amdgpu}drm-resident-vram:\t4 MiB\ndrm-total-vram:\t9 MiB\n");
        assert_eq!(read(&both), Some((7, 4 << 20)));
        let xe = "drm-pdev:\t0000:03:00.0\ndrm-client-id:\t9\ndrm-resident-vram0:\t100\ndrm-resident-vram1:\t1 KiB\n";
        assert_eq!(read(xe), Some((9, 1124)));
        let integrated = "drm-pdev:\t0000:00:02.0\ndrm-client-id:\t1\ndrm-resident-system0:\t9 MiB\n";
        assert_eq!(read(integrated), None);
        assert_eq!(read("pos:\t0\nflags:\t02\n"), None);
    }
}
