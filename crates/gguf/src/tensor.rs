//! One entry of the tensor table.

use crate::{
    cursor::{Cursor, Stop},
    error::{GgufError, shortened},
    limits::{MAX_DIMENSIONS, MAX_TENSOR_NAME_BYTES},
    tensor_type::TensorType,
};

/// A tensor: what it is called, its shape, its encoding and where its data lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// The name, as in `blk.0.attn_q.weight`.
    pub name: String,
    /// Elements in each dimension, the fastest-varying first (the length of a row).
    pub dims: Vec<u64>,
    /// The encoding.
    pub kind: TensorType,
    /// Where the data begins, in bytes from the start of the tensor data
    /// ([`crate::Header::data_offset`]).
    pub offset: u64,
}

impl TensorInfo {
    /// Number of elements: the product of the dimensions, 1 for a scalar.
    ///
    /// Saturates, for tensors made by hand; those of a [`crate::Header`] are known to fit.
    #[must_use]
    pub fn elements(&self) -> u64 {
        self.dims.iter().fold(1, |product, &dim| product.saturating_mul(dim))
    }

    /// Bytes of the data; `None` for unknown types. Padding between tensors is not counted.
    #[must_use]
    pub fn byte_size(&self) -> Option<u64> {
        let blocks = self.elements() / self.kind.block_elements()?;
        Some(blocks.saturating_mul(self.kind.block_bytes()?))
    }

    /// The layer this tensor belongs to: N of the name `blk.N.…`.
    #[must_use]
    pub fn layer(&self) -> Option<usize> {
        let (number, _) = self.name.strip_prefix("blk.")?.split_once('.')?;
        number.parse().ok()
    }
}

/// Reads one entry. What is wrong with it depends on it alone; alignment is checked later.
pub(crate) fn read(cursor: &mut Cursor<'_>) -> Result<TensorInfo, Stop> {
    let at = cursor.position();
    let name = match std::str::from_utf8(cursor.string(MAX_TENSOR_NAME_BYTES)?) {
        Ok(name) if !name.is_empty() => name,
        _ => return Err(GgufError::InvalidTensorName { at }.into()),
    };
    let dimensions = cursor.u32()?;
    if dimensions > MAX_DIMENSIONS {
        let name = shortened(name);
        return Err(GgufError::TooManyDimensions { name, dimensions, limit: MAX_DIMENSIONS }.into());
    }
    let dims = (0..dimensions).map(|_| cursor.u64()).collect::<Result<Vec<_>, _>>()?;
    let kind = TensorType::from_id(cursor.u32()?);
    let offset = cursor.u64()?;
    let tensor = TensorInfo { name: name.to_owned(), dims, kind, offset };
    check_size(&tensor)?;
    Ok(tensor)
}

/// A tensor must have whole blocks, and its elements and its end must be countable.
fn check_size(tensor: &TensorInfo) -> Result<(), GgufError> {
    let too_large = || GgufError::TensorTooLarge { name: shortened(&tensor.name) };
    // The product of the dimensions that are not 0, as a 0 would hide an overflow from other readers.
    let elements = tensor
        .dims
        .iter()
        .filter(|&&dim| dim > 0)
        .try_fold(1_u64, |product, &dim| product.checked_mul(dim))
        .filter(|&elements| i64::try_from(elements).is_ok())
        .ok_or_else(too_large)?;
    if let (Some(block), Some(bytes)) = (tensor.kind.block_elements(), tensor.kind.block_bytes()) {
        let row = tensor.dims.first().copied().unwrap_or(1);
        if row % block != 0 {
            let name = shortened(&tensor.name);
            return Err(GgufError::PartialBlock { name, row, block });
        }
        (elements / block)
            .checked_mul(bytes)
            .and_then(|size| size.checked_add(tensor.offset))
            .filter(|&end| i64::try_from(end).is_ok())
            .ok_or_else(too_large)?;
    }
    if i64::try_from(tensor.offset).is_err() {
        return Err(too_large());
    }
    Ok(())
}
