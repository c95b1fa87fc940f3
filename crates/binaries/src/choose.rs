//! Which builds are worth trying on a machine, and in which order: a pure function.

use std::fmt;

use loadmaster_sysprobe::{Gpu, GpuKind, Vendor};
use serde::{Deserialize, Serialize};

use crate::{
    catalog::{Build, Catalog, Program, SourceKind, Variant},
    host::Host,
};

/// What somebody wants installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// What a build of.
    pub program: Program,
    /// This build and no other.
    pub build: Option<String>,
    /// This version and no other.
    pub version: Option<String>,
    /// For this and nothing else.
    pub variant: Option<Variant>,
    /// From this kind of source and no other.
    pub source: Option<SourceKind>,
    /// Whether a renderer on the processor (llvmpipe) is as good as a graphics card. It is not, but for tests.
    #[serde(default)]
    pub software_gpus: bool,
}

impl Wanted {
    /// The best there is.
    pub fn new(program: Program) -> Self {
        Self { program, build: None, version: None, variant: None, source: None, software_gpus: false }
    }
}

/// A build, and what it is to compute on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// The build.
    pub build: Build,
    /// What it is to compute on.
    pub variant: Variant,
}

/// A build that is not worth trying, or not for this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// The build's id.
    pub build: String,
    /// What it would compute on.
    pub variant: Variant,
    /// Why it is not tried.
    pub why: Unsuitable,
}

/// What comes of choosing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// What to try, in this order.
    pub candidates: Vec<Candidate>,
    /// What not to, in the order of the catalog.
    pub left_out: Vec<LeftOut>,
}

/// Why a build is not tried. `Display` is a sentence without a full stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Unsuitable {
    /// It is for another system or processor.
    OtherPlatform,
    /// Something else was asked for.
    NotAskedFor,
    /// There is no graphics card of this maker.
    NoCard {
        /// The maker; any if `None`.
        vendor: Option<Vendor>,
    },
    /// There is no graphics card, only a renderer that runs on the processor.
    OnlySoftware {
        /// Its name.
        name: String,
    },
    /// The system has no driver of this sort for its cards.
    NoInterface {
        /// What is missing.
        interface: Variant,
    },
    /// The driver is older than the build needs.
    DriverTooOld {
        /// The card.
        card: String,
        /// The version there is.
        has: String,
        /// The version it takes.
        needs: String,
    },
    /// The processor lacks something.
    NoInstructionSet {
        /// What it lacks.
        name: String,
    },
}

impl Unsuitable {
    /// What the user can do about it, if anything.
    pub fn remedy(&self) -> Option<String> {
        let text = match self {
            Self::DriverTooOld { card, needs, .. } => {
                format!("Update the driver of {card} to {needs} or newer.")
            }
            Self::NoInterface { interface } => {
                format!("Install the driver of your graphics card that brings {interface}.")
            }
            _ => return None,
        };
        Some(text)
    }
}

impl fmt::Display for Unsuitable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherPlatform => f.write_str("it is for another system or processor"),
            Self::NotAskedFor => f.write_str("something else was asked for"),
            Self::NoCard { vendor: None } => f.write_str("there is no graphics card"),
            Self::NoCard { vendor: Some(vendor) } => {
                write!(f, "there is no graphics card of {}", maker(*vendor))
            }
            Self::OnlySoftware { name } => {
                write!(
                    f,
                    "{name} is no graphics card: it renders on the processor, which is better used directly"
                )
            }
            Self::NoInterface { interface } => write!(f, "the system has no driver for {interface}"),
            Self::DriverTooOld { card, has, needs } => {
                write!(f, "the driver of {card} is {has}, and it needs {needs} or newer: update the driver")
            }
            Self::NoInstructionSet { name } => write!(f, "the processor has no {name}"),
        }
    }
}

fn maker(vendor: Vendor) -> &'static str {
    match vendor {
        Vendor::Nvidia => "NVIDIA",
        Vendor::Amd => "AMD",
        Vendor::Intel => "Intel",
        Vendor::Apple => "Apple",
        Vendor::Arm => "ARM",
        Vendor::Qualcomm => "Qualcomm",
        Vendor::Other => "another maker",
    }
}

/// Chooses: a maker's own interface before Vulkan before the processor, and else in the order of the catalog.
pub fn choose(catalog: &Catalog, host: &Host, wanted: &Wanted) -> Choice {
    let mut choice = Choice::default();
    for build in catalog.builds().iter().filter(|build| build.program == wanted.program) {
        for &variant in &build.variants {
            match unsuitable(build, variant, host, wanted) {
                None => choice.candidates.push(Candidate { build: build.clone(), variant }),
                Some(why) => choice.left_out.push(LeftOut { build: build.id.clone(), variant, why }),
            }
        }
    }
    choice.candidates.sort_by_key(|candidate| candidate.variant.rank());
    choice
}

fn unsuitable(build: &Build, variant: Variant, host: &Host, wanted: &Wanted) -> Option<Unsuitable> {
    let other_os = build.os.is_some() && build.os != host.os;
    let other_arch = build.arch.is_some() && build.arch != host.arch;
    if other_os || other_arch {
        return Some(Unsuitable::OtherPlatform);
    }
    let asked = wanted.build.as_ref().is_none_or(|id| *id == build.id)
        && wanted.version.as_ref().is_none_or(|version| *version == build.version)
        && wanted.variant.is_none_or(|wanted| wanted == variant)
        && wanted.source.is_none_or(|source| source == build.from.kind());
    if !asked {
        return Some(Unsuitable::NotAskedFor);
    }
    if let Some(name) = build.needs.cpu.iter().find(|name| !host.cpu.contains(name)) {
        return Some(Unsuitable::NoInstructionSet { name: name.clone() });
    }
    no_device(build, variant, host, wanted)
}

/// Why there is nothing for the build to compute on.
fn no_device(build: &Build, variant: Variant, host: &Host, wanted: &Wanted) -> Option<Unsuitable> {
    let maker = match variant {
        Variant::Cpu => return None,
        Variant::Cuda => Some(Vendor::Nvidia),
        Variant::Rocm => Some(Vendor::Amd),
        Variant::Sycl => Some(Vendor::Intel),
        Variant::Metal | Variant::Vulkan => build.needs.gpu,
    };
    let software = host.gpus.iter().find(|gpu| gpu.kind == GpuKind::Software);
    if variant == Variant::Vulkan && wanted.software_gpus && software.is_some() {
        return None;
    }
    let cards: Vec<&Gpu> = host.cards(maker).collect();
    if cards.is_empty() {
        return Some(match software.filter(|_| maker.is_none()) {
            Some(software) => Unsuitable::OnlySoftware { name: software.name.clone() },
            None => Unsuitable::NoCard { vendor: maker },
        });
    }
    let has_interface = |gpu: &&&Gpu| match variant {
        Variant::Metal => gpu.apis.metal,
        Variant::Vulkan => gpu.apis.vulkan.is_some(),
        // A driver that does not show itself here may still work: the proof will tell.
        Variant::Cuda | Variant::Rocm | Variant::Sycl | Variant::Cpu => true,
    };
    let usable: Vec<&&Gpu> = cards.iter().filter(has_interface).collect();
    if usable.is_empty() {
        return Some(Unsuitable::NoInterface { interface: variant });
    }
    let needs = build.needs.driver.as_ref()?;
    let too_old = |gpu: &&&Gpu| {
        let has = gpu.driver_version.as_ref()?;
        // A version that cannot be read refuses nobody.
        (numbers(has)? < numbers(needs)?).then(|| Unsuitable::DriverTooOld {
            card: gpu.name.clone(),
            has: has.clone(),
            needs: needs.clone(),
        })
    };
    // One card with a driver that is new enough will do.
    let mut old: Vec<_> = usable.iter().map(too_old).collect();
    if old.iter().any(Option::is_none) { None } else { old.swap_remove(0) }
}

/// The numbers of a version such as `535.183.01`.
pub(crate) fn numbers(version: &str) -> Option<Vec<u64>> {
    version.split('.').map(|part| part.parse().ok()).collect()
}
