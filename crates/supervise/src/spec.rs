//! What to start and how: plain data.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

/// Makes what decides of one stream's lines, one after the other, which are kept.
pub type LineFilter = fn() -> Box<dyn FnMut(&str) -> bool + Send>;

/// A program to start and what to do with its output.
///
/// `Debug` does not show the values of environment variables, so secrets are safer there than
/// among the arguments.
#[derive(Clone)]
pub struct Spec {
    /// The program: a path, or a name to look up in `PATH`.
    pub program: PathBuf,
    /// Its arguments, without the program's own name.
    pub args: Vec<OsString>,
    /// Environment variables set for the child on top of those it inherits.
    pub env: Vec<(OsString, OsString)>,
    /// Environment variables the child does not inherit.
    pub env_remove: Vec<OsString>,
    /// The folder the child starts in; that of the calling program if `None`.
    pub cwd: Option<PathBuf>,
    /// Where the child's lines are also written; nowhere if `None`.
    pub log: Option<LogFile>,
    /// Which lines are kept; all of them if `None`. One that is not kept is in no log, no tail and no subscription: what
    /// a program tells of its users stays out of all of them.
    pub keep: Option<LineFilter>,
    /// How many of the last lines are kept in memory (at least 1; 500 unless set).
    pub ring_lines: usize,
    /// Linux: the child gets `SIGKILL` when this program ends, however it ends. On unless set.
    ///
    /// It is there to be switched off by tests of what happens on systems that lack it.
    pub parent_death_signal: bool,
}

impl Spec {
    /// A child that runs `program` without arguments, and keeps its last 500 lines.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            env_remove: Vec::new(),
            cwd: None,
            log: None,
            keep: None,
            ring_lines: 500,
            parent_death_signal: true,
        }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets one environment variable for the child.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Keeps one environment variable from the child.
    #[must_use]
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.env_remove.push(name.as_ref().to_owned());
        self
    }

    /// Starts the child in this folder.
    #[must_use]
    pub fn cwd(mut self, folder: impl AsRef<Path>) -> Self {
        self.cwd = Some(folder.as_ref().to_owned());
        self
    }

    /// Writes the child's lines to this file as well.
    #[must_use]
    pub fn log(mut self, log: LogFile) -> Self {
        self.log = Some(log);
        self
    }

    /// Keeps only the lines that the filter says are to be kept; each stream has one of its own.
    #[must_use]
    pub fn keep(mut self, filter: LineFilter) -> Self {
        self.keep = Some(filter);
        self
    }

    /// Keeps this many of the last lines in memory.
    #[must_use]
    pub fn ring_lines(mut self, lines: usize) -> Self {
        self.ring_lines = lines;
        self
    }

    /// Switches the parent-death signal on or off.
    #[must_use]
    pub fn parent_death_signal(mut self, on: bool) -> Self {
        self.parent_death_signal = on;
        self
    }
}

impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&OsString> = self.env.iter().map(|(name, _)| name).collect();
        f.debug_struct("Spec")
            .field("program", &self.program)
            .field("args", &self.args)
            .field("env", &names)
            .field("env_remove", &self.env_remove)
            .field("cwd", &self.cwd)
            .field("log", &self.log)
            .field("keep", &self.keep.is_some())
            .field("ring_lines", &self.ring_lines)
            .field("parent_death_signal", &self.parent_death_signal)
            .finish()
    }
}

/// A log file that is rotated by size: `path`, `path.1` (older), `path.2` (older still).
///
/// Lines of a later child are appended to those of an earlier one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFile {
    /// The newest file. Its folder is created when missing.
    pub path: PathBuf,
    /// Size in bytes that no file exceeds; 5 MiB unless set.
    pub max_bytes: u64,
    /// How many files there are in all, the newest included; 3 unless set.
    pub keep: usize,
}

impl LogFile {
    /// Three files of at most 5 MiB each.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), max_bytes: 5 * 1024 * 1024, keep: 3 }
    }
}

#[cfg(test)]
mod tests {
    use super::Spec;

    #[test]
    fn debug_hides_the_values_of_the_environment() {
        let shown = format!("{:?}", Spec::new("server").env("API_KEY", "hunter2"));
        assert!(shown.contains("API_KEY"), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
