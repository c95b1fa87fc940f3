//! The threads that write, hash and sync, so that neither holds up another nor the network.

use std::{
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, oneshot};

use super::{
    board::{Board, Next},
    journal::Journal,
    part::Part,
};
use crate::{
    error::{FetchError, of_disk},
    sha256::{CHUNK, Sha256Hash},
};

/// How many blocks may wait for the disk. A block has up to 400 KiB, what the HTTP client reads at once.
const WAITING: usize = 8;

/// How often the journal is written at most, and at least while bytes come, unless they come fast.
const SYNC_PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// How much longer than syncing took the next one is put off.
const SYNC_SHARE: u32 = 10;

/// Bytes on their way to the disk.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) offset: u64,
    pub(crate) bytes: Bytes,
}

/// What the threads have to say at their end.
#[derive(Debug)]
pub(crate) struct Threads {
    /// The hash of the whole file; nothing if it did not become whole.
    pub(crate) hash: oneshot::Receiver<Sha256Hash>,
    /// All is synced.
    pub(crate) synced: oneshot::Receiver<()>,
    /// Nothing is ever sent; it ends when all threads have let go of the part, and with it of the lock.
    pub(crate) ended: mpsc::Receiver<()>,
}

/// What a thread does.
type Work = Box<dyn FnOnce(&Part, &Board) + Send>;

/// Starts the threads. They end when all senders of blocks are gone, whatever becomes of whoever started
/// them: what came until then is kept.
pub(crate) fn start(
    part: &Arc<Part>,
    board: &Arc<Board>,
    journal: Option<Journal>,
) -> Result<(mpsc::Sender<Block>, Threads), FetchError> {
    let (blocks, incoming) = mpsc::channel(WAITING);
    let (hash_sender, hash) = oneshot::channel();
    let (synced_sender, synced) = oneshot::channel();
    let (alive, ended) = mpsc::channel(1);
    let spawn = |name: &str, work: Work| -> Result<(), FetchError> {
        let (part, board, alive) = (part.clone(), board.clone(), alive.clone());
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            work(&part, &board);
            drop(part);
            drop(alive);
        });
        thread.map(drop).map_err(|error| of_disk(Path::new(name), "started as a thread", &error))
    };
    spawn("fetch-write", Box::new(move |part, board| write(part, board, incoming)))?;
    spawn("fetch-hash", Box::new(move |part, board| hash_front(part, board, hash_sender)))?;
    let sync = move |part: &Part, board: &Board| {
        if let Err(error) = keep(part, board, journal) {
            board.fail(error);
        }
        // Who waits for it may have gone.
        let _ = synced_sender.send(());
    };
    spawn("fetch-sync", Box::new(sync))?;
    Ok((blocks, Threads { hash, synced, ended }))
}

/// Writes what comes.
fn write(part: &Part, board: &Board, mut incoming: mpsc::Receiver<Block>) {
    while let Some(block) = incoming.blocking_recv() {
        if let Err(error) = part.write(&block.bytes, block.offset) {
            board.fail(part.unwritten(&error, board.missing()));
            break;
        }
        board.wrote(block);
    }
    board.close();
}

/// Hashes what is written without a gap, as it grows. What is not held is read back: from the kernel's memory,
/// where it still is, so that nothing waits here for the bytes before it.
fn hash_front(part: &Part, board: &Board, sender: oneshot::Sender<Sha256Hash>) {
    let mut state = Sha256::new();
    let mut buffer = vec![0; CHUNK];
    let mut hashed = 0;
    loop {
        match board.wait_for_bytes(hashed) {
            Next::Held(bytes) => {
                state.update(&bytes);
                hashed += bytes.len() as u64;
            }
            Next::Written(range) => {
                let count = usize::try_from(range.end - range.start).unwrap_or(CHUNK).min(CHUNK);
                if let Err(error) = part.read(&mut buffer[..count], hashed) {
                    return board.fail(error);
                }
                state.update(&buffer[..count]);
                hashed += count as u64;
            }
            Next::End => {
                // Who waits for it may have gone.
                let _ = sender.send(Sha256Hash::end(state));
                return;
            }
            Next::Never => return,
        }
    }
}

/// Syncs what is written, and notes it in the journal, again and again: so the disk writes while bytes come, and
/// what is left to be synced at the end is little, however fast they came. Without a journal (the length of the
/// file is not known) it cannot be gone on with.
fn keep(part: &Part, board: &Board, mut journal: Option<Journal>) -> Result<(), FetchError> {
    let (mut pause, most) = SYNC_PAUSE;
    while !board.wait_to_sync(pause) {
        let done = board.take_unsynced();
        let Some(journal) = &mut journal else { continue };
        if done == journal.done {
            continue;
        }
        let start = Instant::now();
        part.sync()?;
        journal.done = done;
        part.note(journal)?;
        pause = (start.elapsed() * SYNC_SHARE).clamp(SYNC_PAUSE.0, most);
    }
    if board.is_whole() {
        return part.sync();
    }
    match &mut journal {
        Some(journal) if board.done().count() > 0 => {
            journal.done = board.done();
            part.cut(journal.done.end())?;
            part.sync()?;
            part.note(journal)
        }
        _ => part.paths.clear(),
    }
}
