//! One module for each command.

use std::process::ExitCode;

use crate::{Failed, failed::INTERRUPTED};

pub(crate) mod binaries;
pub(crate) mod budget;
pub(crate) mod completions;
pub(crate) mod doctor;
pub(crate) mod estimate;
pub(crate) mod events;
pub(crate) mod gc;
pub(crate) mod hold;
pub(crate) mod image;
pub(crate) mod import;
pub(crate) mod inspect;
pub(crate) mod list;
pub(crate) mod logs;
pub(crate) mod panel;
pub(crate) mod plan;
pub(crate) mod probe;
pub(crate) mod ps;
pub(crate) mod pull;
pub(crate) mod reload;
pub(crate) mod rm;
pub(crate) mod run;
pub(crate) mod serve;
pub(crate) mod settings;
pub(crate) mod show;
pub(crate) mod start;
pub(crate) mod stop;
pub(crate) mod top;
pub(crate) mod verify;

#[cfg_attr(unix, path = "interrupts/unix.rs")]
#[cfg_attr(not(unix), path = "interrupts/windows.rs")]
pub(crate) mod interrupts;

#[cfg_attr(unix, path = "hangups/unix.rs")]
#[cfg_attr(not(unix), path = "hangups/windows.rs")]
mod hangups;

/// What SIGHUP says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(unix), expect(dead_code, reason = "there is no SIGHUP here"))]
pub(crate) enum Hangup {
    /// Read the configuration again.
    Reload,
    /// The terminal that the program was begun in is gone.
    TerminalGone,
}

/// Runs a command that Ctrl-C ends at any time; what it made for itself is cleared away.
pub(crate) async fn until_interrupted(
    command: impl Future<Output = Result<ExitCode, Failed>>,
) -> Result<ExitCode, Failed> {
    let mut interrupts = interrupts::Interrupts::listen()?;
    tokio::select! {
        outcome = command => outcome,
        () = interrupts.next() => Ok(ExitCode::from(INTERRUPTED)),
    }
}
