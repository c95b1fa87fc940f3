//! The edge: bytes from files and readers.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

use crate::{
    error::GgufError,
    forecast,
    header::Header,
    options::ReadOptions,
    parser::{Parser, Step},
};

/// The first read, in bytes. Headers without a vocabulary fit; others take a few more reads.
const FIRST_WINDOW: u64 = 256 * 1024;

/// Opens a regular file; anything else could block or never end.
pub(crate) fn open(path: &Path) -> Result<(File, u64), GgufError> {
    let about = fs::metadata(path).map_err(|source| GgufError::io(path, source))?;
    if about.is_dir() {
        return Err(GgufError::IsDirectory { path: path.to_path_buf() });
    }
    if !about.is_file() {
        return Err(GgufError::NotAFile { path: path.to_path_buf() });
    }
    let file = File::open(path).map_err(|source| GgufError::io(path, source))?;
    let length = file.metadata().map_err(|source| GgufError::io(path, source))?.len();
    Ok((file, length))
}

/// The length of a source.
pub(crate) fn length(reader: &mut impl Seek) -> Result<u64, GgufError> {
    reader.seek(SeekFrom::End(0)).map_err(|source| GgufError::Io { path: None, source })
}

/// Parses a growing window of `reader`, which is read from its start.
pub(crate) fn read(
    reader: &mut (impl Read + Seek),
    total: u64,
    options: ReadOptions,
) -> Result<Header, GgufError> {
    let failed = |source: io::Error| GgufError::Io { path: None, source };
    reader.seek(SeekFrom::Start(0)).map_err(failed)?;
    let mut window = Vec::new();
    let mut parser = Parser::new(options);
    let mut target = FIRST_WINDOW;
    loop {
        let missing = target - window.len() as u64;
        // No more than what is there, nor than twice what was read: both may be claims of the file.
        let there = total.saturating_sub(window.len() as u64);
        let reserve = missing.min(there).min(FIRST_WINDOW.max(window.len() as u64));
        window.reserve_exact(usize::try_from(reserve).unwrap_or(0));
        let got = reader.by_ref().take(missing).read_to_end(&mut window).map_err(failed)?;
        let ended = (got as u64) < missing;
        // At the end the length is known, whatever it was said to be.
        let length = if ended { window.len() as u64 } else { total };
        match parser.advance(&window, Some(length))? {
            Step::Done(parts) => return Ok(Header::from_parts(parts, Some(length))),
            Step::NeedMore(missing) => target = forecast::next_window(missing),
        }
    }
}
