//! How a file is divided among connections.
//!
//! Connections take pieces from the front of what is missing, not each a share of the whole file: so what
//! arrives stays close to the front, and the hash, which can only follow the front, reads it from memory.
//! Pieces shrink towards the end, so that all connections end together and none has to be cut off. And they are
//! no larger than they must be: what the connections behind the first one bring can be hashed only when its
//! piece is whole, so large ones leave the hash idle at first and with much to do in the end.

use std::{ops::Range, time::Duration};

use crate::ranges::Ranges;

/// The smallest piece that is worth a request, in bytes. A file of less is asked for in one.
pub(crate) const SMALLEST: u64 = 4 << 20;

/// The largest piece, in bytes: a second of a fast line.
const LARGEST: u64 = 64 << 20;

/// How many times as long as asking for it a piece takes at least. While one connection asks, the others have
/// the line to themselves, so that this costs less than it seems.
const WORTH: u32 = 20;

/// How many pieces a file has at most, unless they were larger than the largest: servers count requests.
const MOST: u64 = 512;

/// What is asked for first of a file of unknown length, in bytes.
pub(crate) const FIRST: u64 = 8 << 20;

/// What is not asked for yet.
#[derive(Debug)]
pub(crate) struct Pieces {
    length: u64,
    /// What is there, or on its way.
    taken: Ranges,
}

impl Pieces {
    pub(crate) fn new(length: u64, done: &Ranges) -> Self {
        Self { length, taken: done.clone() }
    }

    /// How many bytes nobody asks for yet.
    pub(crate) fn free(&self) -> u64 {
        self.taken.missing(self.length)
    }

    /// The next piece, if `connections` share the file and the one that asks has this pace.
    pub(crate) fn claim(&mut self, connections: usize, pace: Pace) -> Option<Range<u64>> {
        let gap = self.taken.gap(self.length)?;
        let most = pace.worth().max(self.length / MOST).clamp(FIRST, LARGEST);
        let piece = gap.start..gap.start + size(gap.end - gap.start, self.free(), connections, most);
        self.taken.insert(piece.clone());
        Some(piece)
    }

    /// Notes that `range` is being asked for.
    pub(crate) fn take(&mut self, range: Range<u64>) {
        self.taken.insert(range);
    }

    /// Takes back what somebody could not get.
    pub(crate) fn give_back(&mut self, range: &Range<u64>) {
        self.taken.remove(range);
    }
}

/// How fast a connection was the last time.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pace {
    /// From the request to the head of its answer.
    pub(crate) asking: Duration,
    /// Bytes of the body, and how long they took to come.
    pub(crate) body: (u64, Duration),
}

impl Pace {
    /// What comes in a time in which asking is little, in bytes.
    fn worth(self) -> u64 {
        let Self { asking, body: (bytes, took) } = self;
        let worth = u128::from(bytes).saturating_mul(asking.saturating_mul(WORTH).as_nanos());
        u64::try_from(worth / took.as_nanos().max(1)).unwrap_or(u64::MAX)
    }
}

/// How much of a gap is taken, if `free` bytes are shared by `connections`: half of a fair share, or `most`.
fn size(gap: u64, free: u64, connections: usize, most: u64) -> u64 {
    if connections <= 1 {
        return gap;
    }
    let fair = free / (2 * connections as u64);
    let size = fair.clamp(SMALLEST, most);
    // What is left over is worth a request of its own, or comes along.
    if gap < size + SMALLEST / 2 { gap } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn pieces_come_in_order_and_shrink() {
        let length = 1000 * MIB + 1;
        // Asking takes 30 ms, and 100 MiB come in a second.
        let pace = Pace { asking: Duration::from_millis(30), body: (MIB, Duration::from_millis(10)) };
        let mut pieces = Pieces::new(length, &Ranges::default());
        let mut sizes = Vec::new();
        let mut at = 0;
        while let Some(piece) = pieces.claim(4, pace) {
            assert_eq!(piece.start, at);
            at = piece.end;
            sizes.push(piece.end - piece.start);
        }
        assert_eq!((at, sizes[0], pieces.free()), (length, 60 * MIB, 0));
        assert!(sizes.iter().rev().skip(1).rev().is_sorted_by(|a, b| a >= b), "{sizes:?}");
        assert!(sizes.iter().all(|size| *size >= SMALLEST / 2), "{sizes:?}");
    }

    #[test]
    fn what_is_done_is_not_asked_for_and_what_comes_back_is_next() {
        let mut done = Ranges::default();
        done.insert(0..MIB);
        done.insert(2 * MIB..100 * MIB);
        let mut pieces = Pieces::new(200 * MIB, &done);
        assert_eq!(pieces.claim(4, Pace::default()), Some(MIB..2 * MIB));
        let piece = pieces.claim(4, Pace::default()).unwrap();
        pieces.give_back(&(piece.start + 5..piece.end));
        assert_eq!(pieces.claim(4, Pace::default()).map(|next| next.start), Some(piece.start + 5));
    }

    #[test]
    fn one_connection_asks_once() {
        let mut pieces = Pieces::new(1 << 40, &Ranges::default());
        assert_eq!(
            (pieces.claim(1, Pace::default()), pieces.claim(1, Pace::default())),
            (Some(0..1 << 40), None)
        );
    }

    #[test]
    fn pieces_are_as_large_as_asking_takes_and_as_the_file_is() {
        let first = |length: u64, asking: u64| {
            let pace =
                Pace { asking: Duration::from_millis(asking), body: (30 * MIB, Duration::from_millis(100)) };
            let piece = Pieces::new(length, &Ranges::default()).claim(4, pace);
            piece.map(|piece| piece.end / MIB)
        };
        let gib = 1 << 30;
        assert_eq!((first(gib, 0), first(gib, 5), first(gib, 500)), (Some(8), Some(30), Some(64)));
        assert_eq!((first(10 * gib, 0), first(100 * gib, 0)), (Some(20), Some(64)));
        assert_eq!(Pace { asking: Duration::MAX, body: (u64::MAX, Duration::ZERO) }.worth(), u64::MAX);
    }
}
