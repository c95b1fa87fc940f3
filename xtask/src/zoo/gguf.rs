//! Writes GGUF files, version 3, that have a header and no data: the file is as long as it says and empty.

use std::fs::File;
use std::io::{BufWriter, Seek, Write};
use std::path::Path;

use anyhow::{Context, Result};

use super::ggml::Type;

/// Tensors start at multiples of this many bytes: the default of the format.
const ALIGNMENT: u64 = 32;

/// A metadata value.
#[derive(Clone, Debug)]
pub(super) enum Value {
    U32(u32),
    F32(f32),
    Bool(bool),
    String(String),
    I32s(Vec<i32>),
    U32s(Vec<u32>),
    F32s(Vec<f32>),
    Strings(Vec<String>),
}

/// An entry of the tensor table.
#[derive(Clone, Debug)]
pub(super) struct Tensor {
    pub(super) name: String,
    /// Elements per dimension, the contiguous one first.
    pub(super) shape: Vec<u64>,
    pub(super) kind: Type,
}

/// Writes the header and gives the file its full length. Where the file system has holes, the rest takes no room.
pub(super) fn write(path: &Path, metadata: &[(String, Value)], tensors: &[Tensor]) -> Result<()> {
    let context = || format!("cannot write {}", path.display());
    let file = File::create(path).with_context(context)?;
    let mut out = BufWriter::new(file);
    let data = header(&mut out, metadata, tensors).with_context(context)?;
    let file = out.into_inner().map_err(std::io::IntoInnerError::into_error).with_context(context)?;
    let end = tensors.iter().map(|tensor| padded(tensor.kind.bytes(&tensor.shape))).sum::<u64>();
    file.set_len(data + end).with_context(context)
}

/// Writes everything before the data and returns where the data starts.
fn header(out: &mut (impl Write + Seek), metadata: &[(String, Value)], tensors: &[Tensor]) -> Result<u64> {
    out.write_all(b"GGUF")?;
    out.write_all(&3_u32.to_le_bytes())?;
    length(out, tensors.len())?;
    length(out, metadata.len())?;
    for (key, value) in metadata {
        string(out, key)?;
        out.write_all(&type_id(value).to_le_bytes())?;
        write_value(out, value)?;
    }
    let mut offset = 0;
    for tensor in tensors {
        string(out, &tensor.name)?;
        out.write_all(&u32::try_from(tensor.shape.len())?.to_le_bytes())?;
        for elements in &tensor.shape {
            out.write_all(&elements.to_le_bytes())?;
        }
        out.write_all(&tensor.kind.id().to_le_bytes())?;
        out.write_all(&u64::to_le_bytes(offset))?;
        offset += padded(tensor.kind.bytes(&tensor.shape));
    }
    Ok(padded(out.stream_position()?))
}

/// The ids are `enum gguf_type` of gguf.h; arrays say the type of their elements with their length.
fn type_id(value: &Value) -> u32 {
    match value {
        Value::U32(_) => 4,
        Value::F32(_) => 6,
        Value::Bool(_) => 7,
        Value::String(_) => 8,
        Value::I32s(_) | Value::U32s(_) | Value::F32s(_) | Value::Strings(_) => 9,
    }
}

fn write_value(out: &mut impl Write, value: &Value) -> Result<()> {
    match value {
        Value::U32(value) => out.write_all(&value.to_le_bytes())?,
        Value::F32(value) => out.write_all(&value.to_le_bytes())?,
        Value::Bool(value) => out.write_all(&[u8::from(*value)])?,
        Value::String(value) => string(out, value)?,
        Value::U32s(values) => array(out, 4, values, |out, value| Ok(out.write_all(&value.to_le_bytes())?))?,
        Value::I32s(values) => array(out, 5, values, |out, value| Ok(out.write_all(&value.to_le_bytes())?))?,
        Value::F32s(values) => array(out, 6, values, |out, value| Ok(out.write_all(&value.to_le_bytes())?))?,
        Value::Strings(values) => array(out, 8, values, |out, value| string(out, value))?,
    }
    Ok(())
}

fn array<W: Write, T>(
    out: &mut W,
    element_type: u32,
    values: &[T],
    element: impl Fn(&mut W, &T) -> Result<()>,
) -> Result<()> {
    out.write_all(&element_type.to_le_bytes())?;
    length(out, values.len())?;
    values.iter().try_for_each(|value| element(out, value))
}

fn string(out: &mut impl Write, value: &str) -> Result<()> {
    length(out, value.len())?;
    Ok(out.write_all(value.as_bytes())?)
}

fn length(out: &mut impl Write, length: usize) -> Result<()> {
    Ok(out.write_all(&u64::try_from(length)?.to_le_bytes())?)
}

fn padded(bytes: u64) -> u64 {
    bytes.next_multiple_of(ALIGNMENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_as_long_as_its_tensors_say() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.gguf");
        let metadata = [("general.architecture".to_owned(), Value::String("llama".into()))];
        let tensor =
            |name: &str, shape: &[u64]| Tensor { name: name.into(), shape: shape.into(), kind: Type::F32 };
        write(&path, &metadata, &[tensor("a", &[1]), tensor("b", &[16])]).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert!(
            bytes
                .starts_with(b"GGUF\x03\0\0\0\x02\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x14\0\0\0\0\0\0\0general.")
        );
        let header = 24 + (8 + 20 + 4 + 8 + 5) + 2 * (8 + 1 + 4 + 8 + 4 + 8);
        let data = usize::try_from(padded(header)).unwrap();
        assert_eq!(bytes.len(), data + 32 + 64);
        // The last entry of the table is the offset of `b`, after the padding of `a`.
        let end = usize::try_from(header).unwrap();
        assert_eq!(bytes[end - 8..end], 32_u64.to_le_bytes());
    }
}
