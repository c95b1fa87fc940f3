//! NVIDIA's library, played by a fake that a real dynamic loader finds under the real name.

use std::{
    fs,
    os::unix::process::ExitStatusExt,
    process::{Command, Stdio},
    time::Duration,
};

use loadmaster_sysprobe::{CHILD_VARIABLE, CudaCapability, Facts, Gpu, GpuKind, Probe, Vendor};

use crate::fakes::Fakes;

const GIB: u64 = 1 << 30;

fn facts(probe: &Probe) -> Facts {
    probe.facts().expect("this machine can be read")
}

/// The note a broken driver leads to; there must be exactly one, and no card.
fn only_note(behaviour: &str) -> (String, String) {
    let fakes = Fakes::none().with_nvml(&[]);
    let facts = facts(&fakes.probe().env("FAKE_NVML", behaviour));
    assert_eq!(facts.gpus, [], "{behaviour}");
    assert_eq!(facts.notes.len(), 1, "{:?}", facts.notes);
    let note = facts.notes[0].clone();
    (note.what, note.remedy)
}

#[test]
fn two_cards_are_described_in_full() {
    let fakes = Fakes::none().with_nvml(&[]);
    let facts = facts(&fakes.probe());
    assert_eq!(facts.notes, []);
    let [first, second] = &facts.gpus[..] else {
        panic!("two cards, not {:?}", facts.gpus);
    };
    let expected = Gpu {
        id: "gpu0".to_owned(),
        name: "NVIDIA GeForce RTX 3060".to_owned(),
        vendor: Vendor::Nvidia,
        kind: GpuKind::Discrete,
        apis: first.apis,
        uuid: Some("GPU-aaaaaaaa-0000-4000-8000-000000000001".to_owned()),
        pci_address: Some("0000:01:00.0".to_owned()),
        driver_version: Some("570.86.10".to_owned()),
        cuda_capability: Some(CudaCapability { major: 8, minor: 6 }),
        memory_total: Some(12 * GIB),
        memory_free: Some(12 * GIB - GIB / 2),
        shares_host_memory: false,
    };
    assert_eq!(*first, expected);
    assert_eq!((first.apis.nvml, first.apis.vulkan), (Some(0), None));
    assert_eq!(second.id, "gpu1");
    assert_eq!(second.apis.nvml, Some(1));
    assert_eq!(second.memory_total, Some(24 * GIB));
    assert_eq!(second.pci_address.as_deref(), Some("0000:21:00.0"));
}

#[test]
fn a_snapshot_sees_what_changed() {
    let fakes = Fakes::none().with_nvml(&[]);
    let free = fakes.folder().join("free");
    fs::write(&free, "1000 2000\n").expect("the folder is writable");
    let probe = fakes.probe().env("FAKE_NVML_FREE_FILE", &free);
    let facts = facts(&probe);
    assert_eq!(facts.gpus[0].memory_free, Some(1000));

    fs::write(&free, "3000 4000\n").expect("the folder is writable");
    let now = probe.snapshot(&facts).expect("this machine can be read");
    let free: Vec<_> = now.gpus.iter().map(|gpu| gpu.free).collect();
    assert_eq!(free, [Some(3000), Some(4000)]);
    assert_eq!(now.gpus[0].total, Some(12 * GIB));
    assert_eq!(now.gpus[0].used, Some(12 * GIB - 3000));
    assert_eq!(now.notes, []);
}

#[test]
fn a_driver_without_its_kernel_module_has_a_remedy() {
    let (what, remedy) = only_note("init=9");
    assert!(what.contains("kernel module is not loaded"), "{what}");
    assert!(remedy.contains("modprobe nvidia"), "{remedy}");
}

#[test]
fn an_updated_driver_wants_a_reboot() {
    let (what, remedy) = only_note("init=18");
    assert!(what.contains("different versions"), "{what}");
    assert_eq!(remedy, "reboot");
}

#[test]
fn any_other_failure_is_told_too() {
    let (what, _) = only_note("init=999");
    assert!(what.starts_with("the NVIDIA driver could not be asked"), "{what}");
}

#[test]
fn a_crash_is_a_note() {
    let (what, remedy) = only_note("segfault");
    assert_eq!(what, "the NVIDIA driver crashed the probe: SIGSEGV");
    assert!(remedy.contains("nvidia-smi"), "{remedy}");
}

#[test]
fn a_hang_is_a_note_once_the_deadline_is_over() {
    let fakes = Fakes::none().with_nvml(&[]);
    let probe = fakes.probe().env("FAKE_NVML", "hang");
    let facts = facts(&probe.deadline(Duration::from_millis(1500)));
    assert_eq!(facts.gpus, []);
    let notes: Vec<_> = facts.notes.iter().map(|note| &*note.what).collect();
    let hang = "the NVIDIA driver did not answer within 1.5s";
    assert!(notes.contains(&hang), "{notes:?}");
}

#[test]
fn a_child_whose_parent_is_gone_ends_by_itself() {
    let fakes = Fakes::none().with_nvml(&[]);
    #[expect(
        clippy::disallowed_methods,
        reason = "plays a parent that does not kill at the deadline; waits for the child"
    )]
    let status = Command::new(std::env::current_exe().expect("a test knows its executable"))
        .args(["--exact", "child_entry"])
        .env(CHILD_VARIABLE, "nvml:100")
        .env("LD_LIBRARY_PATH", fakes.folder())
        .env("FAKE_NVML", "hang")
        .stdout(Stdio::null())
        .status()
        .expect("a test can start itself");
    assert_eq!(status.signal(), Some(6), "SIGABRT, by its own hand");
}

#[test]
fn an_old_driver_has_cards_of_unknown_memory() {
    let fakes = Fakes::none().with_nvml(&["-DWITHOUT_MEMORY_V2"]);
    let facts = facts(&fakes.probe());
    assert_eq!(facts.gpus.len(), 2);
    assert_eq!(facts.gpus[1].memory_total, None);
    assert_eq!(facts.gpus[1].name, "NVIDIA GeForce RTX 4090");
    let now = fakes.probe().snapshot(&facts);
    let now = now.expect("this machine can be read");
    assert_eq!((now.gpus[1].total, now.gpus[1].free), (None, None));
}

#[test]
fn a_card_that_answers_nothing_is_still_a_card() {
    let fakes = Fakes::none().with_nvml(&[]);
    let facts = facts(&fakes.probe().env("FAKE_NVML", "bare"));
    assert_eq!(facts.gpus.len(), 2);
    assert_eq!(facts.gpus[0].name, "NVIDIA GPU");
    assert_eq!(facts.gpus[0].uuid, None);
    assert_eq!(facts.gpus[0].memory_total, None);
    assert_eq!(facts.notes, []);
}

#[test]
fn a_divided_card_is_its_instances() {
    let fakes = Fakes::none().with_nvml(&[]);
    let probe = fakes.probe().env("FAKE_NVML", "mig");
    let facts = facts(&probe);
    let cards: Vec<_> =
        facts.gpus.iter().map(|gpu| (gpu.apis.nvml, gpu.memory_total, gpu.pci_address.is_some())).collect();
    let instance = (Some(0), Some(5 * GIB), false);
    assert_eq!(cards, [(Some(1), Some(24 * GIB), true), instance, instance]);

    let now = probe.snapshot(&facts).expect("this machine can be read");
    let free: Vec<_> = now.gpus.iter().map(|gpu| gpu.free).collect();
    assert_eq!(free, [Some(20 * GIB), Some(4 * GIB), Some(5 * GIB)]);
}
