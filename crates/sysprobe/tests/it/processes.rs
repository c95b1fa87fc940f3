//! What one process takes, from made folder trees, from a fake driver, and of this very process.

use std::time::{Duration, Instant};

use loadmaster_sysprobe::{GpuShare, ProcessMemory};

use crate::{cgroup_trees::write_tree, children_are_this_test, fakes::Fakes};

const STATUS: (&str, &str) = (
    "proc/77/status",
    "Name:\tserver\nVmRSS:\t400 kB\nRssAnon:\t100 kB\nRssFile:\t290 kB\nRssShmem:\t10 kB\n",
);

const ON_AMD: &str = "drm-pdev:\t0000:03:00.0\ndrm-client-id:\t5\ndrm-memory-vram:\t2048 KiB\n";

#[test]
fn drivers_and_the_kernel_tell_what_a_process_takes_of_each_card() {
    let fakes = Fakes::none().with_nvml(&[]).with_vulkan();
    let root = fakes.folder().join("root");
    write_tree(&root, &[STATUS, ("proc/77/fdinfo/4", ON_AMD), ("proc/77/fdinfo/5", "pos:\t0\n")]);
    // The same client, opened a second time: counted once.
    write_tree(&root, &[("proc/77/fdinfo/9", ON_AMD)]);
    let probe = fakes.probe().env("FAKE_NVML_PROCESS", "77 3221225472");
    let facts = probe.facts().expect("this machine can be read");
    let id = |address: &str| {
        let gpu = facts.gpus.iter().find(|gpu| gpu.pci_address.as_deref() == Some(address));
        gpu.map(|gpu| gpu.id.clone()).expect("the fakes have it")
    };
    let mut memory = probe.process_memory(&facts, 77).expect("it has a status");
    memory.gpus.sort_by_key(|share| share.bytes);
    let share = |address: &str, bytes| GpuShare { id: id(address), bytes };
    let gpus = vec![share("0000:03:00.0", 2 << 20), share("0000:21:00.0", 3 << 30)];
    assert_eq!(memory, ProcessMemory { resident: 400 << 10, own: Some(110 << 10), gpus });
    assert_eq!(probe.process_memory(&facts, 78), None);
}

#[test]
fn memory_that_is_taken_is_seen() {
    const TAKEN: usize = 64 << 20;
    let probe = children_are_this_test();
    let facts = probe.facts().expect("this machine can be read");
    let own = || {
        let memory = probe.process_memory(&facts, std::process::id()).expect("this process runs");
        assert!(memory.resident > 0);
        memory.own
    };
    let before = own();
    let taken = vec![1_u8; TAKEN];
    let after = own();
    assert_eq!(taken.iter().map(|byte| usize::from(*byte)).sum::<usize>(), TAKEN);
    if let Some((before, after)) = before.zip(after) {
        // Other tests of this program run at the same time, and may give memory back meanwhile.
        assert!(after > before + TAKEN as u64 / 2, "{before} -> {after}");
    }
}

#[cfg(unix)]
#[test]
fn the_kernel_tells_for_how_long_cpus_and_cards_have_worked() {
    let fakes = Fakes::none();
    let root = fakes.folder().join("root");
    let card = "drm-client-id:\t5\ndrm-engine-gfx:\t3000000000 ns\ndrm-engine-compute:\t1 ns\n\
                drm-engine-capacity-compute:\t4\n";
    // 1 s for the program, 2 s for the kernel, where a second has 100 ticks, as it has everywhere.
    let stat = "77 (server) S 1 77 77 0 -1 4194304 1 2 3 4 100 200 0 0 20 0 9 0 1234 5 6";
    write_tree(&root, &[("proc/77/stat", stat), ("proc/77/fdinfo/4", card), ("proc/77/fdinfo/5", card)]);
    let probe = fakes.probe();
    assert_eq!(probe.process_work(77), Some(Duration::from_secs(6) + Duration::from_nanos(1)));
    if cfg!(target_os = "linux") {
        assert_eq!(probe.process_work(78), None);
    }
}

#[test]
fn work_that_is_done_is_seen() {
    let probe = children_are_this_test();
    let work = || probe.process_work(std::process::id()).expect("this process runs");
    let before = work();
    // As long as it takes: a busy machine gives little of its time.
    let begun = Instant::now();
    while work() < before + Duration::from_millis(50) {
        assert!(begun.elapsed() < Duration::from_mins(1), "it works, and is not seen to");
    }
}
