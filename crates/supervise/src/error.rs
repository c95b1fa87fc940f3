//! Everything that can fail before there is a child to watch.

use std::io;
use std::path::PathBuf;

/// Why a child could not be started, or the journal not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SuperviseError {
    /// There is no such file, and no such name in `PATH`.
    #[error("there is no program {}; check the path, or that it is installed and in PATH", program.display())]
    NotFound {
        /// The program as it was asked for.
        program: PathBuf,
    },
    /// The file exists, but the loader or interpreter that it names does not.
    #[error("{} exists, but the loader or interpreter it asks for does not; it was built for another system", program.display())]
    NoLoader {
        /// The program as it was asked for.
        program: PathBuf,
    },
    /// The file may not be executed, or is no program for this machine.
    #[error("{} cannot be executed; check that it is a program for this machine and has its executable bit", program.display())]
    NotExecutable {
        /// The program as it was asked for.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder the child should start in is not a folder.
    #[error("{} cannot be started in {}: that is not a folder", program.display(), folder.display())]
    WorkingFolder {
        /// The program as it was asked for.
        program: PathBuf,
        /// [`Spec::cwd`](crate::Spec::cwd).
        folder: PathBuf,
    },
    /// The system refused for another reason, such as a limit on processes or files.
    #[error("cannot start {}", program.display())]
    Spawn {
        /// The program as it was asked for.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The log file cannot be opened, or the thread that writes it not be started.
    #[error("cannot write the log {}; check that its folder is writable", path.display())]
    Log {
        /// The log file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder of the journal, or a file in it, cannot be read or written.
    #[error("cannot use the journal of children at {}; check that its folder is writable", path.display())]
    Journal {
        /// The folder, or the file in it.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The thread that starts and watches all children cannot be started.
    #[error("cannot start the thread that watches children")]
    Keeper {
        /// What the system said.
        source: io::Error,
    },
    /// The thread that starts children gave no answer: a bug, reported rather than a panic.
    #[error("starting {} was given up half-way; this is a bug in the supervisor", program.display())]
    Abandoned {
        /// The program as it was asked for.
        program: PathBuf,
    },
}
