//! Ctrl-C, which goes to all programs of a console.

use std::process::ExitStatus;

use tokio::{
    process::Child,
    signal::windows::{CtrlC, ctrl_c},
};

use crate::Failed;

/// Ctrl-C, which is meant for the program.
pub(super) struct Signals(CtrlC);

impl Signals {
    /// Begins to listen; from now on it does not end this command by itself.
    pub(super) fn listen() -> Result<Self, Failed> {
        let listening = ctrl_c();
        listening.map(Self).map_err(|error| Failed::because(format!("Ctrl-C cannot be listened to: {error}")))
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) {
        self.0.recv().await;
    }
}

/// The console has told the program already.
pub(super) fn pass_on((): (), _: &Child) {}

/// No signal ends programs here.
pub(super) fn of(_: ExitStatus) -> Option<i32> {
    None
}
