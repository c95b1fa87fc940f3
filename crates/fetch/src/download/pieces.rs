//! How a file is divided among connections.
//!
//! Connections take pieces from the front of what is missing, not each a share of the whole file: so what
//! arrives stays close to the front, and the hash, which can only follow the front, reads it from memory.
//! Pieces shrink towards the end, so that all connections end together and none has to be cut off.

use std::ops::Range;

use crate::ranges::Ranges;

/// The smallest piece that is worth a request, in bytes. A file of less is asked for in one.
pub(crate) const SMALLEST: u64 = 4 << 20;

/// The largest piece, in bytes: a second of a fast line.
const LARGEST: u64 = 64 << 20;

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

    /// The next piece, if `connections` share the file.
    pub(crate) fn claim(&mut self, connections: usize) -> Option<Range<u64>> {
        let gap = self.taken.gap(self.length)?;
        let piece = gap.start..gap.start + size(gap.end - gap.start, self.free(), connections);
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

/// How much of a gap is taken, if `free` bytes are shared by `connections`: half of a fair share.
fn size(gap: u64, free: u64, connections: usize) -> u64 {
    if connections <= 1 {
        return gap;
    }
    let fair = free / (2 * connections as u64);
    let size = fair.clamp(SMALLEST, LARGEST);
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
        let mut pieces = Pieces::new(length, &Ranges::default());
        let mut sizes = Vec::new();
        let mut at = 0;
        while let Some(piece) = pieces.claim(4) {
            assert_eq!(piece.start, at);
            at = piece.end;
            sizes.push(piece.end - piece.start);
        }
        assert_eq!((at, sizes[0], pieces.free()), (length, LARGEST, 0));
        assert!(sizes.iter().rev().skip(1).rev().is_sorted_by(|a, b| a >= b), "{sizes:?}");
        assert!(sizes.iter().all(|size| *size >= SMALLEST / 2), "{sizes:?}");
    }

    #[test]
    fn what_is_done_is_not_asked_for_and_what_comes_back_is_next() {
        let mut done = Ranges::default();
        done.insert(0..MIB);
        done.insert(2 * MIB..100 * MIB);
        let mut pieces = Pieces::new(200 * MIB, &done);
        assert_eq!(pieces.claim(4), Some(MIB..2 * MIB));
        let piece = pieces.claim(4).unwrap();
        pieces.give_back(&(piece.start + 5..piece.end));
        assert_eq!(pieces.claim(4).map(|next| next.start), Some(piece.start + 5));
    }

    #[test]
    fn one_connection_asks_once() {
        let mut pieces = Pieces::new(1 << 40, &Ranges::default());
        assert_eq!((pieces.claim(1), pieces.claim(1)), (Some(0..1 << 40), None));
    }
}
