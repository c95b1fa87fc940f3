//! One tensor of a checkpoint.

use std::fmt;

use loadmaster_gguf::TensorType;

/// How the elements of a tensor are encoded in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Encoding {
    /// A type that ggml has too, quantised or not.
    Ggml(TensorType),
    /// 8-bit floats of safetensors, which ggml expands to 16 bits.
    F8,
    /// Another type of safetensors, by its name.
    Other(String),
}

impl Encoding {
    /// The encoding that a safetensors header calls so.
    pub fn of_safetensors(dtype: &str) -> Self {
        Self::Ggml(match dtype {
            "F64" => TensorType::F64,
            "F32" => TensorType::F32,
            "F16" => TensorType::F16,
            "BF16" => TensorType::BF16,
            "I64" => TensorType::I64,
            "I32" => TensorType::I32,
            "F8_E4M3" | "F8_E5M2" => return Self::F8,
            other => return Self::Other(other.to_owned()),
        })
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ggml(kind) => kind.fmt(f),
            Self::F8 => f.write_str("F8"),
            Self::Other(name) => f.write_str(name),
        }
    }
}

/// A tensor: its name, shape and encoding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// The name as it is in the file.
    pub name: String,
    /// How its elements are encoded.
    pub encoding: Encoding,
    /// Its shape, the outermost dimension first, as `PyTorch` prints it.
    pub shape: Vec<u64>,
    /// Bytes that it has in the file, shared with others or not.
    pub bytes: u64,
}

impl Tensor {
    /// Number of elements; saturates.
    pub fn elements(&self) -> u64 {
        self.shape.iter().fold(1, |product, &dimension| product.saturating_mul(dimension))
    }
}
