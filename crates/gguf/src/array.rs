//! Arrays, which may be large: a vocabulary has hundreds of thousands of strings.

use std::{
    fmt,
    io::{Read, Seek, SeekFrom},
    ops::Range,
};

use crate::{
    cursor::{Cursor, Stop, StringsSoFar},
    error::GgufError,
    limits::{MAX_ARRAY_NESTING, MAX_STRING_BYTES, SMALL_ARRAY, SMALL_STRING_ARRAY},
    options::ArrayMode,
    value::{self, ValueType},
};

/// Fewest bytes of a string (its length) and of an array (element type and count).
const MIN_STRING_BYTES: u64 = 8;
const MIN_ARRAY_BYTES: u64 = 12;

/// An array: what it holds and where; the elements only if they were read.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    element_type: ValueType,
    count: u64,
    start: u64,
    end: u64,
    elements: Option<Box<Elements>>,
}

impl Array {
    /// The type of every element.
    #[must_use]
    pub fn element_type(&self) -> ValueType {
        self.element_type
    }

    /// Number of elements.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Where the elements lie in the file, in bytes from its start.
    #[must_use]
    pub fn bytes(&self) -> Range<u64> {
        self.start..self.end
    }

    /// The elements, if they were read: small arrays always, others with [`ArrayMode::Read`].
    #[must_use]
    pub fn elements(&self) -> Option<&Elements> {
        self.elements.as_deref()
    }

    /// The elements as integers, if they were read and all are integers that are not negative.
    #[must_use]
    pub fn to_u64s(&self) -> Option<Vec<u64>> {
        self.elements().and_then(Elements::to_u64s)
    }

    /// Reads the elements of an array that was skipped, from the source the header came from.
    /// Arrays within it are read too.
    pub fn load<R: Read + Seek>(&self, reader: &mut R) -> Result<Elements, GgufError> {
        if let Some(elements) = self.elements() {
            return Ok(elements.clone());
        }
        let length = self.end - self.start;
        let mut bytes = Vec::new();
        reader
            .seek(SeekFrom::Start(self.start))
            .and_then(|_| reader.by_ref().take(length).read_to_end(&mut bytes))
            .map_err(|source| GgufError::Io { path: None, source })?;
        let actual = self.start + bytes.len() as u64;
        let mut cursor = Cursor::part(&bytes, self.start);
        // Depth 1 suffices for what is left: nesting was checked when the array was first walked.
        read_elements(&mut cursor, self.element_type, self.count, ArrayMode::Read, 1).map_err(|stop| {
            match stop {
                Stop::Bad(error) => error,
                Stop::Short(short) => GgufError::TruncatedHeader { needed: short.needed, actual },
            }
        })
    }
}

impl fmt::Display for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} x {}]", self.element_type, self.count)
    }
}

/// The elements of an array, one vector for each element type.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each variant is the element type it is named after")]
pub enum Elements {
    U8(Vec<u8>),
    I8(Vec<i8>),
    U16(Vec<u16>),
    I16(Vec<i16>),
    U32(Vec<u32>),
    I32(Vec<i32>),
    F32(Vec<f32>),
    Bool(Vec<bool>),
    String(Strings),
    Array(Vec<Array>),
    U64(Vec<u64>),
    I64(Vec<i64>),
    F64(Vec<f64>),
}

/// One element of an array, whatever its type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Element<'a> {
    /// An integer that is not negative by its type.
    Unsigned(u64),
    /// An integer.
    Signed(i64),
    /// A float of 32 bits.
    F32(f32),
    /// A float of 64 bits.
    F64(f64),
    /// A truth value.
    Bool(bool),
    /// A string's bytes, which may not be UTF-8.
    String(&'a [u8]),
    /// An array within the array.
    Array(&'a Array),
}

impl Elements {
    /// One element.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Element<'_>> {
        use Element::{Signed, Unsigned};
        Some(match self {
            Self::U8(values) => Unsigned((*values.get(index)?).into()),
            Self::U16(values) => Unsigned((*values.get(index)?).into()),
            Self::U32(values) => Unsigned((*values.get(index)?).into()),
            Self::U64(values) => Unsigned(*values.get(index)?),
            Self::I8(values) => Signed((*values.get(index)?).into()),
            Self::I16(values) => Signed((*values.get(index)?).into()),
            Self::I32(values) => Signed((*values.get(index)?).into()),
            Self::I64(values) => Signed(*values.get(index)?),
            Self::F32(values) => Element::F32(*values.get(index)?),
            Self::F64(values) => Element::F64(*values.get(index)?),
            Self::Bool(values) => Element::Bool(*values.get(index)?),
            Self::String(values) => Element::String(values.get(index)?),
            Self::Array(values) => Element::Array(values.get(index)?),
        })
    }

    /// `count` elements from the one at `from` on, or as many as there are.
    pub fn range(&self, from: usize, count: usize) -> impl Iterator<Item = Element<'_>> {
        (from..from.saturating_add(count)).map_while(|index| self.get(index))
    }

    /// Number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::U8(values) => values.len(),
            Self::I8(values) => values.len(),
            Self::U16(values) => values.len(),
            Self::I16(values) => values.len(),
            Self::U32(values) => values.len(),
            Self::I32(values) => values.len(),
            Self::F32(values) => values.len(),
            Self::Bool(values) => values.len(),
            Self::String(values) => values.len(),
            Self::Array(values) => values.len(),
            Self::U64(values) => values.len(),
            Self::I64(values) => values.len(),
            Self::F64(values) => values.len(),
        }
    }

    /// Whether there is no element.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements as integers, if all are integers that are not negative.
    #[must_use]
    pub fn to_u64s(&self) -> Option<Vec<u64>> {
        fn convert<T: Copy + TryInto<u64>>(values: &[T]) -> Option<Vec<u64>> {
            values.iter().map(|&value| value.try_into().ok()).collect()
        }
        match self {
            Self::U8(values) => convert(values),
            Self::I8(values) => convert(values),
            Self::U16(values) => convert(values),
            Self::I16(values) => convert(values),
            Self::U32(values) => convert(values),
            Self::I32(values) => convert(values),
            Self::U64(values) => Some(values.clone()),
            Self::I64(values) => convert(values),
            Self::F32(_) | Self::Bool(_) | Self::String(_) | Self::Array(_) | Self::F64(_) => None,
        }
    }

    /// The elements as truth values, if that is what they are.
    #[must_use]
    pub fn as_bools(&self) -> Option<&[bool]> {
        match self {
            Self::Bool(values) => Some(values),
            _ => None,
        }
    }

    /// The elements as strings, if that is what they are.
    #[must_use]
    pub fn as_strings(&self) -> Option<&Strings> {
        match self {
            Self::String(values) => Some(values),
            _ => None,
        }
    }
}

/// Many strings in one buffer: a vocabulary takes little more memory than it has bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Strings {
    bytes: Vec<u8>,
    /// End of each string in `bytes`.
    ends: Vec<usize>,
}

impl Strings {
    /// Number of strings.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The bytes of one string, which may not be UTF-8.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(&self.bytes[start..end])
    }

    /// All strings in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    fn push(&mut self, string: &[u8]) {
        self.bytes.extend_from_slice(string);
        self.ends.push(self.bytes.len());
    }
}

/// Reads an array that is a metadata value.
pub(crate) fn read(cursor: &mut Cursor<'_>, mode: ArrayMode) -> Result<Array, Stop> {
    read_nested(cursor, mode, 1)
}

fn read_nested(cursor: &mut Cursor<'_>, mode: ArrayMode, depth: u32) -> Result<Array, Stop> {
    let at = cursor.position();
    if depth > MAX_ARRAY_NESTING {
        return Err(GgufError::NestedTooDeep { at, limit: MAX_ARRAY_NESTING }.into());
    }
    let element_type = value::read_type(cursor)?;
    let count = cursor.u64()?;
    let start = cursor.position();
    let elements = if is_read(element_type, count, mode) {
        Some(Box::new(read_elements(cursor, element_type, count, mode, depth)?))
    } else {
        skip_elements(cursor, element_type, count, depth)?;
        None
    };
    Ok(Array { element_type, count, start, end: cursor.position(), elements })
}

fn is_read(element_type: ValueType, count: u64, mode: ArrayMode) -> bool {
    let small = match element_type {
        ValueType::String => SMALL_STRING_ARRAY,
        ValueType::Array => 0,
        _ => SMALL_ARRAY,
    };
    mode == ArrayMode::Read || count <= small
}

/// The bytes that `count` elements take at least.
fn least_bytes(element_type: ValueType, count: u64) -> u64 {
    let each = match element_type {
        ValueType::String => MIN_STRING_BYTES,
        ValueType::Array => MIN_ARRAY_BYTES,
        fixed => fixed.fixed_bytes().unwrap_or(1),
    };
    count.saturating_mul(each)
}

fn skip_elements(
    cursor: &mut Cursor<'_>,
    element_type: ValueType,
    count: u64,
    depth: u32,
) -> Result<(), Stop> {
    let least = least_bytes(element_type, count);
    match element_type {
        ValueType::String => each_string(cursor, count, |_| ())?,
        ValueType::Array => {
            cursor.require(least)?;
            for _ in 0..count {
                read_nested(cursor, ArrayMode::Skip, depth + 1)?;
            }
        }
        _ => {
            cursor.take(least)?;
        }
    }
    Ok(())
}

fn read_elements(
    cursor: &mut Cursor<'_>,
    element_type: ValueType,
    count: u64,
    mode: ArrayMode,
    depth: u32,
) -> Result<Elements, Stop> {
    let least = least_bytes(element_type, count);
    Ok(match element_type {
        ValueType::U8 => Elements::U8(cursor.take(least)?.to_vec()),
        ValueType::I8 => Elements::I8(numbers(cursor.take(least)?, i8::from_le_bytes)),
        ValueType::U16 => Elements::U16(numbers(cursor.take(least)?, u16::from_le_bytes)),
        ValueType::I16 => Elements::I16(numbers(cursor.take(least)?, i16::from_le_bytes)),
        ValueType::U32 => Elements::U32(numbers(cursor.take(least)?, u32::from_le_bytes)),
        ValueType::I32 => Elements::I32(numbers(cursor.take(least)?, i32::from_le_bytes)),
        ValueType::F32 => Elements::F32(numbers(cursor.take(least)?, f32::from_le_bytes)),
        ValueType::U64 => Elements::U64(numbers(cursor.take(least)?, u64::from_le_bytes)),
        ValueType::I64 => Elements::I64(numbers(cursor.take(least)?, i64::from_le_bytes)),
        ValueType::F64 => Elements::F64(numbers(cursor.take(least)?, f64::from_le_bytes)),
        ValueType::Bool => {
            let mut values = Vec::with_capacity(cursor.require(least)?);
            for _ in 0..count {
                values.push(value::read_bool(cursor)?);
            }
            Elements::Bool(values)
        }
        ValueType::String => {
            let mut strings = Strings::default();
            each_string(cursor, count, |string| strings.push(string))?;
            Elements::String(strings)
        }
        ValueType::Array => {
            cursor.require(least)?;
            let mut arrays = Vec::new();
            for _ in 0..count {
                arrays.push(read_nested(cursor, mode, depth + 1)?);
            }
            Elements::Array(arrays)
        }
    })
}

/// Walks the strings of an array. Where the bytes end, the strings before tell how long the rest may be.
fn each_string<'a>(cursor: &mut Cursor<'a>, count: u64, mut take: impl FnMut(&'a [u8])) -> Result<(), Stop> {
    let start = cursor.position();
    for done in 0..count {
        let bytes = cursor.position() - start;
        match cursor.string(MAX_STRING_BYTES) {
            Ok(string) => take(string),
            Err(Stop::Short(mut short)) => {
                let left = count - done - 1;
                let least = left.saturating_mul(MIN_STRING_BYTES);
                short.needed = short.needed.saturating_add(least);
                short.strings = Some(StringsSoFar { done, bytes, left });
                return Err(Stop::Short(short));
            }
            Err(bad) => return Err(bad),
        }
    }
    Ok(())
}

fn numbers<const N: usize, T>(bytes: &[u8], convert: impl Fn([u8; N]) -> T) -> Vec<T> {
    let (chunks, _) = bytes.as_chunks::<N>();
    chunks.iter().map(|chunk| convert(*chunk)).collect()
}
