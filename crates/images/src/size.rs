//! The size of an image.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Width and height in pixels, written `512x768`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Size {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Size {
    /// An image of that width and height.
    pub fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// Pixels in all.
    pub fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

/// A text that is no size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no size: write the width, an x and the height in pixels, such as 512x768")]
pub struct BadSize(pub String);

impl FromStr for Size {
    type Err = BadSize;

    fn from_str(text: &str) -> Result<Self, BadSize> {
        let number = |part: &str| {
            let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| part.parse::<u32>().ok()).flatten().filter(|number| *number > 0)
        };
        let sides = text.split_once(['x', 'X']);
        sides
            .and_then(|(width, height)| Some(Self::new(number(width)?, number(height)?)))
            .ok_or_else(|| BadSize(text.chars().take(40).collect()))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}x{}", self.width, self.height)
    }
}

impl TryFrom<String> for Size {
    type Error = BadSize;

    fn try_from(text: String) -> Result<Self, BadSize> {
        text.parse()
    }
}

impl From<Size> for String {
    fn from(size: Size) -> Self {
        size.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written() {
        assert_eq!("512x768".parse(), Ok(Size::new(512, 768)));
        assert_eq!("64X64".parse(), Ok(Size::new(64, 64)));
        assert_eq!(Size::new(512, 768).to_string(), "512x768");
        assert_eq!(Size::new(u32::MAX, u32::MAX).pixels(), 18_446_744_065_119_617_025);
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in [
            "",
            "512",
            "x",
            "512x",
            "x512",
            "0x64",
            "64x0",
            "-64x64",
            "+64x64",
            "64 x 64",
            "5e2x64",
            "64x64x3",
            "4294967296x1",
        ] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }
}
