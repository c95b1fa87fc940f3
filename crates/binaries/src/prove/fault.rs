//! Why a build does not work.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::catalog::Variant;

/// Why a build does not work here. `Display` is a sentence without a full stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fault {
    /// There is no program in it.
    NoProgram {
        /// What was looked for.
        name: String,
    },
    /// It is for another processor or system.
    WrongArchitecture {
        /// What it is for.
        built_for: String,
        /// What this is.
        here: String,
    },
    /// The system does not start it.
    NotExecutable {
        /// What the system said.
        cause: String,
    },
    /// A library that it needs is not there.
    MissingLibrary {
        /// Its file name; `None` where the system does not say.
        library: Option<String>,
    },
    /// A library that it needs is older than it needs.
    OldLibrary {
        /// The library's file name.
        library: String,
        /// The version it needs, such as `GLIBC_2.38`.
        needs: String,
    },
    /// It has instructions that this processor does not.
    IllegalInstruction,
    /// The graphics driver does not do what it asks of it.
    Driver {
        /// What it said.
        cause: String,
    },
    /// It sees no device of the sort it is for.
    NoDevice {
        /// What it is for.
        variant: Variant,
        /// The devices it sees.
        seen: Vec<String>,
    },
    /// It answered, and did not compute on the device.
    NotOnDevice {
        /// The device.
        device: String,
    },
    /// There was no memory for a model of less than a megabyte.
    OutOfMemory {
        /// What it said.
        cause: String,
    },
    /// It crashed.
    Crashed {
        /// How.
        how: String,
        /// What it said last.
        said: String,
    },
    /// It ended by itself when it should not have, or with an error.
    Failed {
        /// How.
        how: String,
        /// What it said last.
        said: String,
    },
    /// It did not come to an end.
    Hung {
        /// What it was to do.
        doing: String,
        /// How long it was given.
        seconds: u64,
    },
    /// It answered with something that is no answer.
    WrongAnswer {
        /// What.
        cause: String,
    },
    /// The proof could not be made, for reasons that are not the build's.
    NotProven {
        /// Why.
        cause: String,
    },
}

impl Fault {
    /// What the user can do about it, if anything.
    pub fn remedy(&self) -> Option<String> {
        let text = match self {
            Self::MissingLibrary { library } => library_remedy(library.as_deref().unwrap_or_default()),
            Self::OldLibrary { .. } => "Update the system, or use a build for older ones.".to_owned(),
            Self::Driver { .. } | Self::NoDevice { .. } => {
                "Update the graphics driver, or install it, and start the machine anew.".to_owned()
            }
            Self::OutOfMemory { .. } => "Close programs that use the graphics card.".to_owned(),
            Self::NotExecutable { .. } => {
                "Check that its folder may hold programs: that it is not mounted `noexec`, nor guarded."
                    .to_owned()
            }
            Self::Hung { .. } => {
                "Start the machine anew if a driver hangs; else try again when it is idle.".to_owned()
            }
            _ => return None,
        };
        Some(text)
    }
}

fn library_remedy(library: &str) -> String {
    let known = [
        ("libgomp", "Install the OpenMP runtime (Debian, Ubuntu: libgomp1)."),
        ("libstdc++", "Install the C++ runtime (Debian, Ubuntu: libstdc++6)."),
        ("libvulkan", "Install the Vulkan loader (Debian, Ubuntu: libvulkan1)."),
        ("vulkan-1", "Install the graphics card's driver: it brings the Vulkan loader."),
        ("libssl", "Install OpenSSL (Debian, Ubuntu: libssl3)."),
        ("libcurl", "Install libcurl (Debian, Ubuntu: libcurl4)."),
        ("libcud", "Install the CUDA runtime that the build is made for."),
        ("libcublas", "Install the CUDA runtime that the build is made for."),
        ("libamdhip", "Install AMD's ROCm runtime."),
        ("libhip", "Install AMD's ROCm runtime."),
        ("librocblas", "Install AMD's ROCm runtime."),
        ("libsycl", "Install the runtime of Intel's oneAPI compiler."),
        ("libmkl", "Install the runtime of Intel's oneAPI Math Kernel Library."),
        ("libze_loader", "Install the oneAPI Level Zero loader (Debian, Ubuntu: libze1)."),
    ];
    match known.iter().find(|(start, _)| library.starts_with(start)) {
        Some((_, remedy)) => (*remedy).to_owned(),
        None if cfg!(windows) => "Install the Microsoft Visual C++ Redistributable.".to_owned(),
        None => "Install the package that has the library.".to_owned(),
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProgram { name } => write!(f, "there is no {name} in it"),
            Self::WrongArchitecture { built_for, here } => {
                write!(f, "it is made for {built_for}, and this is {here}")
            }
            Self::NotExecutable { cause } => write!(f, "the system does not start it: {cause}"),
            Self::MissingLibrary { library: Some(library) } => {
                write!(f, "the library {library} is missing")
            }
            Self::MissingLibrary { library: None } => f.write_str("a library that it needs is missing"),
            Self::OldLibrary { library, needs } => write!(f, "{library} is too old: it needs {needs}"),
            Self::IllegalInstruction => f.write_str("it has instructions that this processor does not"),
            Self::Driver { cause } => write!(f, "the graphics driver fails it: {cause}"),
            Self::NoDevice { variant, seen } if seen.is_empty() => {
                write!(f, "it sees no device for {variant}")
            }
            Self::NoDevice { variant, seen } => {
                write!(f, "it sees no device for {variant}, only {}", seen.join(", "))
            }
            Self::NotOnDevice { device } => write!(f, "it answered, but did not compute on {device}"),
            Self::OutOfMemory { cause } => write!(f, "there was no memory for a tiny model: {cause}"),
            Self::Crashed { how, said } if said.is_empty() => write!(f, "it crashed: {how}"),
            Self::Crashed { how, said } => write!(f, "it crashed: {how}; it said last: {said}"),
            Self::Failed { how, said } if said.is_empty() => write!(f, "it failed: {how}"),
            Self::Failed { how, said } => write!(f, "it failed: {how}; it said last: {said}"),
            Self::Hung { doing, seconds } => write!(f, "{doing} took more than {seconds} seconds"),
            Self::WrongAnswer { cause } => write!(f, "its answer is none: {cause}"),
            Self::NotProven { cause } => write!(f, "it could not be tried: {cause}"),
        }
    }
}
