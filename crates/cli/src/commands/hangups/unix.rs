//! SIGHUP: read the configuration again, or the terminal is gone.

use std::io::IsTerminal;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Hangup;
use crate::Failed;

/// Hangups. None is missed from the moment that this is made.
pub(crate) struct Hangups {
    signal: Signal,
    /// Whether it was begun in a terminal.
    in_terminal: bool,
}

impl Hangups {
    /// Begins to listen; from now on none of them ends the program by itself.
    pub(crate) fn listen() -> Result<Self, Failed> {
        let signal = signal(SignalKind::hangup())
            .map_err(|error| Failed::because(format!("Signals cannot be listened to: {error}")))?;
        Ok(Self { signal, in_terminal: is_in_terminal() })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> Hangup {
        self.signal.recv().await;
        // The kernel sends it too when the window is closed that the program was begun in.
        if self.in_terminal && !is_in_terminal() { Hangup::TerminalGone } else { Hangup::Reload }
    }
}

fn is_in_terminal() -> bool {
    std::io::stdin().is_terminal() || std::io::stdout().is_terminal() || std::io::stderr().is_terminal()
}
