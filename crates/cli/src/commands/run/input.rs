//! Lines from the terminal.

use std::io::{self, BufRead, Write};

use tokio::sync::mpsc;

/// What was read.
pub(super) enum Line {
    Text(String),
    /// Ctrl-D, or the end of the terminal.
    End,
}

/// Reads lines on a thread of its own: a read of the terminal cannot be called off, and the program
/// must not wait for one when it ends.
pub(super) struct Input {
    asks: std::sync::mpsc::Sender<()>,
    lines: mpsc::UnboundedReceiver<Line>,
}

impl Input {
    pub(super) fn new() -> Self {
        let (asks, asked) = std::sync::mpsc::channel();
        let (send, lines) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            while asked.recv().is_ok() {
                let mut text = String::new();
                let line = match io::stdin().lock().read_line(&mut text) {
                    Ok(0) | Err(_) => Line::End,
                    Ok(_) => Line::Text(text),
                };
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        Self { asks, lines }
    }

    /// Shows the prompt and waits for a line.
    pub(super) async fn next(&mut self) -> Line {
        eprint!("> ");
        // Nobody sees a prompt that cannot be written, and nothing else depends on it.
        let _ = io::stderr().flush();
        if self.asks.send(()).is_err() {
            return Line::End;
        }
        self.lines.recv().await.unwrap_or(Line::End)
    }
}
