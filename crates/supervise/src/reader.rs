//! Reads one stream of a child, for as long as there is something to read.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::watch;

use crate::log::LogQueue;
use crate::race::{Winner, race};
use crate::ring::{Line, Ring, Stream};
use crate::split::LineSplitter;

/// How much is read at once, in bytes; a Linux pipe holds 64 KiB.
const READ_BYTES: usize = 16 * 1024;

/// Where lines go.
#[derive(Clone, Debug)]
pub(crate) struct Sink {
    pub(crate) ring: Ring,
    pub(crate) log: Option<LogQueue>,
}

impl Sink {
    fn put(&self, stream: Stream, text: String) {
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
    sink: Sink,
    mut cut: watch::Receiver<bool>,
) {
    let mut splitter = LineSplitter::default();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        // The cut comes first, or a pipe that is always full would never be left.
        let next = race(cut.wait_for(|cut| *cut), pipe.read(&mut buffer)).await;
        match next {
            Winner::Second(Ok(count)) if count > 0 => {
                splitter.feed(&buffer[..count], |line| sink.put(stream, line));
            }
            Winner::Second(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            Winner::First(_) | Winner::Second(_) => break,
        }
    }
    splitter.finish(|line| sink.put(stream, line));
}
