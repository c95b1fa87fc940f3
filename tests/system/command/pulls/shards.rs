//! Splits a GGUF model into files, as llama.cpp's own tool does.

use std::{fs, path::Path};

use loadmaster_gguf::{Header, TensorInfo};

/// The types of metadata values, by the numbers of the format.
const U16: u32 = 2;
const I32: u32 = 5;

/// The model at `path` in `count` files of about one size, with their names. The first has the metadata.
pub(super) fn split(path: &Path, stem: &str, count: u16) -> Vec<(String, Vec<u8>)> {
    let file = fs::read(path).expect("the model can be read");
    let header = Header::open(path).expect("it is a model");
    let tensors = header.tensors();
    let whole: u64 = tensors.iter().map(bytes).sum();
    let mut parts: Vec<Vec<&TensorInfo>> = (0..count).map(|_| Vec::new()).collect();
    let mut before = 0;
    for tensor in tensors {
        let part = usize::try_from(before * u64::from(count) / whole).expect("it is small");
        parts[part].push(tensor);
        before += bytes(tensor);
    }
    let metadata = metadata(&file, &header);
    let part = |(index, tensors): (u16, &Vec<&TensorInfo>)| {
        let (entries, own) = if index == 0 { metadata } else { (0, &[][..]) };
        let mut out = b"GGUF".to_vec();
        out.extend(3_u32.to_le_bytes());
        out.extend((tensors.len() as u64).to_le_bytes());
        out.extend((entries + 3).to_le_bytes());
        out.extend(own);
        let all = i32::try_from(header.tensors().len()).expect("it is small");
        entry(&mut out, "split.no", U16, &index.to_le_bytes());
        entry(&mut out, "split.count", U16, &count.to_le_bytes());
        entry(&mut out, "split.tensors.count", I32, &all.to_le_bytes());
        add(&mut out, tensors, &file, &header);
        (format!("{stem}-{:05}-of-{count:05}.gguf", index + 1), out)
    };
    (0..count).zip(&parts).map(part).collect()
}

fn bytes(tensor: &TensorInfo) -> u64 {
    tensor.byte_size().expect("its type is known")
}

/// How many metadata entries there are, and their bytes: what lies between the first 24 bytes and the table of
/// tensors, which ends with the header.
fn metadata<'a>(file: &'a [u8], header: &Header) -> (u64, &'a [u8]) {
    let table: usize = header.tensors().iter().map(|tensor| info(tensor, 0).len()).sum();
    let end = usize::try_from(header.header_bytes()).expect("it is small") - table;
    let count = file[16..24].try_into().expect("eight bytes");
    (u64::from_le_bytes(count), &file[24..end])
}

/// Adds the table of tensors, and their data.
fn add(out: &mut Vec<u8>, tensors: &[&TensorInfo], file: &[u8], header: &Header) {
    let alignment = header.alignment();
    let mut offset = 0;
    for tensor in tensors {
        out.extend(info(tensor, offset));
        offset = (offset + bytes(tensor)).next_multiple_of(alignment);
    }
    let padded = |out: &mut Vec<u8>| {
        let length = (out.len() as u64).next_multiple_of(alignment);
        out.resize(usize::try_from(length).expect("it is small"), 0);
    };
    padded(out);
    for tensor in tensors {
        let start = usize::try_from(header.data_offset() + tensor.offset).expect("it is small");
        out.extend(&file[start..start + usize::try_from(bytes(tensor)).expect("it is small")]);
        padded(out);
    }
}

/// A line of the table of tensors.
fn info(tensor: &TensorInfo, offset: u64) -> Vec<u8> {
    let mut out = Vec::new();
    string(&mut out, &tensor.name);
    out.extend(u32::try_from(tensor.dims.len()).expect("it is small").to_le_bytes());
    for dimension in &tensor.dims {
        out.extend(dimension.to_le_bytes());
    }
    out.extend(tensor.kind.id().to_le_bytes());
    out.extend(offset.to_le_bytes());
    out
}

fn entry(out: &mut Vec<u8>, key: &str, kind: u32, value: &[u8]) {
    string(out, key);
    out.extend(kind.to_le_bytes());
    out.extend(value);
}

fn string(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}
