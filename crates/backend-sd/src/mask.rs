//! Masks as `OpenAI` has them: what is transparent is painted. stable-diffusion.cpp does not look at transparency, and
//! paints what is white.

use std::io::Cursor;

use loadmaster_images::{ImageError, ImageFormat, Picture};
use png::{BitDepth, ColorType, Decoder, Encoder, Limits, Transformations};

/// The most bytes that a mask may take while it is decoded: sixteen million pixels of eight bytes.
const LIMITS: Limits = Limits { bytes: 160 << 20 };

/// The mask in shades of grey, where `mask` has transparency; else as it is. Blocks.
///
/// # Errors
/// `invalid_request`: it cannot be decoded.
pub(crate) fn white_where_transparent(mask: Vec<u8>) -> Result<Vec<u8>, ImageError> {
    match Picture::of(&mask) {
        Some(picture) if picture.format == ImageFormat::Webp && picture.alpha => {
            let message = "The mask is a WebP file with transparency, which cannot be read";
            Err(ImageError::invalid("mask", message, "Send it as a PNG file."))
        }
        Some(picture) if picture.format == ImageFormat::Png => {
            let whiter = of_png(&mask).map_err(|error| {
                let message = format!("The mask cannot be decoded: {error}");
                ImageError::invalid("mask", message, "Send another PNG file.")
            })?;
            Ok(whiter.unwrap_or(mask))
        }
        _ => Ok(mask),
    }
}

/// The reason is for a person.
fn of_png(mask: &[u8]) -> Result<Option<Vec<u8>>, String> {
    let text = |error: png::DecodingError| error.to_string();
    let mut decoder = Decoder::new_with_limits(Cursor::new(mask), LIMITS);
    // Palettes and 16 bits become 8 bits, and a transparent colour a channel of its own.
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(text)?;
    let (colours, _) = reader.output_color_type();
    if !matches!(colours, ColorType::GrayscaleAlpha | ColorType::Rgba) {
        return Ok(None);
    }
    let size = reader.output_buffer_size().ok_or("it is too large")?;
    let mut pixels = vec![0; size];
    let frame = reader.next_frame(&mut pixels).map_err(text)?;
    let alphas = pixels.chunks_exact(colours.samples()).filter_map(<[u8]>::last);
    let painted: Vec<u8> = alphas.map(|alpha| u8::MAX - alpha).collect();
    if painted.iter().all(|painted| *painted == 0) {
        // The channel says nothing: it is black and white that counts.
        return Ok(None);
    }
    grey(&painted, frame.width, frame.height).map(Some).map_err(|error| error.to_string())
}

fn grey(pixels: &[u8], width: u32, height: u32) -> Result<Vec<u8>, png::EncodingError> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, width, height);
    encoder.set_color(ColorType::Grayscale);
    encoder.set_depth(BitDepth::Eight);
    encoder.write_header()?.write_image_data(pixels)?;
    Ok(file)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A PNG with transparency, 2 pixels wide.
    fn rgba(pixels: &[[u8; 4]]) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, 2, u32::try_from(pixels.len() / 2).unwrap());
        encoder.set_color(ColorType::Rgba);
        encoder.set_depth(BitDepth::Eight);
        encoder.write_header().unwrap().write_image_data(pixels.as_flattened()).unwrap();
        file
    }

    #[test]
    fn what_is_transparent_becomes_white() {
        let mask = rgba(&[[0, 0, 0, 0], [255, 255, 255, 255], [9, 9, 9, 128], [0, 0, 0, 255]]);
        let grey_one = white_where_transparent(mask).unwrap();
        assert_eq!(grey_one, grey(&[255, 0, 127, 0], 2, 2).unwrap());
        assert!(Picture::of(&grey_one).unwrap().grey);
    }

    #[test]
    fn a_mask_without_holes_stays_as_it_is() {
        let opaque = rgba(&[[0, 0, 0, 255], [255, 255, 255, 255]]);
        let black = grey(&[0, 255], 2, 1).unwrap();
        for mask in [opaque, black, b"\xff\xd8\xff\xd9".to_vec()] {
            assert_eq!(white_where_transparent(mask.clone()).unwrap(), mask);
        }
    }

    #[test]
    fn a_damaged_one_is_refused() {
        // Its chunks are whole, and its pixels are too few.
        let mut mask = Vec::new();
        let mut encoder = Encoder::new(&mut mask, 2, 2);
        encoder.set_color(ColorType::Rgba);
        let mut writer = encoder.write_header().unwrap();
        writer.write_chunk(png::chunk::IDAT, b"no pixels").unwrap();
        writer.finish().unwrap();
        assert_eq!(white_where_transparent(mask).unwrap_err().field.as_deref(), Some("mask"));
    }
}
