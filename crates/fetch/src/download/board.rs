//! What the threads of a download know of each other.

use std::{
    collections::VecDeque,
    ops::Range,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tokio::sync::Notify;

use super::disk::Block;
use crate::{error::FetchError, ranges::Ranges};

/// How many blocks at the front are held for the hash, which then need not be read back.
const HELD: usize = 8;

/// How many bytes are written before they are synced, however little time has passed: so many that what syncing
/// costs beside writing them is little, even of a disk that must seek for it.
const BACKLOG: u64 = 64 << 20;

/// Shared by those who receive, write, hash, sync and watch.
#[derive(Debug, Default)]
pub(crate) struct Board {
    state: Mutex<State>,
    /// Wakes whoever hashes.
    moved: Condvar,
    /// Wakes whoever syncs.
    piled_up: Condvar,
    /// Wakes whoever watches, when something failed.
    pub(crate) failed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// What is written.
    done: Ranges,
    /// Of what is written and not hashed, what came last to the front, in its order.
    held: VecDeque<Block>,
    hashed: u64,
    /// How many bytes were written since it was last looked what is to be synced.
    unsynced: u64,
    length: Option<u64>,
    /// Nothing will be written any more.
    closed: bool,
    failure: Option<FetchError>,
}

/// What the hash can go on with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// These bytes.
    Held(Bytes),
    /// The bytes that are written here.
    Written(Range<u64>),
    /// All is hashed.
    End,
    /// The download ended before the file did.
    Never,
}

impl Board {
    pub(crate) fn new(done: Ranges, length: Option<u64>) -> Self {
        Self { state: Mutex::new(State { done, length, ..State::default() }), ..Self::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that `block` is written.
    pub(crate) fn wrote(&self, block: Block) {
        let mut state = self.state();
        let front = state.done.front();
        let length = block.bytes.len() as u64;
        state.done.insert(block.offset..block.offset + length);
        let moved = state.done.front() > front;
        let was_little = state.unsynced < BACKLOG;
        state.unsynced += length;
        let piled_up = was_little && state.unsynced >= BACKLOG;
        // What is not held is read back: what came before others that were waited for, and what came faster than
        // it is hashed.
        if block.offset == front && state.held.len() < HELD {
            state.held.push_back(block);
        }
        drop(state);
        if moved {
            self.moved.notify_all();
        }
        if piled_up {
            self.piled_up.notify_all();
        }
    }

    /// Notes how long the file turned out to be.
    pub(crate) fn ends_at(&self, length: u64) {
        self.state().length = Some(length);
    }

    /// Notes that nothing will be written any more.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.moved.notify_all();
        self.piled_up.notify_all();
    }

    /// Notes what went wrong; the first one counts.
    pub(crate) fn fail(&self, error: FetchError) {
        self.state().failure.get_or_insert(error);
        self.moved.notify_all();
        self.failed.notify_one();
    }

    pub(crate) fn failure(&self) -> Option<FetchError> {
        self.state().failure.clone()
    }

    pub(crate) fn done(&self) -> Ranges {
        self.state().done.clone()
    }

    /// Bytes that are written, and bytes that are hashed.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let state = self.state();
        (state.done.count(), state.hashed)
    }

    /// Bytes of the file that are missing, as far as that is known.
    pub(crate) fn missing(&self) -> u64 {
        let state = self.state();
        state.length.map_or(0, |length| state.done.missing(length))
    }

    /// Whether the whole file is written.
    pub(crate) fn is_whole(&self) -> bool {
        let state = self.state();
        state.length.is_some_and(|length| state.done.front() >= length)
    }

    /// Waits for bytes behind `hashed`, which are those that are hashed.
    pub(crate) fn wait_for_bytes(&self, hashed: u64) -> Next {
        let mut state = self.state();
        state.hashed = hashed;
        loop {
            let front = state.done.front();
            if state.failure.is_some() || state.closed && state.length.is_none_or(|length| front < length) {
                return Next::Never;
            }
            let held = state.held.front().map_or(front, |block| block.offset);
            if hashed == held
                && let Some(block) = state.held.pop_front()
            {
                return Next::Held(block.bytes);
            }
            if held > hashed {
                return Next::Written(hashed..held);
            }
            if state.closed {
                return Next::End;
            }
            state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until nothing will be written any more, or much is to be synced, or for `pause`. Whether it is the
    /// first.
    pub(crate) fn wait_to_sync(&self, pause: Duration) -> bool {
        let little = |state: &mut State| !state.closed && state.unsynced < BACKLOG;
        let waited = self.piled_up.wait_timeout_while(self.state(), pause, little);
        waited.unwrap_or_else(PoisonError::into_inner).0.closed
    }

    /// What is written, all of which is to be synced now.
    pub(crate) fn take_unsynced(&self) -> Ranges {
        let mut state = self.state();
        state.unsynced = 0;
        state.done.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_hours(1);

    fn block(offset: u64, length: usize) -> Block {
        Block { offset, bytes: vec![0; length].into() }
    }

    #[test]
    fn what_comes_to_the_front_is_held_and_the_rest_is_read_back() {
        let board = Board::new(Ranges::default(), Some(12));
        for offset in [0, 6, 3, 9] {
            board.wrote(block(offset, 3));
        }
        board.close();
        let mut hashed = 0;
        let mut held = Vec::new();
        loop {
            hashed = match board.wait_for_bytes(hashed) {
                Next::Held(bytes) => {
                    held.push(hashed);
                    hashed + bytes.len() as u64
                }
                Next::Written(range) => {
                    assert_eq!(range, 6..9, "it came before what was missing");
                    range.end
                }
                Next::End => break,
                Next::Never => panic!("all is written"),
            };
        }
        assert_eq!((hashed, held), (12, vec![0, 3, 9]));
    }

    #[test]
    fn no_more_is_held_than_that() {
        let length = 2 * HELD as u64;
        let board = Board::new(Ranges::default(), Some(length));
        (0..length).for_each(|offset| board.wrote(block(offset, 1)));
        for hashed in 0..HELD as u64 {
            assert_eq!(board.wait_for_bytes(hashed), Next::Held(vec![0].into()));
        }
        assert_eq!(board.wait_for_bytes(HELD as u64), Next::Written(HELD as u64..length));
    }

    #[test]
    fn what_was_left_is_read_back() {
        let mut done = Ranges::default();
        done.insert(0..5);
        let board = Board::new(done, Some(8));
        board.wrote(block(5, 3));
        assert_eq!(board.wait_for_bytes(0), Next::Written(0..5));
        assert_eq!(board.wait_for_bytes(5), Next::Held(vec![0; 3].into()));
    }

    #[test]
    fn what_piles_up_is_synced_before_the_pause_is_over() {
        let board = Board::new(Ranges::default(), None);
        let half = usize::try_from(BACKLOG / 2).unwrap();
        board.wrote(block(0, half));
        assert!(!board.wait_to_sync(Duration::ZERO));
        board.wrote(block(BACKLOG / 2, half));
        assert!(!board.wait_to_sync(LONG));
        assert_eq!(board.take_unsynced().count(), BACKLOG);
        board.close();
        assert!(board.wait_to_sync(LONG));
    }
}
