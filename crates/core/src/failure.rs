//! Why a server ended that nobody stopped.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Remedy;

/// The class of a failure. Servers exit with code 1 for all of them: the class is read from what
/// they printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FailureReason {
    /// A device had less memory than the server asked of it.
    OutOfMemory {
        /// The device as the server names it, when it said.
        device: Option<String>,
    },
    /// The model's file is damaged or not what it says.
    BadModel,
    /// The server is too old for this kind of model.
    UnsupportedArchitecture {
        /// The architecture, when the server said.
        name: Option<String>,
    },
    /// The server does not know a flag, or not its value.
    BadFlag {
        /// The flag, when the server said.
        flag: Option<String>,
    },
    /// The port or socket belongs to somebody else.
    AddressInUse,
    /// The server needs a library that is not on this machine.
    MissingLibrary {
        /// The library, when the loader said.
        name: Option<String>,
    },
    /// The server was built for a newer CPU.
    IllegalInstruction,
    /// The GPU's driver failed.
    Driver,
    /// A signal ended it, SIGKILL by the kernel's out-of-memory killer among them.
    Signal {
        /// The signal's name: `SIGKILL`.
        name: String,
    },
    /// It exited, and printed nothing that is known.
    Exited {
        /// The exit code.
        code: i32,
    },
    /// It was told to end, and had not finished what it was asked.
    Stopped,
    /// Nobody knows.
    Unknown,
    /// It lived, got nothing done, and was ended for it.
    Hung {
        /// For how long nothing had come of it.
        seconds: u64,
    },
}

impl fmt::Display for FailureReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfMemory { device: Some(device) } => write!(formatter, "{device} ran out of memory"),
            Self::OutOfMemory { device: None } => formatter.write_str("it ran out of memory"),
            Self::BadModel => formatter.write_str("it could not read the model"),
            Self::UnsupportedArchitecture { name: Some(name) } => {
                write!(formatter, "it does not know the model architecture '{name}'")
            }
            Self::UnsupportedArchitecture { name: None } => {
                formatter.write_str("it does not know this model architecture")
            }
            Self::BadFlag { flag: Some(flag) } => write!(formatter, "it does not accept '{flag}'"),
            Self::BadFlag { flag: None } => formatter.write_str("it does not accept one of its flags"),
            Self::AddressInUse => formatter.write_str("its address is in use"),
            Self::MissingLibrary { name: Some(name) } => write!(formatter, "the library {name} is missing"),
            Self::MissingLibrary { name: None } => formatter.write_str("a library is missing"),
            Self::IllegalInstruction => formatter.write_str("it was built for another CPU"),
            Self::Driver => formatter.write_str("the GPU driver failed"),
            Self::Signal { name } => write!(formatter, "{name} ended it"),
            Self::Exited { code } => write!(formatter, "it exited with code {code}"),
            Self::Stopped => formatter.write_str("it was stopped"),
            Self::Unknown => formatter.write_str("it ended"),
            Self::Hung { seconds } => write!(formatter, "it hung: it got nothing done for {seconds} s"),
        }
    }
}

impl Remedy for FailureReason {
    fn remedy(&self) -> String {
        match self {
            Self::OutOfMemory { .. } => "Ask for a shorter context, a smaller image or fewer GPU layers, or stop what else uses the memory.",
            Self::BadModel => "Check the file with `loadmaster inspect`, and fetch it again if it is damaged.",
            Self::UnsupportedArchitecture { .. } => "Install a newer build of its server, or take another model.",
            Self::BadFlag { .. } => "Correct the flag; the server's own `--help` lists what this build knows.",
            Self::AddressInUse => "Try again; if it stays, stop the program that listens there.",
            Self::MissingLibrary { .. } => "Install the library, or a build of the server that does not need it.",
            Self::IllegalInstruction => "Install a build of the server for this CPU.",
            Self::Driver => "Update or restart the GPU driver, or load the model without GPU layers.",
            Self::Stopped => "Send the request again: it starts it again.",
            Self::Signal { name } if name == "SIGKILL" => {
                "Look in the system log whether the kernel ran out of memory; the next request starts it again."
            }
            Self::Hung { .. } => {
                "The next request starts it again. If it hangs again, update the GPU driver or the server; if it was only slow, allow it more with --hang SECONDS."
            }
            Self::Signal { .. } | Self::Exited { .. } | Self::Unknown => {
                "Look at the server's last lines and its log; the next request starts it again."
            }
        }
        .to_owned()
    }
}

/// Why a server ended, with what it said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{reason}{}", self.more().map(|detail| format!(": {detail}")).unwrap_or_default())]
pub struct Failure {
    /// The class.
    pub reason: FailureReason,
    /// The line that tells the class, as the server printed it.
    pub detail: Option<String>,
    /// The last lines of its output, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub last_lines: Vec<String>,
}

impl Failure {
    /// The detail, unless it says again what the reason has said.
    fn more(&self) -> Option<&str> {
        let detail = self.detail.as_deref()?;
        match &self.reason {
            FailureReason::UnsupportedArchitecture { name: Some(_) }
            | FailureReason::MissingLibrary { name: Some(_) } => None,
            FailureReason::BadFlag { flag: Some(_) } if detail.contains("invalid argument") => None,
            _ => Some(detail),
        }
    }

    /// A failure of that class with nothing else known.
    pub fn new(reason: FailureReason) -> Self {
        Self { reason, detail: None, last_lines: Vec::new() }
    }
}

impl Remedy for Failure {
    fn remedy(&self) -> String {
        self.reason.remedy()
    }
}
