//! Formats of image files, and whether a file is whole.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{jpeg, png, webp};

/// The key under which others look for it too.
const PARAMETERS: &str = "parameters";

/// The format of an image's file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImageFormat {
    /// Portable network graphics.
    #[default]
    Png,
    /// JPEG.
    Jpeg,
    /// WebP.
    Webp,
}

impl ImageFormat {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Png, Self::Jpeg, Self::Webp];

    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Webp => "webp",
        }
    }

    /// The format of that name; `jpg` is `jpeg`.
    pub fn from_name(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("jpg") {
            return Some(Self::Jpeg);
        }
        Self::ALL.into_iter().find(|format| format.name().eq_ignore_ascii_case(name))
    }

    /// Its type in HTTP headers.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
        }
    }

    /// The format that a file is in, by its first bytes.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Self::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::Webp),
            _ => None,
        }
    }

    /// The same file with `text` in it, as what it was made with: in a PNG under the key `parameters`, in the others as
    /// the user's comment of Exif. Where it does not fit (a JPEG has room for 32,000 letters), the file as it was.
    pub fn with_parameters(self, bytes: Vec<u8>, text: &str) -> Vec<u8> {
        let signed = match self {
            Self::Png => png::with_text(&bytes, PARAMETERS, text).ok(),
            Self::Jpeg => jpeg::with_comment(&bytes, text),
            Self::Webp => webp::with_comment(&bytes, text),
        };
        signed.unwrap_or(bytes)
    }

    /// What [`ImageFormat::with_parameters`] wrote.
    pub fn parameters(self, bytes: &[u8]) -> Option<String> {
        match self {
            Self::Png => {
                let texts = png::texts(bytes).ok()?;
                texts.into_iter().find(|(key, _)| key == PARAMETERS).map(|(_, text)| text)
            }
            Self::Jpeg => jpeg::comment(bytes),
            Self::Webp => webp::comment(bytes),
        }
    }

    /// Whether `bytes` are a whole file of this format: a PNG to its last checksum, a JPEG to its end marker, a
    /// WebP as long as it says. A disk that was full leaves files that are not.
    pub fn is_whole(self, bytes: &[u8]) -> bool {
        if Self::of(bytes) != Some(self) {
            return false;
        }
        match self {
            Self::Png => png::check(bytes).is_ok(),
            Self::Jpeg => bytes.ends_with(&[0xff, 0xd9]),
            Self::Webp => {
                let said = bytes.get(4..8).and_then(|field| field.try_into().ok()).map(u32::from_le_bytes);
                // The length counts from behind itself, and is padded to an even one.
                said.is_some_and(|said| usize::try_from(said).is_ok_and(|said| said + 8 == bytes.len()))
            }
        }
    }
}

impl fmt::Display for ImageFormat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_first_bytes_are_known() {
        assert_eq!(ImageFormat::from_name("JPG"), Some(ImageFormat::Jpeg));
        assert_eq!(ImageFormat::from_name("webp"), Some(ImageFormat::Webp));
        assert_eq!(ImageFormat::from_name("gif"), None);
        assert_eq!(ImageFormat::of(b"RIFF\x04\0\0\0WEBP"), Some(ImageFormat::Webp));
        assert_eq!(ImageFormat::of(b"RIFF"), None);
    }

    #[test]
    fn half_files_are_told() {
        assert!(ImageFormat::Webp.is_whole(b"RIFF\x06\0\0\0WEBPab"));
        assert!(!ImageFormat::Webp.is_whole(b"RIFF\x06\0\0\0WEBPa"));
        assert!(ImageFormat::Jpeg.is_whole(b"\xff\xd8\xff\xe0abc\xff\xd9"));
        assert!(!ImageFormat::Jpeg.is_whole(b"\xff\xd8\xff\xe0abc"));
        assert!(!ImageFormat::Png.is_whole(b""));
    }
}
