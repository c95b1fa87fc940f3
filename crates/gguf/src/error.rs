//! Everything that can be wrong with a GGUF file, each with its remedy.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::sniff::LooksLike;

/// Why a header could not be read. `Display` is the cause on one line, [`GgufError::remedy`] what to
/// do about it. Offsets and lengths are in bytes from the start of the file.
#[derive(Debug, thiserror::Error)]
pub enum GgufError {
    /// There is no such file.
    #[error("there is no file {}", path.display())]
    NotFound {
        /// The path as given.
        path: PathBuf,
    },
    /// The file exists and may not be read.
    #[error("no permission to read {}", path.display())]
    PermissionDenied {
        /// The path as given.
        path: PathBuf,
    },
    /// The path is a folder.
    #[error("{} is a folder, not a file", path.display())]
    IsDirectory {
        /// The path as given.
        path: PathBuf,
    },
    /// The path is a device, a pipe or a socket.
    #[error("{} is not a regular file", path.display())]
    NotAFile {
        /// The path as given.
        path: PathBuf,
    },
    /// Reading failed for another reason.
    #[error("reading {} failed: {source}", named(path.as_deref()))]
    Io {
        /// The path, if the source has one.
        path: Option<PathBuf>,
        /// What the operating system said.
        source: io::Error,
    },

    /// A pattern for tensor names is no regular expression, or not one that is supported here.
    #[error("'{pattern}' is no pattern for tensor names: {cause}")]
    InvalidPattern {
        /// The pattern as given.
        pattern: String,
        /// What is wrong with it.
        cause: String,
    },

    /// The file is something else.
    #[error("not a GGUF file: {looks_like}")]
    NotGguf {
        /// What its first bytes look like.
        looks_like: LooksLike,
    },
    /// The file was written for big-endian machines.
    #[error("this GGUF file is big-endian (version {version}); only little-endian files can be used")]
    BigEndian {
        /// Its version, read in its own byte order.
        version: u32,
    },
    /// The version of the format is not 2 or 3.
    #[error("GGUF version {version} is not supported (versions 2 and 3 are)")]
    UnsupportedVersion {
        /// The version the file names.
        version: u32,
    },
    /// The file ends before its header does.
    #[error("the file ends within its header: it has {actual} bytes, the header takes at least {needed}")]
    TruncatedHeader {
        /// Bytes the file must have at least.
        needed: u64,
        /// Bytes it has.
        actual: u64,
    },
    /// The header claims a size that no real header has.
    #[error("the header claims to take at least {needed} bytes (at most {limit} are accepted)")]
    HeaderTooLarge {
        /// Bytes the header claims at least; `u64::MAX` stands for anything larger.
        needed: u64,
        /// [`crate::MAX_HEADER_BYTES`].
        limit: u64,
    },

    /// A string is longer than is accepted.
    #[error("the string at byte {at} claims {length} bytes (at most {limit} are accepted here)")]
    StringTooLong {
        /// Where its length stands.
        at: u64,
        /// Its length.
        length: u64,
        /// The most that is accepted for this kind of string.
        limit: u64,
    },
    /// A metadata key is empty or not UTF-8.
    #[error("the metadata key at byte {at} is empty or not text")]
    InvalidKey {
        /// Where the entry begins.
        at: u64,
    },
    /// Two metadata entries have the same key.
    #[error("the metadata key {key:?} occurs twice")]
    DuplicateKey {
        /// The key, shortened if very long.
        key: String,
    },
    /// A value has a type id that the format does not define.
    #[error("unknown metadata value type {id} at byte {at}")]
    UnknownValueType {
        /// Where the id stands.
        at: u64,
        /// The id.
        id: u32,
    },
    /// A boolean is neither 0 nor 1.
    #[error("the boolean at byte {at} is {value}, neither 0 nor 1")]
    InvalidBool {
        /// Where it stands.
        at: u64,
        /// What stands there.
        value: u8,
    },
    /// Arrays within arrays within arrays.
    #[error("arrays are nested more than {limit} deep at byte {at}")]
    NestedTooDeep {
        /// Where the array too many begins.
        at: u64,
        /// [`crate::MAX_ARRAY_NESTING`].
        limit: u32,
    },
    /// `general.alignment` is not a power of two, or no integer.
    #[error("general.alignment is {value}, not a power of two")]
    InvalidAlignment {
        /// The value as text.
        value: String,
    },

    /// A tensor's name is empty or not UTF-8.
    #[error("the tensor name at byte {at} is empty or not text")]
    InvalidTensorName {
        /// Where the tensor's entry begins.
        at: u64,
    },
    /// Two tensors have the same name.
    #[error("the tensor {name:?} occurs twice")]
    DuplicateTensor {
        /// The name, shortened if very long.
        name: String,
    },
    /// A tensor has more dimensions than are accepted.
    #[error("the tensor {name:?} has {dimensions} dimensions (at most {limit} are accepted)")]
    TooManyDimensions {
        /// The tensor.
        name: String,
        /// Its number of dimensions.
        dimensions: u32,
        /// [`crate::MAX_DIMENSIONS`].
        limit: u32,
    },
    /// A tensor's number of elements or bytes, or its end, is beyond what a file can hold.
    #[error("the tensor {name:?} is larger than any file can be")]
    TensorTooLarge {
        /// The tensor.
        name: String,
    },
    /// A tensor's rows cannot be cut into whole blocks of its type.
    #[error("the tensor {name:?} has rows of {row} elements, not a multiple of {block}")]
    PartialBlock {
        /// The tensor.
        name: String,
        /// Elements of a row (the first dimension).
        row: u64,
        /// Elements of a block of its type.
        block: u64,
    },
    /// A tensor does not begin at a multiple of the file's alignment.
    #[error("the tensor {name:?} begins at {offset}, not a multiple of the alignment {alignment}")]
    MisalignedTensor {
        /// The tensor.
        name: String,
        /// Its offset within the tensor data.
        offset: u64,
        /// The file's alignment.
        alignment: u64,
    },
    /// Two tensors share bytes. Only [`crate::Header::check_complete`] finds this.
    #[error("the tensors {first:?} and {second:?} overlap")]
    OverlappingTensors {
        /// The one that begins first.
        first: String,
        /// The one that begins before the other ends.
        second: String,
    },
    /// The header is whole and no tensor data follows. Only [`crate::Header::check_complete`] finds this.
    #[error("only the header is there: the file has {actual} bytes of {expected}")]
    TensorDataMissing {
        /// Bytes the whole file has.
        expected: u64,
        /// Bytes this file has.
        actual: u64,
    },
    /// The tensor data ends early. Only [`crate::Header::check_complete`] finds this.
    #[error("the file is incomplete: it has {actual} bytes of {expected}")]
    TruncatedData {
        /// Bytes the whole file has.
        expected: u64,
        /// Bytes this file has.
        actual: u64,
    },

    /// A file of a split model is not where its siblings are.
    #[error("a part of the model is missing: there is no file {} (the model has {count} files)", path.display())]
    ShardNotFound {
        /// Where it should be.
        path: PathBuf,
        /// Files of the model.
        count: u64,
    },
    /// A file of a split model is not named as one, so that its siblings cannot be found.
    #[error(
        "{} is one of {count} files of a model, but its name does not end in -0000N-of-{count:05}.gguf",
        path.display()
    )]
    ShardName {
        /// The path as given.
        path: PathBuf,
        /// Files of the model.
        count: u64,
    },
    /// A file says of itself that it is another part of the model, or part of no such model.
    #[error("file {} of {count} does not say of itself that it is this part of a model", place + 1)]
    ShardOrder {
        /// Its place among the files, from 0.
        place: u64,
        /// Files that were given.
        count: u64,
    },
    /// The files of a split model do not have all of its tensors.
    #[error("the files of the model have {actual} tensors, the first file announces {expected}")]
    ShardTensors {
        /// Tensors that the first file announces.
        expected: u64,
        /// Tensors that all files have.
        actual: u64,
    },
}

impl GgufError {
    /// The cause on one line, for a message that has named the file before: it says "it" instead of the path.
    #[must_use]
    pub fn cause(&self) -> String {
        match self {
            Self::PermissionDenied { .. } => "no permission to read it".to_owned(),
            Self::IsDirectory { .. } => "it is a folder, not a file".to_owned(),
            Self::NotAFile { .. } => "it is not a regular file".to_owned(),
            Self::Io { source, .. } => format!("reading it failed: {source}"),
            Self::ShardName { count, .. } => format!(
                "it is one of {count} files of a model, but its name does not end in -0000N-of-{count:05}.gguf"
            ),
            other => other.to_string(),
        }
    }

    /// What the user can do, as one sentence.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "Check the path; relative paths start at the current folder.",
            Self::PermissionDenied { .. } => {
                "Give your user the right to read the file, or copy it to where you may read."
            }
            Self::IsDirectory { .. } => "Name the .gguf file inside the folder.",
            Self::NotAFile { .. } => "Save the model as an ordinary file and name that.",
            Self::Io { .. } => "Check the disk or network drive the file is on, then try again.",
            Self::InvalidPattern { .. } => {
                "Write the pattern as llama.cpp takes it, without looking ahead and without references back."
            }
            Self::NotGguf { looks_like } => looks_like.remedy(),
            Self::BigEndian { .. } => {
                "Download the ordinary (little-endian) file, or convert this one with llama.cpp's \
                 gguf_convert_endian.py."
            }
            Self::UnsupportedVersion { version: 0 | 1 } => {
                "Download a current conversion of the model, or convert it again with llama.cpp's \
                 convert_hf_to_gguf.py."
            }
            Self::UnsupportedVersion { .. } => {
                "The file is newer than this program or damaged: update the program, or download \
                 the file again."
            }
            Self::TruncatedHeader { .. } | Self::TensorDataMissing { .. } | Self::TruncatedData { .. } => {
                "The download did not finish: continue it or download the file again."
            }
            Self::ShardNotFound { .. } => {
                "Download all files of the model into one folder and keep their names."
            }
            Self::ShardName { .. } => "Give the files of the model the names they were published with.",
            Self::ShardOrder { .. } | Self::ShardTensors { .. } => {
                "The files belong to different models or versions: download all of them again from one \
                 place."
            }
            Self::OverlappingTensors { .. } => {
                "The file is damaged or uses a variant of a tensor type that only a fork of \
                 llama.cpp knows: download another conversion of the model."
            }
            Self::HeaderTooLarge { .. }
            | Self::StringTooLong { .. }
            | Self::InvalidKey { .. }
            | Self::DuplicateKey { .. }
            | Self::UnknownValueType { .. }
            | Self::InvalidBool { .. }
            | Self::NestedTooDeep { .. }
            | Self::InvalidAlignment { .. }
            | Self::InvalidTensorName { .. }
            | Self::DuplicateTensor { .. }
            | Self::TooManyDimensions { .. }
            | Self::TensorTooLarge { .. }
            | Self::PartialBlock { .. }
            | Self::MisalignedTensor { .. } => {
                "The file is damaged or was written by a faulty converter: compare its checksum \
                 with the publisher's, and download it again."
            }
        }
    }

    /// The error for a failure to open or read `path`.
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::NotFound => Self::NotFound { path },
            io::ErrorKind::PermissionDenied => Self::PermissionDenied { path },
            io::ErrorKind::IsADirectory => Self::IsDirectory { path },
            _ => Self::Io { path: Some(path), source },
        }
    }
}

fn named(path: Option<&Path>) -> String {
    path.map_or_else(|| "the file".to_owned(), |path| path.display().to_string())
}

/// A name for a message: what a hostile file calls itself can be kilobytes long.
pub(crate) fn shortened(name: &str) -> String {
    const LONGEST: usize = 100;
    match name.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &name[..end]),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_leave_the_path_out_and_nothing_else() {
        let path = || PathBuf::from("a");
        let disk = io::Error::other("a disk");
        for (error, cause) in [
            (GgufError::IsDirectory { path: path() }, "it is a folder, not a file"),
            (GgufError::NotAFile { path: path() }, "it is not a regular file"),
            (GgufError::PermissionDenied { path: path() }, "no permission to read it"),
            (GgufError::Io { path: Some(path()), source: disk }, "reading it failed: a disk"),
            (
                GgufError::UnsupportedVersion { version: 4 },
                "GGUF version 4 is not supported (versions 2 and 3 are)",
            ),
        ] {
            assert_eq!(error.cause(), cause);
        }
        let shard = GgufError::ShardName { path: path(), count: 3 };
        assert_eq!(shard.to_string(), shard.cause().replacen("it", "a", 1));
    }
}
