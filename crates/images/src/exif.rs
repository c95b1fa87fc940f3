//! The comment of a user in Exif (CIPA DC-008, 4.6.3 and 4.6.6), which JPEG and WebP files can have: as large as a
//! picture's parameters need, and nothing more of it.

/// A TIFF header, one directory whose one entry leads to the second, and there one entry that leads to the comment.
/// All numbers are big-endian, and so is the text.
const BEFORE: [u8; 36] = [
    b'M', b'M', 0, 42, 0, 0, 0, 8, // the first directory is at byte 8
    0, 1, 0x87, 0x69, 0, 4, 0, 0, 0, 1, 0, 0, 0, 26, 0, 0, 0,
    0, // one number: the Exif directory is at byte 26
    0, 1, 0x92, 0x86, 0, 7, 0, 0, 0, 0, // the comment: undefined bytes, whose number is filled in
];

/// Where the number of its bytes is.
const COUNT: usize = 32;

/// Where the comment is, and that no other directory follows.
const WHERE: [u8; 8] = [0, 0, 0, 44, 0, 0, 0, 0];

/// What says that UTF-16 follows.
const UNICODE: &[u8] = b"UNICODE\0";

/// The block that has `text` as the user's comment.
pub(crate) fn with_comment(text: &str) -> Option<Vec<u8>> {
    let text: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let count = u32::try_from(UNICODE.len() + text.len()).ok()?;
    let mut block = BEFORE.to_vec();
    block[COUNT..].copy_from_slice(&count.to_be_bytes());
    block.extend(WHERE.iter().chain(UNICODE).chain(&text));
    Some(block)
}

/// The comment of a block that [`with_comment`] wrote.
pub(crate) fn comment(block: &[u8]) -> Option<String> {
    let (before, rest) = block.split_at_checked(BEFORE.len())?;
    let text = rest.strip_prefix(&WHERE)?.strip_prefix(UNICODE)?;
    if before[..COUNT] != BEFORE[..COUNT] {
        return None;
    }
    let units: Vec<u16> = text.chunks_exact(2).map(|unit| u16::from_be_bytes([unit[0], unit[1]])).collect();
    String::from_utf16(&units).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for text in ["", "{\"prompt\":\"a cat\"}", "ein Kätzchen 🐈"] {
            let block = with_comment(text).unwrap();
            assert_eq!(comment(&block).as_deref(), Some(text));
            assert_eq!(comment(&block[..40]), None);
        }
        assert_eq!(comment(b"II*\0"), None);
    }

    #[test]
    fn its_places_are_where_it_says() {
        let block = with_comment("a").unwrap();
        assert_eq!((block[26..28].to_vec(), block[44..52].to_vec()), (vec![0, 1], UNICODE.to_vec()));
        assert_eq!(block[32..36], [0, 0, 0, 10]);
    }
}
