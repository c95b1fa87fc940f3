//! The child's side: this program, started again to ask one driver.

use std::{
    ffi::OsStr,
    io::{self, Write},
    process,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use crate::{nvml, os, raw::Answer, vulkan};

/// The environment variable that makes [`answer_if_asked`] answer: `nvml:5000` or `vulkan:5000`,
/// a source and the milliseconds the parent will wait.
pub const CHILD_VARIABLE: &str = "SYSPROBE_CHILD";

/// What comes before the answer on its line, so that whatever else a driver or a test harness
/// prints is told apart.
pub(crate) const ANSWER_MARK: &str = "sysprobe-answer:";

/// Whether [`answer_if_asked`] has been called in this process.
static PREPARED: AtomicBool = AtomicBool::new(false);

/// A driver interface that is asked in a child of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Nvml,
    Vulkan,
}

impl Source {
    /// Asks it in this process.
    pub(crate) fn ask(self) -> Answer {
        match self {
            Self::Nvml => nvml::ask(),
            Self::Vulkan => vulkan::ask(),
        }
    }

    /// The value of [`CHILD_VARIABLE`] that asks for it.
    pub(crate) fn request(self, deadline: Duration) -> String {
        let name = match self {
            Self::Nvml => "nvml",
            Self::Vulkan => "vulkan",
        };
        format!("{name}:{}", deadline.as_millis())
    }
}

/// What a value of [`CHILD_VARIABLE`] asks for.
fn parse_request(value: &OsStr) -> Option<(Source, Duration)> {
    let (name, deadline) = value.to_str()?.split_once(':')?;
    let source = match name {
        "nvml" => Source::Nvml,
        "vulkan" => Source::Vulkan,
        _ => return None,
    };
    Some((source, Duration::from_millis(deadline.parse().ok()?)))
}

/// Call this first thing in `main`, before anything is opened, started or printed.
///
/// Normally it returns at once. If this process was started by a [`Probe`](crate::Probe) to ask a
/// graphics driver, it asks, prints the answer and ends the process.
pub fn answer_if_asked() {
    PREPARED.store(true, Ordering::Relaxed);
    #[expect(
        clippy::disallowed_methods,
        reason = "the variable is this crate's own, set by the parent for this child alone"
    )]
    let value = std::env::var_os(CHILD_VARIABLE);
    if let Some((source, deadline)) = value.and_then(|value| parse_request(&value)) {
        answer(source, deadline);
    }
}

/// Whether this program can be started again as a child.
pub(crate) fn is_prepared() -> bool {
    PREPARED.load(Ordering::Relaxed)
}

/// Asks the driver, prints what it said, and ends the process.
fn answer(source: Source, deadline: Duration) -> ! {
    os::end_with_parent();
    // The parent kills this process at its deadline. Should the parent be gone by then, nobody
    // would end a child that a driver holds fast.
    thread::spawn(move || {
        thread::sleep(deadline.saturating_add(Duration::from_secs(1)));
        process::abort();
    });
    let printed = print(&source.ask());
    #[expect(
        clippy::exit,
        reason = "the child has nothing left to do, and must not go on as the host program"
    )]
    process::exit(i32::from(printed.is_err()))
}

/// Straight to standard output: `print!` may be captured by a test harness.
fn print(answer: &Answer) -> io::Result<()> {
    let json = serde_json::to_string(answer)?;
    let mut out = io::stdout().lock();
    // The line break before it ends whatever a driver printed without one.
    writeln!(out, "\n{ANSWER_MARK}{json}")?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_back_and_nothing_else_is_one() {
        let deadline = Duration::from_millis(1500);
        for source in [Source::Nvml, Source::Vulkan] {
            let value = source.request(deadline);
            assert_eq!(parse_request(value.as_ref()), Some((source, deadline)));
        }
        for value in ["", "1", "gpus", "nvml", "nvml:", "nvml:soon", "metal:5000"] {
            assert_eq!(parse_request(value.as_ref()), None, "{value:?}");
        }
    }
}
