//! How the elements of a tensor are encoded.

use std::fmt;

/// Defines the types from one table: name, id, elements of a block, bytes of a block.
macro_rules! tensor_types {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $label:literal, $block:literal, $bytes:literal;)*) => {
        /// The encoding of a tensor's elements.
        ///
        /// Ids are those of `enum ggml_type` in llama.cpp's `ggml/include/ggml.h`. Elements and bytes
        /// of a block follow from the block structures in `ggml/src/ggml-common.h` (`block_q4_0`: a
        /// 2-byte scale and 32 values of 4 bits are 18 bytes for 32 elements). Ids that ggml has
        /// taken out of use (4, 5, 31-33, 36-38) and ids newer than this crate are `Unknown`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[expect(non_camel_case_types, reason = "the names of ggml, which users know")]
        pub enum TensorType {
            $($(#[$doc])* $name,)*
            /// A type this crate does not know; its size is unknown too.
            Unknown(u32),
        }

        impl TensorType {
            /// Every known type.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The type with this id in the file.
            #[must_use]
            pub const fn from_id(id: u32) -> Self {
                match id {
                    $($id => Self::$name,)*
                    other => Self::Unknown(other),
                }
            }

            /// The id in the file.
            #[must_use]
            pub const fn id(self) -> u32 {
                match self {
                    $(Self::$name => $id,)*
                    Self::Unknown(id) => id,
                }
            }

            /// Elements of one block; `None` for unknown types.
            #[must_use]
            pub const fn block_elements(self) -> Option<u64> {
                match self {
                    $(Self::$name => Some($block),)*
                    Self::Unknown(_) => None,
                }
            }

            /// Bytes of one block; `None` for unknown types.
            #[must_use]
            pub const fn block_bytes(self) -> Option<u64> {
                match self {
                    $(Self::$name => Some($bytes),)*
                    Self::Unknown(_) => None,
                }
            }

            /// The name as llama.cpp writes it, in capitals; `None` for unknown types.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$name => Some($label),)*
                    Self::Unknown(_) => None,
                }
            }
        }
    };
}

tensor_types! {
    /// 32-bit float.
    F32 = 0, "F32", 1, 4;
    /// 16-bit float.
    F16 = 1, "F16", 1, 2;
    /// 4 bits, scale.
    Q4_0 = 2, "Q4_0", 32, 18;
    /// 4 bits, scale and minimum.
    Q4_1 = 3, "Q4_1", 32, 20;
    /// 5 bits, scale.
    Q5_0 = 6, "Q5_0", 32, 22;
    /// 5 bits, scale and minimum.
    Q5_1 = 7, "Q5_1", 32, 24;
    /// 8 bits, scale.
    Q8_0 = 8, "Q8_0", 32, 34;
    /// 8 bits, scale and sum; used while computing.
    Q8_1 = 9, "Q8_1", 32, 36;
    /// 2 bits in superblocks.
    Q2_K = 10, "Q2_K", 256, 84;
    /// 3 bits in superblocks.
    Q3_K = 11, "Q3_K", 256, 110;
    /// 4 bits in superblocks.
    Q4_K = 12, "Q4_K", 256, 144;
    /// 5 bits in superblocks.
    Q5_K = 13, "Q5_K", 256, 176;
    /// 6 bits in superblocks.
    Q6_K = 14, "Q6_K", 256, 210;
    /// 8 bits in superblocks; used while computing.
    Q8_K = 15, "Q8_K", 256, 292;
    /// 2.06 bits by codebook.
    IQ2_XXS = 16, "IQ2_XXS", 256, 66;
    /// 2.31 bits by codebook.
    IQ2_XS = 17, "IQ2_XS", 256, 74;
    /// 3.06 bits by codebook.
    IQ3_XXS = 18, "IQ3_XXS", 256, 98;
    /// 1.56 bits by codebook.
    IQ1_S = 19, "IQ1_S", 256, 50;
    /// 4 bits, non-linear.
    IQ4_NL = 20, "IQ4_NL", 32, 18;
    /// 3.44 bits by codebook.
    IQ3_S = 21, "IQ3_S", 256, 110;
    /// 2.56 bits by codebook.
    IQ2_S = 22, "IQ2_S", 256, 82;
    /// 4 bits, non-linear, in superblocks.
    IQ4_XS = 23, "IQ4_XS", 256, 136;
    /// 8-bit integer.
    I8 = 24, "I8", 1, 1;
    /// 16-bit integer.
    I16 = 25, "I16", 1, 2;
    /// 32-bit integer.
    I32 = 26, "I32", 1, 4;
    /// 64-bit integer.
    I64 = 27, "I64", 1, 8;
    /// 64-bit float.
    F64 = 28, "F64", 1, 8;
    /// 1.75 bits by codebook.
    IQ1_M = 29, "IQ1_M", 256, 56;
    /// 16-bit brain float.
    BF16 = 30, "BF16", 1, 2;
    /// 1.69 bits, ternary.
    TQ1_0 = 34, "TQ1_0", 256, 54;
    /// 2.06 bits, ternary.
    TQ2_0 = 35, "TQ2_0", 256, 66;
    /// 4-bit float with a shared exponent (OCP microscaling).
    MXFP4 = 39, "MXFP4", 32, 17;
    /// 4-bit float with an 8-bit float scale for every 16 elements (NVIDIA).
    NVFP4 = 40, "NVFP4", 64, 36;
    /// 1 bit, scale.
    Q1_0 = 41, "Q1_0", 128, 18;
    /// 2 bits, scale. A fork of llama.cpp uses this id with blocks of 128 elements; such files fail
    /// [`crate::Header::check_complete`].
    Q2_0 = 42, "Q2_0", 64, 18;
}

impl fmt::Display for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name(), self) {
            (Some(name), _) => f.pad(name),
            (None, other) => f.pad(&format!("type {}", other.id())),
        }
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for TensorType {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::TensorType;

    #[test]
    fn ids_are_a_bijection_and_names_match_the_variants() {
        for &kind in TensorType::ALL {
            assert_eq!(TensorType::from_id(kind.id()), kind);
            assert_eq!(kind.to_string(), format!("{kind:?}"));
        }
        for id in [4, 5, 31, 32, 33, 36, 37, 38, 43, u32::MAX] {
            assert_eq!(TensorType::from_id(id), TensorType::Unknown(id));
            assert_eq!(TensorType::from_id(id).block_bytes(), None);
        }
        assert_eq!(TensorType::ALL.len(), 35);
    }

    #[test]
    fn blocks_have_the_bits_that_the_types_are_known_for() {
        let bits = |kind: TensorType| {
            let (bytes, elements) = (kind.block_bytes().unwrap(), kind.block_elements().unwrap());
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let bits = bytes as f64 * 8.0 / elements as f64;
            format!("{bits:.4}")
        };
        // Bits per weight as llama-quantize's help and ggml-common.h's comments give them.
        let known = [
            (TensorType::Q2_K, "2.6250"),
            (TensorType::Q3_K, "3.4375"),
            (TensorType::Q4_K, "4.5000"),
            (TensorType::Q5_K, "5.5000"),
            (TensorType::Q6_K, "6.5625"),
            (TensorType::IQ1_S, "1.5625"),
            (TensorType::IQ1_M, "1.7500"),
            (TensorType::IQ2_XXS, "2.0625"),
            (TensorType::IQ2_XS, "2.3125"),
            (TensorType::IQ2_S, "2.5625"),
            (TensorType::IQ3_XXS, "3.0625"),
            (TensorType::IQ3_S, "3.4375"),
            (TensorType::IQ4_XS, "4.2500"),
            (TensorType::IQ4_NL, "4.5000"),
            (TensorType::TQ1_0, "1.6875"),
            (TensorType::TQ2_0, "2.0625"),
            (TensorType::MXFP4, "4.2500"),
            (TensorType::NVFP4, "4.5000"),
            (TensorType::Q1_0, "1.1250"),
            (TensorType::Q2_0, "2.2500"),
        ];
        for (kind, expected) in known {
            assert_eq!(bits(kind), expected, "{kind}");
        }
    }
}
