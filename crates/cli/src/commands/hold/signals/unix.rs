//! Signals that are the program's.

use std::{io::IsTerminal, os::unix::process::ExitStatusExt, process::ExitStatus};

use rustix::process::{Pid, Signal as Number, kill_process};
use tokio::{
    process::Child,
    signal::unix::{Signal, SignalKind, signal},
};

use crate::Failed;

/// What asks this command to end, and is meant for its program.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    /// Begins to listen; from now on none of them ends this command by itself.
    pub(super) fn listen() -> Result<Self, Failed> {
        let listen = |kind| {
            signal(kind).map_err(|error| Failed::because(format!("Signals cannot be listened to: {error}")))
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) -> Number {
        tokio::select! {
            _ = self.interrupt.recv() => Number::INT,
            _ = self.terminate.recv() => Number::TERM,
            _ = self.hang_up.recv() => Number::HUP,
        }
    }
}

/// Sends it to the program, which is not reaped yet. Ctrl-C in a terminal has reached it already: it goes to
/// all that run there.
pub(super) fn pass_on(signal: Number, child: &Child) {
    if signal == Number::INT && std::io::stdin().is_terminal() {
        return;
    }
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // One that has just ended needs no signal any more.
        let _ = kill_process(pid, signal);
    }
}

/// The number of the signal that ended it.
pub(super) fn of(ended: ExitStatus) -> Option<i32> {
    ended.signal()
}
