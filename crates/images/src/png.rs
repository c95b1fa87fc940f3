//! PNG files (<https://www.w3.org/TR/png-3/>): whether one is whole, and the texts in it.
//!
//! Pixels are not decoded.

use crc32fast::Hasher;

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Length, type and checksum of a chunk, in bytes.
const AROUND: usize = 12;

/// What a PNG's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PngInfo {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Bits of each sample.
    pub bit_depth: u8,
    /// What a pixel is made of, by its number in the format: 2 is red, green, blue; 6 is the same with alpha.
    pub color_type: u8,
}

/// Why a file is not a whole PNG.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PngError {
    /// It does not begin as one.
    #[error("this is no PNG file: make it one, or send it as what it is")]
    NoPng,
    /// It ends too early: a disk was full, or a transfer broke off.
    #[error("the PNG file ends in the middle, after {length} bytes: write or fetch it again")]
    Truncated {
        /// Its length in bytes.
        length: usize,
    },
    /// A chunk is not what its checksum says.
    #[error("the chunk {kind} at byte {offset} of the PNG file is damaged: write or fetch it again")]
    Damaged {
        /// The chunk's type.
        kind: String,
        /// Where it begins, in bytes.
        offset: usize,
    },
    /// It has no header, no pixels, or chunks where they cannot be.
    #[error("the PNG file is not built as one: {cause}; write it again")]
    Malformed {
        /// What is wrong.
        cause: &'static str,
    },
    /// A text cannot be put under that key.
    #[error("'{key}' can be no key in a PNG file: take 1 to 79 ASCII characters without spaces around them")]
    BadKey {
        /// The key.
        key: String,
    },
}

struct Chunk<'a> {
    kind: [u8; 4],
    data: &'a [u8],
    /// Where it begins, and where the next one does.
    start: usize,
    end: usize,
}

/// Checks that `bytes` are a whole PNG: its signature, its header, the checksum of every chunk, and its end.
///
/// # Errors
/// What is wrong with it.
pub fn check(bytes: &[u8]) -> Result<PngInfo, PngError> {
    let chunks = chunks(bytes)?;
    let malformed = |cause| Err(PngError::Malformed { cause });
    let [header, .., end] = chunks.as_slice() else { return malformed("it has too few chunks") };
    if end.end != bytes.len() {
        return malformed("something follows its end");
    }
    if !chunks.iter().any(|chunk| &chunk.kind == b"IDAT") {
        return malformed("it has no pixels");
    }
    match (&header.kind, header.data) {
        (b"IHDR", &[w0, w1, w2, w3, h0, h1, h2, h3, bit_depth, color_type, _, _, _]) => {
            let width = u32::from_be_bytes([w0, w1, w2, w3]);
            let height = u32::from_be_bytes([h0, h1, h2, h3]);
            if width == 0 || height == 0 {
                return malformed("it has no width or no height");
            }
            Ok(PngInfo { width, height, bit_depth, color_type })
        }
        _ => malformed("it does not begin with its header"),
    }
}

/// The same file with `value` as text under `key`, in place of any that was there. Nothing else is changed.
///
/// # Errors
/// `bytes` is no whole PNG, or `key` is none.
pub fn with_text(bytes: &[u8], key: &str, value: &str) -> Result<Vec<u8>, PngError> {
    check(bytes)?;
    let sound = (1..=79).contains(&key.len())
        && key.trim() == key
        && key.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if !sound {
        return Err(PngError::BadKey { key: key.to_owned() });
    }
    let mut file = SIGNATURE.to_vec();
    for (index, chunk) in chunks(bytes)?.iter().enumerate() {
        if text(chunk).is_none_or(|(found, _)| found != key) {
            file.extend_from_slice(&bytes[chunk.start..chunk.end]);
        }
        if index == 0 {
            append(&mut file, key, value);
        }
    }
    Ok(file)
}

/// The same file without any text: what is left differs only where the image does.
///
/// # Errors
/// `bytes` is no whole PNG.
pub fn without_texts(bytes: &[u8]) -> Result<Vec<u8>, PngError> {
    check(bytes)?;
    let mut file = SIGNATURE.to_vec();
    for chunk in chunks(bytes)?.iter().filter(|chunk| text(chunk).is_none()) {
        file.extend_from_slice(&bytes[chunk.start..chunk.end]);
    }
    Ok(file)
}

/// All texts that are not compressed, with their keys, in the file's order.
///
/// # Errors
/// `bytes` is no whole PNG.
pub fn texts(bytes: &[u8]) -> Result<Vec<(String, String)>, PngError> {
    check(bytes)?;
    Ok(chunks(bytes)?.iter().filter_map(text).collect())
}

/// All chunks up to the end chunk, their checksums compared.
fn chunks(bytes: &[u8]) -> Result<Vec<Chunk<'_>>, PngError> {
    if !bytes.starts_with(SIGNATURE) {
        return Err(PngError::NoPng);
    }
    let truncated = PngError::Truncated { length: bytes.len() };
    let mut chunks = Vec::new();
    let mut start = SIGNATURE.len();
    loop {
        let chunk = chunk(bytes, start).ok_or_else(|| truncated.clone())?;
        let said = bytes.get(chunk.end - 4..chunk.end).and_then(|field| field.try_into().ok());
        if said.map(u32::from_be_bytes) != Some(checksum(chunk.kind, chunk.data)) {
            let kind = String::from_utf8_lossy(&chunk.kind).into_owned();
            return Err(PngError::Damaged { kind, offset: start });
        }
        start = chunk.end;
        let last = &chunk.kind == b"IEND";
        chunks.push(chunk);
        if last {
            return Ok(chunks);
        }
    }
}

/// The chunk at `start`, if all of it is there.
fn chunk(bytes: &[u8], start: usize) -> Option<Chunk<'_>> {
    let length = bytes.get(start..start.checked_add(4)?)?.try_into().ok().map(u32::from_be_bytes)?;
    let kind = bytes.get(start + 4..start + 8)?.try_into().ok()?;
    let end = start.checked_add(AROUND)?.checked_add(usize::try_from(length).ok()?)?;
    let data = bytes.get(start + 8..end - 4)?;
    (end <= bytes.len()).then_some(Chunk { kind, data, start, end })
}

fn checksum(kind: [u8; 4], data: &[u8]) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(&kind);
    hasher.update(data);
    hasher.finalize()
}

/// Key and value of a text chunk: `tEXt` is Latin-1, `iTXt` is UTF-8.
fn text(chunk: &Chunk<'_>) -> Option<(String, String)> {
    let latin = |bytes: &[u8]| bytes.iter().map(|byte| char::from(*byte)).collect::<String>();
    let end = chunk.data.iter().position(|byte| *byte == 0)?;
    let (key, rest) = (latin(&chunk.data[..end]), &chunk.data[end + 1..]);
    match (&chunk.kind, rest) {
        (b"tEXt", value) => Some((key, latin(value))),
        // Not compressed; language and translated key end with a zero each.
        (b"iTXt", [0, _, rest @ ..]) => {
            let value = rest.splitn(3, |byte| *byte == 0).nth(2)?;
            Some((key, String::from_utf8_lossy(value).into_owned()))
        }
        _ => None,
    }
}

/// As `tEXt` where that can hold it, which every reader knows; else as `iTXt`.
fn append(file: &mut Vec<u8>, key: &str, value: &str) {
    let latin: Option<Vec<u8>> =
        value.chars().map(|c| u8::try_from(u32::from(c)).ok().filter(|byte| *byte != 0)).collect();
    let (kind, data) = match latin {
        Some(latin) => (*b"tEXt", [key.as_bytes(), b"\0", &latin].concat()),
        None => (*b"iTXt", [key.as_bytes(), b"\0\0\0\0\0", value.replace('\0', " ").as_bytes()].concat()),
    };
    // Four gigabytes of text do not come this way; if they did, the file would be refused by `check`.
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    file.extend_from_slice(&length.to_be_bytes());
    file.extend_from_slice(&kind);
    file.extend_from_slice(&data);
    file.extend_from_slice(&checksum(kind, &data).to_be_bytes());
}
