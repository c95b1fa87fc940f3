//! What the file of a picture is, by its header.

use crate::{ImageFormat, Size, jpeg, png, webp};

/// What the file of a picture is. Its pixels are not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picture {
    /// The file's format.
    pub format: ImageFormat,
    /// Its size in pixels.
    pub size: Size,
    /// Whether it has no colours, but shades of grey.
    pub grey: bool,
    /// Whether it has transparency.
    pub alpha: bool,
}

impl Picture {
    /// Reads the header. `None` if it is none of the formats that are known.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let format = ImageFormat::of(bytes)?;
        let (size, grey, alpha) = match format {
            ImageFormat::Png => {
                let info = png::check(bytes).ok()?;
                let (grey, alpha) = (matches!(info.color_type, 0 | 4), matches!(info.color_type, 4 | 6));
                (Size::new(info.width, info.height), grey, alpha)
            }
            ImageFormat::Jpeg => {
                let (size, components) = jpeg::header(bytes)?;
                (size, components == 1, false)
            }
            ImageFormat::Webp => {
                let (size, alpha) = webp::header(bytes)?;
                (size, false, alpha)
            }
        };
        Some(Self { format, size, grey, alpha })
    }
}
