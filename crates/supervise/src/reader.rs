//! Reads one stream of a child, for as long as there is something to read.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::watch;

use crate::log::LogQueue;
use crate::race::{Winner, race};
use crate::ring::{Line, Ring, Stream};
use crate::split::LineSplitter;

/// How much is read at once, in bytes; a Linux pipe holds 64 KiB.
const READ_BYTES: usize = 16 * 1024;

/// What reads of less are followed by a pause: a child that prints one line after the other would cost a read
/// and a switch of threads for each. Its pipe holds what it prints meanwhile.
const FEW_BYTES: usize = 4 * 1024;

/// How long that pause is: bursts of lines are shorter, and nobody notices it at the end of a child.
const PAUSE: Duration = Duration::from_millis(1);

/// Says of one line after the other whether it is kept.
type Keep = Box<dyn FnMut(&str) -> bool + Send>;

/// Where lines go.
pub(crate) struct Sink {
    pub(crate) ring: Ring,
    pub(crate) log: Option<LogQueue>,
    /// Whether a line is kept.
    pub(crate) keep: Option<Keep>,
}

impl Sink {
    fn put(&mut self, stream: Stream, text: String) {
        if self.keep.as_mut().is_some_and(|keep| !keep(&text)) {
            return;
        }
        let text: Arc<str> = text.into();
        if let Some(log) = &self.log {
            log.push(&text);
        }
        self.ring.push(Line { stream, text });
    }
}

/// Reads until the end of the stream, or until `cut` says that nobody waits for it any more.
pub(crate) async fn read_lines(
    mut pipe: impl AsyncRead + Unpin,
    stream: Stream,
    mut sink: Sink,
    mut cut: watch::Receiver<bool>,
) {
    let mut splitter = LineSplitter::default();
    let mut buffer = vec![0; READ_BYTES];
    let mut few = false;
    loop {
        if few {
            tokio::time::sleep(PAUSE).await;
        }
        // The cut comes first, or a pipe that is always full would never be left.
        let next = race(cut.wait_for(|cut| *cut), pipe.read(&mut buffer)).await;
        match next {
            Winner::Second(Ok(count)) if count > 0 => {
                splitter.feed(&buffer[..count], |line| sink.put(stream, line));
                few = count < FEW_BYTES;
            }
            Winner::Second(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            Winner::First(_) | Winner::Second(_) => break,
        }
    }
    splitter.finish(|line| sink.put(stream, line));
}
