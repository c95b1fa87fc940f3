//! Whether a file is a whole picture: PNG, as <https://www.w3.org/TR/png-3/> has it.

use std::io::Read;

use flate2::{Crc, read::ZlibDecoder};

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Eight bits of red, green and blue for each pixel, rows one after the other: what stable-diffusion.cpp writes.
const RGB: [u8; 5] = [8, 2, 0, 0, 0];

/// What is wrong with a file that should be a picture of `width` x `height` pixels with something on it. `Err` is
/// a sentence without a full stop.
///
/// A program that has run out of disk says that it saved its picture, and one whose device computes values that
/// are no numbers paints them all in one colour.
pub(super) fn check(file: &[u8], width: u32, height: u32) -> Result<(), String> {
    let mut rest = file.strip_prefix(SIGNATURE).ok_or("its picture is no PNG")?;
    let (mut size, mut packed) = (None, Vec::new());
    loop {
        let (kind, data) = chunk(&mut rest)?;
        match kind {
            b"IHDR" => size = Some(data.to_vec()),
            b"IDAT" => packed.extend_from_slice(data),
            b"IEND" => break,
            _ => {}
        }
    }
    let expected = [&width.to_be_bytes()[..], &height.to_be_bytes(), &RGB].concat();
    if size.as_deref() != Some(&expected) {
        return Err(format!("its picture does not have {width} x {height} pixels in colour"));
    }
    let row = usize::try_from(width).unwrap_or(usize::MAX).saturating_mul(3).saturating_add(1);
    let bytes = usize::try_from(height).unwrap_or(usize::MAX).saturating_mul(row);
    let mut rows = Vec::new();
    // One more than there may be, so that too much is noticed.
    let limit = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_add(1);
    let unpacked = ZlibDecoder::new(packed.as_slice()).take(limit).read_to_end(&mut rows);
    if unpacked.is_err() || rows.len() != bytes {
        return Err("its picture has other pixels than it says".to_owned());
    }
    if is_of_one_colour(&rows, row) {
        return Err("its picture is of one colour".to_owned());
    }
    Ok(())
}

/// Takes the next chunk off: its type and its data.
fn chunk<'a>(rest: &mut &'a [u8]) -> Result<(&'a [u8; 4], &'a [u8]), String> {
    let ends = || "its picture ends in the middle".to_owned();
    let (length, after) = rest.split_first_chunk::<4>().ok_or_else(ends)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| ends())?;
    let checked = after.get(..length.saturating_add(4)).ok_or_else(ends)?;
    let (kind, data) = checked.split_first_chunk::<4>().ok_or_else(ends)?;
    let (sum, after) = after[checked.len()..].split_first_chunk::<4>().ok_or_else(ends)?;
    let mut crc = Crc::new();
    crc.update(checked);
    if crc.sum() != u32::from_be_bytes(*sum) {
        return Err("its picture is damaged".to_owned());
    }
    *rest = after;
    Ok((kind, data))
}

/// Rows begin with the filter that was applied to them (section 9 of the standard): where all that follows is
/// zero but for the first pixel, that pixel's colour is all there is.
fn is_of_one_colour(rows: &[u8], row: usize) -> bool {
    let differs = |(number, row): (usize, &[u8])| {
        let pixels = row.get(1..).unwrap_or_default();
        match row.first() {
            // Unfiltered: all pixels as the first.
            Some(0) => pixels.chunks(3).any(|pixel| Some(pixel) != pixels.get(..3)),
            // As a difference from the pixel to the left.
            Some(1) => pixels.iter().skip(3).any(|byte| *byte != 0),
            // As a difference from the one above, or guessed from both: only the very first pixel differs.
            _ => pixels.iter().skip(if number == 0 { 3 } else { 0 }).any(|byte| *byte != 0),
        }
    };
    !rows.chunks(row).enumerate().any(differs)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::ZlibEncoder};

    use super::*;

    fn add(file: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
        file.extend_from_slice(&u32::try_from(data.len()).unwrap().to_be_bytes());
        let checked = [&kind, data].concat();
        let mut crc = Crc::new();
        crc.update(&checked);
        file.extend_from_slice(&checked);
        file.extend_from_slice(&crc.sum().to_be_bytes());
    }

    fn png(rows: &[u8], width: u32, height: u32) -> Vec<u8> {
        let mut file = SIGNATURE.to_vec();
        add(&mut file, *b"IHDR", &[&width.to_be_bytes()[..], &height.to_be_bytes(), &RGB].concat());
        add(&mut file, *b"tEXt", b"parameters\0a");
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(rows).unwrap();
        add(&mut file, *b"IDAT", &packed.finish().unwrap());
        add(&mut file, *b"IEND", b"");
        file
    }

    /// Two rows of two pixels.
    const COLOURS: [u8; 14] = [0, 1, 2, 3, 4, 5, 6, 0, 7, 8, 9, 10, 11, 12];

    #[test]
    fn a_whole_picture_is_one() {
        assert_eq!(check(&png(&COLOURS, 2, 2), 2, 2), Ok(()));
    }

    #[test]
    fn a_picture_is_whole_to_its_end() {
        let file = png(&COLOURS, 2, 2);
        for cut in 0..file.len() {
            assert!(check(&file[..cut], 2, 2).is_err(), "{cut}");
        }
        assert_eq!(check(&file[..file.len() - 12], 2, 2).unwrap_err(), "its picture ends in the middle");
        for at in SIGNATURE.len()..file.len() {
            let mut damaged = file.clone();
            damaged[at] ^= 0x10;
            assert!(check(&damaged, 2, 2).is_err(), "{at}");
        }
    }

    #[test]
    fn a_picture_has_the_pixels_that_were_asked_for() {
        assert!(check(&png(&COLOURS, 2, 2), 2, 3).unwrap_err().contains("2 x 3"));
        let few = check(&png(&COLOURS[..7], 2, 2), 2, 2).unwrap_err();
        assert_eq!(few, "its picture has other pixels than it says");
        assert!(check(&png(&[COLOURS, COLOURS].concat(), 2, 2), 2, 2).is_err());
    }

    #[test]
    fn nothing_but_one_colour_is_no_picture() {
        for rows in [
            [0, 1, 2, 3, 1, 2, 3, 0, 1, 2, 3, 1, 2, 3],
            [1, 1, 2, 3, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0],
            [4, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0],
        ] {
            assert_eq!(check(&png(&rows, 2, 2), 2, 2).unwrap_err(), "its picture is of one colour");
        }
    }
}
