//! Which builds are tried on which machine.

use loadmaster_binaries::{
    Arch, Catalog, Choice, Host, Os, Program, SourceKind, Unsuitable, Variant, Wanted, choose,
};
use loadmaster_sysprobe::{Apis, Gpu, GpuKind, Vendor};

fn gpu(vendor: Vendor, driver: &str) -> Gpu {
    Gpu {
        id: "gpu0".to_owned(),
        name: "A card".to_owned(),
        vendor,
        kind: GpuKind::Discrete,
        apis: Apis { nvml: None, vulkan: Some(0), metal: vendor == Vendor::Apple },
        uuid: None,
        pci_address: None,
        driver_version: Some(driver.to_owned()),
        cuda_capability: None,
        memory_total: None,
        memory_free: None,
        shares_host_memory: false,
    }
}

fn host(os: Os, arch: Arch, gpus: Vec<Gpu>) -> Host {
    Host { os: Some(os), arch: Some(arch), os_build: "test".to_owned(), cpu: vec!["avx2".to_owned()], gpus }
}

fn chosen(choice: &Choice) -> Vec<(&str, Variant)> {
    choice.candidates.iter().map(|candidate| (candidate.build.id.as_str(), candidate.variant)).collect()
}

fn why<'a>(choice: &'a Choice, build: &str) -> &'a Unsuitable {
    &choice.left_out.iter().find(|left_out| left_out.build == build).unwrap().why
}

fn on(host: &Host) -> Choice {
    choose(&Catalog::embedded(), host, &Wanted::new(Program::Llama))
}

#[test]
fn the_makers_own_interface_comes_first_and_the_processor_last() {
    let nvidia = host(Os::Windows, Arch::X64, vec![gpu(Vendor::Nvidia, "551.61")]);
    assert_eq!(
        chosen(&on(&nvidia)),
        [
            ("llama-b9860-windows-x64-cuda", Variant::Cuda),
            ("llama-b9860-windows-x64-vulkan", Variant::Vulkan),
            ("llama-b9860-windows-x64-cpu", Variant::Cpu),
        ]
    );
    let apple = host(Os::Macos, Arch::Arm64, vec![gpu(Vendor::Apple, "1")]);
    let both =
        [("llama-b9860-macos-arm64-metal", Variant::Metal), ("llama-b9860-macos-arm64-metal", Variant::Cpu)];
    assert_eq!(chosen(&on(&apple)), both);
    let linux = host(Os::Linux, Arch::X64, vec![gpu(Vendor::Amd, "24.1")]);
    assert_eq!(
        chosen(&on(&linux)),
        [
            ("llama-b10892-linux-x64-rocm", Variant::Rocm),
            ("llama-b9860-linux-x64-vulkan", Variant::Vulkan),
            ("llama-b10434-linux-x64-pip", Variant::Vulkan),
            ("llama-b9860-linux-x64-cpu", Variant::Cpu),
            ("llama-b10434-linux-x64-pip", Variant::Cpu),
        ]
    );
    let nvidia = host(Os::Linux, Arch::X64, vec![gpu(Vendor::Nvidia, "525.60.13")]);
    assert_eq!(chosen(&on(&nvidia))[0], ("llama-b11391-linux-x64-cuda", Variant::Cuda));
    let intel = host(Os::Windows, Arch::X64, vec![gpu(Vendor::Intel, "32.0")]);
    assert_eq!(chosen(&on(&intel))[0], ("llama-b10892-windows-x64-sycl", Variant::Sycl));
}

#[test]
fn no_cuda_without_a_card_of_nvidia_and_a_driver_that_is_new_enough() {
    let id = "llama-b9860-windows-x64-cuda";
    let amd = on(&host(Os::Windows, Arch::X64, vec![gpu(Vendor::Amd, "24.1")]));
    assert_eq!(*why(&amd, id), Unsuitable::NoCard { vendor: Some(Vendor::Nvidia) });
    let old = on(&host(Os::Windows, Arch::X64, vec![gpu(Vendor::Nvidia, "528.3")]));
    assert!(matches!(why(&old, id), Unsuitable::DriverTooOld { needs, .. } if needs == "528.33"));
    assert!(why(&old, id).to_string().ends_with("it needs 528.33 or newer: update the driver"));
    // One card with a driver that will do is enough, and what cannot be read refuses nobody.
    for second in ["528.33", "600", "weird"] {
        let gpus = vec![gpu(Vendor::Nvidia, "400.1"), gpu(Vendor::Nvidia, second)];
        let choice = on(&host(Os::Windows, Arch::X64, gpus));
        assert_eq!(chosen(&choice)[0].1, Variant::Cuda, "{second}");
    }
}

#[test]
fn a_software_renderer_is_no_card() {
    let mut software = gpu(Vendor::Other, "22.3.6");
    software.kind = GpuKind::Software;
    let here = host(Os::Linux, Arch::X64, vec![software]);
    let choice = on(&here);
    assert!(chosen(&choice).iter().all(|(_, variant)| *variant == Variant::Cpu));
    assert!(matches!(why(&choice, "llama-b9860-linux-x64-vulkan"), Unsuitable::OnlySoftware { .. }));
    let wanted = Wanted { software_gpus: true, ..Wanted::new(Program::Llama) };
    assert_eq!(chosen(&choose(&Catalog::embedded(), &here, &wanted))[0].1, Variant::Vulkan);
}

#[test]
fn a_card_without_its_interface_is_none() {
    let mut no_vulkan = gpu(Vendor::Intel, "1");
    no_vulkan.apis.vulkan = None;
    let choice = on(&host(Os::Linux, Arch::X64, vec![no_vulkan]));
    let reason = why(&choice, "llama-b9860-linux-x64-vulkan");
    assert_eq!(*reason, Unsuitable::NoInterface { interface: Variant::Vulkan });
}

#[test]
fn what_was_asked_for_is_all_there_is() {
    let here = host(Os::Linux, Arch::X64, vec![gpu(Vendor::Intel, "1")]);
    let catalog = Catalog::embedded();
    let wanted = Wanted::new(Program::Llama);
    let pip = Wanted { source: Some(SourceKind::Pip), variant: Some(Variant::Cpu), ..wanted.clone() };
    assert_eq!(chosen(&choose(&catalog, &here, &pip)), [("llama-b10434-linux-x64-pip", Variant::Cpu)]);
    let version = Wanted { version: Some("b9860".to_owned()), ..wanted.clone() };
    assert_eq!(chosen(&choose(&catalog, &here, &version)).len(), 2);
    let build = Wanted { build: Some("llama-b9860-linux-x64-cpu".to_owned()), ..wanted };
    let choice = choose(&catalog, &here, &build);
    assert_eq!(chosen(&choice), [("llama-b9860-linux-x64-cpu", Variant::Cpu)]);
    assert_eq!(*why(&choice, "llama-b10434-linux-x64-pip"), Unsuitable::NotAskedFor);
}

#[test]
fn other_platforms_and_older_processors_are_left_out() {
    let arm = on(&host(Os::Linux, Arch::Arm64, Vec::new()));
    let builds = ["llama-b9860-linux-arm64-cpu", "llama-b10892-linux-arm64-cpu"];
    assert_eq!(chosen(&arm), builds.map(|build| (build, Variant::Cpu)));
    assert_eq!(*why(&arm, "llama-b9860-linux-x64-cpu"), Unsuitable::OtherPlatform);
    // A board with a card of NVIDIA whose driver is a year too old for CUDA 13.
    let old = on(&host(Os::Linux, Arch::Arm64, vec![gpu(Vendor::Nvidia, "570.124.06")]));
    assert!(matches!(why(&old, "llama-b11391-linux-arm64-cuda"), Unsuitable::DriverTooOld { .. }));
    let own = "schema = 1\n[[build]]\nid = \"fast\"\nprogram = \"sd\"\nversion = \"1\"\nvariants = [\"rocm\", \"sycl\", \"cpu\"]\n\
               needs = { cpu = [\"avx2\", \"avx512f\"] }\nfrom = { path = \"/opt/sd\" }\n";
    let own = if cfg!(windows) { own.replace("/opt", "C:/opt") } else { own.to_owned() };
    let catalog = Catalog::embedded().extended(&own, "own").unwrap();
    let here = host(Os::Linux, Arch::X64, Vec::new());
    let choice = choose(&catalog, &here, &Wanted::new(Program::Sd));
    assert_eq!(*why(&choice, "fast"), Unsuitable::NoInstructionSet { name: "avx512f".to_owned() });
}
