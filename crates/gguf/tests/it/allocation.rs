//! Counts what a closure allocates, to show that hostile files cannot take memory.
#![expect(unsafe_code, reason = "an allocator can only be replaced by an unsafe trait")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

thread_local! {
    static LIVE: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn grow(bytes: usize) {
    // The cells are gone while a thread ends; what it still allocates then is not of interest.
    let _ = LIVE.try_with(|live| {
        live.set(live.get().saturating_add(bytes));
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(live.get())));
    });
}

fn shrink(bytes: usize) {
    let _ = LIVE.try_with(|live| live.set(live.get().saturating_sub(bytes)));
}

// SAFETY: every call is passed on unchanged to the system allocator, which upholds the contract; the
// counters do not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: the caller's promise about `layout` is the one that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        shrink(layout.size());
        // SAFETY: `pointer` came from `System` with this layout, as `alloc` passes everything on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Runs `work` and says how many bytes it held at most at one time, on this thread.
pub(crate) fn peak_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = LIVE.with(Cell::get);
    PEAK.with(|peak| peak.set(before));
    let result = work();
    (result, PEAK.with(Cell::get).saturating_sub(before))
}

/// The most that reading `length` bytes may take: a small multiple, and the first buffers.
pub(crate) fn bound(length: usize) -> usize {
    64 * 1024 + 24 * length
}

#[test]
fn the_counter_counts() {
    let ((), peak) = peak_of(|| drop(vec![1_u8; 1_000_000]));
    assert!((1_000_000..1_100_000).contains(&peak), "{peak}");
}
