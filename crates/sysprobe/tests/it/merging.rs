//! Tables for [`merge`]: which entries are one card, in which order, with which memory.

use loadmaster_sysprobe::{
    Gpu,
    GpuKind::{self, Discrete, Integrated, Software},
    Heap, MemoryReading, RawNvml, RawVulkan, merge,
};

const GIB: u64 = 1 << 30;

fn nvml(index: u32, uuid: &str, pci: Option<&str>) -> RawNvml {
    RawNvml {
        index,
        name: Some("NVIDIA GeForce RTX 3090".to_owned()),
        uuid: Some(format!("GPU-{uuid}")),
        pci_address: pci.map(str::to_owned),
        memory: Some(MemoryReading { total: 24 * GIB, free: 23 * GIB }),
        ..RawNvml::default()
    }
}

fn vulkan(index: u32, kind: GpuKind, vendor_id: u32, pci: Option<&str>) -> RawVulkan {
    RawVulkan {
        index,
        name: format!("vulkan {index}"),
        vendor_id,
        kind,
        uuid: [0; 16],
        pci_address: pci.map(str::to_owned),
        driver_version: None,
        heaps: vec![heap(8 * GIB, true, Some(7 * GIB))],
    }
}

fn heap(size: u64, device_local: bool, free: Option<u64>) -> Heap {
    Heap { size, device_local, free }
}

/// Number, kind, NVML index, Vulkan index, PCI address: one line for each card.
fn lines(gpus: &[Gpu]) -> Vec<String> {
    let index = |index: Option<u32>| index.map_or("-".to_owned(), |index| index.to_string());
    gpus.iter()
        .map(|gpu| {
            let kind = match gpu.kind {
                Discrete => "discrete",
                Integrated => "integrated",
                Software => "software",
            };
            let (nvml, vulkan) = (index(gpu.apis.nvml), index(gpu.apis.vulkan));
            let pci = gpu.pci_address.as_deref().unwrap_or("-");
            format!("{} {kind} nvml:{nvml} vulkan:{vulkan} {pci}", gpu.id)
        })
        .collect()
}

fn check(nvml: Vec<RawNvml>, vulkan: Vec<RawVulkan>, expected: &[&str]) {
    assert_eq!(lines(&merge(nvml, vulkan)), expected);
}

const NVIDIA: u32 = 0x10de;
const AMD: u32 = 0x1002;
const INTEL: u32 = 0x8086;
const A: &str = "aaaaaaaa-0000-4000-8000-000000000001";
const B: &str = "bbbbbbbb-0000-4000-8000-000000000002";

fn uuid_bytes(text: &str) -> [u8; 16] {
    let digits: String = text.chars().filter(|digit| *digit != '-').collect();
    let value = u128::from_str_radix(&digits, 16).expect("hexadecimal digits");
    value.to_be_bytes()
}

fn with_uuid(device: RawVulkan, uuid: &str) -> RawVulkan {
    RawVulkan { uuid: uuid_bytes(uuid), ..device }
}

#[test]
fn nothing_is_nothing() {
    check(vec![], vec![], &[]);
}

#[test]
fn two_identical_cards_stay_two_whatever_order_vulkan_lists_them_in() {
    check(
        vec![nvml(0, A, Some("00000000:01:00.0")), nvml(1, B, Some("00000000:02:00.0"))],
        vec![
            with_uuid(vulkan(0, Discrete, NVIDIA, Some("0000:02:00.0")), B),
            with_uuid(vulkan(1, Discrete, NVIDIA, Some("0000:01:00.0")), A),
        ],
        &["gpu0 discrete nvml:0 vulkan:1 0000:01:00.0", "gpu1 discrete nvml:1 vulkan:0 0000:02:00.0"],
    );
}

#[test]
fn the_same_card_is_known_by_uuid_or_by_address() {
    let both = ["gpu0 discrete nvml:0 vulkan:0 0000:01:00.0"];
    let here = Some("0000:01:00.0");
    let plain = |pci| vulkan(0, Discrete, NVIDIA, pci);
    check(vec![nvml(0, A, here)], vec![with_uuid(plain(None), A)], &both);
    check(vec![nvml(0, A, None)], vec![with_uuid(plain(here), A)], &both);
    check(vec![nvml(0, A, here)], vec![plain(here)], &both);
    // A domain of eight digits, capital letters, no domain at all.
    let notations = ["00000000:0A:00.0", "0000:0a:00.0", "0a:00.0"];
    for notation in notations {
        check(
            vec![nvml(0, A, Some(notation))],
            vec![plain(Some("0000:0a:00.0"))],
            &["gpu0 discrete nvml:0 vulkan:0 0000:0a:00.0"],
        );
    }
}

#[test]
fn different_addresses_are_different_cards_even_with_one_uuid() {
    check(
        vec![],
        vec![
            with_uuid(vulkan(0, Discrete, AMD, Some("0000:03:00.0")), A),
            with_uuid(vulkan(1, Discrete, AMD, Some("0000:04:00.0")), A),
        ],
        &["gpu0 discrete nvml:- vulkan:0 0000:03:00.0", "gpu1 discrete nvml:- vulkan:1 0000:04:00.0"],
    );
}

#[test]
fn two_vulkan_drivers_for_one_card_are_one_card() {
    check(
        vec![],
        vec![
            with_uuid(vulkan(0, Discrete, AMD, Some("0000:03:00.0")), A),
            with_uuid(vulkan(1, Discrete, AMD, Some("0000:03:00.0")), B),
        ],
        &["gpu0 discrete nvml:- vulkan:0 0000:03:00.0"],
    );
}

#[test]
fn mig_instances_have_no_address_and_stay_apart() {
    check(
        vec![nvml(0, A, None), nvml(0, B, None), nvml(1, "cc", Some("81:00.0"))],
        vec![],
        &[
            "gpu0 discrete nvml:1 vulkan:- 0000:81:00.0",
            "gpu1 discrete nvml:0 vulkan:- -",
            "gpu2 discrete nvml:0 vulkan:- -",
        ],
    );
}

#[test]
fn discrete_before_integrated_before_software_each_in_bus_order() {
    check(
        vec![nvml(0, A, Some("0000:41:00.0"))],
        vec![
            vulkan(0, Software, 0x1_0005, None),
            vulkan(1, Integrated, INTEL, Some("0000:00:02.0")),
            vulkan(2, Discrete, AMD, Some("0000:03:00.0")),
            vulkan(3, Discrete, NVIDIA, Some("0000:41:00.0")),
        ],
        &[
            "gpu0 discrete nvml:- vulkan:2 0000:03:00.0",
            "gpu1 discrete nvml:0 vulkan:3 0000:41:00.0",
            "gpu2 integrated nvml:- vulkan:1 0000:00:02.0",
            "gpu3 software nvml:- vulkan:0 -",
        ],
    );
}

#[test]
fn direct3d_as_vulkan_under_wsl_is_the_card_it_names() {
    let mut translated = with_uuid(vulkan(0, Discrete, NVIDIA, None), B);
    translated.name = "Microsoft Direct3D12 (NVIDIA GeForce RTX 3090)".to_owned();
    check(
        vec![nvml(0, A, Some("0000:01:00.0"))],
        vec![translated],
        &["gpu0 discrete nvml:0 vulkan:0 0000:01:00.0"],
    );
}

#[test]
fn memory_is_the_largest_device_local_heap() {
    let check = |kind, heaps: &[Heap], expected: (Option<u64>, Option<u64>)| {
        let mut device = vulkan(0, kind, AMD, None);
        device.heaps = heaps.to_vec();
        let gpu = &merge(vec![], vec![device])[0];
        assert_eq!((gpu.memory_total, gpu.memory_free), expected, "{heaps:?}");
        assert_eq!(gpu.shares_host_memory, kind != Discrete);
    };
    let small = heap(GIB / 4, true, Some(GIB / 4));
    let host = heap(64 * GIB, false, Some(60 * GIB));
    let unbudgeted = heap(8 * GIB, true, None);
    let large = heap(16 * GIB, true, Some(15 * GIB));
    check(Discrete, &[small, large, host], (Some(16 * GIB), Some(15 * GIB)));
    check(Discrete, &[unbudgeted, host], (Some(8 * GIB), None));
    // A budget beyond the heap is no more than the heap.
    let generous = heap(8 * GIB, true, Some(9 * GIB));
    check(Discrete, &[generous], (Some(8 * GIB), Some(8 * GIB)));
    check(Integrated, &[large], (Some(16 * GIB), Some(15 * GIB)));
    check(Discrete, &[host], (None, None));
    check(Discrete, &[], (None, None));
    // What a software renderer says is free is made up.
    check(Software, &[large], (Some(16 * GIB), None));
}

#[test]
fn nvml_is_believed_about_memory_and_vulkan_where_nvml_is_silent() {
    let here = Some("0000:01:00.0");
    let memory_of = |memory| {
        let card = RawNvml { memory, ..nvml(0, A, here) };
        let gpus = merge(vec![card], vec![vulkan(0, Discrete, NVIDIA, here)]);
        assert_eq!(gpus.len(), 1);
        (gpus[0].memory_total, gpus[0].memory_free)
    };
    let (total, free) = (24 * GIB, 23 * GIB);
    let reading = MemoryReading { total, free };
    assert_eq!(memory_of(Some(reading)), (Some(total), Some(free)));
    assert_eq!(memory_of(None), (Some(8 * GIB), Some(7 * GIB)));
}

#[test]
fn broken_addresses_are_no_addresses() {
    for broken in ["", "01", "01:00", "zz:00.0", "0000:01:00.", ":.", "a.b.c"] {
        let gpus = merge(vec![nvml(0, A, Some(broken))], vec![]);
        assert_eq!(gpus[0].pci_address, None, "{broken:?}");
    }
}
