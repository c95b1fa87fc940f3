//! Weights that mean nothing, and are the same each time.

/// Steele, Lea and Flood's `SplitMix64`.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A half-precision number of either sign between 1/64 and 1/8: sign, exponent 9 to 11 of bias 15, fraction.
    pub(super) fn half(&mut self) -> u16 {
        let bits = self.next();
        let sign = u16::from(bits & 1 == 1) << 15;
        let exponent = 9 + u16::try_from((bits >> 1) % 3).expect("it is less than 3");
        let fraction = u16::try_from((bits >> 8) & 0x3ff).expect("it has ten bits");
        sign | (exponent << 10) | fraction
    }

    /// A number of eight bits (E4M3 of the Open Compute Project's OFP8: bias 7) of either sign between 1/64 and
    /// 1/16: sign, exponent 1 or 2, fraction.
    pub(super) fn eighth(&mut self) -> u8 {
        let bits = self.next().to_le_bytes();
        (bits[0] & 0x80) | ((1 + (bits[1] & 1)) << 3) | (bits[2] & 7)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_small_numbers() {
        let mut random = Random::new(1);
        for _ in 0..1000 {
            let exponent = (random.half() >> 10) & 0x1f;
            assert!((9..=11).contains(&exponent));
            let exponent = (random.eighth() >> 3) & 0xf;
            assert!((1..=2).contains(&exponent));
        }
    }
}
