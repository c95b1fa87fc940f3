//! The real Vulkan loader with Mesa's real software renderer, and with a fake driver for the rest.

use std::{fs, path::PathBuf};

use loadmaster_sysprobe::{
    Facts,
    GpuKind::{Discrete, Integrated, Software},
    Probe, Vendor,
};

use crate::{children_are_this_test, fakes::Fakes};

const GIB: u64 = 1 << 30;
const MIB: u64 = 1 << 20;

fn facts(probe: &Probe) -> Facts {
    probe.facts().expect("this machine can be read")
}

/// The manifest of Mesa's software renderer, whose name has the architecture in it.
fn llvmpipe_manifest() -> PathBuf {
    let folders = ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d"];
    folders
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flat_map(|entries| entries.flatten().map(|entry| entry.path()))
        .find(|path| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name.starts_with("lvp_icd"))
        })
        .expect("llvmpipe is needed; run: apt-get install -y libvulkan1 mesa-vulkan-drivers")
}

#[test]
fn llvmpipe_is_software_and_no_capacity() {
    let probe = children_are_this_test().env("VK_DRIVER_FILES", llvmpipe_manifest()).root("/nonexistent");
    let facts = facts(&probe);
    let renderers = facts.gpus.iter().filter(|gpu| gpu.apis.vulkan.is_some());
    let [renderer] = &renderers.collect::<Vec<_>>()[..] else {
        panic!("llvmpipe alone, not {facts:?}; run: apt-get install -y libvulkan1 mesa-vulkan-drivers");
    };
    assert!(renderer.name.starts_with("llvmpipe"), "{}", renderer.name);
    assert_eq!(renderer.kind, Software);
    // Mesa's figure depends on its version and the machine.
    assert!(renderer.memory_total.is_some_and(|total| total >= 256 * MIB), "{renderer:?}");
    assert_eq!(renderer.memory_free, None);
    let version = renderer.driver_version.as_deref();
    assert!(version.is_some_and(|version| version.starts_with("Mesa ")));
    assert_eq!(renderer.pci_address, None);

    let now = probe.snapshot(&facts).expect("this machine can be read");
    assert_eq!(now.gpus.len(), facts.gpus.len());
    // Nobody is asked about a renderer: this probe could not even start a child.
    let nobody = Probe::in_child("/nonexistent/program", [""; 0]).root("/nonexistent");
    assert_eq!(nobody.snapshot(&facts).expect("memory can be read").notes, []);
}

#[test]
fn a_loader_without_drivers_is_no_vulkan() {
    let facts = facts(&Fakes::none().probe());
    assert_eq!(facts.gpus, []);
    assert_eq!(facts.notes, []);
}

#[test]
fn devices_are_described_with_their_budget() {
    let fakes = Fakes::none().with_vulkan();
    let facts = facts(&fakes.probe());
    assert_eq!(facts.notes, []);
    let names: Vec<_> =
        facts.gpus.iter().map(|gpu| (&*gpu.name, gpu.kind, gpu.vendor, gpu.pci_address.as_deref())).collect();
    assert_eq!(
        names,
        [
            ("AMD Radeon RX 7800 XT (FAKE)", Discrete, Vendor::Amd, Some("0000:03:00.0")),
            ("NVIDIA GeForce RTX 4090", Discrete, Vendor::Nvidia, Some("0000:21:00.0")),
            ("Intel(R) Arc(tm) Graphics (FAKE)", Integrated, Vendor::Intel, Some("0000:00:02.0")),
            ("softpipe (FAKE)", Software, Vendor::Other, None),
        ]
    );
    let memory: Vec<_> = facts.gpus.iter().map(|gpu| (gpu.memory_total, gpu.memory_free)).collect();
    assert_eq!(
        memory,
        [
            (Some(16 * GIB - 256 * MIB), Some(14 * GIB)),
            (Some(24 * GIB), Some(21 * GIB)),
            (Some(64 * MIB), Some(48 * MIB)),
            (Some(2 * GIB), None),
        ]
    );
    let uuid = facts.gpus[1].uuid.as_deref();
    assert_eq!(uuid, Some("bbbbbbbb-0000-4000-8000-000000000002"));
    assert!(facts.gpus[2].shares_host_memory && !facts.gpus[0].shares_host_memory);
}

#[test]
fn a_crash_is_a_note() {
    let fakes = Fakes::none().with_vulkan();
    let facts = facts(&fakes.probe().env("FAKE_VULKAN", "segfault"));
    assert_eq!(facts.gpus, []);
    let notes: Vec<_> = facts.notes.iter().map(|note| &*note.what).collect();
    assert_eq!(notes, ["the Vulkan driver crashed the probe: SIGSEGV"]);
    assert!(facts.notes[0].remedy.contains("VK_DRIVER_FILES"));
}
