//! Values out of bytes; where these end there are zeros.

/// The bytes that are left.
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

/// Numbers that a byte from 200 on stands for.
const LARGE: [u64; 24] = [
    255,
    256,
    257,
    320,
    512,
    768,
    1024,
    2048,
    4096,
    32_768,
    131_072,
    262_144,
    1 << 24,
    1 << 31,
    u32::MAX as u64,
    1 << 32,
    1 << 40,
    1 << 44,
    1 << 60,
    i64::MAX as u64,
    1 << 63,
    u64::MAX - 255,
    u64::MAX - 1,
    u64::MAX,
];

impl<'a> Bytes<'a> {
    pub(crate) fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    pub(crate) fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    pub(crate) fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// A small number, one that is often on an edge, or any.
    pub(crate) fn number(&mut self) -> u64 {
        match self.byte() {
            small @ 0..200 => small.into(),
            large @ 200..224 => LARGE[usize::from(large - 200)],
            _ => {
                let mut number = [0; 8];
                let taken = self.take(8);
                number[..taken.len()].copy_from_slice(taken);
                u64::from_le_bytes(number)
            }
        }
    }

    pub(crate) fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[usize::from(self.byte()) % list.len()]
    }
}
