//! Ctrl-C.

use tokio::signal::windows::{CtrlC, ctrl_c};

use crate::Failed;

/// Requests to end. None is missed from the moment that this is made.
pub(crate) struct Interrupts(CtrlC);

impl Interrupts {
    /// Begins to listen; from now on none of them ends the program by itself.
    pub(crate) fn listen() -> Result<Self, Failed> {
        let listening = ctrl_c();
        listening.map(Self).map_err(|error| Failed::because(format!("Ctrl-C cannot be listened to: {error}")))
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        self.0.recv().await;
    }
}
