//! What a PNG shows, without what is written about it.

/// The compressed pixels: the bytes of all `IDAT` chunks (PNG specification, 11.2.3); none if this is no whole PNG.
pub(super) fn compressed(png: &[u8]) -> Option<Vec<u8>> {
    let mut rest = png.strip_prefix(b"\x89PNG\r\n\x1a\n")?;
    let mut pixels = Vec::new();
    loop {
        let (length, after) = rest.split_first_chunk()?;
        let (kind, after) = after.split_first_chunk::<4>()?;
        let (data, after) = after.split_at_checked(u32::from_be_bytes(*length).try_into().ok()?)?;
        match kind {
            b"IDAT" => pixels.extend_from_slice(data),
            b"IEND" => return Some(pixels),
            _ => {}
        }
        // Behind the data is its checksum.
        rest = after.get(4..)?;
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn chunk(kind: &[u8], data: &[u8]) -> Vec<u8> {
        let length = u32::try_from(data.len()).unwrap().to_be_bytes();
        [&length, kind, data, b"sums"].concat()
    }

    /// The form of a PNG, around any bytes.
    pub(crate) fn png(pixels: &[u8]) -> Vec<u8> {
        let (text, image, end) = (chunk(b"tEXt", b"seed"), chunk(b"IDAT", pixels), chunk(b"IEND", b""));
        [b"\x89PNG\r\n\x1a\n".to_vec(), text, image, end].concat()
    }

    #[test]
    fn only_pixels_count_and_all_of_them() {
        let image = png(b"abc");
        assert_eq!(compressed(&image).unwrap(), b"abc");
        for end in 0..image.len() - 8 {
            assert_eq!(compressed(&image[..end]), None, "{end}");
        }
    }
}
