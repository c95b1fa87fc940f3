//! WebP files (RFC 9649): their size, and a comment in them. Pixels are not decoded.

use crate::{Size, exif};

/// Bits of the first byte of `VP8X`: it has Exif, it has transparency.
const HAS_EXIF: u8 = 0x08;
const HAS_ALPHA: u8 = 0x10;

/// The chunks: name, and data without padding.
fn chunks(bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let is_webp = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP");
    let mut rest = if is_webp { &bytes[12..] } else { &[] };
    std::iter::from_fn(move || {
        let name = rest.get(..4)?;
        let length = rest.get(4..8)?.try_into().ok().map(u32::from_le_bytes)?;
        let length = usize::try_from(length).ok()?;
        let data = rest.get(8..8_usize.checked_add(length)?)?;
        rest = rest.get(8 + length + length % 2..).unwrap_or_default();
        Some((name, data))
    })
}

/// Its size, and whether it has transparency.
pub(crate) fn header(bytes: &[u8]) -> Option<(Size, bool)> {
    let short = |low: u8, high: u8| u32::from(u16::from_le_bytes([low, high])) & 0x3fff;
    match chunks(bytes).next()? {
        (b"VP8 ", &[_, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..]) => {
            Some((Size::new(short(w0, w1), short(h0, h1)), false))
        }
        (b"VP8L", &[0x2f, b0, b1, b2, b3, ..]) => {
            let bits = u32::from_le_bytes([b0, b1, b2, b3]);
            let size = Size::new((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1);
            Some((size, bits >> 28 & 1 == 1))
        }
        (b"VP8X", &[flags, _, _, _, w0, w1, w2, h0, h1, h2]) => {
            let side = |b0, b1, b2| u32::from_le_bytes([b0, b1, b2, 0]) + 1;
            Some((Size::new(side(w0, w1, w2), side(h0, h1, h2)), flags & HAS_ALPHA != 0))
        }
        _ => None,
    }
}

/// The same file with `text` as the user's comment. `None` if it is no such file.
pub(crate) fn with_comment(bytes: &[u8], text: &str) -> Option<Vec<u8>> {
    let (size, alpha) = header(bytes)?;
    let less_one = |side: u32| side.checked_sub(1).map(u32::to_le_bytes);
    let [w0, w1, w2, _] = less_one(size.width)?;
    let [h0, h1, h2, _] = less_one(size.height)?;
    let mut flags = HAS_EXIF | if alpha { HAS_ALPHA } else { 0 };
    let mut body = Vec::new();
    for (name, data) in chunks(bytes) {
        match name {
            b"VP8X" => flags |= data.first().copied().unwrap_or_default(),
            b"EXIF" => {}
            name => append(&mut body, name, data)?,
        }
    }
    append(&mut body, b"EXIF", &exif::with_comment(text)?)?;
    let mut file = b"RIFF\0\0\0\0WEBP".to_vec();
    append(&mut file, b"VP8X", &[flags, 0, 0, 0, w0, w1, w2, h0, h1, h2])?;
    file.append(&mut body);
    let length = u32::try_from(file.len() - 8).ok()?;
    file[4..8].copy_from_slice(&length.to_le_bytes());
    Some(file)
}

fn append(file: &mut Vec<u8>, name: &[u8], data: &[u8]) -> Option<()> {
    file.extend_from_slice(name);
    file.extend_from_slice(&u32::try_from(data.len()).ok()?.to_le_bytes());
    file.extend_from_slice(data);
    file.extend((data.len() % 2 == 1).then_some(0));
    Some(())
}

/// The user's comment that [`with_comment`] wrote.
pub(crate) fn comment(bytes: &[u8]) -> Option<String> {
    chunks(bytes).find(|(name, _)| *name == b"EXIF").and_then(|(_, block)| exif::comment(block))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ImageFormat;

    fn file(name: &[u8], data: &[u8]) -> Vec<u8> {
        let mut file = b"RIFF\0\0\0\0WEBP".to_vec();
        append(&mut file, name, data).unwrap();
        let length = u32::try_from(file.len() - 8).unwrap();
        file[4..8].copy_from_slice(&length.to_le_bytes());
        file
    }

    #[test]
    fn sizes_of_all_three_kinds_are_read() {
        let lossy = file(b"VP8 ", &[0, 0, 0, 0x9d, 0x01, 0x2a, 5, 0, 9, 0, 1]);
        let lossless = file(b"VP8L", &[0x2f, 4, 0, 2, 0x10]);
        let extended = file(b"VP8X", &[0x10, 0, 0, 0, 4, 0, 0, 8, 0, 0]);
        assert_eq!(header(&lossy), Some((Size::new(5, 9), false)));
        assert_eq!(header(&lossless), Some((Size::new(5, 9), true)));
        assert_eq!(header(&extended), Some((Size::new(5, 9), true)));
        for sample in [&lossy, &lossless, &extended] {
            assert!((0..20).all(|end| header(&sample[..end]).is_none()));
        }
    }

    #[test]
    fn a_comment_is_written_once_and_read() {
        let sample = file(b"VP8L", &[0x2f, 4, 0, 2, 0x10]);
        let first = with_comment(&sample, "a dog").unwrap();
        let file = with_comment(&first, "a cat").unwrap();
        assert_eq!(comment(&file).as_deref(), Some("a cat"));
        assert_eq!(header(&file), header(&sample));
        assert!(ImageFormat::Webp.is_whole(&file) && file.len() == first.len());
        assert_eq!(chunks(&file).filter(|(name, _)| *name == b"EXIF").count(), 1);
        assert_eq!(comment(&sample), None);
        assert_eq!(with_comment(b"RIFF\x04\0\0\0WEBP", "x"), None);
    }
}
