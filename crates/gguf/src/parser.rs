//! The one parser: it works on the first bytes of a file and goes on when it is given more of them.

use crate::{
    cursor::{Cursor, Shortage, Stop},
    error::{GgufError, shortened},
    forecast::Forecast,
    limits::{MAX_HEADER_BYTES, MAX_KEY_BYTES, MIN_ENTRY_BYTES, MIN_TENSOR_BYTES},
    metadata::Metadata,
    options::ReadOptions,
    sniff::{LooksLike, SNIFF_BYTES},
    tensor::{self, TensorInfo},
    value::{self, Value},
};

const MAGIC: &[u8; 4] = b"GGUF";
/// `GGUF_DEFAULT_ALIGNMENT` of the specification.
const DEFAULT_ALIGNMENT: u64 = 32;

/// What a parsed header consists of.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    pub(crate) version: u32,
    pub(crate) metadata: Metadata,
    pub(crate) tensors: Vec<TensorInfo>,
    /// Indices into `tensors`, sorted by name.
    pub(crate) by_name: Vec<usize>,
    pub(crate) alignment: u64,
    pub(crate) header_bytes: u64,
}

/// How far a call to [`Parser::advance`] came.
#[derive(Debug)]
pub(crate) enum Step {
    Done(Parts),
    /// The prefix must be longer.
    NeedMore(Missing),
}

/// How long a prefix must be, in bytes from the start of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Missing {
    /// The header does not end before this, and the next call needs it.
    pub(crate) at_least: u64,
    /// Where the header may end, by what its parts took so far. Arrays to come are not foreseen.
    pub(crate) expected: u64,
}

/// Reads entry by entry; what is complete is kept, so a longer prefix costs only what is new.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    options: ReadOptions,
    /// Index of the first byte not yet understood.
    at: usize,
    fixed: Option<Fixed>,
    entries: Vec<(String, Value)>,
    tensors: Vec<TensorInfo>,
    forecast: Forecast,
}

/// The part of the header that every file has.
#[derive(Debug, Clone, Copy)]
struct Fixed {
    version: u32,
    entry_count: u64,
    tensor_count: u64,
}

impl Parser {
    pub(crate) fn new(options: ReadOptions) -> Self {
        Self { options, ..Self::default() }
    }

    /// Goes on with `prefix`, which begins at the start of the file and holds at least the bytes of
    /// the call before. `total` is the length of the whole file, where it is known.
    pub(crate) fn advance(&mut self, prefix: &[u8], total: Option<u64>) -> Result<Step, GgufError> {
        let total = total.map(|total| total.max(prefix.len() as u64));
        let short = match self.read(prefix, total) {
            Ok(()) => return self.finish().map(Step::Done),
            Err(Stop::Bad(error)) => return Err(error),
            Err(Stop::Short(short)) => short,
        };
        let (entries, tensors) = self.after_current();
        let at_least = short.needed.saturating_add(least(entries, tensors));
        check_room(at_least, total)?;
        let surplus = self.forecast.surplus(short.strings, entries, tensors);
        Ok(Step::NeedMore(Missing { at_least, expected: at_least.saturating_add(surplus) }))
    }

    fn read(&mut self, prefix: &[u8], total: Option<u64>) -> Result<(), Stop> {
        let mut cursor = Cursor::new(prefix, self.at);
        let fixed = if let Some(fixed) = self.fixed {
            fixed
        } else {
            check_magic(prefix, total)?;
            let fixed = read_fixed(&mut cursor)?;
            self.at = cursor.index();
            self.fixed = Some(fixed);
            let rest = least(fixed.entry_count, fixed.tensor_count);
            check_room(cursor.position().saturating_add(rest), total)?;
            fixed
        };
        while (self.entries.len() as u64) < fixed.entry_count {
            let entry = self.read_entry(&mut cursor)?;
            self.forecast.learn_entry(&entry.1);
            self.entries.push(entry);
            self.at = cursor.index();
        }
        while (self.tensors.len() as u64) < fixed.tensor_count {
            self.tensors.push(tensor::read(&mut cursor)?);
            self.forecast.learn_tensor((cursor.index() - self.at) as u64);
            self.at = cursor.index();
        }
        Ok(())
    }

    fn read_entry(&self, cursor: &mut Cursor<'_>) -> Result<(String, Value), Stop> {
        let at = cursor.position();
        let key = match std::str::from_utf8(cursor.string(MAX_KEY_BYTES)?) {
            Ok(key) if !key.is_empty() => key,
            _ => return Err(GgufError::InvalidKey { at }.into()),
        };
        let kind = value::read_type(cursor)?;
        let value = value::read(cursor, kind, self.options.arrays)?;
        Ok((key.to_owned(), value))
    }

    /// How many entries and tensors follow the one that is being read.
    fn after_current(&self) -> (u64, u64) {
        let Some(fixed) = self.fixed else { return (0, 0) };
        let entries = fixed.entry_count - self.entries.len() as u64;
        let tensors = fixed.tensor_count - self.tensors.len() as u64;
        if entries > 0 { (entries - 1, tensors) } else { (0, tensors.saturating_sub(1)) }
    }

    fn finish(&mut self) -> Result<Parts, GgufError> {
        let fixed = self.fixed.expect("`read` succeeds only after the fixed part");
        let metadata = Metadata::new(std::mem::take(&mut self.entries))?;
        let tensors = std::mem::take(&mut self.tensors);
        let alignment = alignment(&metadata)?;
        check_offsets(&tensors, alignment)?;
        let by_name = sorted_by_name(&tensors)?;
        let header_bytes = self.at as u64;
        Ok(Parts { version: fixed.version, metadata, tensors, by_name, alignment, header_bytes })
    }
}

/// The bytes that so many entries and tensors take at least.
fn least(entries: u64, tensors: u64) -> u64 {
    entries.saturating_mul(MIN_ENTRY_BYTES).saturating_add(tensors.saturating_mul(MIN_TENSOR_BYTES))
}

/// A header that needs more than a file has is cut off; one that needs more than any file is a lie.
fn check_room(needed: u64, total: Option<u64>) -> Result<(), GgufError> {
    if needed > MAX_HEADER_BYTES {
        return Err(GgufError::HeaderTooLarge { needed, limit: MAX_HEADER_BYTES });
    }
    match total {
        Some(actual) if needed > actual => Err(GgufError::TruncatedHeader { needed, actual }),
        _ => Ok(()),
    }
}

/// Fails with what the file looks like, once there are enough bytes to tell.
fn check_magic(prefix: &[u8], total: Option<u64>) -> Result<(), Stop> {
    let ended = total == Some(prefix.len() as u64);
    let length = prefix.len().min(MAGIC.len());
    let matches = prefix[..length] == MAGIC[..length];
    if matches && !(ended && length == 0) {
        return Ok(());
    }
    if prefix.len() < SNIFF_BYTES && !ended {
        let sniffed = SNIFF_BYTES as u64;
        let needed = total.map_or(sniffed, |total| total.min(sniffed));
        return Err(Stop::Short(Shortage::of(needed)));
    }
    let looks_like = LooksLike::of(&prefix[..prefix.len().min(SNIFF_BYTES)]);
    Err(GgufError::NotGguf { looks_like }.into())
}

fn read_fixed(cursor: &mut Cursor<'_>) -> Result<Fixed, Stop> {
    cursor.take(MAGIC.len() as u64)?;
    let version = cursor.u32()?;
    match version {
        2 | 3 => {}
        // Versions are small, so one with an empty lower half was written in the other byte order.
        _ if version != 0 && version.trailing_zeros() >= 16 => {
            return Err(GgufError::BigEndian { version: version.swap_bytes() }.into());
        }
        _ => return Err(GgufError::UnsupportedVersion { version }.into()),
    }
    let tensor_count = cursor.u64()?;
    let entry_count = cursor.u64()?;
    Ok(Fixed { version, entry_count, tensor_count })
}

fn alignment(metadata: &Metadata) -> Result<u64, GgufError> {
    let Some(value) = metadata.get("general.alignment") else {
        return Ok(DEFAULT_ALIGNMENT);
    };
    match value.as_u64() {
        Some(alignment) if alignment.is_power_of_two() && alignment <= MAX_HEADER_BYTES => Ok(alignment),
        _ => Err(GgufError::InvalidAlignment { value: shortened(&value.to_string()) }),
    }
}

fn check_offsets(tensors: &[TensorInfo], alignment: u64) -> Result<(), GgufError> {
    match tensors.iter().find(|tensor| tensor.offset % alignment != 0) {
        Some(tensor) => Err(GgufError::MisalignedTensor {
            name: shortened(&tensor.name),
            offset: tensor.offset,
            alignment,
        }),
        None => Ok(()),
    }
}

pub(crate) fn sorted_by_name(tensors: &[TensorInfo]) -> Result<Vec<usize>, GgufError> {
    let mut by_name: Vec<usize> = (0..tensors.len()).collect();
    by_name.sort_unstable_by(|&a, &b| tensors[a].name.cmp(&tensors[b].name));
    match by_name.windows(2).find(|pair| tensors[pair[0]].name == tensors[pair[1]].name) {
        Some(pair) => Err(GgufError::DuplicateTensor { name: shortened(&tensors[pair[0]].name) }),
        None => Ok(by_name),
    }
}
