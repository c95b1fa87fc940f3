//! The last lines of a child, and subscriptions to them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// Which stream a line was printed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// One line that a child printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where it was printed.
    pub stream: Stream,
    /// The line without its end. At most 8 KiB of it, ` [cut]` then; bytes that are no UTF-8 are
    /// replaced by U+FFFD.
    pub text: Arc<str>,
}

#[derive(Debug)]
struct Kept {
    lines: VecDeque<Line>,
    /// The number of the first line in `lines`, counted from the child's start.
    first: u64,
    /// No line will follow.
    closed: bool,
}

/// The last lines, shared by those who write and those who read them.
#[derive(Clone, Debug)]
pub(crate) struct Ring {
    kept: Arc<Mutex<Kept>>,
    capacity: usize,
    /// Its version counts the changes; the value says nothing.
    changed: Arc<watch::Sender<()>>,
}

impl Ring {
    /// A ring of `capacity` lines, at least one.
    pub(crate) fn new(capacity: usize) -> Self {
        let kept = Kept { lines: VecDeque::new(), first: 0, closed: false };
        Self {
            kept: Arc::new(Mutex::new(kept)),
            capacity: capacity.max(1),
            changed: Arc::new(watch::Sender::new(())),
        }
    }

    pub(crate) fn push(&self, line: Line) {
        let mut kept = self.lock();
        if kept.lines.len() == self.capacity {
            kept.lines.pop_front();
            kept.first += 1;
        }
        kept.lines.push_back(line);
        drop(kept);
        self.changed.send_replace(());
    }

    /// No line will follow: subscriptions end after the last one.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.send_replace(());
    }

    pub(crate) fn tail(&self) -> Vec<String> {
        let kept = self.lock();
        kept.lines.iter().map(|line| line.text.to_string()).collect()
    }

    /// A subscription that begins with the oldest line still kept.
    pub(crate) fn subscribe(&self) -> Lines {
        Lines { changed: self.changed.subscribe(), ring: self.clone(), next: 0, missed: None }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // No code panics while it holds the lock, and the data would be whole if it did.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A subscription to the lines of a child, from the oldest one still kept.
///
/// It holds no lines of its own: a subscriber that falls behind by more than the ring keeps
/// misses the oldest ones and can [tell how many](Lines::missed).
#[derive(Debug)]
pub struct Lines {
    ring: Ring,
    changed: watch::Receiver<()>,
    next: u64,
    /// `None` until the first line was handed out: what was said before does not count.
    missed: Option<u64>,
}

impl Lines {
    /// The next line, or `None` when the child has ended and all its lines were handed out.
    ///
    /// Cancel-safe.
    pub async fn next(&mut self) -> Option<Line> {
        loop {
            self.changed.borrow_and_update();
            match self.try_next() {
                Next::Line(line) => return Some(line),
                Next::End => return None,
                Next::NotYet => {}
            }
            if self.changed.changed().await.is_err() {
                return None;
            }
        }
    }

    /// How many lines were overwritten before this subscriber asked for them.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed.unwrap_or(0)
    }

    fn try_next(&mut self) -> Next {
        let kept = self.ring.lock();
        if self.next < kept.first {
            if let Some(missed) = &mut self.missed {
                *missed += kept.first - self.next;
            }
            self.next = kept.first;
        }
        let offset = usize::try_from(self.next - kept.first)
            .expect("the offset is at most the ring's length, which is a usize");
        match kept.lines.get(offset) {
            Some(line) => {
                self.next += 1;
                self.missed.get_or_insert(0);
                Next::Line(line.clone())
            }
            None if kept.closed => Next::End,
            None => Next::NotYet,
        }
    }
}

enum Next {
    Line(Line),
    NotYet,
    End,
}

#[cfg(test)]
mod tests {
    use super::{Line, Ring, Stream};

    fn say(ring: &Ring, text: &str) {
        ring.push(Line { stream: Stream::Stderr, text: text.into() });
    }

    #[test]
    fn keeps_the_last_lines_only() {
        let ring = Ring::new(2);
        for text in ["a", "b", "c"] {
            say(&ring, text);
        }
        assert_eq!(ring.tail(), ["b", "c"]);
    }

    #[test]
    fn a_ring_of_none_keeps_one() {
        let ring = Ring::new(0);
        say(&ring, "a");
        say(&ring, "b");
        assert_eq!(ring.tail(), ["b"]);
    }

    #[tokio::test]
    async fn a_subscriber_gets_what_was_kept_and_what_follows_and_then_the_end() {
        let ring = Ring::new(10);
        say(&ring, "before");
        let mut lines = ring.subscribe();
        let reader = tokio::spawn(async move {
            let mut got = Vec::new();
            while let Some(line) = lines.next().await {
                got.push(line.text.to_string());
            }
            got
        });
        tokio::task::yield_now().await;
        say(&ring, "after");
        tokio::task::yield_now().await;
        ring.close();
        assert_eq!(reader.await.unwrap(), ["before", "after"]);
    }

    #[tokio::test]
    async fn a_slow_subscriber_learns_how_many_it_missed() {
        let ring = Ring::new(2);
        say(&ring, "a");
        let mut lines = ring.subscribe();
        assert_eq!(&*lines.next().await.unwrap().text, "a");
        for text in ["b", "c", "d", "e"] {
            say(&ring, text);
        }
        assert_eq!(&*lines.next().await.unwrap().text, "d");
        assert_eq!(lines.missed(), 2);
    }
}
