//! How a child ended, and waiting for it.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

use crate::nt_status;

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// It ended itself, or on Windows was ended, with this code.
    ///
    /// On Windows a crash is a code too (an NTSTATUS); [`ExitStatus::crashed`] and `Display` know
    /// them.
    Code(i32),
    /// A signal ended it (Unix). There is no exit code then.
    Signal {
        /// The signal's number on this system.
        number: i32,
        /// Its name, such as `SIGSEGV`; `a signal` if it has none.
        name: &'static str,
        /// Whether the system wrote a core file.
        core_dumped: bool,
    },
    /// The system did not say, or has not ended it 10 seconds after the KILL, as happens when a
    /// driver holds it. It may then still be using memory.
    Unknown,
}

impl ExitStatus {
    /// Whether it ended itself with code 0.
    #[must_use]
    pub fn success(self) -> bool {
        self == Self::Code(0)
    }

    /// Whether it was ended rather than ended itself: by a signal, or on Windows an exception.
    #[must_use]
    pub fn crashed(self) -> bool {
        match self {
            Self::Code(code) => nt_status::is_fatal(code),
            Self::Signal { .. } => true,
            Self::Unknown => false,
        }
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Code(code) => match nt_status::name(code) {
                Some(name) => write!(f, "exit code 0x{:08X} ({name})", code.cast_unsigned()),
                None if nt_status::is_fatal(code) => {
                    write!(f, "exit code 0x{:08X}", code.cast_unsigned())
                }
                None => write!(f, "exit code {code}"),
            },
            Self::Signal { number, name, core_dumped } => {
                if name == UNNAMED_SIGNAL {
                    write!(f, "killed by signal {number}")?;
                } else {
                    write!(f, "killed by {name}")?;
                }
                f.write_str(if core_dumped { " (core dumped)" } else { "" })
            }
            Self::Unknown => f.write_str("ended in an unknown way"),
        }
    }
}

/// The name of a signal that has none, such as a real-time signal.
pub(crate) const UNNAMED_SIGNAL: &str = "a signal";

/// The end of a child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// How it ended.
    pub status: ExitStatus,
    /// The last lines it printed, both streams in order of arrival, oldest first.
    pub last_lines: Vec<String>,
    /// Whether we ended it: by [`Child::stop`](crate::Child::stop) or by dropping the handle.
    pub asked: bool,
}

/// Tells when the child has ended; cheap to clone, and outlives the [`Child`](crate::Child).
#[derive(Clone, Debug)]
pub struct ExitWatch {
    published: watch::Receiver<Option<Arc<Exit>>>,
}

impl ExitWatch {
    pub(crate) fn new(published: watch::Receiver<Option<Arc<Exit>>>) -> Self {
        Self { published }
    }

    /// The end of the child, if it has come.
    #[must_use]
    pub fn now(&self) -> Option<Exit> {
        self.published.borrow().as_deref().cloned()
    }

    /// Waits for the end of the child. Cancel-safe.
    pub async fn wait(&self) -> Exit {
        let mut published = self.published.clone();
        let exit = match published.wait_for(Option::is_some).await {
            Ok(exit) => exit.as_deref().cloned(),
            Err(_) => None,
        };
        // Without a sender there is no monitor any more, and nobody will ever know.
        exit.unwrap_or(Exit { status: ExitStatus::Unknown, last_lines: Vec::new(), asked: false })
    }
}

#[cfg(test)]
mod tests {
    use super::ExitStatus;

    #[test]
    fn windows_exceptions_are_named_and_count_as_crashes() {
        for (code, shown) in [
            (0xC000_0005_u32, "exit code 0xC0000005 (access violation)"),
            (0xC000_0135, "exit code 0xC0000135 (missing DLL)"),
            (0xC000_001D, "exit code 0xC000001D (illegal instruction)"),
            (0xC000_9999, "exit code 0xC0009999"),
        ] {
            let status = ExitStatus::Code(code.cast_signed());
            assert_eq!(status.to_string(), shown);
            assert!(status.crashed(), "{shown}");
            assert!(!status.success(), "{shown}");
        }
    }

    #[test]
    fn ordinary_codes_are_no_crashes() {
        assert!(ExitStatus::Code(0).success());
        for code in [0, 1, 3, 127, 255, -1] {
            let crashed = ExitStatus::Code(code).crashed();
            // -1 is 0xFFFFFFFF, which is how Windows shows a death by TerminateProcess(-1).
            assert_eq!(crashed, code == -1, "{code}");
        }
        assert_eq!(ExitStatus::Code(3).to_string(), "exit code 3");
    }

    #[test]
    fn signals_are_named() {
        let status = ExitStatus::Signal { number: 11, name: "SIGSEGV", core_dumped: true };
        assert!(status.crashed());
        assert_eq!(status.to_string(), "killed by SIGSEGV (core dumped)");
    }
}
