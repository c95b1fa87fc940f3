//! SHA-256: of a file, and as text.

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::Path,
    str::FromStr,
};

use sha2::{Digest, Sha256};

use crate::error::FetchError;

/// What is read and hashed at once, in bytes: it stays in a core's second cache on its way.
pub(crate) const CHUNK: usize = 256 * 1024;

/// A SHA-256. Reads as 64 hexadecimal digits, with `sha256:` before them or not, and shows as them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sha256Hash([u8; 32]);

impl Sha256Hash {
    /// The hash of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Its 32 bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) fn end(hasher: Sha256) -> Self {
        Self(hasher.finalize().into())
    }
}

impl fmt::Display for Sha256Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Sha256Hash {
    type Err = FetchError;

    fn from_str(text: &str) -> Result<Self, FetchError> {
        let bad = || FetchError::BadHash { text: text.chars().take(80).collect() };
        let digits = text.trim();
        let digits = digits.strip_prefix("sha256:").unwrap_or(digits);
        if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(bad());
        }
        let mut bytes = [0; 32];
        for (byte, two) in bytes.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
            let two = std::str::from_utf8(two).map_err(|_| bad())?;
            *byte = u8::from_str_radix(two, 16).map_err(|_| bad())?;
        }
        Ok(Self(bytes))
    }
}

/// The SHA-256 of the file at `path`. Blocks for as long as reading takes, and half a second for each GB
/// on a processor with instructions for it.
pub fn sha256_file(path: &Path) -> io::Result<Sha256Hash> {
    sha256_while(path, |_| true).map(|hash| hash.unwrap_or_else(|| unreachable!("it is never told to stop")))
}

/// The SHA-256 of the file at `path`, unless `go_on` says otherwise, which hears of the bytes of each step.
pub(crate) fn sha256_while(
    path: &Path,
    mut go_on: impl FnMut(usize) -> bool,
) -> io::Result<Option<Sha256Hash>> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = match file.read(&mut buffer) {
            Ok(0) => return Ok(Some(Sha256Hash::end(hasher))),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(&buffer[..count]);
        if !go_on(count) {
            return Ok(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From FIPS 180-2, appendix B.1.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn it_is_the_standards() {
        assert_eq!(Sha256Hash::of(b"abc").to_string(), ABC);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"abc").unwrap();
        assert_eq!(sha256_file(file.path()).unwrap().to_string(), ABC);
        let long = vec![7; 3 * CHUNK + 5];
        std::fs::write(file.path(), &long).unwrap();
        assert_eq!(sha256_file(file.path()).unwrap(), Sha256Hash::of(&long));
    }

    #[test]
    fn text_is_read_in_its_usual_forms() {
        let hash = Sha256Hash::of(b"abc");
        for text in [ABC.to_owned(), format!("sha256:{ABC}"), ABC.to_uppercase(), format!(" {ABC}\n")] {
            assert_eq!(text.parse::<Sha256Hash>(), Ok(hash));
        }
        for text in ["", "abc", &ABC[1..], &format!("{ABC}0"), &"g".repeat(64), &"\u{e9}".repeat(32)] {
            assert!(matches!(text.parse::<Sha256Hash>(), Err(FetchError::BadHash { .. })), "{text}");
        }
    }
}
