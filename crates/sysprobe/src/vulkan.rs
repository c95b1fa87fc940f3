//! Vulkan devices, asked through the loader if there is one.
#![expect(unsafe_code, reason = "Vulkan is a C interface; this module is the edge to it")]

use std::ffi::CStr;

use ash::{Entry, Instance, ext, vk};

use crate::{GpuKind, Heap, Note, RawVulkan, raw::Answer};

/// Everything Vulkan says. No loader or no driver is an empty answer without a note.
pub(crate) fn ask() -> Answer {
    // SAFETY: loading runs the loader's initialisers. The caller does this in a child process
    // (or has chosen not to), and nothing of the library outlives `entry`.
    let Ok(entry) = (unsafe { Entry::load() }) else {
        return Answer::default();
    };
    match devices(&entry) {
        Ok(vulkan) => Answer { vulkan, ..Answer::default() },
        Err(vk::Result::ERROR_INCOMPATIBLE_DRIVER) => Answer::default(),
        Err(error) => Answer::only(Note::new(
            format!("Vulkan could not be asked: error {}", error.as_raw()),
            "see whether `vulkaninfo --summary` works, and reinstall the graphics driver if it \
             does not",
        )),
    }
}

/// The devices of all drivers the loader finds.
fn devices(entry: &Entry) -> Result<Vec<RawVulkan>, vk::Result> {
    let Some(instance) = create_instance(entry)? else {
        return Ok(Vec::new());
    };
    // SAFETY: the instance was created above and is destroyed below.
    let found = unsafe { instance.enumerate_physical_devices() };
    let devices = found.map(|handles| {
        let described = handles.iter().zip(0..);
        described.map(|(device, index)| describe(&instance, *device, index)).collect()
    });
    // SAFETY: no object of the instance is left; `devices` is plain data.
    unsafe { instance.destroy_instance(None) };
    devices
}

/// An instance of Vulkan 1.1, without layers. `None` where the loader is older than that.
fn create_instance(entry: &Entry) -> Result<Option<Instance>, vk::Result> {
    // SAFETY: the entry's library is loaded.
    let version = unsafe { entry.try_enumerate_instance_version() }?;
    if version.is_none_or(|version| version < vk::API_VERSION_1_1) {
        return Ok(None);
    }
    // SAFETY: as above; no layer is named.
    let extensions = unsafe { entry.enumerate_instance_extension_properties(None) }?;
    let portability = vk::KHR_PORTABILITY_ENUMERATION_NAME;
    let application = vk::ApplicationInfo::default().api_version(vk::API_VERSION_1_1);
    let mut info = vk::InstanceCreateInfo::default().application_info(&application);
    // Without this flag the loader leaves MoltenVK out, the only driver on macOS.
    let names = [portability.as_ptr()];
    if lists(&extensions, portability) {
        info = info.flags(vk::InstanceCreateFlags::ENUMERATE_PORTABILITY_KHR).enabled_extension_names(&names);
    }
    // SAFETY: all that `info` points to lives until the end of this function.
    unsafe { entry.create_instance(&info, None) }.map(Some)
}

/// Whether an extension is among those listed.
fn lists(extensions: &[vk::ExtensionProperties], name: &CStr) -> bool {
    extensions.iter().any(|extension| extension.extension_name_as_c_str() == Ok(name))
}

/// All there is to know about one device.
fn describe(instance: &Instance, device: vk::PhysicalDevice, index: u32) -> RawVulkan {
    // SAFETY: the device belongs to the living instance; an error means no extensions.
    let extensions = unsafe { instance.enumerate_device_extension_properties(device) }.unwrap_or_default();
    let mut ids = vk::PhysicalDeviceIDProperties::default();
    let mut pci = vk::PhysicalDevicePCIBusInfoPropertiesEXT::default();
    let mut driver = vk::PhysicalDeviceDriverProperties::default();
    let has_pci = lists(&extensions, ext::pci_bus_info::NAME);
    let has_driver = lists(&extensions, vk::KHR_DRIVER_PROPERTIES_NAME);

    let mut answers = vk::PhysicalDeviceProperties2::default().push_next(&mut ids);
    if has_pci {
        answers = answers.push_next(&mut pci);
    }
    if has_driver {
        answers = answers.push_next(&mut driver);
    }
    // SAFETY: each chained structure is one the device lists, and lives until the end.
    unsafe { instance.get_physical_device_properties2(device, &mut answers) };
    let properties = answers.properties;

    RawVulkan {
        index,
        name: properties.device_name_as_c_str().map_or_else(|_| "unnamed".to_owned(), text),
        vendor_id: properties.vendor_id,
        kind: kind(properties.device_type),
        uuid: ids.device_uuid,
        pci_address: has_pci.then(|| {
            let vk::PhysicalDevicePCIBusInfoPropertiesEXT {
                pci_domain,
                pci_bus,
                pci_device,
                pci_function,
                ..
            } = pci;
            format!("{pci_domain:04x}:{pci_bus:02x}:{pci_device:02x}.{pci_function:x}")
        }),
        driver_version: driver.driver_info_as_c_str().ok().map(text).filter(|info| !info.is_empty()),
        heaps: heaps(instance, device, &extensions),
    }
}

fn text(name: &CStr) -> String {
    name.to_string_lossy().into_owned()
}

/// Kinds that say nothing about their memory count as software: better unused than overcommitted.
fn kind(of: vk::PhysicalDeviceType) -> GpuKind {
    match of {
        // A virtual GPU is a slice of a real card with memory set aside for it.
        vk::PhysicalDeviceType::DISCRETE_GPU | vk::PhysicalDeviceType::VIRTUAL_GPU => GpuKind::Discrete,
        vk::PhysicalDeviceType::INTEGRATED_GPU => GpuKind::Integrated,
        _ => GpuKind::Software,
    }
}

/// The device's heaps, with what is free of each where the driver keeps a budget.
fn heaps(
    instance: &Instance,
    device: vk::PhysicalDevice,
    extensions: &[vk::ExtensionProperties],
) -> Vec<Heap> {
    let mut budget = vk::PhysicalDeviceMemoryBudgetPropertiesEXT::default();
    let has_budget = lists(extensions, ext::memory_budget::NAME);
    let mut answers = vk::PhysicalDeviceMemoryProperties2::default();
    if has_budget {
        answers = answers.push_next(&mut budget);
    }
    // SAFETY: the chained structure is one the device lists, and lives until the end.
    unsafe { instance.get_physical_device_memory_properties2(device, &mut answers) };
    let memory = answers.memory_properties;
    memory
        .memory_heaps_as_slice()
        .iter()
        .enumerate()
        .map(|(number, heap)| Heap {
            size: heap.size,
            device_local: heap.flags.contains(vk::MemoryHeapFlags::DEVICE_LOCAL),
            free: has_budget.then(|| budget.heap_budget[number].saturating_sub(budget.heap_usage[number])),
        })
        .collect()
}
