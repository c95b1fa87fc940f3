//! A position in the first bytes of a file.

use crate::error::GgufError;

/// Why reading stopped.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The bytes end here.
    Short(Shortage),
    /// The bytes are there and wrong.
    Bad(GgufError),
}

/// What is known where the bytes end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shortage {
    /// Bytes the file must have at least for reading to go on.
    pub(crate) needed: u64,
    /// How far reading came in an array of strings, if it stopped in one.
    pub(crate) strings: Option<StringsSoFar>,
}

impl Shortage {
    pub(crate) fn of(needed: u64) -> Self {
        Self { needed, strings: None }
    }
}

/// Part of an array of strings; what is left of it can be guessed from that.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StringsSoFar {
    /// Strings that are whole.
    pub(crate) done: u64,
    /// Bytes these take, lengths included.
    pub(crate) bytes: u64,
    /// Strings after the one that is cut.
    pub(crate) left: u64,
}

impl From<GgufError> for Stop {
    fn from(error: GgufError) -> Self {
        Self::Bad(error)
    }
}

/// Reads little-endian values from a prefix of a file.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    /// Index into `bytes`, never above its length.
    at: usize,
    /// Offset in the file of `bytes[0]`.
    base: u64,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at: at.min(bytes.len()), base: 0 }
    }

    /// A cursor at the start of `bytes`, which lie `base` bytes into their file.
    pub(crate) fn part(bytes: &'a [u8], base: u64) -> Self {
        Self { bytes, at: 0, base }
    }

    /// Index into the bytes this cursor was made of.
    pub(crate) fn index(&self) -> usize {
        self.at
    }

    /// Offset in the file.
    pub(crate) fn position(&self) -> u64 {
        self.base.saturating_add(self.at as u64)
    }

    /// Fails unless `count` more bytes are there.
    pub(crate) fn require(&self, count: u64) -> Result<usize, Stop> {
        let left = self.bytes.len() - self.at;
        match usize::try_from(count) {
            Ok(count) if count <= left => Ok(count),
            _ => Err(Stop::Short(Shortage::of(self.position().saturating_add(count)))),
        }
    }

    pub(crate) fn take(&mut self, count: u64) -> Result<&'a [u8], Stop> {
        let count = self.require(count)?;
        let taken = &self.bytes[self.at..self.at + count];
        self.at += count;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        let taken = self.take(N as u64)?;
        let mut array = [0; N];
        array.copy_from_slice(taken);
        Ok(array)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Stop> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Stop> {
        self.array().map(u64::from_le_bytes)
    }

    /// A length of eight bytes and that many bytes, `limit` at most.
    pub(crate) fn string(&mut self, limit: u64) -> Result<&'a [u8], Stop> {
        let at = self.position();
        let length = self.u64()?;
        if length > limit {
            return Err(GgufError::StringTooLong { at, length, limit }.into());
        }
        self.take(length)
    }
}
