//! The program that the memory is held for.

use std::{
    ffi::{OsStr, OsString},
    io::ErrorKind,
    process::{ExitCode, ExitStatus},
};

use tokio::process::{Child, Command};

use crate::Failed;

#[cfg_attr(unix, path = "signals/unix.rs")]
#[cfg_attr(not(unix), path = "signals/windows.rs")]
mod signals;

use self::signals::Signals;

/// Runs it on this terminal to its end; passes signals on to it; returns its exit code.
pub(super) async fn run(program: &OsStr, arguments: &[OsString]) -> Result<ExitCode, Failed> {
    // None of them ends this command from now on, whose end would be that of the hold.
    let mut signals = Signals::listen()?;
    let mut child = started(program, arguments)?;
    loop {
        tokio::select! {
            ended = child.wait() => {
                let ended = ended.map_err(|error| {
                    Failed::because(format!("{} cannot be waited for: {error}", program.display()))
                })?;
                return Ok(ExitCode::from(code(ended)));
            }
            signal = signals.next() => signals::pass_on(signal, &child),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "it is the user's own program, on the user's terminal, and no server: it must not end with Loadmaster"
)]
fn started(program: &OsStr, arguments: &[OsString]) -> Result<Child, Failed> {
    Command::new(program).args(arguments).spawn().map_err(|error| {
        let name = program.display();
        if error.kind() == ErrorKind::NotFound {
            return Failed::not_found(format!("There is no program {name}"))
                .remedy("Check its name; programs are looked for on PATH.");
        }
        Failed::because(format!("{name} cannot be started: {error}"))
            .remedy("Check that it is a program, and that you may run it.")
    })
}

/// The exit code as a shell tells it: of what a signal ended, 128 and the signal's number.
fn code(ended: ExitStatus) -> u8 {
    let code = ended.code().or_else(|| signals::of(ended).map(|signal| 128 + signal)).unwrap_or(1);
    // Windows has larger ones, which this command cannot end with.
    u8::try_from(code).unwrap_or(1)
}
