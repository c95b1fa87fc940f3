//! The tensor types of ggml that the zoo uses: their ids in a GGUF file and their sizes.

/// A tensor type; blocks of elements are stored together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    F32,
    F16,
    Q5_0,
    Q8_0,
    Q4K,
    Q5K,
    Q6K,
    Mxfp4,
}

impl Type {
    /// The id in the tensor table: `enum ggml_type` of ggml.h.
    pub(super) fn id(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Q5_0 => 6,
            Self::Q8_0 => 8,
            Self::Q4K => 12,
            Self::Q5K => 13,
            Self::Q6K => 14,
            Self::Mxfp4 => 39,
        }
    }

    /// How many elements of a row form a block; a row is a whole number of blocks.
    pub(super) fn block_elements(self) -> u64 {
        match self {
            Self::F32 | Self::F16 => 1,
            Self::Q5_0 | Self::Q8_0 | Self::Mxfp4 => 32,
            Self::Q4K | Self::Q5K | Self::Q6K => 256,
        }
    }

    /// The bytes of a block: its `block_*` struct in ggml-common.h.
    fn block_bytes(self) -> u64 {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
            Self::Q5_0 => 22,
            Self::Q8_0 => 34,
            Self::Q4K => 144,
            Self::Q5K => 176,
            Self::Q6K => 210,
            Self::Mxfp4 => 17,
        }
    }

    /// The bytes of a tensor of this type.
    pub(super) fn bytes(self, shape: &[u64]) -> u64 {
        shape.iter().product::<u64>() / self.block_elements() * self.block_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tensor_takes_the_blocks_of_its_rows() {
        assert_eq!(Type::F32.bytes(&[3, 2]), 24);
        assert_eq!(Type::Q4K.bytes(&[4096, 4096]), 9_437_184);
        assert_eq!(Type::Mxfp4.bytes(&[2880, 2880, 32]), 141_004_800);
    }
}
