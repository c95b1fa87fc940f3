//! Reads the header of a safetensors file: which tensors it has, and what it is, roughly.
//!
//! The format: the length of a JSON object as 8 bytes, little-endian; that object, which gives each tensor a
//! type, a shape and its range of bytes behind the header; the bytes.

mod table;

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    path::Path,
};

use self::table::Table;
use crate::error::CheckpointError;

/// Largest header, in bytes: the limit of the format's own library.
pub const MAX_SAFETENSORS_HEADER_BYTES: u64 = 100_000_000;

/// Bytes before the header that give its length.
const LENGTH_BYTES: u64 = 8;

/// What is wrong with a safetensors header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SafetensorsError {
    /// The file ends before its header does.
    #[error("the file has {actual} bytes, and its header alone takes {needed}")]
    Truncated {
        /// Bytes up to the end of the header.
        needed: u64,
        /// Bytes there are.
        actual: u64,
    },
    /// A length that no header has.
    #[error("it says that its header has {length} bytes")]
    HeaderLength {
        /// The length in bytes.
        length: u64,
    },
    /// The header is not the JSON that it should be.
    #[error("its header cannot be read: {cause}")]
    Json {
        /// Why.
        cause: String,
    },
    /// Two tensors have one name.
    #[error("it has two tensors '{name}'")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// A tensor's range is none, or has another length than its shape and type take.
    #[error("the tensor '{name}' cannot lie in bytes {begin} to {end}")]
    Range {
        /// The tensor.
        name: String,
        /// Its first byte behind the header.
        begin: u64,
        /// The byte behind its last.
        end: u64,
    },
    /// The file ends before its tensors do.
    #[error("the file has {actual} bytes, and its tensors end at {needed}")]
    DataMissing {
        /// Bytes up to the end of the last tensor.
        needed: u64,
        /// Bytes there are.
        actual: u64,
    },
}

/// One tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SafeTensor {
    /// Its name.
    pub name: String,
    /// Its type, as in `F16`. Types that are not known are kept.
    pub dtype: String,
    /// Its shape, the outermost dimension first.
    pub shape: Vec<u64>,
    /// Where its bytes begin behind the header, and where they end.
    pub range: (u64, u64),
}

/// The header of a safetensors file.
///
/// Ranges may overlap: stable-diffusion.cpp reads files whose tensors share bytes
/// ([`SafetensorsHeader::shared_bytes`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SafetensorsHeader {
    /// The tensors, in the order of the header.
    pub tensors: Vec<SafeTensor>,
    /// What whoever wrote the file says of it.
    pub metadata: BTreeMap<String, String>,
    /// Where the bytes of the tensors begin.
    pub data_offset: u64,
}

impl SafetensorsHeader {
    /// Reads the header of the file at `path`, and whether the file is long enough for its tensors.
    pub fn open(path: &Path) -> Result<Self, CheckpointError> {
        let failed = |source: io::Error| CheckpointError::Read { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let wrong = |source| CheckpointError::Safetensors { path: path.to_owned(), source };
        let mut bytes = Vec::new();
        (&file).take(LENGTH_BYTES).read_to_end(&mut bytes).map_err(failed)?;
        let needed = Self::needs(&bytes, Some(length)).map_err(wrong)?;
        (&file).take(needed - bytes.len() as u64).read_to_end(&mut bytes).map_err(failed)?;
        Self::parse(&bytes, Some(length)).map_err(wrong)
    }

    /// How many bytes from the start of the file the header takes, of which `first` are the first 8 or more.
    /// `file_length` is that of the whole file, if it is known.
    pub fn needs(first: &[u8], file_length: Option<u64>) -> Result<u64, SafetensorsError> {
        let Some((length, rest)) = first.split_first_chunk() else {
            return Err(SafetensorsError::Truncated { needed: LENGTH_BYTES, actual: first.len() as u64 });
        };
        let length = u64::from_le_bytes(*length);
        if !(2..=MAX_SAFETENSORS_HEADER_BYTES).contains(&length)
            || rest.first().is_some_and(|&byte| byte != b'{')
        {
            return Err(SafetensorsError::HeaderLength { length });
        }
        let needed = LENGTH_BYTES + length;
        match file_length {
            Some(actual) if actual < needed => Err(SafetensorsError::Truncated { needed, actual }),
            _ => Ok(needed),
        }
    }

    /// Reads a header from the first bytes of a file, of which [`SafetensorsHeader::needs`] tells how many
    /// it takes. With the length of the whole file, the tensors must lie within it.
    pub fn parse(first: &[u8], file_length: Option<u64>) -> Result<Self, SafetensorsError> {
        let data_offset = Self::needs(first, file_length)?;
        let header = usize::try_from(data_offset).ok().and_then(|end| first.get(8..end));
        let header =
            header.ok_or(SafetensorsError::Truncated { needed: data_offset, actual: first.len() as u64 })?;
        let table: Table = serde_json::from_slice(header)
            .map_err(|error| SafetensorsError::Json { cause: error.to_string() })?;
        let Table { tensors, metadata } = table;
        for tensor in &tensors {
            tensor.check()?;
        }
        let mut names: Vec<&str> = tensors.iter().map(|tensor| tensor.name.as_str()).collect();
        names.sort_unstable();
        if let Some(two) = names.windows(2).find(|two| two[0] == two[1]) {
            return Err(SafetensorsError::Duplicate { name: short(two[0]) });
        }
        let end = tensors.iter().map(|tensor| tensor.range.1).max().unwrap_or(0);
        let needed = data_offset.saturating_add(end);
        match file_length {
            Some(actual) if actual < needed => Err(SafetensorsError::DataMissing { needed, actual }),
            _ => Ok(Self { tensors, metadata, data_offset }),
        }
    }

    /// Bytes that tensors take beyond those of the file: more than 0 where they share some.
    ///
    /// stable-diffusion.cpp reads such files; the format's own library refuses them.
    pub fn shared_bytes(&self) -> u64 {
        let mut ranges: Vec<(u64, u64)> = self.tensors.iter().map(|tensor| tensor.range).collect();
        ranges.sort_unstable();
        let mut reached = 0;
        let mut shared = 0_u64;
        for (begin, end) in ranges {
            shared = shared.saturating_add(reached.min(end).saturating_sub(begin));
            reached = reached.max(end);
        }
        shared
    }

    /// Number of elements in all tensors.
    pub fn element_count(&self) -> u64 {
        self.tensors.iter().fold(0, |sum, tensor| sum.saturating_add(tensor.elements().unwrap_or(u64::MAX)))
    }

    /// The type that takes most bytes.
    pub fn main_type(&self) -> Option<&str> {
        let mut types = BTreeMap::<&str, u64>::new();
        for tensor in &self.tensors {
            let bytes = types.entry(&tensor.dtype).or_default();
            *bytes = bytes.saturating_add(tensor.range.1 - tensor.range.0);
        }
        types.into_iter().max_by_key(|&(_, bytes)| bytes).map(|(name, _)| name)
    }
}

impl SafeTensor {
    fn elements(&self) -> Option<u64> {
        self.shape.iter().try_fold(1_u64, |product, &dimension| product.checked_mul(dimension))
    }

    fn check(&self) -> Result<(), SafetensorsError> {
        let (begin, end) = self.range;
        let taken = end.checked_sub(begin);
        let fits = match (taken, bits(&self.dtype), self.elements()) {
            (None, _, _) | (_, _, None) => false,
            (Some(taken), Some(bits), Some(elements)) => {
                elements.checked_mul(bits).is_some_and(|bits| bits.div_ceil(8) == taken)
            }
            // Of a type that is not known.
            (Some(_), None, Some(_)) => true,
        };
        if fits { Ok(()) } else { Err(SafetensorsError::Range { name: short(&self.name), begin, end }) }
    }
}

/// Bits of one element (`Dtype` of the format's own library).
fn bits(dtype: &str) -> Option<u64> {
    Some(match dtype {
        "F4" => 4,
        "F6_E2M3" | "F6_E3M2" => 6,
        "BOOL" | "U8" | "I8" | "F8_E5M2" | "F8_E4M3" | "F8_E8M0" | "F8_E4M3FNUZ" | "F8_E5M2FNUZ" => 8,
        "U16" | "I16" | "F16" | "BF16" => 16,
        "U32" | "I32" | "F32" => 32,
        "U64" | "I64" | "F64" | "C64" => 64,
        _ => return None,
    })
}

fn short(name: &str) -> String {
    name.chars().take(80).collect::<String>().escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(header: &str, data: usize) -> Vec<u8> {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header.as_bytes());
        bytes.resize(bytes.len() + data, 0);
        bytes
    }

    fn read(header: &str, data: usize) -> Result<SafetensorsHeader, SafetensorsError> {
        let bytes = file(header, data);
        SafetensorsHeader::parse(&bytes, Some(bytes.len() as u64))
    }

    const ONE: &str =
        r#"{"__metadata__":{"format":"pt"},"a.weight":{"dtype":"F16","shape":[2,3],"data_offsets":[0,12]}}"#;

    #[test]
    fn a_header_is_read() {
        let header = read(ONE, 12).unwrap();
        let tensor = &header.tensors[0];
        assert_eq!(
            (tensor.name.as_str(), tensor.shape.as_slice(), tensor.range),
            ("a.weight", &[2, 3][..], (0, 12))
        );
        assert_eq!((header.element_count(), header.main_type()), (6, Some("F16")));
        assert_eq!(header.metadata["format"], "pt");
        assert!(read("{}", 0).unwrap().tensors.is_empty());
    }

    #[test]
    fn what_cannot_be_is_refused() {
        use SafetensorsError as E;
        assert!(matches!(read(ONE, 11), Err(E::DataMissing { .. })));
        assert!(matches!(SafetensorsHeader::parse(&file(ONE, 0)[..20], None), Err(E::Truncated { .. })));
        assert!(matches!(SafetensorsHeader::parse(&[1, 0, 0], None), Err(E::Truncated { .. })));
        assert!(matches!(SafetensorsHeader::parse(&[0xff; 16], None), Err(E::HeaderLength { .. })));
        assert!(matches!(read("[]", 0), Err(E::HeaderLength { .. })));
        assert!(matches!(read("{\"a\":1}", 0), Err(E::Json { .. })));
        let tensor = |dtype: &str, shape: &str, range: &str| {
            read(&format!(r#"{{"a":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{range}}}}}"#), 100)
        };
        for (dtype, shape, range) in [
            ("F16", "[2,3]", "[0,13]"),
            ("F16", "[2,3]", "[12,0]"),
            ("F32", "[18446744073709551615,2]", "[0,8]"),
            ("NEW", "[18446744073709551615,2]", "[0,8]"),
            ("F32", "[4611686018427387904]", "[0,0]"),
        ] {
            assert!(matches!(tensor(dtype, shape, range), Err(E::Range { .. })), "{dtype} {shape} {range}");
        }
        assert!(tensor("NEW", "[3]", "[0,8]").is_ok() && tensor("F4", "[3]", "[0,2]").is_ok());
        assert!(matches!(tensor("F32", "[-1]", "[0,8]"), Err(E::Json { .. })));
        let two = r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#;
        assert_eq!(read(two, 1), Err(E::Duplicate { name: "a".into() }));
        let deep = format!("{{\"a\":{}", "[".repeat(100_000));
        assert!(matches!(read(&deep, 0), Err(E::Json { .. })));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..300), length: Option<u64>) {
            let _ = SafetensorsHeader::parse(&bytes, length);
        }

        #[test]
        fn any_header_is_an_answer(at in 0_usize..200, byte: u8, cut in 0_usize..200) {
            let mut bytes = file(ONE, 12);
            let count = bytes.len();
            bytes[at % count] = byte;
            let _ = SafetensorsHeader::parse(&bytes, Some(count as u64));
            let _ = SafetensorsHeader::parse(&bytes[..cut % count], None);
        }
    }
}
