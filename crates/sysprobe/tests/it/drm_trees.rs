//! The kernel's list of graphics cards in made folder trees.

use loadmaster_sysprobe::{DrmCard, MemoryReading, Vendor, drm_cards};

use crate::{cgroup_trees::write_tree, fakes::Fakes};

const AMD_CARD: [(&str, &str); 4] = [
    ("sys/class/drm/card1/device/vendor", "0x1002\n"),
    ("sys/class/drm/card1/device/uevent", "DRIVER=amdgpu\nPCI_CLASS=30000\nPCI_SLOT_NAME=0000:03:00.0\n"),
    ("sys/class/drm/card1/device/mem_info_vram_total", "17163091968\n"),
    ("sys/class/drm/card1/device/mem_info_vram_used", "163091968\n"),
];

#[test]
fn cards_are_read_and_connectors_are_not() {
    let root = tempfile::tempdir().expect("a temporary folder can be made");
    assert_eq!(drm_cards(root.path()), []);
    write_tree(root.path(), &AMD_CARD);
    write_tree(
        root.path(),
        &[
            ("sys/class/drm/card1-HDMI-A-1/device/vendor", "0x1002\n"),
            ("sys/class/drm/renderD128/device/vendor", "0x1002\n"),
            ("sys/class/drm/version", "drm 1.1.0\n"),
            ("sys/class/drm/card0/device/vendor", "0x8086\n"),
            ("sys/class/drm/card0/device/uevent", "PCI_SLOT_NAME=0000:00:02.0\n"),
            // A display that is not on the PCI bus, and one with nonsense in it.
            ("sys/class/drm/card2/device/uevent", "OF_NAME=gpu\n"),
            ("sys/class/drm/card3/device/vendor", "what?\n"),
        ],
    );
    let card = |vendor, address: &str, memory| DrmCard { vendor, pci_address: address.to_owned(), memory };
    let reading = MemoryReading { total: 17_163_091_968, free: 17_000_000_000 };
    assert_eq!(
        drm_cards(root.path()),
        [card(Vendor::Intel, "0000:00:02.0", None), card(Vendor::Amd, "0000:03:00.0", Some(reading)),]
    );
}

#[test]
fn the_kernel_knows_what_is_free_on_an_amd_card() {
    let fakes = Fakes::none().with_vulkan();
    write_tree(&fakes.folder().join("root"), &AMD_CARD);
    let probe = fakes.probe();
    let facts = probe.facts().expect("this machine can be read");
    let amd = facts.gpus.iter().position(|gpu| gpu.vendor == Vendor::Amd);
    let amd = amd.expect("the fake driver has an AMD card");
    assert_eq!(facts.gpus[amd].memory_total, Some(17_163_091_968));

    let used = [("sys/class/drm/card1/device/mem_info_vram_used", "7163091968\n")];
    write_tree(&fakes.folder().join("root"), &used);
    let now = probe.snapshot(&facts).expect("this machine can be read");
    assert_eq!(now.gpus[amd].free, Some(10_000_000_000));
    assert_eq!(now.gpus[amd].used, Some(7_163_091_968));
}

#[test]
fn a_card_without_a_driver_is_named() {
    let fakes = Fakes::none();
    let root = fakes.folder().join("root");
    write_tree(&root, &AMD_CARD);
    let nvidia = [
        ("sys/class/drm/card2/device/vendor", "0x10de\n"),
        ("sys/class/drm/card2/device/uevent", "PCI_SLOT_NAME=0000:01:00.0\n"),
        // The display of a server's management board is nobody's compute device.
        ("sys/class/drm/card3/device/vendor", "0x1a03\n"),
        ("sys/class/drm/card3/device/uevent", "PCI_SLOT_NAME=0000:06:00.0\n"),
    ];
    write_tree(&root, &nvidia);
    let facts = fakes.probe().facts().expect("this machine can be read");
    assert_eq!(facts.gpus, []);
    let notes: Vec<_> = facts.notes.iter().map(|note| &*note.what).collect();
    assert_eq!(
        notes,
        [
            "the NVIDIA graphics card at 0000:01:00.0 cannot be used: no driver answered for it",
            "the AMD graphics card at 0000:03:00.0 cannot be used: no driver answered for it",
        ]
    );
    assert!(facts.notes[1].remedy.contains("mesa-vulkan-drivers"));
}
