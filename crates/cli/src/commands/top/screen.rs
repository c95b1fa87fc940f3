//! The terminal while it shows a screen of its own, and what is typed meanwhile.

use ratatui::{
    DefaultTerminal,
    buffer::Buffer,
    crossterm::event::{self, Event},
    layout::Rect,
};
use tokio::sync::mpsc::{self, UnboundedReceiver};

use crate::Failed;

/// A screen of its own. What the terminal showed before is there again when this is dropped, and after a panic.
pub(crate) struct Screen(DefaultTerminal);

impl Screen {
    /// Begins it.
    pub(crate) fn open() -> Result<Self, Failed> {
        ratatui::try_init().map(Self).map_err(|error| {
            // It may have failed halfway, with what is typed no longer shown.
            let _ = ratatui::try_restore();
            failed(&error)
        })
    }

    /// Shows what `draw` draws. The terminal's size is asked for anew each time.
    pub(crate) fn show(&mut self, draw: impl FnOnce(Rect, &mut Buffer)) -> Result<(), Failed> {
        let shown = self.0.draw(|frame| draw(frame.area(), frame.buffer_mut()));
        shown.map(drop).map_err(|error| failed(&error))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Where the terminal is gone there is nothing to restore.
        let _ = ratatui::try_restore();
    }
}

/// What is typed, and changes of the size. Ends with the terminal.
///
/// A thread waits for it until the program ends: reading a terminal cannot be called off.
pub(crate) fn typed() -> UnboundedReceiver<Event> {
    let (tell, typed) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        while let Ok(event) = event::read() {
            if tell.send(event).is_err() {
                break;
            }
        }
    });
    typed
}

fn failed(error: &std::io::Error) -> Failed {
    Failed::because(format!("The terminal cannot be drawn on: {error}"))
        .remedy("Use `loadmaster top --once`, which prints what it is like now.")
}
