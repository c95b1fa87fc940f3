//! Models split into several files by llama.cpp's `llama-gguf-split`.

use std::path::{Path, PathBuf};

use crate::{
    error::{GgufError, shortened},
    header::Header,
    options::ReadOptions,
    parser::{Parts, sorted_by_name},
};

/// One file of a model that is split into several. Keys: `split.no`, `split.count`,
/// `split.tensors.count` (`src/llama-arch.cpp` of llama.cpp).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Shard {
    /// Which file this is, from 0; its name counts from 1.
    pub index: u64,
    /// How many there are.
    pub count: u64,
    /// Tensors in all files together, if the file says it.
    pub tensor_count: Option<u64>,
}

/// The names of all files of a split model, in order, given the name of one of them:
/// `model-00001-of-00003.gguf` (`llama_split_path` of llama.cpp). `None` for any other name.
#[must_use]
pub fn shard_names(name: &str) -> Option<Vec<String>> {
    let (stem, count) = name.strip_suffix(".gguf")?.rsplit_once("-of-")?;
    let (stem, number) = stem.rsplit_once('-')?;
    let (number, last) = (five_digits(number)?, five_digits(count)?);
    (1..=last)
        .contains(&number)
        .then(|| (1..=last).map(|n| format!("{stem}-{n:05}-of-{count}.gguf")).collect())
}

/// The paths of all files of a split model, in order, given the path of one of them; see
/// [`shard_names`]. Whether they exist is not looked at.
#[must_use]
pub fn shard_paths(path: &Path) -> Option<Vec<PathBuf>> {
    let names = shard_names(path.file_name()?.to_str()?)?;
    Some(names.into_iter().map(|name| path.with_file_name(name)).collect())
}

fn five_digits(text: &str) -> Option<u32> {
    let digits = text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

impl Header {
    /// Which file of a split model this is; `None` if it is a whole model.
    #[must_use]
    pub fn shard(&self) -> Option<Shard> {
        let metadata = self.metadata();
        let count = metadata.get_u64("split.count").filter(|&count| count > 1)?;
        Some(Shard {
            index: metadata.get_u64("split.no")?,
            count,
            tensor_count: metadata.get_u64("split.tensors.count"),
        })
    }

    /// Reads the header of a model, without large arrays. If it is split, any of its files can be
    /// named; all of them are read and [merged](Header::merged).
    pub fn open_model(path: impl AsRef<Path>) -> Result<Self, GgufError> {
        Self::open_model_with(path, ReadOptions::default())
    }

    /// Reads the header of a model; see [`Header::open_model`].
    pub fn open_model_with(path: impl AsRef<Path>, options: ReadOptions) -> Result<Self, GgufError> {
        let path = path.as_ref();
        let header = Self::open_with(path, options)?;
        let Some(shard) = header.shard() else {
            return Ok(header);
        };
        let paths = shard_paths(path)
            .filter(|paths| paths.len() as u64 == shard.count)
            .ok_or_else(|| GgufError::ShardName { path: path.to_path_buf(), count: shard.count })?;
        let headers = paths
            .into_iter()
            .map(|path| {
                Self::open_with(&path, options).map_err(|error| match error {
                    GgufError::NotFound { path } => GgufError::ShardNotFound { path, count: shard.count },
                    other => other,
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        Self::merged(headers)
    }

    /// The header of a split model as a whole, from the headers of all its files in order: the
    /// metadata of the first, without `split.…`, and the tensors of all, their data laid out one file
    /// after the other. Facts, sizes and completeness then are those of the model.
    ///
    /// [`Header::file_len`] is what the whole would have, less what is missing of the files;
    /// [`Header::header_bytes`] and the places of arrays are those of the first file.
    pub fn merged(headers: Vec<Self>) -> Result<Self, GgufError> {
        check_order(&headers)?;
        let data: Vec<Data> = headers.iter().map(Data::of).collect();
        let file_lens_known = headers.iter().all(|header| header.file_len().is_some());
        let alignment = headers.iter().map(Self::alignment).max().unwrap_or(1);

        let mut parts = headers.into_iter().map(Self::into_parts);
        let Some(mut whole) = parts.next() else {
            return Err(GgufError::ShardOrder { place: 0, count: 0 });
        };
        whole.metadata = whole.metadata.without("split.")?;
        let mut base = 0_u64;
        for (part, before) in parts.zip(&data) {
            base = base.saturating_add(before.span);
            base = base.checked_next_multiple_of(alignment).unwrap_or(u64::MAX);
            append(&mut whole, part, base)?;
        }
        whole.by_name = sorted_by_name(&whole.tensors)?;

        let missing = data.iter().fold(0_u64, |sum, data| sum.saturating_add(data.missing));
        let beyond = data.last().filter(|_| missing == 0).map_or(0, |data| data.beyond);
        let merged = Self::from_parts(whole, None);
        let file_len = merged.expected_file_bytes().saturating_add(beyond);
        let file_len = file_lens_known.then(|| file_len.saturating_sub(missing));
        Ok(Self::from_parts(merged.into_parts(), file_len))
    }
}

/// The tensor data of one file.
struct Data {
    /// Bytes from the start of the data to the end of the file it should be.
    span: u64,
    /// Bytes that the file lacks of that.
    missing: u64,
    /// Bytes of the file after what its tensors are known to take.
    beyond: u64,
}

impl Data {
    fn of(header: &Header) -> Self {
        let expected = header.expected_file_bytes();
        let length = header.file_len().unwrap_or(expected);
        Self {
            span: expected.max(length).saturating_sub(header.data_offset()),
            missing: expected.saturating_sub(length),
            beyond: length.saturating_sub(expected.max(header.data_offset())),
        }
    }
}

/// Moves the tensors of a file behind those of the files before, `base` bytes further.
fn append(whole: &mut Parts, part: Parts, base: u64) -> Result<(), GgufError> {
    for mut tensor in part.tensors {
        let size = tensor.byte_size().unwrap_or(0);
        let end = tensor.offset.saturating_add(base).saturating_add(size);
        if i64::try_from(end).is_err() {
            let name = shortened(&tensor.name);
            return Err(GgufError::TensorTooLarge { name });
        }
        tensor.offset += base;
        whole.tensors.push(tensor);
    }
    Ok(())
}

/// Every header must be the file its place says, and together they must have all tensors.
fn check_order(headers: &[Header]) -> Result<(), GgufError> {
    let count = headers.len() as u64;
    for (place, header) in (0..).zip(headers) {
        let whole = count == 1 && header.shard().is_none();
        let in_place = |shard: Shard| shard.index == place && shard.count == count;
        if !whole && !header.shard().is_some_and(in_place) {
            return Err(GgufError::ShardOrder { place, count });
        }
    }
    let actual = headers.iter().map(|header| header.tensors().len() as u64).sum();
    let announced = headers.first().and_then(Header::shard);
    match announced.and_then(|shard| shard.tensor_count) {
        Some(expected) if expected != actual => Err(GgufError::ShardTensors { expected, actual }),
        _ => Ok(()),
    }
}
