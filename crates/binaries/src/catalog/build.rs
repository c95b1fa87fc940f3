//! One build: what it is, where it is from, what it needs.

use std::{fmt, path::PathBuf};

use serde::{Deserialize, Serialize};

/// What a build is a build of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Program {
    /// llama.cpp: `llama-server`.
    Llama,
    /// stable-diffusion.cpp: `sd-server`, `sd-cli`.
    Sd,
}

impl Program {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Llama, Self::Sd];

    /// Its name in commands, catalogs and folders.
    pub fn name(self) -> &'static str {
        match self {
            Self::Llama => "llama",
            Self::Sd => "sd",
        }
    }

    /// The program of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|program| program.name() == name)
    }

    /// File names of its executables without a suffix, the one that is used where present first.
    pub(crate) fn executables(self) -> &'static [&'static str] {
        match self {
            Self::Llama => &["llama-server"],
            // Older releases call the command line program `sd`.
            Self::Sd => &["sd-server", "sd-cli", "sd"],
        }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An operating system that there are builds for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Os {
    /// Linux with glibc.
    Linux,
    /// macOS.
    Macos,
    /// Windows.
    Windows,
}

/// A processor architecture that there are builds for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arch {
    /// x86-64.
    X64,
    /// 64-bit ARM.
    Arm64,
}

/// What a build computes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Variant {
    /// NVIDIA's own interface.
    Cuda,
    /// Apple's own interface.
    Metal,
    /// AMD's own interface (HIP).
    #[serde(alias = "hip")]
    Rocm,
    /// Intel's own interface.
    Sycl,
    /// Any maker's graphics cards.
    Vulkan,
    /// The processor.
    Cpu,
}

impl Variant {
    /// The order in which variants are tried: a maker's own interface, then Vulkan, then the processor.
    pub fn rank(self) -> u8 {
        match self {
            Self::Cuda | Self::Metal | Self::Rocm | Self::Sycl => 0,
            Self::Vulkan => 1,
            Self::Cpu => 2,
        }
    }

    /// Its name in catalogs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cuda => "cuda",
            Self::Metal => "metal",
            Self::Rocm => "rocm",
            Self::Sycl => "sycl",
            Self::Vulkan => "vulkan",
            Self::Cpu => "cpu",
        }
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// Its name, and that of its folder.
    pub id: String,
    /// What it is a build of.
    pub program: Program,
    /// The version, as its makers write it.
    pub version: String,
    /// The system it is for; any if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<Os>,
    /// The processor it is for; any if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arch: Option<Arch>,
    /// What it is offered for. A build may be able to do more: most have code for the processor too.
    pub variants: Vec<Variant>,
    /// The SPDX identifier of its licence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// What it needs of a machine.
    #[serde(default, skip_serializing_if = "Needs::is_empty")]
    pub needs: Needs,
    /// Where it is from.
    pub from: Source,
    /// Archives that are unpacked into the same folder.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Extra>,
}

/// What a build needs of a machine, beyond what its variant does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Needs {
    /// A graphics card of this maker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<loadmaster_sysprobe::Vendor>,
    /// At least this version of its driver: numbers with points between them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// Instruction sets, by the names of [`loadmaster_sysprobe::Cpu::instruction_sets`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cpu: Vec<String>,
}

impl Needs {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Where a build is from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// An archive at an address.
    Archive(Archive),
    /// A Python wheel, which is a zip.
    Pip(Pip),
    /// A program, or a folder with one, on this machine. It is used where it is and never changed.
    Path(PathBuf),
}

impl Source {
    /// Which kind it is.
    pub fn kind(&self) -> SourceKind {
        match self {
            Self::Archive(_) => SourceKind::Archive,
            Self::Pip(_) => SourceKind::Pip,
            Self::Path(_) => SourceKind::Path,
        }
    }
}

/// The kinds of [`Source`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// [`Source::Archive`].
    Archive,
    /// [`Source::Pip`].
    Pip,
    /// [`Source::Path`].
    Path,
}

/// A zip or tar.gz at an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Archive {
    /// The address.
    pub url: String,
    /// Of the archive, in lower-case hexadecimal digits.
    pub sha256: String,
    /// Size of the archive, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Folders of the archive, parted by `/`, beyond which nothing is unpacked; everything is if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
}

/// A wheel that pip brings from the index that it is configured to use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pip {
    /// The package's name.
    pub package: String,
    /// The package's version.
    pub version: String,
    /// The name of the wheel's file.
    pub file: String,
    /// Of the wheel's file, in lower-case hexadecimal digits.
    pub sha256: String,
    /// Size of the wheel's file, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Folders of the wheel, parted by `/`, beyond which nothing is unpacked; everything is if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
}

/// An archive that a build cannot do without, such as a runtime of its graphics cards' maker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extra {
    /// For people.
    pub what: String,
    /// The address.
    pub url: String,
    /// Of the archive, in lower-case hexadecimal digits.
    pub sha256: String,
    /// Size of the archive, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}
