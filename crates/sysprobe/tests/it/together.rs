//! Both interfaces at once: one list of cards, and one broken driver hides nothing of the other.

use std::time::Duration;

use loadmaster_sysprobe::{Facts, Probe};

use crate::fakes::Fakes;

fn facts(probe: &Probe) -> Facts {
    probe.facts().expect("this machine can be read")
}

/// Names and indices, then what the notes say.
fn summary(facts: &Facts) -> (Vec<String>, Vec<&str>) {
    let index = |index: Option<u32>| index.map_or("-".to_owned(), |index| index.to_string());
    let gpus = facts.gpus.iter().map(|gpu| {
        let (nvml, vulkan) = (index(gpu.apis.nvml), index(gpu.apis.vulkan));
        format!("{} {} nvml:{nvml} vulkan:{vulkan}", gpu.id, gpu.name)
    });
    let notes = facts.notes.iter().map(|note| &*note.what);
    (gpus.collect(), notes.collect())
}

#[test]
fn every_card_is_listed_once() {
    let fakes = Fakes::none().with_nvml(&[]).with_vulkan();
    let probe = fakes.probe();
    let facts = facts(&probe);
    let (gpus, notes) = summary(&facts);
    assert_eq!(
        gpus,
        [
            "gpu0 NVIDIA GeForce RTX 3060 nvml:0 vulkan:-",
            "gpu1 AMD Radeon RX 7800 XT (FAKE) nvml:- vulkan:0",
            "gpu2 NVIDIA GeForce RTX 4090 nvml:1 vulkan:1",
            "gpu3 Intel(R) Arc(tm) Graphics (FAKE) nvml:- vulkan:2",
            "gpu4 softpipe (FAKE) nvml:- vulkan:3",
        ]
    );
    assert_eq!(notes, [""; 0]);

    let now = probe.snapshot(&facts).expect("this machine can be read");
    let facts_free: Vec<_> = facts.gpus.iter().map(|gpu| gpu.memory_free).collect();
    let now_free: Vec<_> = now.gpus.iter().map(|gpu| gpu.free).collect();
    assert_eq!(now_free, facts_free, "nothing was started in between");
    assert_eq!(now.notes, []);
}

#[test]
fn memory_nvml_does_not_know_comes_from_vulkan_in_snapshots_too() {
    let fakes = Fakes::none().with_nvml(&["-DWITHOUT_MEMORY_V2"]).with_vulkan();
    let probe = fakes.probe();
    let facts = facts(&probe);
    let now = probe.snapshot(&facts).expect("this machine can be read");
    assert_eq!(facts.gpus[2].apis.nvml, Some(1));
    assert_eq!(now.gpus[2].free, Some(21 << 30));
    assert_eq!(now.gpus[0].free, None);
}

#[test]
fn a_snapshot_asks_only_the_interface_that_knows() {
    let facts = facts(&Fakes::none().with_nvml(&[]).probe());
    let both = Fakes::none().with_nvml(&[]).with_vulkan();
    let probe = both.probe().env("FAKE_VULKAN", "segfault");
    let now = probe.snapshot(&facts).expect("this machine can be read");
    assert_eq!(now.gpus[0].free, facts.gpus[0].memory_free);
    assert_eq!(now.notes, [], "Vulkan was asked for nothing");
}

#[test]
fn a_broken_vulkan_driver_does_not_hide_nvidia_cards() {
    let fakes = Fakes::none().with_nvml(&[]).with_vulkan();
    let facts = facts(&fakes.probe().env("FAKE_VULKAN", "segfault"));
    let (gpus, notes) = summary(&facts);
    assert_eq!(gpus.len(), 2, "{gpus:?}");
    assert_eq!(notes, ["the Vulkan driver crashed the probe: SIGSEGV"]);
}

#[test]
fn a_broken_nvidia_driver_does_not_hide_vulkan_devices() {
    let fakes = Fakes::none().with_nvml(&[]).with_vulkan();
    let facts = facts(&fakes.probe().env("FAKE_NVML", "segfault"));
    let (gpus, notes) = summary(&facts);
    assert_eq!(gpus.len(), 4, "{gpus:?}");
    assert_eq!(notes, ["the NVIDIA driver crashed the probe: SIGSEGV"]);
}

#[test]
fn two_hanging_drivers_are_two_notes() {
    let fakes = Fakes::none().with_nvml(&[]).with_vulkan();
    let probe = fakes.probe().env("FAKE_NVML", "hang");
    let probe = probe.env("FAKE_VULKAN", "hang");
    let facts = facts(&probe.deadline(Duration::from_millis(300)));
    let (gpus, notes) = summary(&facts);
    assert_eq!(gpus, [""; 0]);
    assert_eq!(
        notes,
        ["the NVIDIA driver did not answer within 300ms", "the Vulkan driver did not answer within 300ms",]
    );
}

#[test]
fn a_driver_that_breaks_later_leaves_the_cards_known() {
    let fakes = Fakes::none().with_nvml(&[]);
    let facts = facts(&fakes.probe());
    let broken = fakes.probe().env("FAKE_NVML", "init=18");
    let now = broken.snapshot(&facts).expect("this machine can be read");
    assert_eq!(now.gpus.len(), 2);
    assert_eq!(now.gpus[0].id, "gpu0");
    assert_eq!(now.gpus[0].total, Some(12 << 30));
    assert_eq!(now.gpus[0].free, None);
    assert_eq!(now.notes.len(), 1);
}
