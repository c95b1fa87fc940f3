//! Formats of image files, and whether a file is whole.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::png;

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
