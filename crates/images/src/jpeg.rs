//! JPEG files (ITU-T T.81, annex B): their size, and a comment in them. Pixels are not decoded.

use crate::{Size, exif};

/// What begins the segment of Exif.
const EXIF: &[u8] = b"Exif\0\0";

/// The segments before the pixels: the marker, and what follows the length.
fn segments(bytes: &[u8]) -> impl Iterator<Item = (u8, usize, &[u8])> {
    let mut at = if bytes.starts_with(&[0xff, 0xd8]) { 2 } else { bytes.len() };
    std::iter::from_fn(move || {
        let &[0xff, marker, high, low] = bytes.get(at..at + 4)? else { return None };
        let length = usize::from(u16::from_be_bytes([high, low]));
        // Behind the start of a scan come pixels.
        let data = bytes.get(at + 4..at + 2 + length).filter(|_| marker != 0xda)?;
        let start = at;
        at += 2 + length;
        Some((marker, start, data))
    })
}

/// Its size, and of how many components a pixel is: 1 is grey, 3 is colours.
pub(crate) fn header(bytes: &[u8]) -> Option<(Size, u8)> {
    let is_frame = |marker: u8| matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc);
    let (_, _, data) = segments(bytes).find(|(marker, ..)| is_frame(*marker))?;
    let &[_, y1, y0, x1, x0, components, ..] = data else { return None };
    let number = |high, low| u32::from(u16::from_be_bytes([high, low]));
    Some((Size::new(number(x1, x0), number(y1, y0)), components))
}

/// The same file with `text` as the user's comment. `None` if it is no such file, or the text is too long for it.
pub(crate) fn with_comment(bytes: &[u8], text: &str) -> Option<Vec<u8>> {
    let block = exif::with_comment(text)?;
    let length = u16::try_from(2 + EXIF.len() + block.len()).ok()?;
    // Readers look for JFIF's own segment first.
    let jfif = segments(bytes).next().filter(|(marker, ..)| *marker == 0xe0);
    let place = jfif.map_or(2, |(_, start, data)| start + 4 + data.len());
    let (before, after) = bytes.split_at_checked(place)?;
    Some([before, &[0xff, 0xe1], &length.to_be_bytes(), EXIF, &block, after].concat())
}

/// The user's comment that [`with_comment`] wrote.
pub(crate) fn comment(bytes: &[u8]) -> Option<String> {
    segments(bytes).find_map(|(marker, _, data)| {
        let block = data.strip_prefix(EXIF).filter(|_| marker == 0xe1)?;
        exif::comment(block)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As many segments as matter: JFIF, a frame of 5 x 9 pixels in three colours, a scan, the end.
    fn sample() -> Vec<u8> {
        let frame = [0xff, 0xc0, 0, 11, 8, 0, 9, 0, 5, 3, 1, 1, 1];
        [&[0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2][..], &frame, &[0xff, 0xda, 0, 2, 7, 7, 0xff, 0xd9]].concat()
    }

    #[test]
    fn its_size_is_read() {
        assert_eq!(header(&sample()), Some((Size::new(5, 9), 3)));
        assert_eq!(header(b"\xff\xd8\xff\xda\0\x02"), None);
        assert!((0..20).all(|end| header(&sample()[..end]).is_none()));
    }

    #[test]
    fn a_comment_is_written_behind_jfif_and_read() {
        let file = with_comment(&sample(), "a cat").unwrap();
        assert_eq!(comment(&file).as_deref(), Some("a cat"));
        assert_eq!((header(&file), &file[..8]), (header(&sample()), &sample()[..8]));
        assert!(file.ends_with(&sample()[8..]));
        assert_eq!(with_comment(&sample(), &"x".repeat(40_000)), None);
        assert_eq!(comment(&sample()), None);
    }
}
