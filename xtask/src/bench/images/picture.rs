//! A picture to begin with, in the plainest format that the programs read (PPM, binary).

/// Coloured stripes of this size.
pub(super) fn ppm((width, height): (u32, u32)) -> Vec<u8> {
    let mut picture = format!("P6\n{width} {height}\n255\n").into_bytes();
    let channels =
        (0..height).flat_map(|y| (0..width).flat_map(move |x| (0..3).map(move |c| 7 * x + 3 * y + 50 * c)));
    picture.extend(channels.map(|value| value.to_le_bytes()[0]));
    picture
}

/// `bytes` in base64 (RFC 4648, section 4), as the server takes pictures.
pub(super) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let value = bits >> (18 - 6 * digit) & 63;
            text.push(if digit <= chunk.len() { char::from(DIGITS[value as usize]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_rfc_are_encoded() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn a_picture_has_three_bytes_for_each_pixel() {
        assert_eq!(ppm((4, 2)).len(), "P6\n4 2\n255\n".len() + 24);
    }
}
