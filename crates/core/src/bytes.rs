//! Byte counts as people read and write them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A number of bytes, shown and parsed with binary units (`1.5 GiB` is 1 610 612 736 bytes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bytes(
    /// The count, in bytes.
    pub u64,
);

const UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl fmt::Display for Bytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, size) = UNITS.into_iter().find(|(_, size)| self.0 >= *size).unwrap_or(("B", 1));
        if size == 1 {
            return formatter.pad(&format!("{} B", self.0));
        }
        #[expect(clippy::cast_precision_loss, reason = "a display with two decimals")]
        let value = self.0 as f64 / size as f64;
        let decimals = if value < 10.0 { 2 } else { 1 };
        formatter.pad(&format!("{value:.decimals$} {unit}"))
    }
}

impl FromStr for Bytes {
    type Err = String;

    /// Reads `12 GiB`, `1.5GiB`, `800 MiB`, `64KiB`, `512 B` or a bare number of bytes.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refusal = || {
            format!("'{text}' is not an amount of memory; write it like 12 GiB, 1.5 GiB, 800 MiB or 4096 B")
        };
        let trimmed = text.trim();
        let split = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(split);
        let unit = unit.trim();
        let size = match unit {
            "" => 1,
            named => UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(named)).ok_or_else(refusal)?.1,
        };
        if let Ok(whole) = number.parse::<u64>() {
            return whole.checked_mul(size).map(Self).ok_or_else(refusal);
        }
        let value: f64 = number.parse().map_err(|_| refusal())?;
        #[expect(clippy::cast_precision_loss, reason = "units are powers of two, exact in f64")]
        let bytes = value * size as f64;
        // 2^53: beyond it, fractions of a byte could not be told apart anyway.
        if !(0.0..9_007_199_254_740_992.0).contains(&bytes) {
            return Err(refusal());
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
        Ok(Self(bytes.round() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_binary_units() {
        assert_eq!(Bytes(0).to_string(), "0 B");
        assert_eq!(Bytes(1023).to_string(), "1023 B");
        assert_eq!(Bytes(1536 << 20).to_string(), "1.50 GiB");
        assert_eq!(Bytes(24 << 30).to_string(), "24.0 GiB");
        assert_eq!(format!("{:>10}", Bytes(1 << 20)), "  1.00 MiB");
    }

    #[test]
    fn reads_what_people_write() {
        assert_eq!("12 GiB".parse(), Ok(Bytes(12 << 30)));
        assert_eq!("1.5gib".parse(), Ok(Bytes(1536 << 20)));
        assert_eq!(" 4096 ".parse(), Ok(Bytes(4096)));
        for bad in ["", "GiB", "12 GB", "-1 GiB", "1e9", "99999999999 GiB", "1.2.3 MiB", "NaN"] {
            assert!(bad.parse::<Bytes>().is_err(), "{bad} was accepted");
        }
    }
}
