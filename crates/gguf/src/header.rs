//! A header as a whole.

use std::{
    io::{Read, Seek},
    path::Path,
};

use crate::{
    error::{GgufError, shortened},
    layers::PerLayer,
    metadata::Metadata,
    options::ReadOptions,
    parser::{Parser, Parts, Step},
    source,
    tensor::TensorInfo,
    value::Value,
};

/// The header of a GGUF file.
#[derive(Debug, Clone)]
pub struct Header {
    parts: Parts,
    file_len: Option<u64>,
}

/// What the first bytes of a file gave.
#[derive(Debug, Clone)]
pub enum Parsed {
    /// The whole header.
    Complete(Box<Header>),
    /// The header goes on after the bytes that were given.
    NeedMore {
        /// How long the prefix must be at least, in bytes from the start of the file. The header
        /// may well be longer: double the prefix if that is more.
        at_least: u64,
    },
}

impl Header {
    /// Reads the header of a file, without large arrays.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, GgufError> {
        Self::open_with(path, ReadOptions::default())
    }

    /// Reads the header of a file.
    pub fn open_with(path: impl AsRef<Path>, options: ReadOptions) -> Result<Self, GgufError> {
        let path = path.as_ref();
        let (mut file, length) = source::open(path)?;
        source::read(&mut file, length, options).map_err(|error| match error {
            GgufError::Io { path: None, source } => GgufError::io(path, source),
            other => other,
        })
    }

    /// Reads a header from the start of `reader`, without large arrays. No buffering is needed.
    ///
    /// `file_len` is the length of the whole file in bytes; `None` asks the reader. Where the reader
    /// ends earlier, what it has counts.
    pub fn read<R: Read + Seek>(reader: R, file_len: Option<u64>) -> Result<Self, GgufError> {
        Self::read_with(reader, file_len, ReadOptions::default())
    }

    /// Reads a header from the start of `reader`; see [`Header::read`].
    pub fn read_with<R: Read + Seek>(
        mut reader: R,
        file_len: Option<u64>,
        options: ReadOptions,
    ) -> Result<Self, GgufError> {
        let total = match file_len {
            Some(length) => length,
            None => source::length(&mut reader)?,
        };
        source::read(&mut reader, total, options)
    }

    /// Reads the header from the first bytes of a file, without large arrays.
    ///
    /// `total_len` is the length of the whole file in bytes, if it is known. Give it: a header that
    /// would not fit is then refused at once. When a source turns out to have no more bytes, call
    /// again with what it had as `total_len`.
    ///
    /// Each call starts from the beginning, so let the prefix grow by doubling, or use
    /// [`crate::HeaderStream`], which goes on where it stopped and says what to read next.
    pub fn from_prefix(prefix: &[u8], total_len: Option<u64>) -> Result<Parsed, GgufError> {
        Self::from_prefix_with(prefix, total_len, ReadOptions::default())
    }

    /// Reads the header from the first bytes of a file; see [`Header::from_prefix`].
    pub fn from_prefix_with(
        prefix: &[u8],
        total_len: Option<u64>,
        options: ReadOptions,
    ) -> Result<Parsed, GgufError> {
        Ok(match Parser::new(options).advance(prefix, total_len)? {
            Step::Done(parts) => Parsed::Complete(Box::new(Self::from_parts(parts, total_len))),
            Step::NeedMore(missing) => Parsed::NeedMore { at_least: missing.at_least },
        })
    }

    pub(crate) fn into_parts(self) -> Parts {
        self.parts
    }

    pub(crate) fn from_parts(parts: Parts, file_len: Option<u64>) -> Self {
        Self { parts, file_len }
    }

    /// The version of the format, 2 or 3.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.parts.version
    }

    /// The metadata.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.parts.metadata
    }

    /// The tensors, in file order.
    #[must_use]
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.parts.tensors
    }

    /// The tensor of this name.
    #[must_use]
    pub fn tensor(&self, name: &str) -> Option<&TensorInfo> {
        let Parts { tensors, by_name, .. } = &self.parts;
        let found = by_name.binary_search_by(|&index| tensors[index].name.as_str().cmp(name));
        found.ok().map(|at| &tensors[by_name[at]])
    }

    /// What tensor data is aligned to, in bytes: `general.alignment`, by default 32.
    #[must_use]
    pub fn alignment(&self) -> u64 {
        self.parts.alignment
    }

    /// Length of the header in bytes, without the padding that follows it.
    #[must_use]
    pub fn header_bytes(&self) -> u64 {
        self.parts.header_bytes
    }

    /// Where the tensor data begins, in bytes from the start of the file.
    #[must_use]
    pub fn data_offset(&self) -> u64 {
        self.parts.header_bytes.next_multiple_of(self.parts.alignment)
    }

    /// Length of the file in bytes, if it was known when the header was read.
    #[must_use]
    pub fn file_len(&self) -> Option<u64> {
        self.file_len
    }

    /// `general.architecture`, if it is text.
    #[must_use]
    pub fn architecture(&self) -> Option<&str> {
        self.metadata().get_str("general.architecture")
    }

    /// The value of `{architecture}.{path}`, as in `arch("context_length")`.
    #[must_use]
    pub fn arch(&self, path: &str) -> Option<&Value> {
        self.metadata().get(&format!("{}.{path}", self.architecture()?))
    }

    /// An integer below the architecture's prefix; see [`Header::arch`].
    #[must_use]
    pub fn arch_u64(&self, path: &str) -> Option<u64> {
        self.arch(path)?.as_u64()
    }

    /// A float below the architecture's prefix; see [`Header::arch`].
    #[must_use]
    pub fn arch_f32(&self, path: &str) -> Option<f32> {
        self.arch(path)?.as_f32()
    }

    /// A truth value below the architecture's prefix; see [`Header::arch`].
    #[must_use]
    pub fn arch_bool(&self, path: &str) -> Option<bool> {
        self.arch(path)?.as_bool()
    }

    /// An integer that some models give once and others for each layer, below the architecture's
    /// prefix; see [`Header::arch`].
    #[must_use]
    pub fn arch_per_layer(&self, path: &str) -> Option<PerLayer> {
        PerLayer::of(self.arch(path)?)
    }

    /// Number of elements in all tensors. The weights of a model are its parameters.
    #[must_use]
    pub fn element_count(&self) -> u64 {
        self.tensors().iter().fold(0, |sum, tensor| sum.saturating_add(tensor.elements()))
    }

    /// Bytes of all tensors without padding; `None` if one is of an unknown type
    /// ([`crate::WeightSizes`] estimates such tensors).
    #[must_use]
    pub fn tensor_bytes(&self) -> Option<u64> {
        self.tensors().iter().try_fold(0_u64, |sum, tensor| sum.checked_add(tensor.byte_size()?))
    }

    /// Bytes that the whole file has at least: up to the end of the last tensor.
    #[must_use]
    pub fn expected_file_bytes(&self) -> u64 {
        let end = |tensor: &TensorInfo| {
            let size = tensor.byte_size().unwrap_or(0);
            self.data_offset().saturating_add(tensor.offset).saturating_add(size)
        };
        self.tensors().iter().map(end).max().unwrap_or(0).max(self.header_bytes())
    }

    /// Whether all data of the model is where this header came from, as far as its length was known then.
    pub fn check_whole(&self) -> Result<(), GgufError> {
        self.file_len().map_or(Ok(()), |length| self.check_complete(length))
    }

    /// Whether a file of `file_len` bytes holds the data of all tensors, each in a place of its own.
    ///
    /// Data of an unknown type is only known to begin within the file.
    pub fn check_complete(&self, file_len: u64) -> Result<(), GgufError> {
        self.check_overlaps()?;
        let expected = self.expected_file_bytes();
        if file_len >= expected {
            Ok(())
        } else if file_len <= self.data_offset() {
            Err(GgufError::TensorDataMissing { expected, actual: file_len })
        } else {
            Err(GgufError::TruncatedData { expected, actual: file_len })
        }
    }

    fn check_overlaps(&self) -> Result<(), GgufError> {
        let tensors = self.tensors_by_offset();
        let overlap = tensors.windows(2).find(|pair| {
            pair[0].byte_size().is_some_and(|size| pair[0].offset.saturating_add(size) > pair[1].offset)
        });
        match overlap {
            Some(pair) => Err(GgufError::OverlappingTensors {
                first: shortened(&pair[0].name),
                second: shortened(&pair[1].name),
            }),
            None => Ok(()),
        }
    }

    /// The tensors in the order of their data; empty ones before others at the same place.
    pub(crate) fn tensors_by_offset(&self) -> Vec<&TensorInfo> {
        let mut tensors: Vec<_> = self.tensors().iter().collect();
        tensors.sort_by_key(|tensor| (tensor.offset, tensor.byte_size()));
        tensors
    }
}
